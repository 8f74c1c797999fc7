"""Who an event is about: which identities make one person, and how they are cleaned at the door."""

from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from disposable_email_domains import blocklist
from email_validator import EmailNotValidError, validate_email

from app.contacts.event import Event, Identity

EMAIL, PHONE, ANONYMOUS, EXTERNAL = "email", "phone", "anonymous", "external"
CONTACT = "contact"  # our own id, in events that Baton itself notes
GLOBAL_KINDS = frozenset((EMAIL, PHONE, ANONYMOUS, EXTERNAL, CONTACT))
# A phone is passed around and a browser is shared, so they follow people but never make two people one.
SHARED_KINDS = frozenset((PHONE, ANONYMOUS))

ROLE_NAMES = frozenset(
    [
        "abuse",
        "accounting",
        "accounts",
        "admin",
        "administrator",
        "billing",
        "bookings",
        "careers",
        "compliance",
        "contact",
        "customerservice",
        "enquiries",
        "feedback",
        "finance",
        "general",
        "hello",
        "help",
        "helpdesk",
        "hi",
        "hr",
        "info",
        "inquiries",
        "inquiry",
        "investor",
        "jobs",
        "kontakt",
        "legal",
        "mail",
        "marketing",
        "media",
        "news",
        "newsletter",
        "noc",
        "noreply",
        "no-reply",
        "office",
        "operations",
        "orders",
        "partners",
        "people",
        "postmaster",
        "press",
        "privacy",
        "pr",
        "recruiting",
        "reception",
        "registrar",
        "reservations",
        "root",
        "sales",
        "security",
        "service",
        "shop",
        "spam",
        "staff",
        "subscribe",
        "support",
        "team",
        "tech",
        "usenet",
        "webmaster",
        "welcome",
        "work",
    ]
)
FREE_MAIL_DOMAINS = frozenset(
    [
        "163.com",
        "126.com",
        "aol.com",
        "att.net",
        "bluewin.ch",
        "btinternet.com",
        "comcast.net",
        "fastmail.com",
        "free.fr",
        "freenet.de",
        "gmail.com",
        "gmx.at",
        "gmx.ch",
        "gmx.com",
        "gmx.de",
        "gmx.net",
        "googlemail.com",
        "hey.com",
        "hotmail.com",
        "hotmail.co.uk",
        "hotmail.de",
        "hotmail.fr",
        "hotmail.it",
        "icloud.com",
        "laposte.net",
        "libero.it",
        "live.com",
        "mac.com",
        "mail.com",
        "mail.ru",
        "me.com",
        "msn.com",
        "naver.com",
        "orange.fr",
        "outlook.com",
        "outlook.de",
        "pm.me",
        "proton.me",
        "protonmail.com",
        "qq.com",
        "rocketmail.com",
        "sbcglobal.net",
        "sfr.fr",
        "t-online.de",
        "tutanota.com",
        "uol.com.br",
        "verizon.net",
        "wanadoo.fr",
        "web.de",
        "wp.pl",
        "yahoo.co.uk",
        "yahoo.com",
        "yahoo.de",
        "yahoo.es",
        "yahoo.fr",
        "yahoo.it",
        "yandex.com",
        "yandex.ru",
        "ymail.com",
        "zoho.com",
    ]
)


class Email(NamedTuple):
    """A cleaned e-mail address and what is worth knowing about it."""

    address: str
    role: bool
    disposable: bool
    free: bool


@lru_cache(maxsize=8192)
def clean_email(raw: str) -> Email | None:
    """The address in lower case with its traits, or None when it is not a valid address. No DNS is asked."""
    try:
        checked = validate_email(raw.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    address = checked.normalized.lower()
    local, domain = address.rsplit("@", 1)
    return Email(
        address,
        role=local.split("+", 1)[0] in ROLE_NAMES,
        disposable=domain in blocklist,
        free=domain in FREE_MAIL_DOMAINS,
    )


@lru_cache(maxsize=8192)
def clean_phone(raw: str, region: str | None = None) -> str | None:
    """The number in E.164 form (``+15005550006``), or None when it is not a possible number.

    ``region`` (``DE``, ``US``) reads numbers that were written without a country code.
    """
    try:
        number = phonenumbers.parse(raw, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def alias_key(identity: Identity, connection_id: int) -> str:
    """The identity as one text; a vendor's id counts only within the connection that uses it."""
    if identity.kind in GLOBAL_KINDS:
        return f"{identity.kind}:{identity.value}"
    return f"{identity.kind}:{connection_id}:{identity.value}"


class Keys(NamedTuple):
    """An event's alias keys: ``own`` ones make one person of all who share them, ``shared`` ones only follow people."""

    own: tuple[str, ...]
    shared: tuple[str, ...]


def keys_of(event: Event) -> Keys:
    """Which of an event's identities tie it, and each other, to a person.

    A role address (info@…) is a mailbox of its own: tools' records of it belong together, but it says nothing about
    the browser or the other addresses it was typed in with, so these are left out. A phone identifies someone only
    when nothing better does; a browser likewise.
    """
    connection = event.connection_id
    if len(event.identities) == 1:  # the common case, on the hot path
        only = event.identities[0]
        key = alias_key(only, connection)
        return Keys((), (key,)) if only.kind in SHARED_KINDS else Keys((key,), ())
    emails = [i for i in event.identities if i.kind == EMAIL]
    personal = [i for i in emails if not is_role(i.value)]
    mailbox_only = bool(emails) and not personal
    own, shared = [], []
    for identity in event.identities:
        if identity.kind in SHARED_KINDS:
            if not mailbox_only:
                shared.append(alias_key(identity, connection))
        elif identity.kind != EMAIL or identity in personal or mailbox_only:
            own.append(alias_key(identity, connection))
    return Keys(tuple(own), tuple(shared))


def is_role(address: str) -> bool:
    """Whether an address belongs to a function and not to a person."""
    return address.split("@", 1)[0].split("+", 1)[0] in ROLE_NAMES
