"""What an adapter is: one folder that says what a vendor is called, needs and can do.

The rest of Baton knows vendors only through these types. An adapter never sees the database, the queue or another
adapter; ``parse`` is pure, ``lookup`` and the pushes talk to the vendor and to nothing else.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from app.contacts.action import Action, AnyAction
from app.contacts.event import Event, Identity, Ref
from mappings.mapping import FieldMapping
from mappings.schema import Property

if TYPE_CHECKING:
    from adapters.http import Http


class InvalidSignature(Exception):
    """The request does not prove that the vendor sent it; answered 401, counted and shown."""


class Unreadable(Exception):
    """A body that cannot be turned into events; it is parked whole, with this reason."""


class WebhookRequest(Struct, frozen=True, kw_only=True):
    """What arrived, as it arrived. ``url`` is the public URL as the vendor called it; header names are lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    connection_id: int = 0
    route: str = ""  # the form's name, or the path below the connection's address
    settings: Mapping[str, str] = {}

    def header(self, name: str) -> str:
        """A header's text, or an empty one."""
        return self.headers.get(name, "")


class Reply(Struct, frozen=True, kw_only=True):
    """What a vendor wants to hear once its webhook is stored, where it is not content with any 2xx."""

    status: int
    body: bytes
    content_type: str = "application/json"


class BadItem(Struct, frozen=True):
    """One item of a batch that cannot be read: it is parked alone, in a body that can be replayed alone."""

    body: bytes
    reason: str


Parsed = Iterable[Event | BadItem]


class Setting(Struct, frozen=True):
    """One setting of a connection, with what it is for in an admin's words."""

    name: str
    help: str
    secret: bool = True
    required: bool = False
    number: bool = False  # a whole number above 0
    wrong: Callable[[str], str] | None = None  # what is wrong with a value, in words; empty where nothing is
    local: bool = False  # names something on Baton's own machine: set there, and by nobody from afar


class Record(Struct, frozen=True, kw_only=True):
    """A vendor's object as read. For a contact: all its identities, and what the vendor holds of it as events
    (a snapshot). For anything else: the contacts that it is about."""

    identities: tuple[Identity, ...] = ()
    events: tuple[Event, ...] = ()
    contacts: tuple[Identity, ...] = ()


class Window(Struct, frozen=True, kw_only=True):
    """What is to be read of a stream: what happened or changed from ``since`` on and before ``until``, which is never
    ahead of the clock. ``page`` is where to go on, as the last :class:`Page` said; empty at the beginning. ``place`` is
    where the stream itself stands, as a page said last, in this round or an earlier one."""

    since: datetime
    until: datetime
    page: str = ""
    place: str = ""


class Item(Struct, frozen=True):
    """One record or event as the vendor answers it, in JSON. ``key`` is the same while it says the same: an event's
    id, a record's id with the time of its last change."""

    key: str
    body: bytes


class Page(Struct, frozen=True, kw_only=True):
    """One page of a stream. ``next`` is where the following one begins, in the adapter's own words; empty where the
    window is through. ``total`` is how many items the whole window has, where the vendor says so. Where a vendor counts
    by places of its own and not by time, ``place`` is one up to which everything is read with this page: it is kept
    together with the items, and outlives the window. None leaves it where it was."""

    items: Sequence[Item] = ()
    next: str = ""
    total: int | None = None
    place: str | None = None


class Recipient(Struct, frozen=True, kw_only=True):
    """Whom a delivery is for, as far as a vendor needs to know."""

    contact_id: int
    vendor_id: str = ""
    email: str = ""
    phone: str = ""
    external_id: str = ""
    anonymous_id: str = ""


class Delivery(Struct, frozen=True, kw_only=True):
    """One action bound for one vendor. ``key`` is the same on every try: vendors that dedupe get it. ``ticket`` is what
    the vendor gave for this very action the last time, where it works things off later (:class:`Underway`)."""

    id: int
    key: str
    action: AnyAction
    to: Recipient
    attempt: int = 1
    ticket: str = ""


class Done(Struct, frozen=True, kw_only=True):
    """The vendor has it. ``told`` are properties it now holds; ``vendor_id`` is the contact's id there, if it said so;
    ``note`` is worth showing (a stage it refused, a field it dropped). ``found`` is what it was asked for, as a body
    that the adapter's ``parse`` reads: it goes into the inbox like a webhook."""

    vendor_id: str = ""
    told: Mapping[str, Any] = {}
    note: str = ""
    found: bytes = b""


class Refused(Struct, frozen=True, kw_only=True):
    """The vendor will never take this one; it goes to a person, with the answer."""

    reason: str


class RetryLater(Struct, frozen=True, kw_only=True):
    """It certainly was not done; try again, after so many seconds if the vendor said how many."""

    reason: str
    after: float | None = None


class Underway(Struct, frozen=True, kw_only=True):
    """The vendor has taken it and works it off later: ask what became of it with the ``ticket``, after so many seconds,
    or ever less often. The delivery comes back with the ticket until there is another outcome than a try later, or
    something newer has taken its place."""

    ticket: str
    reason: str
    after: float | None = None


class Unknown(Struct, frozen=True, kw_only=True):
    """It may have been done: the answer was lost. What happens next depends on :class:`Again`."""

    reason: str


Outcome = Done | Refused | RetryLater | Underway | Unknown


class BatchRefused(Exception):
    """A whole call was refused because of some item in it; the sender halves the batch and tries again."""


class ConnectionRefused(Exception):
    """The credentials are refused or a scope is missing: nothing leaves until an admin has mended it."""


class Again(StrEnum):
    """Whether an action whose answer was lost may be sent once more."""

    SAFE = "safe"  # the vendor takes it once, however often it is sent
    LOOK = "look"  # look whether it is there; send again only if it is not
    PARK = "park"  # nobody can tell: a person decides


Client = Any  # the vendor's own SDK client

PATH_SECRET = "path_secret"  # noqa: S105  the setting's name
_IN_PATH = re.compile(r"[A-Za-z0-9._~-]{1,200}")


def wrong_path_secret(value: str) -> str:
    """What is wrong with a secret as a part of an address, in words; empty where nothing is."""
    return "" if not value or _IN_PATH.fullmatch(value) else "letters (a to z), digits, dots, dashes and tildes only"


@dataclass(frozen=True)
class Push:
    """How one kind of action is carried out. ``send`` takes up to ``batch`` deliveries that share a ``group`` and
    answers with one outcome each, in order. ``find`` looks for an earlier try: Done where it was carried out, None
    where it was not. ``accepts`` says which actions of the kind this vendor can carry out at all, with the settings at
    hand. ``limits`` name the rate limits that a call spends from. Where whoever is called decides how many it takes,
    ``setting`` names the connection's setting that says so, up to ``batch``; where that is not set, it is one."""

    send: Callable[[Client, Sequence[Delivery]], Sequence[Outcome]]
    batch: int = 1
    again: Again = Again.SAFE
    find: Callable[[Client, Delivery], Done | None] | None = None
    group: Callable[[Delivery], str] = lambda delivery: ""
    accepts: Callable[[Any, Mapping[str, str]], bool] = lambda action, settings: True
    limits: tuple[str, ...] = ("default",)
    setting: str = ""

    def of(self, settings: Mapping[str, str]) -> "Push":
        """The push as a connection's settings have it."""
        if not self.setting:
            return self
        said = settings.get(self.setting, "")
        return replace(self, batch=max(1, min(int(said), self.batch)) if said.isdecimal() else 1)


@dataclass(frozen=True)
class RateLimit:
    """At most ``calls`` in any ``seconds``, over all workers. ``even`` ones are spaced out, so that something urgent
    never waits for a window to end; the others may be used up in a burst. Where vendors allow more or fewer calls by
    plan, ``setting`` names the connection's setting that says how many."""

    name: str
    calls: int
    seconds: float
    even: bool = True
    setting: str = ""

    def of(self, settings: Mapping[str, str]) -> "RateLimit":
        """The limit as a connection's settings have it."""
        said = settings.get(self.setting, "") if self.setting else ""
        return replace(self, calls=int(said)) if said.isdecimal() and int(said) > 0 else self


@dataclass(frozen=True)
class Stream:
    """Something of a vendor's that is read again and again, beside its webhooks, so that nothing is missed.

    ``fetch`` asks for one page of a window, in one call or a few; the pages of a window together hold all that lies in
    it, and may hold more. ``parse`` is pure, like the one for webhooks: its request's body is a JSON list of item
    bodies, its ``route`` the stream's name (:mod:`adapters.polled` has what all share). An event that may come
    both ways has the same ``source_key`` in both. Each round begins ``overlap`` before the end of the last one, as far
    back as the vendor may still put something in. ``complete`` says in an admin's words what nothing is missing of;
    ``scope``, what the credentials have to allow. A stream with ``history`` is also what an import reads, from the
    beginning."""

    name: str
    title: str
    fetch: Callable[[Client, Window, FieldMapping], Page]
    parse: Callable[[WebhookRequest, FieldMapping], Parsed]
    complete: str
    every: timedelta = timedelta(minutes=5)
    overlap: timedelta = timedelta(minutes=10)
    limits: tuple[str, ...] = ("default",)
    calls: int = 1  # that a page takes, at most
    pages: int = 500  # that are read in one turn, at most; what is left is for the next turn, which comes at once
    needs: tuple[str, ...] = ()  # settings without which it is not read
    scope: str = ""
    history: bool = True


@dataclass(frozen=True)
class Check:
    """One capability that a connection was tested for, and what to do where it is missing."""

    capability: str
    works: bool
    advice: str = ""


@dataclass(frozen=True)
class Account:
    """What a client is made from. ``http`` is the edge through which every call has to go."""

    settings: Mapping[str, str]
    base_url: str
    http: "Http"


@dataclass(frozen=True)
class Adapter:
    """A vendor: declared, no logic. The registry finds every folder of ``adapters/`` that defines ADAPTER."""

    name: str
    title: str
    settings: tuple[Setting, ...] = ()
    base_url: str = ""
    own_address: bool = False  # each account has an address of its own, without which it cannot be called
    signed: bool = True
    proofs: tuple[str, ...] = ()  # settings with which signatures are checked; where none is set, the address is secret
    path_secret: str = PATH_SECRET  # the setting that holds the secret in the address of its webhooks
    receives: bool = True  # has an address at /webhooks/<connection>
    paths: frozenset[str] = frozenset()  # further addresses below a connection's own, to which browsers may post too
    # What it wants to hear: always the same, or by what it sent, None for the usual
    reply: Reply | Callable[[WebhookRequest], Reply | None] | None = None
    looks: bool = False  # the vendor looks at the address with a GET before it sends anything there
    max_body: int = 1024 * 1024  # bytes of a webhook's body
    hears: bool = False  # is told of every handoff, stage and verdict, with what its mapping says of the contact
    yes_first: bool = False  # takes a person's yes only with whom it does not know yet: it leaves before the profile
    keeps_people: bool = True  # the tool itself keeps what it tells: who is erased has to be deleted there, too
    mapping: str = ""
    verify: Callable[[WebhookRequest, Mapping[str, str], datetime], None] | None = None
    parse: Callable[[WebhookRequest, FieldMapping], Parsed] | None = None
    # What stands in a request under names that a mapping can read, and what people see beside those names, for whoever
    # writes the mapping; where it is missing, that is what ``parse`` asks the mapping
    holds: Callable[[WebhookRequest], tuple[Mapping[str, Any], Mapping[str, str]]] | None = None
    connect: Callable[[Account], Client] | None = None
    needs: tuple[str, ...] = ()  # settings without which the vendor cannot be called
    lookup: Callable[[Client, Sequence[Ref], FieldMapping, datetime], Mapping[Ref, Record]] | None = None
    contact_ref: str = ""  # the kind of Ref, and of Identity, that names a contact of this vendor
    pushes: Mapping[type[Action], Push] = field(default_factory=dict)
    limits: tuple[RateLimit, ...] = ()
    read_limits: tuple[str, ...] = ("default",)
    streams: tuple[Stream, ...] = ()
    check: Callable[[Client], Sequence[Check]] | None = None
    # The fields of the vendor's contacts as it lists them itself, with the options of its picklists
    schema: Callable[[Client], Sequence[Property]] | None = None
    docs: str = ""

    def checks_signatures(self, settings: Mapping[str, str]) -> bool:
        """Whether a connection with these settings checks signatures; else a secret in its address proves who sends."""
        return self.signed and (not self.proofs or any(settings.get(name) for name in self.proofs))

    def secrets(self, settings: Mapping[str, str]) -> list[str]:
        """The values of the settings that nobody may read where calls are kept."""
        return [value for one in self.settings if one.secret and (value := settings.get(one.name))]

    def streams_of(self, settings: Mapping[str, str]) -> list[Stream]:
        """The streams that a connection with these settings reads."""
        return [one for one in self.streams if all(settings.get(name) for name in one.needs)]

    def stream(self, name: str) -> Stream | None:
        """The stream of this name, or None."""
        return next((one for one in self.streams if one.name == name), None)
