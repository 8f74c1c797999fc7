"""What a submission says about itself (page, campaign, visitor) and what its person answered, sorted apart."""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from adapters.submissions.plain import KEYS, TIMES
from adapters.submissions.submission import Answer, Submission, compact
from adapters.submissions.words import vocabulary
from adapters.values import is_blank, zoned_time
from adapters.visits import CLICK_IDS, UTM, read_page

ANONYMOUS_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")

# Names that say something about the submission and not about the person.
_PAGE = vocabulary("pageurl pageuri sourceurl currenturl formurl pagelocation pagelink submissionurl")
_LANDING = vocabulary("landingpage landingurl landingpageurl entrypage firstpage")
_REFERRER = vocabulary(
    """
    referrer referer httpreferer httpreferrer pagereferrer referrerurl refererurl documentreferrer
    """
)
_VISITOR = vocabulary("visitorid anonymousid batonid")
_TITLE = vocabulary("formname formtitle")
_FORM_ID = vocabulary("formid")
_ORIGIN = {compact(name): name for name in (*UTM, *CLICK_IDS)}
_FIRST_ORIGIN = {f"{word}{compact(name)}": name for name in UTM for word in ("first", "initial")}
_LAST_ORIGIN = {f"{word}{compact(name)}": name for name in UTM for word in ("last", "current")}
_BARE_ORIGIN = vocabulary("source medium campaign")
# What browsers, frameworks and other tools put beside the answers: machinery, and ids that need a consent of their own.
_NOISE = vocabulary(
    """
    ip ipaddress remoteip remoteaddr clientip userip useragent useragentstring cfturnstileresponse
    hcaptcharesponse grecaptcharesponse recaptcharesponse recaptcha frccaptcharesponse frccaptchasolution
    wpcf7recaptcharesponse csrf csrftoken csrfmiddlewaretoken authenticitytoken requestverificationtoken
    formbuildid formtoken wpnonce wphttpreferer utf8 hutk hubspotutk kx klaid gaclientid gasessionid fbp fbc
    hscontext formtype
    """
)
# These only by exactly this name, and only in a browser's own post: elsewhere they may be questions.
_BROWSER_NOISE = vocabulary(
    """
    _method _token _next _redirect _charset_ _ga _gl action method token nonce captcha redirect redirect_url
    return_url next submit
    """
)
_SECRETS = vocabulary(
    """
    password passwort passwd pwd kennwort motdepasse wachtwoord contrasena senha haslo passwordconfirm
    confirmpassword passwordconfirmation creditcard creditcardnumber cardnumber ccnumber cvv cvc cardcvc ssn
    socialsecuritynumber iban
    """
)


@dataclass
class Reading:
    """A submission while it is sorted into what it says about itself, and the answers."""

    page_url: str = ""
    landing_page: str = ""
    referrer: str = ""
    title: str = ""
    form_id: str = ""
    visitor: str = ""
    origin: dict[str, Any] = field(default_factory=dict)
    first_origin: dict[str, Any] = field(default_factory=dict)
    bare_origin: dict[str, Answer] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def sort_out(submission: Submission) -> Reading:
    """What a submission says about itself, and its person's answers, blank ones left out."""
    reading = Reading(
        page_url=submission.page_url,
        referrer=submission.referrer,
        title=submission.title,
        form_id=submission.form_id,
    )
    for answer in submission.answers:
        if not is_blank(answer.value) and not _note(answer, reading, submission.builder):
            reading.answers.append(answer)
    # "source" alone may be anything; beside "medium" or "campaign" it is a UTM parameter under its short name.
    if len(reading.bare_origin) >= 2:
        for name, answer in reading.bare_origin.items():
            reading.origin.setdefault(f"utm_{name}", answer.text)
    else:
        reading.answers += reading.bare_origin.values()
    return reading


def _note(answer: Answer, reading: Reading, builder: str) -> bool:
    """Take what an answer says about the submission; False where it is one of the person's."""
    for name in answer.names:
        if name in _ORIGIN or name in _LAST_ORIGIN:
            reading.origin.setdefault(_ORIGIN.get(name) or _LAST_ORIGIN[name], answer.text)
        elif name in _FIRST_ORIGIN:
            reading.first_origin.setdefault(_FIRST_ORIGIN[name], answer.text)
        elif name in _BARE_ORIGIN and name not in reading.bare_origin:
            reading.bare_origin[name] = answer
        elif name in _PAGE and read_page(answer.value):
            reading.page_url = reading.page_url or answer.text
        elif name in _LANDING and read_page(answer.value):
            reading.landing_page = answer.text
        elif name in _REFERRER and (read_page(answer.value) or answer.hidden):
            reading.referrer = reading.referrer or answer.text
        elif name in _TITLE:
            reading.title = reading.title or answer.text
        elif name in _FORM_ID:
            reading.form_id = reading.form_id or answer.text
        elif name in _VISITOR:
            if ANONYMOUS_ID.fullmatch(answer.text):
                reading.visitor = reading.visitor or answer.text
            else:
                reading.problems.append(f"{answer.key}: not the id of a visitor")
        elif is_secret(answer):
            reading.problems.append(f"{answer.key}: left out, passwords and card numbers are not kept")
        elif not (
            name in _NOISE
            or (builder == "html" and answer.key in _BROWSER_NOISE)
            or name in KEYS
            or (name in TIMES and (builder != "html" or zoned_time(answer.value)))
            or _is_machine_text(answer.value)
        ):
            continue
        return True
    return False


def is_secret(answer: Answer) -> bool:
    """Whether an answer is a password, a card's number or the like, which is not kept."""
    return not _SECRETS.isdisjoint(answer.names) or answer.type.casefold() == "password"


def _is_machine_text(value: Any) -> bool:
    """Whether a value is a browser's name or an IP address, whatever the field is called in the site's language."""
    if not isinstance(value, str):
        return False
    if value.startswith("Mozilla/5.0 ("):
        return True
    if len(value) > 45 or (value.count(".") != 3 and ":" not in value):
        return False
    try:
        ip_address(value)
    except ValueError:
        return False
    return True
