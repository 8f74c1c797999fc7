"""What a simulated Klaviyo account holds: profiles, consent, events, lists, jobs."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from adapters.klaviyo.sandbox.edge import Edge, stamp
from adapters.klaviyo.sandbox.records import Consent, Event, Profile, event_values, payload, subscriptions_shown
from adapters.sandbox.vendor import SHOWN, Columns, iso

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ23456789"
IDENTIFIERS = ("email", "phone_number", "external_id", "anonymous_id", "_kx")
EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;.]+(\.[^@\s,;.]+)+")
PHONE = re.compile(r"\+[1-9]\d{6,14}")
INTEGRATIONS = {
    "api": {"object": "integration", "id": "7FtS4J", "key": "api", "name": "API", "category": "API"},
    "klaviyo": {"object": "integration", "id": "0rG4eQ", "key": "klaviyo", "name": "Klaviyo", "category": "Internal"},
}
KLAVIYO_METRICS = (
    "Received Email",
    "Opened Email",
    "Clicked Email",
    "Bounced Email",
    "Dropped Email",
    "Marked Email as Spam",
    "Subscribed to Email Marketing",
    "Unsubscribed from Email Marketing",
    "Subscribed to List",
    "Unsubscribed from List",
    "Subscribed to SMS Marketing",
    "Unsubscribed from SMS Marketing",
    "Manually Suppressed from Email Marketing",
    "Manually Unsuppressed from Email Marketing",
    "Merged Profile",
)
LIFTED_BY_SUBSCRIBING = {"UNSUBSCRIBE", "SPAM_COMPLAINT", "USER_SUPPRESSED"}


class Account(Edge):
    """A Klaviyo account without its routes."""

    def clear(self) -> None:
        super().clear()
        self.profiles: dict[str, Profile] = {}
        self.ids: dict[tuple[str, str], str] = {}  # (identifier, value) → profile id
        self.merged: dict[str, str] = {}
        self.events: list[Event] = []
        self.keys: set[tuple[str, str, str]] = set()  # (profile, metric, unique id)
        self.metrics: dict[str, dict[str, Any]] = {}
        self.lists: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self._ids_given = 0
        for name in KLAVIYO_METRICS:
            self.metric(name, "klaviyo")
        self.add_list("Newsletter")

    # how tests reach in

    def profile(self, key: str) -> Profile | None:
        """The profile with this id, e-mail, phone number or external id."""
        found = [self.ids.get(identifier(kind, key)) for kind in IDENTIFIERS]
        return next((self.profiles[one] for one in [key, *found] if one in self.profiles), None)

    def happened(self, metric: str, profile: str = "") -> list[Event]:
        """The events of a metric by name, oldest first."""
        holder = self.profile(profile)
        return [
            event
            for event in self.events
            if self.metrics[event.metric]["name"] == metric and (not profile or (holder and event.profile == holder.id))
        ]

    def state(self) -> dict[str, Any]:
        self.run_due()
        return {
            "profiles": [
                {"id": one.id, **one.attributes, "subscriptions": subscriptions_shown(one)}
                for one in self.profiles.values()
            ],
            "events": [
                {"id": one.id, "profile": one.profile, "metric": self.metrics[one.metric]["name"], **event_values(one)}
                for one in self.events
            ],
            "metrics": [{"id": number, **metric} for number, metric in self.metrics.items()],
            "lists": [{"id": number, **held} for number, held in self.lists.items()],
            "jobs": [{"id": number, **job} for number, job in self.jobs.items()],
            "suppressions": {
                one.attributes.get("email") or one.id: one.email.suppression
                for one in self.profiles.values()
                if one.email.suppression
            },
            "webhooks": [{"id": number, "url": sender.hook.url} for number, sender in self.hooks.items()],
            "merged": self.merged,
        }

    def overview(self) -> list[Columns]:
        self.run_due()
        people = [
            [
                one.id,
                one.attributes.get("email"),
                one.attributes.get("first_name"),
                one.email.consent,
                ", ".join(each["reason"] for each in one.email.suppression),
                one.attributes["properties"],
            ]
            for one in list(self.profiles.values())[-SHOWN:][::-1]
        ]
        happened = [
            [iso(one.timestamp), self.metrics[one.metric]["name"], self._name(one.profile), one.properties]
            for one in self.events[-SHOWN:][::-1]
        ]
        lists = [[number, held["name"], len(held["members"])] for number, held in self.lists.items()]
        heads = ["id", "email", "first name", "e-mail consent", "suppressed", "properties"]
        return [
            ("Profiles", heads, people, len(self.profiles)),
            ("Events", ["time", "metric", "profile", "properties"], happened, len(self.events)),
            self._messages(),
            ("Lists", ["id", "name", "members"], lists, len(lists)),
        ]

    def _messages(self) -> Columns:
        """What people would read, were there a flow for each metric: the texts that came with its event."""
        found = [one for one in self.events if "message_id" in one.properties]
        heads = ["time", "metric", "profile", "channel", "subject", "preview", "text"]
        names = ("channel", "subject", "preview_text", "body_text")
        rows = [
            [
                iso(one.timestamp),
                self.metrics[one.metric]["name"],
                self._name(one.profile),
                *(one.properties.get(name) for name in names),
            ]
            for one in found[-SHOWN:][::-1]
        ]
        return "Messages", heads, rows, len(found)

    def _name(self, number: str) -> str:
        held = self.profiles.get(number)
        return str(held.attributes.get("email") or number) if held else number

    # ids

    def new_id(self, length: int = 6, letters: str = LETTERS) -> str:
        """An id as Klaviyo makes them."""
        return "".join(self.numbers.choice(letters) for _ in range(length))

    def _new_profile_id(self) -> str:
        self._ids_given += 1
        moment, digits = round(self.clock() * 1000), ""
        for _ in range(10):
            moment, digit = divmod(moment, 32)
            digits = CROCKFORD[digit] + digits
        return digits + self.new_id(16, CROCKFORD)

    # profiles

    def matching(self, attributes: Mapping[str, Any], number: str | None = None) -> list[Profile]:
        """The profiles that these identifiers belong to; more than one is a conflict."""
        ids = [self.ids.get(identifier(kind, attributes[kind])) for kind in IDENTIFIERS if attributes.get(kind)]
        found = {one: self.profiles[one] for one in [number, *ids] if one in self.profiles}
        return list(found.values())

    def new_profile(self, attributes: Mapping[str, Any]) -> Profile:
        """A profile with these checked attributes."""
        moment = self.now()
        profile = Profile(self._new_profile_id(), {"properties": {}, "location": {}}, moment, moment)
        self.profiles[profile.id] = profile
        self.change(profile, attributes)
        return profile

    def change(self, profile: Profile, attributes: Mapping[str, Any]) -> None:
        """Change a profile to these checked attributes: null clears, what is not there stays."""
        for name, value in attributes.items():
            if name in ("properties", "location"):
                profile.attributes[name] = {**profile.attributes[name], **(value or {})}
                continue
            if name in IDENTIFIERS:
                if old := profile.attributes.get(name):
                    self.ids.pop(identifier(name, old), None)
                if value:
                    value = identifier(name, value)[1]
                    self.ids[name, value] = profile.id
            profile.attributes[name] = value
        profile.updated = self.now()

    def forget(self, profile: Profile) -> None:
        """Drop a profile with its events and memberships."""
        del self.profiles[profile.id]
        self.ids = {key: number for key, number in self.ids.items() if number != profile.id}
        self.events = [event for event in self.events if event.profile != profile.id]
        for held in self.lists.values():
            held["members"].pop(profile.id, None)

    def merge(self, source: Profile, destination: Profile, how: str, *, by_api: bool) -> None:
        """Move all of one profile into another, and leave a tombstone event there."""
        missing = {name: value for name, value in source.attributes.items() if not destination.attributes.get(name)}
        for event in self.events:
            if event.profile == source.id:
                event.profile = destination.id
        moved = [event for event in self.events if event.profile == destination.id]
        for held in self.lists.values():
            if source.id in held["members"]:
                held["members"].setdefault(destination.id, held["members"][source.id])
        self.forget(source)
        self.events = [*(event for event in self.events if event.profile != destination.id), *moved]
        self.change(destination, missing)
        known = {one["reason"] for one in destination.email.suppression}
        destination.email.suppression += [one for one in source.email.suppression if one["reason"] not in known]
        if source.email.consent == "UNSUBSCRIBED":
            destination.email.consent = "UNSUBSCRIBED"
        self.merged[source.id] = destination.id
        told = {
            "MergeDate": datetime.fromtimestamp(int(self.clock()), UTC).replace(tzinfo=None).isoformat(),
            "MergeType": how,
            "$event_id": f"merge_tombstone:{source.id}:{destination.id}",
            "$extra": {
                "ExternalID": source.attributes.get("external_id"),
                "FirstName": source.attributes.get("first_name"),
                "LastName": source.attributes.get("last_name"),
                "KlaviyoID": source.id,
                "AnonymousID": source.attributes.get("anonymous_id"),
                "Created": source.created[:19],
            },
        }
        self.happen("Merged Profile", destination, told, by_api=by_api)

    # consent

    def suppress(self, profile: Profile, reason: str) -> None:
        """Send this person no e-mail any more."""
        if all(one["reason"] != reason for one in profile.email.suppression):
            profile.email.suppression.append({"reason": reason, "timestamp": self.now()})

    def lift(self, profile: Profile, reasons: Iterable[str]) -> None:
        """Drop suppressions for these reasons."""
        profile.email.suppression = [one for one in profile.email.suppression if one["reason"] not in reasons]

    def agree(self, consent: Consent, state: str, method: str, **more: Any) -> None:
        """Note what was agreed to, and how."""
        consent.consent, consent.timestamp, consent.updated, consent.method = state, self.now(), self.now(), method
        for name, value in more.items():
            setattr(consent, name, value)

    # lists, metrics, events

    def add_list(self, name: str) -> str:
        """A new list; its id."""
        number, moment = self.new_id(), self.now()
        process = "double_opt_in" if self.settings.double_opt_in else "single_opt_in"
        self.lists[number] = {
            "name": name,
            "created": moment,
            "updated": moment,
            "opt_in_process": process,
            "members": {},
        }
        return number

    def metric(self, name: str, integration: str = "api") -> str:
        """The id of a metric, made where it is missing."""
        for number, metric in self.metrics.items():
            if metric["name"] == name and metric["integration"]["key"] == integration:
                return number
        number, moment = self.new_id(), self.now()
        held = {"name": name, "created": moment, "updated": moment, "integration": INTEGRATIONS[integration]}
        self.metrics[number] = held
        return number

    def happen(
        self,
        metric: str,
        profile: Profile,
        properties: Mapping[str, Any],
        *,
        integration: str = "klaviyo",
        moment: float | None = None,
        unique_id: str = "",
        by_api: bool = False,
    ) -> Event | None:
        """Store an event and tell the webhooks; None where the profile has one with the same unique id already.

        Without a unique id the second is the id: of two API events in one second the later one is lost.
        """
        number = self.metric(metric, integration)
        timestamp = int(self.clock() if moment is None else moment)
        event_number = self.new_id(11)
        own = unique_id or (str(timestamp) if integration == "api" else event_number)
        if (profile.id, number, own) in self.keys:
            return None
        self.keys.add((profile.id, number, own))
        told = {"$event_id": own if integration == "api" else str(timestamp), **properties}
        event = Event(event_number, profile.id, number, timestamp, told, own, self.new_uuid(), self.clock())
        self.events.append(event)
        profile.last_event = max(profile.last_event or "", stamp(timestamp))
        self._tell(event, by_api)
        return event

    # jobs

    def new_job(self, kind: str, total: int) -> tuple[str, dict[str, Any]]:
        """A job that waits for its moment; its id and its state."""
        number = self._new_profile_id()
        self.jobs[number] = {
            "kind": kind,
            "status": "queued",
            "created_at": self.now(),
            "started_at": None,
            "completed_at": None,
            "expires_at": stamp(self.clock() + 7 * 86_400),
            "total_count": total,
            "completed_count": 0,
            "failed_count": 0,
            "skipped_count": 0,
            "errors": [],
        }
        return number, self.jobs[number]

    def finish(self, job: dict[str, Any], failed: int) -> None:
        """Note that a job is done."""
        done = job["total_count"] - failed
        job.update(status="complete", completed_count=done, failed_count=failed)
        job.update(started_at=job["created_at"], completed_at=self.now())

    # webhooks

    def topic(self, metric: str) -> str:
        """The webhook topic of a metric."""
        held = self.metrics[metric]
        slug = re.sub(r"[^a-z0-9]+", "_", held["name"].lower()).strip("_")
        return f"event:{held['integration']['key']}.{slug}"

    def _tell(self, event: Event, by_api: bool) -> None:
        topic = self.topic(event.metric)
        for sender in self.hooks.values():
            if sender.hook.wants(topic) and (sender.hook.echo or not by_api):
                sender.add([{"external_id": event.id, "topic": topic, "payload": {"data": payload(event)}}])


def identifier(kind: str, value: Any) -> tuple[str, str]:
    """What a profile is found by."""
    return kind, str(value).lower() if kind == "email" else str(value)
