"""What a simulated Kit holds and does: who is created keeps their state, and only a form asks people to confirm."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec

from adapters.kit.sandbox.edge import Edge
from adapters.sandbox.vendor import SHOWN, Answer, Columns, Request, Route, iso

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
STATES = ("active", "inactive", "cancelled", "bounced", "complained")


class Kit(Edge):
    """The simulated account."""

    def clear(self) -> None:
        self.subscribers: dict[int, dict[str, Any]] = {}
        self.tags: dict[int, dict[str, Any]] = {}
        self.tagged: dict[int, set[int]] = {}
        self.places: list[dict[str, Any]] = []  # in forms and sequences
        self.left: dict[int, str] = {}
        self.changed: dict[int, float] = {}  # when each subscriber was; Kit filters by it and does not tell
        self._count = 100

    def state(self) -> dict[str, Any]:
        tagged = {str(number): sorted(people) for number, people in self.tagged.items()}
        return {
            "subscribers": list(self.subscribers.values()),
            "tags": list(self.tags.values()),
            "tagged": tagged,
            "places": self.places,
        }

    def overview(self) -> list[Columns]:
        people = [
            [one["email_address"], one["state"], [self.tags[tag]["name"] for tag in self._tags_of(one)]]
            for one in list(self.subscribers.values())[-SHOWN:]
        ]
        places = [[one["email"], one["kind"], one["number"]] for one in self.places[-SHOWN:][::-1]]
        return [
            ("Subscribers", ["address", "state", "tags"], people, len(self.subscribers)),
            ("Forms and sequences", ["address", "kind", "number"], places, len(self.places)),
        ]

    def subscriber(self, email: str) -> dict[str, Any]:
        """The subscriber of this address. Raises ValueError where there is none."""
        held = self._by_address(email)
        if held is None:
            raise ValueError(f"Kit has no subscriber {email}")
        return held

    # --- calls

    def get_account(self, request: Request) -> Answer:
        return Answer(body={"account": {"id": 1, "name": "Sandbox", "plan_type": "creator"}})

    def list_subscribers(self, request: Request) -> Answer:
        state, email = request.param("status", "active"), request.param("email_address").lower()
        if "canceled_at" in request.params("include") and state != "cancelled":
            raise self.refuse(422, "The status param must be `cancelled` to include canceled_at")
        since = self._day(request.param("updated_after"))
        found = [
            {**one, **({"canceled_at": self.left.get(one["id"])} if request.param("include") else {})}
            for one in reversed(self.subscribers.values())
            if state in ("all", one["state"])
            and (not email or one["email_address"] in email.split(","))
            and self.changed[one["id"]] >= since
        ]
        return self._page("subscribers", found, request)

    def _day(self, said: str) -> float:
        """The end of the day that a filter names: the strictest reading of "after", which a reader has to bear."""
        if not said:
            return 0.0
        try:
            return datetime.fromisoformat(said[:10]).replace(tzinfo=UTC).timestamp() + 86_400
        except ValueError:
            raise self.refuse(422, "updated_after is not a date") from None

    def create(self, request: Request) -> Answer:
        said = request.body
        held = self._by_address(str(said.get("email_address")))
        known = held is not None
        if held is None:
            state = said.get("state") or "active"
            if state not in STATES:
                raise self.refuse(422, "State is not included in the list")
            held = self._make(str(said.get("email_address")), state)
        missing = self._fill(held, said)
        body: dict[str, Any] = {"subscriber": dict(held)}
        if missing:
            body["warnings"] = [f"Custom field {name} does not exist" for name in missing]
        return Answer(status=200 if known else 201, body=body)

    def get_one(self, request: Request, number: str) -> Answer:
        return Answer(body={"subscriber": self._held(number)})

    def update(self, request: Request, number: str) -> Answer:
        held, email = self._held(number), str(request.body.get("email_address") or "").lower()
        other = self._by_address(email)
        if other is not None and other is not held:
            raise self.refuse(422, "Email address has already been taken")
        if not _ADDRESS.fullmatch(email):
            raise self.refuse(422, "Email address is invalid")
        held["email_address"] = email
        self._touch(held)
        self._fill(held, request.body)
        return Answer(body={"subscriber": dict(held)})

    def unsubscribe_one(self, request: Request, number: str) -> Answer:
        self._stop(self._held(number))
        return Answer(status=204)

    def list_tags(self, request: Request) -> Answer:
        return self._page("tags", list(self.tags.values()))

    def create_tag(self, request: Request) -> Answer:
        name = str(request.body.get("name") or "")
        if not name:
            raise self.refuse(422, "Name can't be blank")
        for one in self.tags.values():
            if one["name"].lower() == name.lower():
                return Answer(body={"tag": one})
        number = self._next()
        self.tags[number] = {"id": number, "name": name, "created_at": iso(self.clock())}
        return Answer(status=201, body={"tag": self.tags[number]})

    def tag_one(self, request: Request, tag: str, number: str = "") -> Answer:
        named, held = self._tag(tag), self._meant(request, number)
        people = self.tagged.setdefault(named["id"], set())
        known = held["id"] in people
        people.add(held["id"])
        if not known:
            self.tell("tag_added", held, tag=named)
        return Answer(status=200 if known else 201, body={"subscriber": {**held, "tagged_at": iso(self.clock())}})

    def untag_one(self, request: Request, tag: str, number: str = "") -> Answer:
        named, held = self._tag(tag), self._meant(request, number)
        if held["id"] not in self.tagged.get(named["id"], set()):
            raise self.refuse(404)
        self.tagged[named["id"]].remove(held["id"])
        self.tell("tag_removed", held, tag=named)
        return Answer(status=204)

    def list_forms(self, request: Request) -> Answer:
        return self._page("forms", [{"id": form, "name": f"Form {form}"} for form in self.settings.forms])

    def list_sequences(self, request: Request) -> Answer:
        return self._page("sequences", [{"id": one, "name": f"Sequence {one}"} for one in self.settings.sequences])

    def list_fields(self, request: Request) -> Answer:
        found = [{"id": n, "key": key, "label": key.title()} for n, key in enumerate(self.settings.fields, 1)]
        return self._page("custom_fields", found)

    def join_form(self, request: Request, form: str, number: str = "") -> Answer:
        if not form.isdecimal() or int(form) not in self.settings.forms:
            raise self.refuse(404)
        held = self._meant(request, number)
        known = self._place("form", form, held)
        asks = int(form) in self.settings.asking
        if held["state"] in ("inactive", "cancelled"):
            held["state"] = "inactive" if asks else "active"
            self._touch(held)
        if not known:
            self.tell("subscribed_to_form", held, form={"id": int(form), "name": f"Form {form}"})
        return Answer(status=200 if known else 201, body={"subscriber": dict(held)})

    def join_sequence(self, request: Request, sequence: str, number: str = "") -> Answer:
        if not sequence.isdecimal() or int(sequence) not in self.settings.sequences:
            raise self.refuse(404)
        held = self._meant(request, number)
        known = self._place("sequence", sequence, held)
        if not known:
            self.tell("added_to_sequence", held, sequence={"id": int(sequence), "name": f"Sequence {sequence}"})
        return Answer(status=200 if known else 201, body={"subscriber": dict(held)})

    # --- what it holds

    def _page(self, name: str, found: list[dict[str, Any]], request: Request | None = None) -> Answer:
        """A page of things with ids, which are the cursors here."""
        size = min(int(request.param("per_page", "500")), 1000) if request else 1000
        after = request.param("after") if request else ""
        ids = [str(one["id"]) for one in found]
        start = ids.index(after) + 1 if after in ids else 0
        shown = found[start : start + size]
        place = {
            "has_previous_page": start > 0,
            "has_next_page": start + size < len(found),
            "start_cursor": str(shown[0]["id"]) if shown else None,
            "end_cursor": str(shown[-1]["id"]) if shown else None,
            "per_page": size,
        }
        return Answer(body={name: shown, "pagination": place})

    def _touch(self, held: Mapping[str, Any]) -> None:
        self.changed[held["id"]] = self.clock()

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _by_address(self, email: str) -> dict[str, Any] | None:
        return next((one for one in self.subscribers.values() if one["email_address"] == email.lower()), None)

    def _held(self, number: str) -> dict[str, Any]:
        held = self.subscribers.get(int(number)) if number.isdecimal() else None
        if held is None:
            raise self.refuse(404)
        return held

    def _meant(self, request: Request, number: str) -> dict[str, Any]:
        if number:
            return self._held(number)
        held = self._by_address(str((request.body or {}).get("email_address") or ""))
        if held is None:
            raise self.refuse(404)
        return held

    def _tag(self, number: str) -> dict[str, Any]:
        held = self.tags.get(int(number)) if number.isdecimal() else None
        if held is None:
            raise self.refuse(404)
        return held

    def _tags_of(self, held: Mapping[str, Any]) -> list[int]:
        return [tag for tag, people in self.tagged.items() if held["id"] in people]

    def _place(self, kind: str, number: str, held: Mapping[str, Any]) -> bool:
        """Whether somebody is in a form or sequence already; from now on they are."""
        known = any((one["kind"], one["number"], one["id"]) == (kind, number, held["id"]) for one in self.places)
        if not known:
            self.places.append({"kind": kind, "number": number, "id": held["id"], "email": held["email_address"]})
        return known

    def _make(self, email: str, state: str) -> dict[str, Any]:
        if not _ADDRESS.fullmatch(email):
            raise self.refuse(422, "Email address is invalid")
        number = self._next()
        held = {
            "id": number,
            "first_name": None,
            "email_address": email.lower(),
            "state": state,
            "created_at": iso(self.clock()),
            "fields": dict.fromkeys(self.settings.fields),
        }
        self.subscribers[number] = held
        self._touch(held)
        self.tell("created", held)
        if state == "active":
            self.tell("activated", held)
        return held

    def _fill(self, held: dict[str, Any], said: Mapping[str, Any]) -> list[str]:
        """Write what is said of a subscriber; the fields that the account does not have."""
        if "first_name" in said:
            held["first_name"] = said["first_name"]
        told = said.get("fields") or {}
        known = {name: value for name, value in told.items() if name in self.settings.fields}
        held["fields"].update(known)
        self._touch(held)
        return [name for name in told if name not in known]

    def _stop(self, held: dict[str, Any]) -> None:
        if held["state"] != "cancelled":
            held["state"] = "cancelled"
            self.left[held["id"]] = iso(self.clock())
            self._touch(held)
            self.tell("unsubscribed", held)

    def tell(self, name: str, held: Mapping[str, Any], **about: Any) -> None:
        """Send the webhook about a subscriber."""
        topic = f"subscriber.{name}"
        data = {"subscriber": msgspec.to_builtins(held), **about}
        event = {"id": self.new_uuid(), "type": topic, "created": iso(self.clock()), "data": data}
        for sender in self.hooks.values():
            if sender.hook.wants(topic):
                sender.add([event])

    # --- what people do

    def sign_up(self, email: str, form: int = 55, **said: str) -> int:
        """Somebody fills in a form; one with double opt-in asks them to confirm."""
        held = self._by_address(email) or self._make(email, "inactive")
        held["first_name"] = said.get("first_name", held["first_name"])
        self._place("form", str(form), held)
        self.tell("subscribed_to_form", held, form={"id": form, "name": f"Form {form}"})
        if form not in self.settings.asking:
            self.confirm(email)
        return int(held["id"])

    def confirm(self, email: str) -> int:
        """Somebody follows the link in Kit's question."""
        held = self.subscriber(email)
        if held["state"] != "active":
            held["state"] = "active"
            self._touch(held)
            self.tell("activated", held)
        return int(held["id"])

    def unsubscribe(self, email: str) -> int:
        """Somebody uses the link in a mail."""
        held = self.subscriber(email)
        self._stop(held)
        return int(held["id"])

    def complain(self, email: str) -> int:
        """Somebody says that a mail is spam."""
        held = self.subscriber(email)
        held["state"] = "complained"
        self._touch(held)
        self.tell("complained", held)
        return int(held["id"])

    def bounce(self, email: str) -> int:
        """An address turns out to be dead."""
        held = self.subscriber(email)
        held["state"] = "bounced"
        self._touch(held)
        self.tell("bounced", held)
        return int(held["id"])

    def change(self, email: str, first_name: str) -> int:
        """Somebody goes by another name, of which Kit sends no webhook."""
        held = self.subscriber(email)
        self._fill(held, {"first_name": first_name})
        return int(held["id"])

    acts: ClassVar[Mapping[str, Callable[..., Any]]] = {
        "sign_up": sign_up,
        "confirm": confirm,
        "unsubscribe": unsubscribe,
        "complain": complain,
        "bounce": bounce,
        "change": change,
    }
    routes = (
        Route("GET", "/v4/account", get_account),
        Route("GET", "/v4/subscribers", list_subscribers),
        Route("POST", "/v4/subscribers", create, dict[str, Any]),
        Route("GET", "/v4/subscribers/{number}", get_one),
        Route("PUT", "/v4/subscribers/{number}", update, dict[str, Any]),
        Route("POST", "/v4/subscribers/{number}/unsubscribe", unsubscribe_one),
        Route("GET", "/v4/tags", list_tags),
        Route("POST", "/v4/tags", create_tag, dict[str, Any]),
        Route("POST", "/v4/tags/{tag}/subscribers", tag_one, dict[str, Any]),
        Route("POST", "/v4/tags/{tag}/subscribers/{number}", tag_one),
        Route("DELETE", "/v4/tags/{tag}/subscribers", untag_one, dict[str, Any]),
        Route("DELETE", "/v4/tags/{tag}/subscribers/{number}", untag_one),
        Route("GET", "/v4/forms", list_forms),
        Route("POST", "/v4/forms/{form}/subscribers", join_form, dict[str, Any]),
        Route("POST", "/v4/forms/{form}/subscribers/{number}", join_form),
        Route("GET", "/v4/sequences", list_sequences),
        Route("POST", "/v4/sequences/{sequence}/subscribers", join_sequence, dict[str, Any]),
        Route("POST", "/v4/sequences/{sequence}/subscribers/{number}", join_sequence),
        Route("GET", "/v4/custom_fields", list_fields),
    )
