"""A simulated Mailchimp account: members, tags, events, batches, and what people do in it.

Its refusals are those that matter: who unsubscribed is not taken back by API, whoever was deleted for good is not taken
at all, and an address that cannot be one is no member.
"""

import hashlib
import re
import tarfile
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, ClassVar

import msgspec

from adapters.mailchimp.sandbox.edge import RESULTS, Edge, stamp
from adapters.sandbox.vendor import SHOWN, Answer, Columns, Refusal, Request, Route, iso

STATUSES = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_EVENT = re.compile(r"[A-Za-z0-9_-]{2,30}")
MEMBER = "/3.0/lists/{audience}/members/{member}"
MAX_OPERATIONS, MAX_OPEN = 1_000, 500


class Mailchimp(Edge):
    """The simulated Mailchimp."""

    def clear(self) -> None:
        self.members: dict[str, dict[str, dict[str, Any]]] = {}
        self.forgotten: set[tuple[str, str]] = set()
        self.events: list[dict[str, Any]] = []
        self.journeys: list[dict[str, Any]] = []
        self.batches: dict[str, dict[str, Any]] = {}
        self.results: dict[str, tuple[float, list[dict[str, Any]]]] = {}  # when they are there, and what they say

    def state(self) -> dict[str, Any]:
        return {"members": self.members, "events": self.events, "journeys": self.journeys, "batches": self.batches}

    def overview(self) -> list[Columns]:
        held = [one for audience in self.members.values() for one in audience.values()]
        rows = [
            [one["list_id"], one["email_address"], one["status"], one["merge_fields"], one["tags"]]
            for one in held[-SHOWN:]
        ]
        events = [[one["email"], one["name"], one["properties"]] for one in self.events[-SHOWN:][::-1]]
        return [
            ("Members", ["audience", "address", "status", "merge fields", "tags"], rows, len(held)),
            ("Events", ["address", "name", "properties"], events, len(self.events)),
        ]

    def member(self, email: str, audience: str = "") -> dict[str, Any]:
        """The member with an address, of an audience or of whichever has one. Raises ValueError."""
        for name, held in self.members.items():
            if audience in ("", name) and hash_of(email) in held:
                return held[hash_of(email)]
        raise ValueError(f"Mailchimp has no member {email}")

    # --- calls

    def ping(self, request: Request) -> Answer:
        return Answer(body={"health_status": "Everything's Chimpy!"})

    def get_lists(self, request: Request) -> Answer:
        return Answer(body={"lists": [{"id": name} for name in self.members], "total_items": len(self.members)})

    def get_list(self, request: Request, audience: str) -> Answer:
        held = self.members.get(audience, {})
        return Answer(body={"id": audience, "name": "Sandbox", "stats": {"member_count": len(held)}})

    def get_member(self, request: Request, audience: str, member: str) -> Answer:
        return Answer(body=shown(self._held(audience, member)))

    def put_member(self, request: Request, audience: str, member: str) -> Answer:
        body = _object(request.body)
        held = self.members.setdefault(audience, {}).get(member)
        if held is None:
            return Answer(body=shown(self._add(audience, body)))
        self._change(held, {name: value for name, value in body.items() if name != "status_if_new"})
        return Answer(body=shown(held))

    def patch_member(self, request: Request, audience: str, member: str) -> Answer:
        held = self._held(audience, member)
        self._change(held, _object(request.body))
        return Answer(body=shown(held))

    def forget(self, request: Request, audience: str, member: str) -> Answer:
        self._held(audience, member)
        del self.members[audience][member]
        self.forgotten.add((audience, member))
        return Answer(status=204)

    def tag_member(self, request: Request, audience: str, member: str) -> Answer:
        held = self._held(audience, member)
        for one in _object(request.body).get("tags") or ():
            if one.get("status") not in ("active", "inactive") or not one.get("name"):
                raise self._wrong("tags", "Each tag needs a name and a status of active or inactive")
            if one["status"] == "active" and one["name"] not in held["tags"]:
                held["tags"].append(one["name"])
            elif one["status"] == "inactive" and one["name"] in held["tags"]:
                held["tags"].remove(one["name"])
        return Answer(status=204)

    def add_event(self, request: Request, audience: str, member: str) -> Answer:
        held, body = self._held(audience, member), _object(request.body)
        if not _EVENT.fullmatch(str(body.get("name") or "")):
            raise self._wrong("name", "Must be between 2 and 30 characters: letters, digits, - and _")
        properties = body.get("properties") or {}
        if not all(isinstance(value, str) for value in properties.values()):
            raise self._wrong("properties", "Schema describes string")
        self.events.append({"email": held["email_address"], "name": body["name"], "properties": properties})
        return Answer(status=204)

    def enter_journey(self, request: Request, journey: str, step: str) -> Answer:
        email = str(_object(request.body).get("email_address") or "")
        if not any(hash_of(email) in held for held in self.members.values()):
            raise self.refuse(400, "The contact is not in the audience", title="Bad Request")
        self.journeys.append({"journey": journey, "step": step, "email": email})
        return Answer(status=204)

    def add_batch(self, request: Request) -> Answer:
        operations = _object(request.body).get("operations")
        if not isinstance(operations, list) or not 0 < len(operations) <= MAX_OPERATIONS:
            raise self._wrong("operations", f"1 to {MAX_OPERATIONS} operations are taken")
        if sum(self.clock() < through for through, _ in self.results.values()) >= MAX_OPEN:
            raise self.refuse(429, f"You already have {MAX_OPEN} batch requests processing.")
        name = f"{self.numbers.getrandbits(40):010x}"
        results = []
        for one in operations:
            inner = Request(
                method=str(one.get("method")),
                path=f"/3.0{one.get('path')}",
                query={},
                headers={},
                raw=str(one.get("body") or "").encode(),
                base=request.base,
            )
            answer = self._operate(inner)
            result = {"status_code": answer.status, "operation_id": one.get("operation_id")}
            results.append({**result, "response": answer.encoded().decode()})
        self.batches[name] = {
            "id": name,
            "status": "finished",
            "total_operations": len(operations),
            "finished_operations": len(operations),
            "errored_operations": sum(one["status_code"] >= 400 for one in results),
            "submitted_at": iso(self.clock()),
            "response_body_url": f"{request.base}{RESULTS.format(batch=name)}",
        }
        self.results[name] = (self.clock() + self.settings.batch_seconds, results)
        return Answer(body=_begun(self.batches[name]))

    def _operate(self, request: Request) -> Answer:
        """Carry out one operation of a batch."""
        for route, pattern in self._compiled:
            found = pattern.fullmatch(request.path)
            if found and route.method == request.method:
                try:
                    request.body = self.parse(request, route)
                    return route.do(self, request, **found.groupdict())
                except Refusal as refusal:
                    return refusal.answer
        return self.error(404)

    def get_batch(self, request: Request, batch: str) -> Answer:
        if batch not in self.batches:
            raise self.refuse(404)
        through, _ = self.results[batch]
        return Answer(body=self.batches[batch] if self.clock() >= through else _begun(self.batches[batch]))

    def get_results(self, request: Request, batch: str) -> Answer:
        """What became of a batch, packed; it lies elsewhere, and whoever knows the address needs no key."""
        if batch not in self.results:
            raise self.refuse(404)
        data, packed = msgspec.json.encode(self.results[batch][1]), BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as files:
            file = tarfile.TarInfo(f"{batch}/{self.new_uuid()}.json")
            file.size = len(data)
            files.addfile(file, BytesIO(data))
        return Answer(raw=packed.getvalue(), content_type="application/x-gzip")

    # --- what a member is

    def _held(self, audience: str, member: str) -> dict[str, Any]:
        held = self.members.get(audience, {}).get(member)
        if held is None:
            raise self.refuse(404, "The requested resource could not be found.")
        return held

    def _wrong(self, name: str, message: str) -> Refusal:
        errors = [{"field": name, "message": message}]
        return self.refuse(400, "The resource submitted could not be validated.", errors=errors)

    def _add(self, audience: str, body: Mapping[str, Any]) -> dict[str, Any]:
        email = str(body.get("email_address") or "")
        status = body.get("status_if_new") or body.get("status")
        if status not in STATUSES:
            raise self._wrong("status_if_new", "Value must be one of: " + ", ".join(STATUSES))
        if not _ADDRESS.fullmatch(email):
            raise self.refuse(400, f"{email} looks fake or invalid, please enter a real email address.")
        if (audience, hash_of(email)) in self.forgotten:
            message = f"{email} was permanently deleted and cannot be re-imported."
            raise self.refuse(400, message, title="Forgotten Email Not Subscribed")
        held = {
            "id": hash_of(email),
            "unique_email_id": f"{self.numbers.getrandbits(40):010x}",
            "list_id": audience,
            "email_address": email,
            "status": "",
            "merge_fields": {},
            "tags": [],
            "opted_out": False,
        }
        self._change(held, {**body, "status": status})
        self.members[audience][hash_of(email)] = held
        return held

    def _change(self, held: dict[str, Any], body: Mapping[str, Any], by_api: bool = True) -> None:
        status, before = body.get("status"), held["status"]
        if status is not None and status not in STATUSES:
            raise self._wrong("status", "Value must be one of: " + ", ".join(STATUSES))
        if by_api and status == "subscribed" and held["opted_out"]:
            message = (
                f"{held['email_address']} is in a compliance state due to unsubscribe, bounce or compliance review"
            )
            raise self.refuse(400, message, title="Member In Compliance State")
        told = body.get("merge_fields") or {}
        held["merge_fields"].update({tag: told[tag] for tag in told if tag in self.settings.merge_fields})
        email = str(body.get("email_address") or held["email_address"])
        if hash_of(email) != held["id"]:
            self._move(held, email)
        if status is not None and status != before:
            held["status"] = status
            kind = {"subscribed": "subscribe", "unsubscribed": "unsubscribe", "cleaned": "cleaned"}.get(status)
            if kind:
                self.tell(kind, held, by_api)
        elif told and before == "subscribed":
            self.tell("profile", held, by_api)

    def _move(self, held: dict[str, Any], email: str) -> None:
        audience, old = self.members[held["list_id"]], held["email_address"]
        if hash_of(email) in audience:
            raise self.refuse(400, f"{email} is already a list member.", title="Member Exists")
        audience[hash_of(email)] = audience.pop(held["id"])
        held |= {"id": hash_of(email), "email_address": email}
        data = {"new_id": held["unique_email_id"], "new_email": email, "old_email": old, "list_id": held["list_id"]}
        self.send("upemail", data, True)

    def tell(self, kind: str, held: Mapping[str, Any], by_api: bool = False, **more: Any) -> None:
        """Send the webhook about a member."""
        fields = held["merge_fields"]
        data = {
            "id": held["unique_email_id"],
            "list_id": held["list_id"],
            "email": held["email_address"],
            "email_type": "html",
            "merges": {"EMAIL": held["email_address"], **fields},
            **more,
        }
        if kind == "unsubscribe":
            data = {"action": "unsub", "reason": "manual", **data}
        if kind == "cleaned":
            data = {"list_id": held["list_id"], "reason": "hard", "email": held["email_address"], **more}
        self.send(kind, data, by_api)

    def send(self, kind: str, data: Mapping[str, Any], by_api: bool) -> None:
        """Send a webhook to whom it concerns: changes by API only where the hook asks for them."""
        event = {"type": kind, "fired_at": stamp(self.clock()), "data": dict(data)}
        for sender in self.hooks.values():
            if sender.hook.wants(kind) and (sender.hook.echo or not by_api):
                sender.add([event])

    # --- what people do

    def sign_up(self, email: str, audience: str = "a1b2c3d4e5", **fields: str) -> str:
        """Somebody fills in a sign-up form of an audience's."""
        held = self.members.setdefault(audience, {}).get(hash_of(email))
        if held is None:
            held = self._add(audience, {"email_address": email, "status_if_new": "transactional"})
        held["opted_out"] = False
        held["merge_fields"].update({name.upper(): value for name, value in fields.items()})
        held["status"] = "subscribed"
        self.tell("subscribe", held, ip_opt="203.0.113.30", ip_signup="203.0.113.30")
        return hash_of(email)

    def unsubscribe(self, email: str, audience: str = "", reason: str = "manual") -> str:
        """Somebody uses the link in a campaign, or calls it spam (``reason="abuse"``)."""
        held = self.member(email, audience)
        held |= {"status": "unsubscribed", "opted_out": True}
        self.tell("unsubscribe", held, reason=reason)
        return hash_of(email)

    def clean(self, email: str, audience: str = "") -> str:
        """An address bounces for good."""
        held = self.member(email, audience)
        held |= {"status": "cleaned", "opted_out": True}
        self.tell("cleaned", held)
        return hash_of(email)

    def change(self, email: str, audience: str = "", new_email: str = "", **fields: str) -> str:
        """Somebody changes their profile."""
        held = self.member(email, audience)
        merged = {name.upper(): value for name, value in fields.items()}
        self._change(held, {"merge_fields": merged, "email_address": new_email or email}, by_api=False)
        return str(held["id"])

    acts: ClassVar[Mapping[str, Callable[..., Any]]] = {
        "sign_up": sign_up,
        "unsubscribe": unsubscribe,
        "clean": clean,
        "change": change,
    }
    routes = (
        Route("GET", "/3.0/ping", ping),
        Route("GET", "/3.0/lists", get_lists),
        Route("GET", "/3.0/lists/{audience}", get_list),
        Route("GET", MEMBER, get_member),
        Route("PUT", MEMBER, put_member, dict[str, Any]),
        Route("PATCH", MEMBER, patch_member, dict[str, Any]),
        Route("POST", MEMBER + "/actions/delete-permanent", forget),
        Route("POST", MEMBER + "/tags", tag_member, dict[str, Any]),
        Route("POST", MEMBER + "/events", add_event, dict[str, Any]),
        Route("POST", "/3.0/customer-journeys/journeys/{journey}/steps/{step}/actions/trigger", enter_journey),
        Route("POST", "/3.0/batches", add_batch, dict[str, Any]),
        Route("GET", "/3.0/batches/{batch}", get_batch),
        Route("GET", RESULTS, get_results),
    )


def hash_of(email: str) -> str:
    """A member's id."""
    return hashlib.md5(email.strip().lower().encode(), usedforsecurity=False).hexdigest()


def shown(held: Mapping[str, Any]) -> dict[str, Any]:
    """A member as the API shows it."""
    copy: dict[str, Any] = msgspec.to_builtins(held)
    copy.pop("opted_out")
    copy["tags"] = [{"name": name} for name in copy["tags"]]
    return copy


def _begun(batch: Mapping[str, Any]) -> dict[str, Any]:
    """A batch as it is shown before it is through."""
    return {**batch, "status": "pending", "finished_operations": 0, "errored_operations": 0, "response_body_url": ""}


def _object(body: Any) -> Mapping[str, Any]:
    return body if isinstance(body, dict) else {}
