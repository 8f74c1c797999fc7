"""What a simulated HubSpot account holds, and its rules for records."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from adapters.hubspot.sandbox.edge import Edge, Source
from adapters.hubspot.sandbox.schema import (
    GROUPS,
    OBJECT_TYPES,
    OWNERS,
    REQUIRED,
    SUBSCRIPTIONS,
    Property,
    moment_ms,
    new_properties,
    text,
    written,
)
from adapters.sandbox.vendor import SHOWN, Columns, iso

SHELL = 7001  # id of the e-mail that every account begins with
SILENT = {"createdate", "hs_createdate", "lastmodifieddate", "hs_lastmodifieddate", "hs_object_id"}


@dataclass
class Record:
    """One object of the CRM. ``indexed`` is how search knew it before the last change."""

    id: str
    type: str
    created: float
    updated: float
    properties: dict[str, str] = field(default_factory=dict)
    archived: bool = False
    archived_at: float = 0.0
    indexed: dict[str, str] | None = None
    history: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


@dataclass
class File:
    """One file of the webhooks journal. ``spoilt`` is what it holds in place of its entries."""

    place: str
    at: float
    entries: list[dict[str, Any]]
    spoilt: bytes | None = None


class Account(Edge):
    """A HubSpot account without its routes."""

    def clear(self) -> None:
        self.properties: dict[str, dict[str, Property]] = new_properties()
        self.groups: dict[str, list[str]] = {kind: [group] for kind, group in GROUPS.items()}
        self.records: dict[str, dict[str, Record]] = {kind: {} for kind in OBJECT_TYPES}
        self.unique: dict[tuple[str, str, str], str] = {}  # (type, property, value) → id, secondary e-mails too
        self.merged: dict[str, str] = {}
        self.blocked: set[str] = set()  # addresses that a privacy deletion named
        self.links: dict[tuple[str, str], dict[str, dict[str, list[int]]]] = {}  # (type, id) → type → id → types
        self.owners: list[dict[str, Any]] = [dict(owner) for owner in OWNERS]
        self.subscriptions: dict[str, dict[int, dict[str, Any]]] = {}  # e-mail → subscription → status
        self.opted_out: dict[str, float] = {}  # e-mail → since when nothing may be sent
        self.lists: dict[str, dict[str, Any]] = {}
        self.threads: dict[str, dict[str, Any]] = {}
        self.single_emails: dict[int, str] = {SHELL: "Baton's messages"}  # those made for single sends
        self.mails: list[dict[str, Any]] = []  # what people were sent
        self.forms, self.mail_events = list[dict[str, Any]](), list[dict[str, Any]]()
        self.tokens, self.entries = set[str](), list[dict[str, Any]]()
        self.journal: list[File] = []
        self.submissions: dict[str, list[dict[str, Any]]] = {}  # by form, the newest first
        self._next_id = int(self.clock()) * 100  # large as HubSpot's, and no number of an earlier run
        self.add_list("Newsletter")

    # how tests reach in

    @property
    def contacts(self) -> dict[str, Record]:
        """The contacts by id, archived ones too."""
        return self.records["contacts"]

    @property
    def tasks(self) -> dict[str, Record]:
        """The tasks by id."""
        return self.records["tasks"]

    @property
    def notes(self) -> dict[str, Record]:
        """The notes by id."""
        return self.records["notes"]

    @property
    def deals(self) -> dict[str, Record]:
        """The deals by id."""
        return self.records["deals"]

    def contact(self, email: str) -> dict[str, str] | None:
        """The properties of the contact with this address, or None."""
        found = self.find("contacts", email, "email")
        return found.properties if found else None

    def state(self) -> dict[str, Any]:
        return {
            **{kind: [self.shown(record) for record in held.values()] for kind, held in self.records.items()},
            "associations": [
                {"from": f"{kind}/{number}", "to": f"{other}/{target}", "types": types}
                for (kind, number), by_type in self.links.items()
                for other, targets in by_type.items()
                for target, types in targets.items()
            ],
            "owners": self.owners,
            "properties": {
                kind: [name for name, one in known.items() if one.own] for kind, known in self.properties.items()
            },
            "subscriptions": {
                email: {str(number): one["status"] for number, one in held.items()}
                for email, held in self.subscriptions.items()
            },
            "opted_out": {email: iso(since) for email, since in self.opted_out.items()},
            "lists": list(self.lists.values()),
            "threads": list(self.threads.values()),
            "mails": self.mails,
            "merged": self.merged,
            "blocked": sorted(self.blocked),
        }

    def overview(self) -> list[Columns]:
        def table(kind: str, names: Sequence[str]) -> Columns:
            held = [record for record in self.records[kind].values() if not record.archived]
            rows = [[one.id, *(one.properties.get(name) for name in names)] for one in held[-SHOWN:][::-1]]
            return kind.capitalize(), ["id", *names], rows, len(held)

        contact = ["email", "firstname", "lastname", "lifecyclestage", "hs_lead_status", "hubspot_owner_id"]
        contact.append("hs_email_optout")
        task = ["hs_task_subject", "hs_task_status", "hs_timestamp", "hubspot_owner_id", "hs_task_body"]
        tables = [("contacts", contact), ("tasks", task), ("notes", ["hs_note_body"])]
        tables.append(("deals", ["dealname", "dealstage", "amount"]))
        return [*(table(kind, names) for kind, names in tables), self._mails()]

    def _mails(self) -> Columns:
        heads, names = ["time", "to", "e-mail", "subject", "text"], ("subject", "body_text")
        rows = [
            [mail["at"], mail["to"], mail["email"], *(mail["properties"].get(name) for name in names)]
            for mail in self.mails[-SHOWN:][::-1]
        ]
        return "E-mails sent", heads, rows, len(self.mails)

    # records

    def new_id(self) -> str:
        """The id of the next record."""
        self._next_id += 1
        return str(self._next_id)

    def find(self, kind: str, key: str, by: str = "", *, archived: bool = False) -> Record | None:
        """The record with this id, or with this value of the unique property ``by``; a merged id finds its survivor."""
        if by and by != "hs_object_id":
            key = self.unique.get((kind, by, key.lower()), "")
        record = self.records[kind].get(self.merged.get(key, key))
        return record if record and record.archived == archived else None

    def check(self, kind: str, values: Any, current: Record | None = None) -> dict[str, str]:
        """Property values as they will be kept. Raises Refusal that names all that is wrong."""
        kept: dict[str, str] = {}
        wrong: list[dict[str, Any]] = []
        for name, given in values.items():
            known = self.properties[kind].get(name)
            value, code, message = text(given), "", ""
            if known is None:
                code, message = "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist'
            elif known.read_only:
                code, message = "READ_ONLY_VALUE", f'"{name}" is a calculated property; its value cannot be set.'
            else:
                kept[name], code, message = written(known, value)
                if not code and name == "hubspot_owner_id" and value:
                    active = [one["id"] for one in self.owners if not one["archived"]]
                    if value not in active:
                        code, message = "INVALID_OWNER_ID", f"Owner {value} does not exist"
                if not code and known.unique and name != "email" and kept[name]:
                    holder = self.find(kind, kept[name], name)
                    if holder and holder is not current:
                        code, message = "CONFLICTING_UNIQUE_VALUE", f"{holder.id} already has that value."
            if code:
                wrong.append({"isValid": False, "message": message, "error": code, "name": name})
        required = REQUIRED.get(kind, ()) if current is None else ()
        wrong += [
            {"isValid": False, "message": f"{name} is required", "error": "REQUIRED_PROPERTY", "name": name}
            for name in required
            if not kept.get(name)
        ]
        if wrong:
            raise self.refuse(
                400,
                f"Property values were not valid: {msgspec.json.encode(wrong).decode()}",
                errors=[
                    {"message": one["message"], "code": one["error"], "context": {"propertyName": [one["name"]]}}
                    for one in wrong
                ],
            )
        if email := kept.get("email"):
            holder = self.find(kind, email, "email") if kind == "contacts" else None
            if holder and holder is not current:
                raise self.refuse(409, f"Contact already exists. Existing ID: {holder.id}")
            if email in self.blocked:
                raise self.refuse(400, f"{email} has been GDPR blacklisted")
        return kept

    def create(self, kind: str, values: Any, source: Source) -> Record:
        """A new record with these (unchecked) values. Raises Refusal."""
        kept = self.check(kind, values)
        if kind == "contacts" and not kept.get("lifecyclestage") and self.settings.new_contact_stage:
            kept["lifecyclestage"] = self.settings.new_contact_stage
        now = self.clock()
        record = Record(self.new_id(), kind, now, now)
        self.records[kind][record.id] = record
        record.properties[self._stamps(kind)[0]] = iso(now)
        record.properties["hs_object_id"] = record.id
        self.set(record, kept, source, now)
        if kept.get("email") in self.opted_out:
            self.set(record, {"hs_email_optout": "true"}, source, now)
        self.fire(kind, "creation", source, objectId=int(record.id), changeFlag="CREATED")
        return record

    def write(self, record: Record, values: Any, source: Source) -> list[str]:
        """Change a record to these (unchecked) values; the names that now hold what was sent. Raises Refusal."""
        kept = self.check(record.type, values, record)
        if self._goes_back(record, kept):
            del kept["lifecyclestage"]  # HubSpot says 2xx and keeps the later stage
        addresses = self.emails(record)
        self.set(record, kept, source)
        if kept.get("email") in addresses[1:]:  # a secondary address becomes the primary one, and the other way round
            self._own(record, addresses)
        return list(kept)

    def set(self, record: Record, values: Mapping[str, str], source: Source, now: float | None = None) -> None:
        """Change a record to these checked values, and tell the webhooks what is new."""
        now = self.clock() if now is None else now
        changed = {name: value for name, value in values.items() if record.properties.get(name, "") != value}
        if now - record.updated >= self.settings.search_lag:
            record.indexed = dict(record.properties)
        for name, value in changed.items():
            old = record.properties.get(name, "")
            known = self.properties[record.type].get(name)
            if known and known.unique:
                self.unique.pop((record.type, name, old.lower()), None)
                if value:
                    self.unique[record.type, name, value.lower()] = record.id
            record.properties[name] = value
            record.history.setdefault(name, []).insert(
                0, {"value": value, "timestamp": iso(now), "sourceType": source.kind, "sourceId": source.id}
            )
        record.updated = now
        record.properties[self._stamps(record.type)[1]] = iso(now)
        for name, value in changed.items():
            if name not in SILENT:
                self.fire(
                    record.type,
                    "propertyChange",
                    source,
                    objectId=int(record.id),
                    propertyName=name,
                    propertyValue=self.told(record.type, name, value),
                    occurredAt=moment_ms(iso(now)),
                )

    def _goes_back(self, record: Record, values: Mapping[str, str]) -> bool:
        """Whether these values would put the record into an earlier lifecycle stage."""
        new, old = values.get("lifecyclestage"), record.properties.get("lifecyclestage")
        stages = [option["value"] for option in self.properties["contacts"]["lifecyclestage"].options]
        return bool(new and old and stages.index(new) < stages.index(old))

    def told(self, kind: str, name: str, value: str) -> str:
        """A value as webhooks tell it: always text, and dates in milliseconds."""
        if value and self.properties[kind][name].type in ("date", "datetime"):
            return str(moment_ms(value))
        return value

    def _stamps(self, kind: str) -> tuple[str, str]:
        return ("createdate", "lastmodifieddate") if kind == "contacts" else ("hs_createdate", "hs_lastmodifieddate")

    def delete(self, record: Record, source: Source, event_id: int | None = None) -> None:
        """Put a record into the bin."""
        record.archived, record.archived_at = True, self.clock()
        self._forget(record)
        self.fire(record.type, "deletion", source, objectId=int(record.id), changeFlag="DELETED", event_id=event_id)

    def purge(self, record: Record, source: Source) -> None:
        """Delete a contact for good, and keep its addresses out."""
        self.blocked.update(key[2] for key, number in self.unique.items() if number == record.id)
        self._forget(record)
        del self.contacts[record.id]
        self.fire("contacts", "privacyDeletion", source, objectId=int(record.id))

    def _forget(self, record: Record) -> None:
        for key in [key for key, number in self.unique.items() if key[0] == record.type and number == record.id]:
            del self.unique[key]

    def merge(self, primary: Record, other: Record, source: Source) -> Record:
        """One contact out of two: the primary's values win, the other's fill the gaps. The survivor."""
        survivor = primary
        if self.settings.merge_makes_new_id:
            now = self.clock()
            survivor = Record(self.new_id(), "contacts", primary.created, now, dict(primary.properties))
            survivor.properties["hs_object_id"] = survivor.id
            self.contacts[survivor.id] = survivor
        gone = [other] if survivor is primary else [primary, other]
        moved = 0
        for name, value in other.properties.items():
            if value and not survivor.properties.get(name) and name not in SILENT:
                survivor.properties[name] = value
                moved += 1
        if self._goes_back(other, survivor.properties):
            survivor.properties["lifecyclestage"] = other.properties["lifecyclestage"]
        addresses = [key[2] for key, number in self.unique.items() if number in (primary.id, other.id)]
        for one in gone:
            self._forget(one)
            self._move_links(one, survivor)
            del self.contacts[one.id]
            self.merged[one.id] = survivor.id
        self.merged = {old: survivor.id if new in self.merged else new for old, new in self.merged.items()}
        self._own(survivor, addresses)
        numbers = [part for part in survivor.properties.get("hs_merged_object_ids", "").split(";") if part]
        survivor.properties["hs_merged_object_ids"] = ";".join([*numbers, *(one.id for one in gone)])
        survivor.updated = self.clock()
        survivor.properties["lastmodifieddate"] = iso(survivor.updated)
        self.fire(
            "contacts",
            "merge",
            source,
            objectId=int(primary.id),
            primaryObjectId=int(primary.id),
            mergedObjectIds=[int(one.id) for one in gone],
            newObjectId=int(survivor.id),
            numberOfPropertiesMoved=moved,
        )
        for one in gone:  # what else a merge changed fires nothing
            self.fire("contacts", "deletion", source, objectId=int(one.id), changeFlag="DELETED")
        return survivor

    def add_email(self, record: Record, email: str) -> None:
        """Give a contact one more address."""
        self._own(record, [email.lower(), *self.emails(record)])

    def emails(self, record: Record) -> list[str]:
        """All addresses of a contact."""
        more = record.properties.get("hs_additional_emails", "").split(";")
        return [email for email in [record.properties.get("email", ""), *more] if email]

    def _own(self, record: Record, addresses: Iterable[str]) -> None:
        main = record.properties.get("email", "")
        for email in addresses:
            self.unique["contacts", "email", email] = record.id
        more = sorted({email for email in addresses if email != main})
        if more:
            record.properties["hs_additional_emails"] = ";".join(more)

    def _move_links(self, old: Record, new: Record) -> None:
        for other, targets in self.links.pop((old.type, old.id), {}).items():
            for target, types in targets.items():
                self.links.setdefault((new.type, new.id), {}).setdefault(other, {})[target] = types
                back = self.links.get((other, target), {}).get(old.type, {})
                if old.id in back:
                    back[new.id] = back.pop(old.id)

    def shown(self, record: Record, names: Iterable[str] | None = None) -> dict[str, Any]:
        """A record as the API shows it: the properties in ``names``, or all that are not empty."""
        held = record.properties
        if names is None:
            properties: dict[str, str | None] = {name: value for name, value in sorted(held.items()) if value}
        else:
            always = (*self._stamps(record.type), "hs_object_id")
            asked = {name for name in names if name in self.properties[record.type]}
            properties = {name: held.get(name) or None for name in sorted({*asked, *always})}
        return {
            "id": record.id,
            "properties": properties,
            "createdAt": iso(record.created),
            "updatedAt": iso(record.updated),
            "archived": record.archived,
            **({"archivedAt": iso(record.archived_at)} if record.archived else {}),
        }

    def add_list(self, title: str, processing: str = "MANUAL") -> dict[str, Any]:
        """A new list; only MANUAL ones take members by hand."""
        number, made = str(len(self.lists) + 1), {"createdAt": iso(self.clock()), "members": {}}
        named = {"listId": number, "name": title, "processingType": processing, "objectTypeId": "0-1"}
        self.lists[number] = {**named, **made}
        return self.lists[number]

    def set_status(self, email: str, subscription: int, status: str, source: Source, **more: Any) -> dict[str, Any]:
        """What a person wants of one subscription; opt-out properties of the contact follow."""
        held = self.subscriptions.setdefault(email.lower(), {})
        held[subscription] = {"status": status, "timestamp": iso(self.clock()), "source": source.kind, **more}
        contact = self.find("contacts", email, "email")
        if contact and f"hs_email_optout_{subscription}" in self.properties["contacts"]:
            flag = "true" if status == "UNSUBSCRIBED" else "false"
            if flag == "true" or contact.properties.get(f"hs_email_optout_{subscription}"):
                self.set(contact, {f"hs_email_optout_{subscription}": flag}, source)
        return held[subscription]

    def opt_out(self, email: str, source: Source) -> None:
        """Nothing may be sent to this address any more."""
        self.opted_out.setdefault(email.lower(), self.clock())
        for number in SUBSCRIPTIONS:
            self.set_status(email, number, "UNSUBSCRIBED", source)
        if contact := self.find("contacts", email, "email"):
            self.set(contact, {"hs_email_optout": "true"}, source)
