"""Triggers that wait, end to end, on both databases: timers ring through the sweep, once, after an outage too, and what
arrives late withdraws what has not left. Catalogue: E1, A4."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.rules.policy import read_document
from app.runtime import Runtime
from app.setup import add_connection
from app.store import policies
from jobs import deliver, sweep
from tests.conftest import NOW, Clock, make_runtime
from tests.feeding import contact, drain, form, rows, visit

MAIL = "ann@acme.example"
POLICY = """
kind: triggers
triggers:
  - id: pricing
    label: Looked at pricing and asked nothing
    on: page.viewed
    when: {field: event.path, op: contains, value: /pricing}
    unless: {on: form.submitted, where: {field: event.form, value: question}}
    within_hours: 24
    message: {name: Pricing, include: [path], purpose: transactional}
"""


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture(params=["sqlite", "postgresql"])
def hub(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Runtime]:
    runtime = make_runtime(request, request.param, tmp_path, clock)
    add_connection(runtime, "klaviyo", "klaviyo", {"api_key": "k", "webhook_secret": "s"}, "http://127.0.0.1:9")
    with runtime.database.write() as conn:
        policies.publish(conn, read_document(POLICY), "test", "", clock())
    runtime.forget()
    form(runtime, "newsletter", email=MAIL, visitor_id="ann".ljust(16, "x"))
    drain(runtime)
    yield runtime
    runtime.close()


def decided(runtime: Runtime) -> list[tuple[str, str]]:
    made = rows(runtime, "decisions", "rule", "outcome", "summary")
    return [(row.outcome, row.summary.partition(": ")[2]) for row in made if row.rule == "pricing"]


def messages(runtime: Runtime) -> list[str]:
    return [row.status for row in rows(runtime, "deliveries", "kind", "status") if row.kind == "send_message"]


def look(runtime: Runtime, clock: Clock) -> None:
    clock.now += timedelta(minutes=1)
    visit(runtime, "ann", "/pricing")
    drain(runtime)


def later(runtime: Runtime, clock: Clock, **by: float) -> None:
    clock.now += timedelta(**by)
    for _ in range(2):
        sweep.ring(runtime)
        drain(runtime)


@pytest.mark.parametrize(
    ("asked", "status", "reason"),
    [
        pytest.param("question", "withheld", "filled in a form in the meantime", id="what would have ended it"),
        pytest.param("newsletter", "pending", "", id="something else"),
    ],
)
def test_what_waits_to_leave_stays_when_it_is_not_so_any_more(
    hub: Runtime, clock: Clock, asked: str, status: str, reason: str
) -> None:
    """The vendor is away when it is decided; what ends it happens before the vendor is back."""
    look(hub, clock)
    later(hub, clock, hours=24)
    assert messages(hub) == ["pending"]
    clock.now += timedelta(hours=1)
    form(hub, asked, email=MAIL, visitor_id="ann".ljust(16, "x"))
    drain(hub)
    deliver.drain(hub, 5)
    (row,) = [row for row in rows(hub, "deliveries", "kind", "status", "reason") if row.kind == "send_message"]
    assert (row.status, row.reason if reason else "") == (status, reason)


def test_it_is_sent_when_the_time_is_over_and_only_once(hub: Runtime, clock: Clock) -> None:
    look(hub, clock)
    later(hub, clock, hours=23)
    assert decided(hub) == []
    later(hub, clock, hours=1)
    assert decided(hub) == [("taken", "Looked at pricing and asked nothing")]
    later(hub, clock, hours=10)
    assert messages(hub) == ["pending"]
    assert rows(hub, "timers") == []


def test_what_it_waits_for_ends_it(hub: Runtime, clock: Clock) -> None:
    look(hub, clock)
    later(hub, clock, hours=3)
    form(hub, "question", email=MAIL)
    drain(hub)
    later(hub, clock, hours=30)
    assert decided(hub) == [("withheld", "filled in a form in the meantime")]
    assert messages(hub) == []
    assert rows(hub, "timers") == []


def test_after_an_outage_of_ten_hours_it_is_decided_once_as_of_its_moment(hub: Runtime, clock: Clock) -> None:
    look(hub, clock)
    seen = clock.now
    clock.now += timedelta(hours=30)  # nobody rang; then visits come in before the timer, one after the other
    visit(hub, "ann", "/blog", seen + timedelta(hours=20))
    visit(hub, "ann", "/blog", seen + timedelta(hours=27))
    drain(hub)
    visit(hub, "ann", "/blog", seen + timedelta(hours=25))
    drain(hub)
    later(hub, clock, hours=4)
    later(hub, clock, hours=1)
    assert [outcome for outcome, _ in decided(hub)] == ["taken"]
    assert messages(hub) == ["pending"]
    (made,) = [row for row in rows(hub, "decisions", "rule", "at") if row.rule == "pricing"]
    assert made.at == seen + timedelta(hours=24)


def test_what_arrives_late_withdraws_it(hub: Runtime, clock: Clock) -> None:
    look(hub, clock)
    seen = clock.now
    later(hub, clock, hours=25)
    assert messages(hub) == ["pending"]
    form(hub, "question", email=MAIL, submitted_at=(seen + timedelta(hours=2)).isoformat())
    drain(hub)
    assert decided(hub) == [("withheld", "filled in a form in the meantime")]
    assert messages(hub) == ["withheld"]
    later(hub, clock, hours=1)
    assert messages(hub) == ["withheld"]
    assert contact(hub, email=MAIL)["id"]
