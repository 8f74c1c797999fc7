"""Days and weeks of somebody's life with Baton, told in a moment: requests come in by its web application, messages go
out to a simulated Klaviyo, and time passes from one thing that is due to the next."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from adapters.sandbox.server import Server, serve
from app.runtime import Runtime
from app.setup import add_connection
from app.store.tables import deliveries, timers
from jobs import deliver, ingest, sweep
from tests.app.doors import Api, client
from tests.conftest import Clock, make_runtime
from tests.simulated import SimulatedTime

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECRET = "klaviyo-secret-16"


class Days:
    """Baton, Klaviyo, and somebody whose days pass."""

    def __init__(self, runtime: Runtime, vendors: Server, clock: Clock) -> None:
        self.runtime, self.vendors, self.clock = runtime, vendors, clock
        self.time = SimulatedTime(runtime, clock)
        self.time.set(MONDAY)
        self.web, self.api = client(runtime), Api(runtime)
        self._count = 0

    # --- what people do

    def form(self, form: str, email: str, **answers: str) -> None:
        """Somebody fills in a form."""
        self._count += 1
        self._post(f"/forms/{form}", {"email": email, "submission_id": f"s{self._count}", **answers})

    def visit(self, visitor: str, path: str) -> None:
        """Somebody looks at a page."""
        self._count += 1
        body = {"id": f"{self._count:032x}", "anonymous_id": visitor, "url": f"https://www.example.com{path}"}
        self._post("/track", {**body, "sent_at": self.clock().isoformat()})

    def klaviyo(self, topic: str, email: str, **told: Any) -> None:
        """Klaviyo sends a signed webhook."""
        self._count += 1
        profile = self.vendors.klaviyo.profile(email)
        assert profile is not None, "Klaviyo knows them from Baton"
        payload = {
            "data": {
                "type": "event",
                "id": f"k{self._count}",
                "attributes": {"timestamp": int(self.clock().timestamp()), "event_properties": told},
                "relationships": {"profile": {"data": {"type": "profile", "id": profile.id}}},
            }
        }
        told["email_address"] = email
        item = {"external_id": f"k{self._count}", "topic": f"event:klaviyo.{topic}", "payload": payload}
        raw, stamp = json.dumps({"data": [item], "meta": {}}).encode(), format_datetime(self.clock(), usegmt=True)
        mac = hmac.new(SECRET.encode(), raw + stamp.encode(), hashlib.sha256).hexdigest()
        signed = {"Klaviyo-Signature": mac, "Klaviyo-Timestamp": stamp, "Content-Type": "application/json"}
        answer = self.web.post("/webhooks/klaviyo", data=raw, headers=signed)
        assert answer.status_code == 202, answer.text
        self._work()

    def _post(self, path: str, body: dict[str, Any]) -> None:
        answer = self.web.post(path, json=body)
        assert answer.status_code == 202, answer.text
        self._work()

    # --- time passes

    def later(self, **by: float) -> None:
        """So much later, with everything that was due in between."""
        end = self.clock() + timedelta(**by)
        while (due := self._next_due()) is not None and due <= end:
            self.time.set(max(due, self.clock()) + timedelta(seconds=1))
            self._work()
        self.time.set(end)
        self._work()

    def _next_due(self) -> datetime | None:
        waits = select(func.min(deliveries.c.not_before)).where(deliveries.c.status == "pending")
        with self.runtime.database.read() as conn:
            found = [conn.execute(select(func.min(timers.c.due_at))).scalar(), conn.execute(waits).scalar()]
        return min((at for at in found if at is not None), default=None)

    def _work(self) -> None:
        for _ in range(20):
            rung, new = sweep.ring(self.runtime), ingest.drain(self.runtime, 20)
            deliver.drain(self.runtime, 20)
            if not rung and not new:
                return
        raise AssertionError("the work has no end")

    # --- what came of it

    def got(self, name: str) -> list[dict[str, Any]]:
        """What the flow of this name was told, time after time."""
        return [dict(one.properties) for one in self.vendors.klaviyo.happened(f"Baton: {name}")]

    def why(self, email: str, sequence: str) -> str:
        """The answer to why somebody did or did not get a sequence, in words."""
        (found,) = self.api.get(f"/contacts?email={email}")["items"]
        said = self.api.get(f"/contacts/{found['id']}/why?sequence={sequence}")
        return "\n".join([said["standing"], *(one["words"] for one in said["because"])])

    def contact(self, email: str) -> dict[str, Any]:
        """The contact as the API shows it."""
        (found,) = self.api.get(f"/contacts?email={email}")["items"]
        return found


@pytest.fixture
def days(request: pytest.FixtureRequest, tmp_path: Path, unpaced: None) -> Iterator[Days]:
    """Days on each database."""
    clock = Clock(MONDAY)
    with serve("127.0.0.1", 0) as vendors:
        runtime = make_runtime(request, request.param, tmp_path, clock)
        settings = {"api_key": "a-key-of-klaviyo", "webhook_secret": SECRET}
        add_connection(runtime, "klaviyo", "klaviyo", settings, f"{vendors.url}/klaviyo")
        yield Days(runtime, vendors, clock)
        runtime.close()
