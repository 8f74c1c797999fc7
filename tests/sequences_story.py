"""A sequence with people in it, for whatever looks at one: some are inside, some came to its end without its goal."""

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import update

from app.rules.policy import DEFAULTS, read_document
from app.runtime import Runtime
from app.store import policies, tables
from jobs import sweep
from tests.feeding import drain, form, read_rules_again, rows

TEXT = """
  - id: guide_follow_up
    label: After the guide
    priority: 20
    entry: {on: form.submitted, when: {field: event.form, value: guide}}
    goal: {on: form.submitted, where: {field: event.form, value: demo}}
    max_days: 20
    steps:
      - wait: {hours: 2}
      - send: {name: Guide, include: [form]}
        id: guide
      - id: patience
        split:
          - {id: soon, steps: [{wait: {days: 2}, id: short_wait}]}
          - {id: late, weight: 2, steps: [{wait: {days: 4, until_hour: 9, personal_hour: true}, id: long_wait}]}
      - branch:
          - label: ready
            when: {all: [{field: score, op: at_least, value: 80}, {field: interest, op: known}]}
            steps: [{send: {name: Talk to us}}, {act: {alert: Read the guide and is ready}}]
        else: [{send: {name: Case study, on_cap: hold}, id: case_study}]
      - wait: {for: {on: [email.clicked, page.viewed], at_most_days: 30}}
        id: answer
      - act: {suppress: true}
"""


def tell_of_sequences(
    runtime: Runtime, ended: Collection[str] = ("gus",), inside: Collection[str] = ("ivy",), goal: Collection[str] = ()
) -> None:
    """``ended`` came in 26 days ago and left with their time over, ``goal`` with the goal; ``inside`` are in it, in a
    version before the newest. All have addresses at guide.example."""
    now = runtime.clock()
    shipped = (DEFAULTS / "sequences.yaml").read_text(encoding="utf-8")
    table = tables.policies
    with runtime.database.write() as conn:
        conn.execute(update(table).where(table.c.kind == "sequences").values(body=shipped + TEXT))
    read_rules_again(runtime)
    for number, name in enumerate((*ended, *goal)):
        _ask(runtime, name, days=26, minutes=number)
    for name in goal:
        form(runtime, "demo", now - timedelta(days=24), email=f"{name}@guide.example")
    for number, name in enumerate(inside):
        _ask(runtime, name, days=3, minutes=number)
    drain(runtime)
    while sweep.ring(runtime):
        drain(runtime)
    with runtime.database.write() as conn:
        newer = (shipped + TEXT).replace("id: long_wait", "id: longer_wait")
        policies.publish(conn, read_document(newer), "test", "", now)
    runtime.forget()


def _ask(runtime: Runtime, name: str, days: float, minutes: float) -> None:
    at = runtime.clock() - timedelta(days=days, minutes=minutes)
    form(
        runtime, "guide", at, email=f"{name}@guide.example", first_name=name.capitalize(), consent="yes",
        submission_id=f"guide {name}",
    )  # fmt: skip


def review_of(runtime: Runtime, name: str = "gus") -> int:
    """The open review of somebody who came to the end."""
    (contact,) = rows(runtime, "contacts", "id", email=f"{name}@guide.example")
    (found,) = rows(runtime, "reviews", "id", contact_id=contact.id, status="open")
    return int(found.id)
