"""What a form proves about consent to marketing: only explicit fields count, and nothing is ever guessed.

Two kinds of fields are explicit. Ones whose *name* is about nothing else (``newsletter``, ``sms_consent``, ``gdpr``,
``einwilligung``), and ones whose *sentence* is ("Yes, send me your newsletter", "Ich möchte Angebote per E-Mail
erhalten"). A box for terms or the privacy policy is no consent to marketing, whatever its name.

A box that is absent or not ticked says nothing: somebody who asks for a demo and leaves the newsletter's box alone has
not unsubscribed. A no that was chosen is a refusal and recorded as a withdrawal, since the person spoke last.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from adapters.submissions.labels import mentions, words_of
from adapters.submissions.submission import MARKETING_CONSENT, Answer
from adapters.submissions.words import FILL_WORDS, WRAPPERS, vocabulary
from adapters.values import as_text, is_blank

_Words = tuple[str, ...]


# Names: every word must be in one of these lists, so "newsletter_frequency" and "cookie_consent" are none.
CONSENT_WORDS = vocabulary(
    """
    consent consents optin permission permissions gdpr dsgvo rgpd lgpd rodo einwilligung zustimmung
    consentement toestemming consentimiento consentimento consenso zgoda newsletter newsletters subscribe
    subscribed nieuwsbrief boletin infolettre biuletyn mailinglist
    """
)
VERBS = vocabulary(
    """
    accept accepts accepted agree agrees agreed receive receives allow allows want wants join signup yes ok
    subscription abonnieren anmelden anmeldung erhalten abonnement abonner inscription recevoir inschrijven
    aanmelden ontvangen suscribir suscribirme suscripcion recibir inscricao inscrever assinar receber
    iscrizione iscriviti ricevere zapis
    """
)
TOPICS = vocabulary(
    """
    marketing promo promos promotion promotions promotional offers werbung werbemails angebote offres
    reclame aanbiedingen publicidad ofertas promociones promocoes offerte promozioni pubblicita oferty
    """
)
CHANNEL_WORDS = {
    "email": vocabulary(
        """
        email emails mail mails newsletter newsletters nieuwsbrief infolettre boletin biuletyn
        """
    ),
    "sms": vocabulary("sms texts textmessages"),
    "push": vocabulary("push"),
}
NEUTRAL = frozenset().union(*FILL_WORDS) | vocabulary(
    """
    checkbox box me and or user customer lead site website status given flag text per via by und et y
    acceptance communication communications signed up sign list this mc4wp
    """
)
OPT_OUTS = vocabulary(
    """
    optout unsubscribe unsubscribed unsubscribeme donotemail donotcontact donotmail nomarketing nonewsletter
    emailoptout marketingoptout smsoptout abmelden newsletterabmelden desinscription uitschrijven
    """
)

# Sentences: marketing that one can get, and an agreement to it.
SUBSCRIPTIONS = vocabulary(
    """
    newsletter newsletters mailinglist infolettre nieuwsbrief boletin biuletyn newslettera newslettery
    """
)
MARKETING_WORDS = (
    TOPICS
    | SUBSCRIPTIONS
    | vocabulary(
        """
        deals discounts werbliche werblichen werbe promotionnelles promotionnels commerciales commerciaux
        comerciales comerciais publicitarias promozionali promozionale commerciali handlowe handlowych
        marketingowe marketingowych marketingu werbezwecken werbezwecke
        """
    )
)
NEWS_WORDS = vocabulary(
    """
    news updates tips insights neuigkeiten neues nouveautes actualites nieuws noticias novedades novidades
    novita aktualnosci
    """
)
RECEIVING = vocabulary(
    """
    receive receiving send sending sent get email emails mail mails sms textmessages texts message messages
    contact contacted communication communications information material materials purposes hear offers
    subscribe signup push erhalten werbezwecken werbezwecke zusenden zugesandt informationen zwecke zwecken
    recevoir informations fins ontvangen doeleinden recibir comunicaciones informacion fines receber
    comunicacoes informacoes ricevere comunicazioni informazioni finalita otrzymywac otrzymywanie informacji
    celach
    """
)
# Marketing as a trade, not as a message: what an agency's form asks about.
_TRADE = re.compile(
    r"\b(?:(?:email|sms|content|digital|online) marketing"
    r"(?! (?:emails?|messages?|communications?|materials?|updates|purposes|texts|consent|information|offers))"
    r"|marketing (?:audit|plan|strategy|budget|consultation|quote|proposal|services?|agency|team|software|tools?"
    r"|automation|guide|report|help|support|advice|consulting|manager|department))\b"
)
_AGREEMENT = re.compile(
    r"\b(?:i (?:hereby |also |do )?(?:agree|consent|accept|want|wish|authori[sz]e|opt in|optin|subscribe|give)"
    r"|i (?:would|d) (?:like|love)|you agree|you consent|yes|signup|subscribe|keep me|send me|email me|text me|join"
    r"|(?:would|do) you (?:like|want|wish|agree|consent)|may we|can we|optin|^receive|^get"
    r"|ich (?:mochte|will|willige|stimme|wunsche|bin|erklare)|ja|abonnieren|anmelden|mochten sie|wollen sie"
    r"|(?:informieren|senden|schicken) sie mir|einverstanden|erhalten"
    r"|je (?:souhaite|veux|voudrais|desire|consens|m abonne|m inscris|donne|accepte)|j (?:accepte|autorise|aimerais)"
    r"|oui"
    r"|abonner|inscrire|recevoir|souhaitez vous|(?:inscrivez|abonnez|envoyez) moi"
    r"|ik (?:wil|ga|geef|ontvang|schrijf)|houd mij|stuur mij|wil je|wilt u|aanmelden|inschrijven|akkoord|ontvangen"
    r"|acepto|quiero|deseo|autorizo|consiento|gustaria|doy mi|si|suscribirme|suscribete|recibir|enviame"
    r"|aceito|quero|desejo|concordo|gostaria|sim|assinar|receber|envie me"
    r"|accetto|acconsento|desidero|voglio|autorizzo|vorrei|presto|iscrivimi|iscriviti|ricevere"
    r"|wyrazam|zgadzam|chce|akceptuje|tak|zapisz|chcialbym|chcialabym|otrzymywac)\b"
)
LEGAL_WORDS = vocabulary(
    """
    terms conditions privacy policy datenschutz datenschutzerklarung datenschutzbestimmungen agb
    nutzungsbedingungen cgu cgv confidentialite politique rgpd voorwaarden privacyverklaring privacybeleid
    privacidad privacidade politica terminos termos condiciones condicoes informativa condizioni termini
    regulamin prywatnosci polityke processing process processed store stored storage verarbeitung
    verarbeitet gespeichert cookies age years old
    """
)
CONTACT_WORDS = vocabulary(
    """
    contact contacted email emails mail mails message messages sms texts communication communications
    kontakt kontaktieren kontaktiert contacter contacte contacteren contactar contactado contato contattare
    contatto kontaktu information informationen informations informacion informacoes informazioni informacje
    """
)
THEIR_OWN_MATTER = vocabulary(
    """
    order application request account appointment booking enquiry inquiry ticket delivery transactional
    survey bestellung bewerbung anfrage termin commande demande candidature bestelling aanvraag pedido
    solicitud ordine
    """
)
VOICE_WORDS = vocabulary(
    """
    call calls phone telephone telefon telefonisch anruf telefoon telefono whatsapp post postal
    """
)

CHOICE_WORDS = vocabulary(
    """
    acceptance accept agree agreement checkbox checkboxes check radio choice choices menu select dropdown
    option options legal consent permission permissions multiple
    """
)

YES = vocabulary(
    """
    1 on yes y true t ja oui si sim tak checked selected agree agreed accept accepted granted optin
    subscribed ok x wahr vrai confirmed subscribe
    """
)
NO = vocabulary("no n nein non nee nie nao denied declined refused disagree optout unsubscribed")
# What builders send for a box that was left alone. Where a no can be chosen, it is one.
UNTICKED = vocabulary("0 off false f unchecked unselected falsch faux falso")
ASKED = vocabulary("radio select menu dropdown yesno legal choice")
YES_FIRST = vocabulary("yes ja oui si sim tak")
NO_FIRST = vocabulary("no nein non nee nie nao")
TICKS = frozenset("✓✔☑✅")

MAX_CHOICES = 50

_REFUSAL = re.compile(
    r"(?:please |bitte |i |ich |je |ik |yo |eu |io )*(?:do not|don t|dont|would not|prefer not|not|no|never|keine|kein|"
    r"nicht|mochte keine|mochte nicht|will keine|will nicht|ne|geen|niet|wil geen|wil niet|non|nao|nie|unsubscribe|"
    r"optout|opt me out)\b"
)


class Consent(NamedTuple):
    """One channel that a field granted or refused, and the text that the person saw."""

    channel: str
    granted: bool
    specific: bool
    answer: Answer
    text: str

    @property
    def state(self) -> str:
        """As consent is recorded."""
        return "granted" if self.granted else "withdrawn"


def consents_of(answers: Iterable[Answer]) -> list[Consent]:
    """What the answers say, at most once per channel: a newsletter box counts before a general one, and a no before
    a yes."""
    heard: dict[str, Consent] = {}
    for consent in (consent for answer in answers for consent in consents_in(answer)):
        known = heard.get(consent.channel)
        if known is None or (consent.specific, not consent.granted) > (known.specific, not known.granted):
            heard[consent.channel] = consent
    return list(heard.values())


def consents_in(answer: Answer) -> list[Consent]:
    """What one answer says about consent: nothing, for nearly all of them."""
    if is_blank(answer.value) or isinstance(answer.value, dict):
        return []
    key, label = _name_words(answer), _words(answer.label)
    values = answer.value[:MAX_CHOICES] if isinstance(answer.value, list) else [answer.value]
    if "".join(key) in OPT_OUTS or "".join(label) in OPT_OUTS:
        # The box says no, so only a tick means something.
        wanted = said(values, answer)
        return (
            [Consent(channel, False, True, answer, _shown(answer)) for channel in _channels(key, label)]
            if wanted
            else []
        )
    if answer.type == MARKETING_CONSENT:
        return _answered(answer, values, _channels(label), specific=True)
    if _is_consent_name(key) or _is_consent_name(label):
        sentences = [words for words in (label, *map(_words, map(as_text, values))) if len(words) >= 4]
        specific = mentions((*key, *label), MARKETING_WORDS)
        if not specific and any(not _may_be_marketing(words) for words in sentences):
            return []
        named = {channel for value in values for channel in _named_channels(_words(as_text(value)))}
        if named:
            return [Consent(channel, True, specific, answer, _shown(answer)) for channel in sorted(named)]
        return _answered(answer, values, _channels(key, label, *sentences), specific)
    if _is_offer(label):
        return _answered(answer, values, _channels(label), specific=True)
    return list(_ticked_sentences(answer, values)) if _is_choice(answer) else []


def _is_choice(answer: Answer) -> bool:
    """Whether the value was chosen and not typed: what people write in a message is no declaration."""
    kind = answer.type.casefold()
    return isinstance(answer.value, list) or mentions(
        (*words_of(kind.replace("_", " ")), *_name_words(answer)), CHOICE_WORDS
    )


def _ticked_sentences(answer: Answer, values: Sequence[Any]) -> Iterator[Consent]:
    """Choices that are an agreement in themselves: "Yes, send me the newsletter" under a box without a label."""
    for value in values:
        text = as_text(value)
        words = _words(text)
        if len(words) >= 3 and _is_offer(words):
            granted = _REFUSAL.match(" ".join(words)) is None
            for channel in _channels(words):
                yield Consent(channel, granted, True, answer, text[:500])


def _answered(answer: Answer, values: Sequence[Any], channels: Sequence[str], specific: bool) -> list[Consent]:
    granted = said(values, answer)
    if granted is None:
        return []
    if _REFUSAL.match(" ".join(_words(answer.label))):
        if not granted:
            return []  # "I do not want mail": no. Which is not a yes.
        granted = False
    return [Consent(channel, granted, specific, answer, _shown(answer)) for channel in channels]


def said(values: Sequence[Any], answer: Answer) -> bool | None:
    """Yes, no, or None for an answer that is neither. Boxes with a hidden twin send both; a tick counts."""
    heard = [_yes_or_no(value, answer) for value in values]
    if True in heard:
        return True
    return False if False in heard else None


def _yes_or_no(value: Any, answer: Answer) -> bool | None:
    if isinstance(value, bool):
        return value or _not_ticked(answer)
    text = as_text(value)
    if text in TICKS:
        return True
    words = _words(text)
    if not words:
        return None
    whole = "".join(words)
    if whole in UNTICKED:
        return _not_ticked(answer)
    if whole in YES or whole in NO:
        return whole in YES
    if whole in ("".join(_words(answer.label)), "".join(_words(answer.key))):
        return True
    if words[0] in NO_FIRST or _REFUSAL.match(" ".join(words)):
        return False
    return True if words[0] in YES_FIRST or _AGREEMENT.search(" ".join(words)) else None


def _not_ticked(answer: Answer) -> bool | None:
    """What a "false" or "0" means: a no where the builder says that the question takes one, nothing for a box."""
    kind = words_of(answer.type.casefold().replace("_", " ").replace("yes no", "yesno"))
    return False if mentions(kind, ASKED) and "checkbox" not in kind and "checkboxes" not in kind else None


def _is_consent_name(words: _Words) -> bool:
    if not words or len(words) > 8:
        return False
    known = CONSENT_WORDS | VERBS | TOPICS | NEUTRAL
    if not all(word in known or any(word in listed for listed in CHANNEL_WORDS.values()) for word in words):
        return False
    return mentions(words, CONSENT_WORDS) or (mentions(words, VERBS) and mentions(words, TOPICS))


def _is_offer(words: _Words) -> bool:
    """Whether a sentence offers or accepts marketing."""
    sentence = " ".join(words)
    if len(words) < 3 or not (_AGREEMENT.search(sentence) or _REFUSAL.match(sentence)):
        return False
    if mentions(words, SUBSCRIPTIONS) or (mentions(words, MARKETING_WORDS) and mentions(words, RECEIVING)):
        return True
    return mentions(words, NEWS_WORDS) and not mentions(words, LEGAL_WORDS | THEIR_OWN_MATTER)


def _may_be_marketing(words: _Words) -> bool:
    """Whether the sentence beside a field that is only called "consent" leaves room for marketing."""
    if mentions(words, MARKETING_WORDS | NEWS_WORDS):
        return True
    return mentions(words, CONTACT_WORDS) and not mentions(words, LEGAL_WORDS | THEIR_OWN_MATTER)


def _channels(*texts: _Words) -> list[str]:
    """The channels that some words name; e-mail where they name none, nothing where they name only the voice."""
    words = tuple(word for text in texts for word in text)
    named = [channel for channel, listed in CHANNEL_WORDS.items() if mentions(words, listed)]
    return named or ([] if mentions(words, VOICE_WORDS) else ["email"])


def _named_channels(words: _Words) -> list[str]:
    """The channel that a choice consists of: ``consent[]=sms``."""
    return [channel for channel, listed in CHANNEL_WORDS.items() if words and all(word in listed for word in words)]


def _name_words(answer: Answer) -> _Words:
    path = answer.steps
    while len(path) > 1 and path[0].casefold() in WRAPPERS:
        path = path[1:]
    return _words(" ".join(path))


def _words(text: str) -> _Words:
    joined = _TRADE.sub("trade", " ".join(words_of(text)).removeprefix("no label "))
    for apart, together in _JOINED:
        joined = joined.replace(apart, together)
    return tuple(joined.split())


_JOINED = (
    ("opt in", "optin"),
    ("opt out", "optout"),
    ("mailing list", "mailinglist"),
    ("text messages", "textmessages"),
    ("text message", "textmessages"),
    ("sign up", "signup"),
    ("sign me up", "signup"),
)


def _shown(answer: Answer) -> str:
    """The text that the person saw, as far as the form tells: the label, and what they chose if that is a text too."""
    chosen = as_text(answer.value)
    if not answer.label or chosen == answer.label:
        return chosen[:500]
    return (answer.label if len(_words(chosen)) < 2 else f"{answer.label}: {chosen}")[:500]
