"""A year of people who behave at random, and everything that is true of them, kept apart from what Baton knows.

Time is simulated, for Baton and for its database alike. What people do reaches Baton's inbox as events of their tools;
what Baton sends reaches a simulated Klaviyo, is noted with the moment, and some of those who get it open, click,
unsubscribe or complain.
"""

import heapq
import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from adapters.sandbox.server import Server
from app.contacts.event import Event, Identity
from app.runtime import Runtime
from app.setup import add_connection
from app.store import inbox
from app.store.deliveries import PENDING, SENDING, UNKNOWN
from app.store.tables import deliveries, timers
from app.store.tables import inbox as inbox_table
from jobs import deliver, ingest, sweep
from tests.conftest import Clock
from tests.simulated import SimulatedTime

START = datetime(2026, 1, 5, tzinfo=UTC)
STEP = timedelta(minutes=30)
DAYS = 365
OUTAGE_HOURS = 10
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney", "America/Sao_Paulo")
TOPICS = ("automation", "reporting", "integrations")
OWN = "Baton: "
SIGNS = (
    "form.submitted",
    "page.viewed",
    "asset.downloaded",
    "product.viewed",
    "checkout.started",
    "order.placed",
    "email.opened",
    "email.clicked",
)

_PENDING_ROW, _PENDING_DELIVERY = inbox_table.c.status == PENDING, deliveries.c.status == PENDING
_COUNT = func.count()
_WAITING = select(
    select(func.min(timers.c.due_at)).scalar_subquery(),
    select(func.min(deliveries.c.not_before)).where(_PENDING_DELIVERY).scalar_subquery(),
    select(func.min(inbox_table.c.not_before)).where(_PENDING_ROW).scalar_subquery(),
    select(_COUNT).where(_PENDING_ROW, inbox_table.c.not_before.is_(None)).scalar_subquery(),
    select(_COUNT).where(deliveries.c.status.in_((SENDING, UNKNOWN))).scalar_subquery(),
)


@dataclass(order=True)
class Planned:
    """Something that will happen to somebody."""

    at: datetime
    number: int
    do: Callable[[], None] = field(compare=False)


@dataclass
class Message:
    """A message as it reached the vendor."""

    at: datetime
    name: str
    said: dict[str, Any]


@dataclass(eq=False)
class Person:
    """Somebody, how they are, and what is true of them: with when it came to be so."""

    number: int
    zone: ZoneInfo
    reads: float  # how likely they open what they get; some never do
    agreed: list[tuple[datetime, bool]] = field(default_factory=list)
    unreachable_since: datetime | None = None
    talks: dict[str, tuple[datetime, datetime | None]] = field(default_factory=dict)
    signs: list[datetime] = field(default_factory=list)  # of life: what they did themselves, but for opting out
    checkouts: dict[str, datetime] = field(default_factory=dict)
    orders: list[datetime] = field(default_factory=list)
    got: list[Message] = field(default_factory=list)

    @property
    def email(self) -> str:
        """Their address."""
        return f"person{self.number}@acme.example"

    def agrees(self, at: datetime) -> bool:
        """Whether their last word was a yes."""
        said = [yes for when, yes in self.agreed if when <= at]
        return bool(said) and said[-1]

    def talk_at(self, at: datetime) -> str:
        """With whom they are in conversation at a moment, or an empty text."""
        for what, (begun, ended) in self.talks.items():
            if begun <= at and (ended is None or at < ended):
                return what
        return ""


class World:
    """People, their tools, and Baton between them."""

    def __init__(self, runtime: Runtime, vendors: Server, clock: Clock, seed: int, people: int) -> None:
        self.runtime, self.vendors, self.clock = runtime, vendors, clock
        self.chance = random.Random(seed)
        self.to_come: list[Planned] = []
        self.numbers = itertools.count(1)
        self.noted: dict[int, list[Event]] = defaultdict(list)
        self.heard = 0
        self.time = SimulatedTime(runtime, clock)
        self.time.set(START)
        settings = {"api_key": "a-key-of-klaviyo", "webhook_secret": "s"}
        self.klaviyo = add_connection(runtime, "klaviyo", "klaviyo", settings, f"{vendors.url}/klaviyo").id
        self.site = add_connection(runtime, "forms", "site-forms", {}).id
        self.crm = add_connection(runtime, "hubspot", "crm", {"client_secret": "s", "portal_id": "1"}).id
        self.people = [self._person(number) for number in range(people)]
        self.by_email = {person.email: person for person in self.people}
        first = START + timedelta(days=self.chance.randint(20, DAYS - 20))
        self.outage = (first, first + timedelta(hours=OUTAGE_HOURS))

    # --- who they are, and what they will do

    def _person(self, number: int) -> Person:
        chance = self.chance
        person = Person(number, ZoneInfo(chance.choice(ZONES)), chance.choice((0.0, 0.0, 0.2, 0.5, 0.8)))
        arrives = START + timedelta(days=chance.random() * DAYS * 0.6)
        self.plan(arrives, lambda: self._sign_up(person))
        if chance.random() < 0.3:  # orders something and is not heard of again
            person.reads = 0.0
            for days in (chance.randint(50, 100), chance.randint(50, 100)):
                self.plan(arrives + timedelta(days=days), lambda: self._order(person, slowly=True))
            return person
        for _ in range(chance.randint(0, 12)):
            act = chance.choice((self._visit, self._visit, self._download, self._look_at_product, self._check_out))
            self._someday(person, arrives, act)
        for _ in range(chance.randint(0, 3)):
            self._someday(person, arrives, self._come_back)
        for act, odds in ((self._order, 0.5), (self._talk, 0.3), (self._stop, 0.15), (self._bounce, 0.2)):
            for _ in range(2):
                if chance.random() < odds:
                    self._someday(person, arrives, act)
        return person

    def _someday(self, person: Person, since: datetime, act: Callable[[Person], None]) -> None:
        left = (START + timedelta(days=DAYS) - since) / timedelta(days=1)
        self.plan(since + timedelta(days=self.chance.random() * left), lambda: act(person))

    def plan(self, at: datetime, do: Callable[[], None]) -> None:
        """Let something happen at a moment."""
        heapq.heappush(self.to_come, Planned(at, next(self.numbers), do))

    # --- what they do; each is noted as it is true, and told to Baton

    def tell(
        self, person: Person, connection: int, kind: str, fields: dict[str, Any] | None = None, **said: Any
    ) -> None:
        """Have a tool tell Baton of it."""
        if kind in SIGNS:
            person.signs.append(self.clock())
        self.noted[connection].append(
            Event(
                type=kind,
                occurred_at=self.clock(),
                source_key=f"year|{next(self.numbers)}",
                identities=(Identity("email", person.email),),
                properties=said,
                fields=fields or {},
            )
        )

    def _sign_up(self, person: Person) -> None:
        known: dict[str, Any] = {"email": person.email, "timezone": str(person.zone)}
        if self.chance.random() < 0.7:
            known["first_name"] = self.chance.choice(("Ann", "{{ name }}", "[FIRST NAME]", "<b>Zoë</b>", "李"))
        yes = self.chance.random() < 0.8
        agreed = [{"channel": "email", "state": "granted", "by_person": True, "method": "form"}] if yes else []
        if yes:
            person.agreed.append((self.clock(), True))
        form = self.chance.choice(("newsletter", "trial", "download", "webinar"))
        self.tell(person, self.site, "form.submitted", known, form=form, **({"consent": agreed} if yes else {}))

    def _visit(self, person: Person) -> None:
        self.tell(person, self.site, "page.viewed", path=self.chance.choice(("/pricing", "/blog", "/docs")))

    def _download(self, person: Person) -> None:
        topic = self.chance.choice(TOPICS)
        asset = self.chance.choice((f"{topic} guide", "{{ asset }}"))
        self.tell(person, self.site, "asset.downloaded", asset=asset, topic=topic)

    def _look_at_product(self, person: Person) -> None:
        for _ in range(self.chance.randint(1, 3)):
            self.tell(person, self.site, "product.viewed", product="Lamp", product_id="p1")

    def _check_out(self, person: Person) -> None:
        order = f"o{next(self.numbers)}"
        person.checkouts[order] = self.clock()
        self.tell(person, self.site, "checkout.started", order=order, value=40, currency="EUR", items=["Lamp"])
        if self.chance.random() < 0.5:
            self.plan(self.clock() + timedelta(hours=self.chance.random() * 8), lambda: self._order(person, order))

    def _order(self, person: Person, order: str = "", slowly: bool = False) -> None:
        order = order or f"o{next(self.numbers)}"
        person.orders.append(self.clock())
        self.tell(person, self.site, "order.placed", order=order, value=40, currency="EUR", items=["Lamp"])
        days = self.chance.choice(
            (30, 60, 75, 100, 150) if slowly else (2, 2, 2, 30)
        )  # some things have to be made first
        self.plan(
            self.clock() + timedelta(days=days),
            lambda: self.tell(person, self.site, "order.fulfilled", order=order, items=["Lamp"]),
        )

    def _come_back(self, person: Person) -> None:
        """A few days on which they are busy with us: more could be said to them than they can bear."""
        acts = (self._visit, self._download, self._look_at_product, self._check_out, self._order)
        for act in self.chance.sample(acts, k=len(acts)):
            at = self.clock() + timedelta(days=self.chance.random() * 4)
            self.plan(at, lambda act=act: act(person))  # type: ignore[misc]

    def _talk(self, person: Person) -> None:
        deal, now = f"d{next(self.numbers)}", self.clock()
        until = now + timedelta(days=self.chance.randint(5, 60))
        person.talks[deal] = (now, until)
        self.tell(person, self.crm, "deal.created", deal=deal, stage="open")
        self.plan(until, lambda: self.tell(person, self.crm, "deal.stage_changed", deal=deal, stage="x", closed=True))

    def _stop(self, person: Person) -> None:
        person.agreed.append((self.clock(), False))
        self.tell(person, self.klaviyo, "email.unsubscribed")

    def _bounce(self, person: Person) -> None:
        person.unreachable_since = person.unreachable_since or self.clock()
        self.tell(person, self.klaviyo, "email.bounced", permanent=True, reason="no such mailbox")

    def _get(self, person: Person) -> None:
        """A message arrives, and sometimes something comes of it."""
        self.tell(person, self.klaviyo, "email.delivered")
        chance, soon = self.chance, self.clock() + timedelta(minutes=self.chance.randint(5, 2_000))
        if chance.random() < person.reads:
            self.plan(soon, lambda: self.tell(person, self.klaviyo, "email.opened"))
            if chance.random() < 0.3:
                self.plan(soon, lambda: self.tell(person, self.klaviyo, "email.clicked", url="https://x.example/"))
        if chance.random() < 0.01:
            self.plan(soon, lambda: self._stop(person))

    # --- time passes

    def run(self, days: int = DAYS) -> None:
        """Live through so many days, from one moment at which something happens to the next."""
        end = START + timedelta(days=days)
        while (now := self.clock()) < end:
            while self.to_come and self.to_come[0].at <= now:
                heapq.heappop(self.to_come).do()
            if self.noted:
                with self.runtime.database.write() as conn:
                    for connection, events in self.noted.items():
                        inbox.note(conn, events, now, connection)
                self.noted.clear()
            if not self._is_out(now):
                self._work()
            self.time.set(min(end, self._next(now)))

    def _is_out(self, at: datetime) -> bool:
        return self.outage[0] <= at < self.outage[1]

    def _next(self, now: datetime) -> datetime:
        """The next look at which there is something to do: looks are half an hour apart."""
        due = [
            *self._waiting()[:3],
            self.to_come[0].at if self.to_come else None,
            self.outage[1] if self._is_out(now) else None,
        ]
        looks = max(
            1, -((now - min((at for at in due if at is not None), default=START + timedelta(days=DAYS))) // STEP)
        )
        return now + looks * STEP

    def _waiting(self) -> Any:
        """When the first timer, the first delivery and the first request that was put off are due, how many requests
        wait that were not, and how many deliveries are on their way."""
        with self.runtime.database.read() as conn:
            return conn.execute(_WAITING).one()

    def _is_something_due(self) -> bool:
        """Whether another round would find something to do."""
        *moments, fresh, flying = self._waiting()
        return bool(fresh or flying) or any(at is not None and at <= self.clock() for at in moments)

    def _work(self) -> None:
        for _ in range(50):
            rung, new = sweep.ring(self.runtime), ingest.drain(self.runtime, 60)
            deliver.drain(self.runtime, 60)
            if not (rung or new) or not self._is_something_due():
                break
        else:
            raise AssertionError("the work has no end")
        # Calls are made side by side: in which order they arrive says nothing
        for person, message in sorted(self._arrived(), key=lambda one: (one[0].number, one[1].name)):
            person.got.append(message)
            self.plan(self.clock(), lambda person=person: self._get(person))  # type: ignore[misc]

    def _arrived(self) -> Iterator[tuple[Person, Message]]:
        known = self.vendors.klaviyo.profiles
        for call in self.vendors.called("klaviyo", method="POST", path="/api/events", since=self.heard):
            self.heard = call.n
            said = call.body["data"]["attributes"]
            name = said["metric"]["data"]["attributes"]["name"]
            whom = said["profile"]["data"]
            address = whom.get("attributes", {}).get("email") or known[whom["id"]].attributes["email"]
            yield self.by_email[address], Message(self.clock(), name.removeprefix(OWN), said.get("properties", {}))
