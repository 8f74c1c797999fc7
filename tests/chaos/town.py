"""People who do a known number of things, and what their tools must hold when Baton is done with it."""

import json
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import yaml

from adapters.sandbox.server import Server
from app.rules.policy import default_documents, read_document
from app.runtime import Runtime
from app.setup import add_connection
from app.store import inbox, policies, tables
from app.store.inbox import Arrival
from mappings.document import load_yaml
from tests.chaos.forks import Forks
from tests.feeding import rows
from tests.stopwatch import Stopwatch

NOTED = "Noted"
OPEN = ("pending", "sending", "unknown", "dead")


class Town:
    """An installation whose people write (each form makes one message) or are ready for sales (one task and note)."""

    def __init__(self, runtime: Runtime, vendors: Server, forks: Forks, connected: bool = False) -> None:
        self.runtime, self.vendors, self.forks = runtime, vendors, forks
        self.written: dict[str, list[int]] = defaultdict(list)
        self.ready: set[str] = set()
        self._count = 0
        if connected:
            return
        hubspot = {"access_token": "a-token-of-hubspot", "client_secret": "s"}
        add_connection(runtime, "hubspot", "hubspot", hubspot, f"{vendors.url}/hubspot")
        add_connection(
            runtime,
            "klaviyo",
            "klaviyo",
            {"api_key": "a-key-of-klaviyo", "webhook_secret": "s"},
            f"{vendors.url}/klaviyo",
        )
        trigger = {
            "id": "noted", "label": "Wrote something", "on": ["form.submitted"], "once_in_days": 0,
            "when": {"field": "event.form", "op": "equals", "value": "note"},
            "too_old_hours": 24, "message": {"name": NOTED, "channel": "email", "include": ["page_url"]},
        }  # fmt: skip
        self.publish("triggers", triggers=[trigger])
        self.cap()

    def publish(self, kind: str, **changes: Any) -> None:
        """Put the shipped policy in force with these parts changed."""
        document = {**load_yaml(default_documents()[kind].text, kind), **changes}
        read = read_document(yaml.safe_dump(document, sort_keys=False))
        with self.runtime.database.write() as conn:
            policies.publish(conn, read, "test", "", self.runtime.clock())
        self.runtime.forget()

    def cap(self, *caps: tuple[int, int]) -> None:
        """Let nobody get more than so many messages in so many days each; without caps as many as there are."""
        rung = {"caps": [{"max": most, "days": days} for most, days in caps]}
        self.publish("frequency", ladder=dict.fromkeys(("new", "active", "cooling", "lapsing"), rung))

    def begin_anew(self) -> None:
        """Forget everybody and what they did, here and in the tools."""
        self.vendors.reset()
        self.vendors.hubspot.configure(new_contact_stage="lead")
        self.written.clear()
        self.ready.clear()
        kept = {"connections", "policies", "alembic_version", "marks"}
        with self.runtime.database.write() as conn:
            for table in reversed(tables.metadata.sorted_tables):
                if table.name not in kept:
                    conn.execute(table.delete())

    # --- what people do

    def sign_up(self, *emails: str) -> list[Arrival]:
        """They agree to hear from us."""
        return [self._form("newsletter", email=email, newsletter="yes") for email in emails]

    def write(self, email: str) -> Arrival:
        """Somebody who has signed up fills in a form."""
        self._count += 1
        self.written[email].append(self._count)
        page = f"https://x.example/note/{self._count}"
        return self._form("note", email=email, page_url=page, company=f"Company {self._count:06}")

    def look_around(self, email: str) -> Arrival:
        """Somebody looks at a page."""
        return self._visit(email, "/blog")

    def get_ready(self, email: str) -> list[Arrival]:
        """Somebody does all that makes a handoff."""
        self.ready.add(email)
        fields = {"email": email, "visitor_id": _visitor(email), "full_name": "Ann Lee", "job_title": "Director"}
        forms = [self._form(name, **fields, company="Acme") for name in ("trial", "webinar", "guide", "demo")]
        return [*forms, self._visit(email, "/pricing")]

    def _visit(self, email: str, path: str) -> Arrival:
        self._count += 1
        sent = self.runtime.clock().isoformat()
        page = {"id": f"{self._count:032x}", "anonymous_id": _visitor(email), "url": f"https://x.example{path}"}
        return self._arrival("site", "track", "", {**page, "sent_at": sent})

    def _form(self, name: str, **answers: str) -> Arrival:
        self._count += 1
        return self._arrival("forms", "form", name, {**answers, "submission_id": f"s{self._count}"})

    def _arrival(self, connection: str, kind: str, route: str, body: dict[str, Any]) -> Arrival:
        found = self.runtime.connection(connection)
        assert found is not None
        return Arrival(
            connection_id=found.id, kind=kind, route=route, received_at=self.runtime.clock(),
            body=json.dumps(body).encode(), headers={"content-type": "application/json"},
        )  # fmt: skip

    def arrive(self, arrivals: Iterable[Arrival]) -> None:
        """Put requests in the inbox, as the web process does."""
        with self.runtime.database.write() as conn:
            inbox.accept(conn, list(arrivals))

    # --- what has to come of it

    def left(self) -> dict[str, int]:
        """What is not at its end yet."""
        counts: dict[str, int] = defaultdict(int)
        for row in rows(self.runtime, "inbox", "status"):
            if row.status != "done":
                counts[f"inbox {row.status}"] += 1
        for row in rows(self.runtime, "deliveries", "status"):
            if row.status in OPEN:
                counts[f"deliveries {row.status}"] += 1
        return dict(counts)

    def drained(self, seconds: float) -> float:
        """Wait until nothing is left to do; how long it took."""
        watch = Stopwatch()
        while left := self.left():
            watch.within(seconds, f"Still there is {left}\n{self.said()}")
            time.sleep(0.1)
        return watch.seconds

    def said(self) -> str:
        """The end of what the workers have printed."""
        return self.forks.said()[-3_000:]

    def check(self) -> None:
        """0 lost, 0 twice, 0 out of order."""
        self._check_messages()
        told: dict[str, list[str]] = defaultdict(list)
        for record in self.vendors.hubspot.tasks.values():
            told["tasks"].append(record.properties["hs_task_body"])
        for record in self.vendors.hubspot.notes.values():
            told["notes"].append(record.properties["hs_note_body"])
        assert len(told["tasks"]) == len(set(told["tasks"])) == len(self.ready), "a task for each handoff, once"
        assert len(told["notes"]) == len(set(told["notes"])) == len(self.ready), "a note for each handoff, once"
        self._check_profiles()

    def _check_messages(self) -> None:
        """Each once; and for each person in the order in which they were decided, which a kill may have turned."""
        planned = {row.key: row.id for row in rows(self.runtime, "deliveries", "id", "key", kind="send_message")}
        heard: dict[str, list[int]] = defaultdict(list)
        order: dict[str, list[int]] = defaultdict(list)
        for event in self.vendors.klaviyo.happened(f"Baton: {NOTED}"):
            email = self.vendors.klaviyo.profiles[event.profile].attributes["email"]
            heard[email].append(int(event.properties["page_url"].rsplit("/", 1)[1]))
            order[email].append(planned[event.properties["baton_key"]])
        for email, numbers in self.written.items():
            assert sorted(heard[email]) == numbers, f"{email}: each message once"
            assert order[email] == sorted(order[email]), f"{email}: in order"

    def _check_profiles(self) -> None:
        last: dict[str, str] = {}
        names: dict[str, str] = {
            key: one.properties.get("email", "") for key, one in self.vendors.hubspot.contacts.items()
        }
        for call in self.vendors.called("hubspot", path="/batch/up"):
            for item in call.body["inputs"]:
                email = names.get(item["id"], item["id"])
                company = item["properties"].get("company", "")
                if company.startswith("Company "):
                    assert company >= last.get(email, ""), f"{email}: an older profile after a newer one"
                    last[email] = company
        for email, numbers in self.written.items():
            assert last.get(email) == f"Company {numbers[-1]:06}", email


def _visitor(email: str) -> str:
    return f"visitor-{email.split('@')[0]}".ljust(16, "x")
