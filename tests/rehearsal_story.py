"""Three weeks of a few people, for whatever looks back at them: what really happened is what shipped rules made of it.

Ann is handed over and judged, Ben talks with sales, Cleo opts out, Dee looks at the same thing often and buys, Eve only
signs up. Nothing has left for a tool: what would was decided, and waits.
"""

from datetime import datetime, timedelta

from app.runtime import Runtime
from app.setup import add_connection
from app.store import policies, rehearsals
from app.store.rehearsals import Written
from jobs import sweep
from tests.conftest import Clock
from tests.feeding import arrive, drain, form, klaviyo, visit
from tests.telling import told_once

BEGAN = datetime.fromisoformat("2026-10-05T09:00:00+00:00")  # a Monday
PEOPLE = ("ann", "ben", "cleo", "dee", "eve")


def look_back(runtime: Runtime, clock: Clock) -> None:
    """Stand at the end of the three weeks."""
    told_once(runtime, live_through)
    clock.now = BEGAN + timedelta(days=22, minutes=50)


def live_through(runtime: Runtime) -> None:
    """The three weeks, day by day."""
    clock = runtime.clock
    assert isinstance(clock, Clock)
    klaviyo(runtime, api_key="k")
    add_connection(runtime, "alerts", "alerts", {"urls": "json://127.0.0.1:9/"})
    clock.now = BEGAN
    for number, name in enumerate(PEOPLE):
        clock.advance(minutes=10)
        form(
            runtime,
            name="newsletter",
            email=f"{name}@acme.example",
            first_name=name.title(),
            job_title="Head of Sales" if number < 3 else "Student",
            newsletter="yes",
            anonymous_id=name.ljust(16, "x"),
        )
    pass_days(runtime, clock, 2)
    for day in range(12):
        for name in PEOPLE[:4] if day % 3 == 0 else PEOPLE[:2]:
            visit(runtime, name, "/pricing" if day % 2 else "/blog/how-to")
        if day == 4:
            form(runtime, name="demo", email="ben@acme.example", message="Please call me")
        if day == 9:
            arrive(runtime, "forms", {"submission_id": "dl", "email": "dee@acme.example"}, "form", "guide")
        pass_days(runtime, clock, 1)
    pass_days(runtime, clock, 8)


def pass_days(runtime: Runtime, clock: Clock, days: int) -> None:
    """Take in what has come, and let time pass day by day: what was due meanwhile is decided as of its moment."""
    drain(runtime)
    for _ in range(days):
        clock.advance(days=1)
        while sweep.ring(runtime):
            drain(runtime)


def ask(runtime: Runtime, kind: str, body: str, since: datetime = BEGAN, **more: object) -> int:
    """Have a text rehearsed, as an action would; the rehearsal's id."""
    said = {"segment": "", "every": 1, "asked_by": "test", **more}
    with runtime.database.write() as conn:
        return rehearsals.add(
            conn,
            [Written(kind, kind, f"{kind}.yaml", body)],
            since=since,
            until=runtime.clock(),
            rules=policies.numbers(conn),
            now=runtime.clock(),
            **said,  # type: ignore[arg-type]
        )
