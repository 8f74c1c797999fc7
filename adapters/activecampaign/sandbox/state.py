"""What a simulated ActiveCampaign account holds: contacts, lists, tags, fields, automations, deals, tasks, notes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from adapters.activecampaign.sandbox.edge import Edge
from adapters.sandbox.vendor import SHOWN, Columns

FIRST_NUMBER = 1_000
ACTIVE, LEFT, BOUNCED = 1, 2, 3


@dataclass
class Contact:
    """One contact. ``lists`` has its places by list; ``tags`` when each came, and under which number."""

    id: str
    email: str
    first_name: str = ""
    last_name: str = ""
    phone: str = ""
    created: float = 0.0
    updated: float = 0.0
    fields: dict[str, str] = field(default_factory=dict)
    lists: dict[str, dict[str, Any]] = field(default_factory=dict)
    tags: dict[str, tuple[str, float]] = field(default_factory=dict)  # tag → the association's number, and since when
    bounced_at: float = 0.0

    def status(self, list_id: str) -> int | None:
        """The status of the contact's place on a list; None where it never had one."""
        place = self.lists.get(list_id)
        return None if place is None else int(place["status"])


class Account(Edge):
    """An ActiveCampaign account without its routes."""

    def clear(self) -> None:
        self.contacts: dict[str, Contact] = {}
        self.tags: dict[str, str] = {}
        self.fields: dict[str, dict[str, str]] = {}
        self.lists: dict[str, str] = {}
        self.automations: dict[str, str] = {}
        self.users: dict[str, dict[str, str]] = {}
        self.runs: list[dict[str, Any]] = []
        self.notes: list[dict[str, Any]] = []
        self.tasks: list[dict[str, Any]] = []
        self.deals: dict[str, dict[str, Any]] = {}
        self.imports: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, str]] = []
        self.event_names: set[str] = set()
        self._due: list[tuple[float, Any]] = []
        self._number = FIRST_NUMBER + self.numbers.randrange(1_000)
        self.add_list("Newsletter")
        self.add_list("Webinars")
        self.add_field("Job title", "JOB_TITLE")
        self.add_field("Topics", "TOPICS")
        self.automations[self.new_id()] = "Welcome"
        self.users[self.new_id()] = {"email": "sam@acme.example", "firstName": "Sam", "lastName": "Sales"}

    def new_id(self) -> str:
        """The next number; ids are texts."""
        self._number += 1
        return str(self._number)

    # how tests reach in

    def contact(self, key: Any) -> Contact | None:
        """The contact with this number or address."""
        found = self.contacts.get(str(key))
        return found or next((one for one in self.contacts.values() if one.email == str(key).lower()), None)

    def tags_of(self, key: Any) -> list[str]:
        """The names of a contact's tags."""
        held = self.contact(key)
        return [self.tags[tag] for tag in held.tags] if held else []

    def add_list(self, name: str) -> str:
        """A new list; its number."""
        number = self.new_id()
        self.lists[number] = name
        return number

    def add_field(self, title: str, perstag: str) -> str:
        """A new custom field; its number."""
        number = self.new_id()
        self.fields[number] = {"title": title, "perstag": perstag, "type": "text"}
        return number

    def find_tag(self, name: str) -> str:
        """A tag's number; names count without regard to their case."""
        return next((number for number, held in self.tags.items() if held.casefold() == name.casefold()), "")

    def state(self) -> dict[str, Any]:
        self.run_due()
        return {
            "contacts": [{**vars(one), "tags": [self.tags[tag] for tag in one.tags]} for one in self.contacts.values()],
            "lists": self.lists,
            "tags": self.tags,
            "fields": self.fields,
            "automations": self.automations,
            "runs": self.runs,
            "notes": self.notes,
            "tasks": self.tasks,
            "deals": list(self.deals.values()),
            "imports": self.imports,
            "events": self.events,
        }

    def overview(self) -> list[Columns]:
        self.run_due()
        people = [
            [
                one.id,
                one.email,
                f"{one.first_name} {one.last_name}".strip(),
                ", ".join(f"{self.lists[n]}: {_STATUS[place['status']]}" for n, place in one.lists.items()),
                ", ".join(self.tags[tag] for tag in one.tags),
            ]
            for one in list(self.contacts.values())[-SHOWN:][::-1]
        ]
        deals = [[one["id"], one["title"], one["stage"], one["status"], one["owner"]] for one in self.deals.values()]
        tasks = [[one["id"], one["title"], one["relid"], one["duedate"]] for one in self.tasks[-SHOWN:][::-1]]
        return [
            ("Contacts", ["id", "email", "name", "lists", "tags"], people, len(self.contacts)),
            ("Deals", ["id", "title", "stage", "status", "owner"], deals[-SHOWN:][::-1], len(deals)),
            ("Tasks", ["id", "title", "contact", "due"], tasks, len(self.tasks)),
        ]

    # time

    def later(self, seconds: float, do: Any) -> None:
        """Do something after a moment."""
        if seconds <= 0:
            do()
        else:
            self._due.append((self.clock() + seconds, do))

    def run_due(self) -> None:
        ready = [do for moment, do in self._due if moment <= self.clock()]
        self._due = [(moment, do) for moment, do in self._due if moment > self.clock()]
        for do in ready:
            do()

    # changing contacts

    def new_contact(self, email: str, origin: str, tells: bool = True) -> Contact:
        """A contact that was not there."""
        made = Contact(self.new_id(), email.lower(), created=self.clock(), updated=self.clock())
        self.contacts[made.id] = made
        if tells:
            self.tell("subscribe", origin, self.block(made))
        return made

    def touch(self, contact: Contact, origin: str, tells: bool = True) -> None:
        """Note that a contact has changed."""
        contact.updated = self.clock()
        if tells:
            self.tell("update", origin, self.block(contact))

    def place(self, contact: Contact, list_id: str, status: int, origin: str, tells: bool = True) -> dict[str, Any]:
        """Put a contact's place on a list into a status. With status 1 whoever was off is on again."""
        held = contact.lists.setdefault(list_id, {"id": self.new_id(), "sdate": None, "udate": None, "status": None})
        changed = held["status"] != status
        held["status"] = status
        if changed and status in (ACTIVE, LEFT):
            held["sdate" if status == ACTIVE else "udate"] = self.stamp()
            contact.updated = self.clock()
            pairs = {**self.block(contact), "list": list_id}
            if status == LEFT:
                active = [number for number, place in contact.lists.items() if place["status"] == ACTIVE]
                pairs |= {"list[0][id]": list_id, "unsubscribe[reason]": ""}
                pairs |= {f"active_subscriptions[{n}]": number for n, number in enumerate(active)}
            if tells:
                self.tell("subscribe" if status == ACTIVE else "unsubscribe", origin, pairs)
        return held

    def tag(self, contact: Contact, tag: str, origin: str, tells: bool = True) -> str:
        """Give a contact a tag; the association's number."""
        if tag not in contact.tags:
            contact.tags[tag] = (self.new_id(), self.clock())
            contact.updated = self.clock()
            if tells:
                self.tell("contact_tag_added", origin, {**self.block(contact), "tag": self.tags[tag]})
        return contact.tags[tag][0]

    def untag(self, contact: Contact, tag: str, origin: str) -> None:
        """Take a contact's tag away."""
        if contact.tags.pop(tag, None):
            contact.updated = self.clock()
            self.tell("contact_tag_removed", origin, {**self.block(contact), "tag": self.tags[tag]})

    def block(self, contact: Contact) -> dict[str, str]:
        """The contact as webhooks tell it; what is not known is an empty text."""
        return {**dict(self._block(contact)), "customer_acct_name": "", "customer_acct_id": "0", "orgname": ""}

    def _block(self, contact: Contact) -> Iterator[tuple[str, str]]:
        yield "contact[id]", contact.id
        yield "contact[email]", contact.email
        yield "contact[first_name]", contact.first_name
        yield "contact[last_name]", contact.last_name
        yield "contact[phone]", contact.phone
        yield "contact[ip]", "0.0.0.0"  # noqa: S104  how it writes that it knows none
        yield "contact[tags]", ", ".join(self.tags[tag] for tag in contact.tags)
        for number in self.fields:
            if number in contact.fields:
                yield f"contact[fields][{number}]", contact.fields[number]
        yield "contact[customer_acct_name]", ""
        yield "contact[orgname]", ""


_STATUS = {None: "", 0: "unconfirmed", ACTIVE: "active", LEFT: "unsubscribed", BOUNCED: "bounced"}
