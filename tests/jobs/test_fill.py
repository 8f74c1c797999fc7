"""Segments that are published get their members without anything having to happen, and nobody is written to for it."""

import pytest

from app.rules.policy import read_document
from app.runtime import Runtime
from app.store import policies
from jobs import fill, sweep
from tests.conftest import NOW, Clock
from tests.feeding import drain, form, klaviyo, minutes, rows, without_sequences

TRIGGERS = """
kind: triggers
triggers:
  - id: hello
    label: New in the segment
    on: segment.entered
    once_in_days: 0
    message: {name: Hello, channel: email}
"""


def segments(**conditions: str) -> str:
    lines = [f"  - {{id: {name}, label: {name.title()}, when: {when}}}" for name, when in conditions.items()]
    return "\n".join(["kind: segments", "segments:", *lines])


FORMS = "{field: count.form.submitted, op: at_least, value: 1}"
LATELY = "{field: days_since.form.submitted, op: at_most, value: 2}"


def publish(runtime: Runtime, *texts: str) -> None:
    without_sequences(runtime)  # one of those shipped is for a segment that is shipped
    with runtime.database.write() as conn:
        for text in texts:
            policies.publish(conn, read_document(text), "test", "", runtime.clock())
    runtime.forget()


def sign_up(runtime: Runtime, *names: str) -> None:
    for name in names:
        form(runtime, email=f"{name}@acme.example", consent="yes", at=NOW - minutes(30))
    drain(runtime)


def look(runtime: Runtime) -> int:
    moved = fill.fill(runtime)
    drain(runtime)
    return moved


def members(runtime: Runtime) -> list[tuple[int, str]]:
    return sorted((row.contact_id, row.segment) for row in rows(runtime, "contact_segments"))


def test_a_new_segment_takes_in_who_belongs_there_and_lets_go_who_does_not(runtime: Runtime) -> None:
    publish(runtime, segments(old=FORMS))
    sign_up(runtime, "ann", "ben")
    look(runtime)
    publish(runtime, segments(fresh=FORMS))
    assert look(runtime) == 2
    assert [segment for _, segment in members(runtime)] == ["fresh", "fresh"]
    said = [row.summary for row in rows(runtime, "decisions", "summary", rule="fresh")]
    assert said == ["Entered the segment “Fresh”, as it was published"] * 2
    assert look(runtime) == 0


def test_what_time_will_change_is_noticed_as_well(runtime: Runtime, clock: Clock) -> None:
    publish(runtime, segments(old=FORMS))
    sign_up(runtime, "ann")
    publish(runtime, segments(lately=LATELY))
    assert look(runtime) == 1
    clock.advance(days=2)
    while sweep.ring(runtime):
        drain(runtime)
    assert members(runtime) == []


def test_nobody_is_written_to_because_a_segment_was_published(runtime: Runtime) -> None:
    klaviyo(runtime, api_key="k")
    publish(runtime, segments(old="{field: contact.country, value: Nowhere}"), TRIGGERS)
    sign_up(runtime, "ann")
    publish(runtime, segments(fresh=FORMS))
    assert look(runtime) == 1
    assert not rows(runtime, "decisions", "id", rule="hello")
    sign_up(runtime, "ben")
    assert [row.outcome for row in rows(runtime, "decisions", "outcome", rule="hello")] == ["taken"]


def test_who_is_not_moved_gets_no_event(runtime: Runtime) -> None:
    publish(runtime, segments(old=FORMS))
    sign_up(runtime, "ann", "ben")
    before = len(rows(runtime, "events", "id"))
    publish(runtime, segments(old=FORMS, nobody="{field: contact.country, value: Nowhere}"))
    assert look(runtime) == 0
    assert len(rows(runtime, "events", "id")) == before


def test_it_goes_on_where_it_stopped_and_begins_again_with_the_next_version(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fill, "AT_ONCE", 2)
    monkeypatch.setattr(fill, "FILL_SECONDS", 0.0)
    publish(runtime, segments(old=FORMS))
    sign_up(runtime, "ann", "ben", "cleo", "dora", "eve")
    publish(runtime, segments(old=FORMS, fresh=FORMS))
    seen = []
    for _ in range(5):
        look(runtime)
        seen.append(sum(segment == "fresh" for _, segment in members(runtime)))
    assert seen == [2, 4, 5, 5, 5]
    publish(runtime, segments(old=FORMS, third=FORMS))
    for _ in range(4):
        look(runtime)
    assert [segment for _, segment in members(runtime)].count("third") == 5


def test_the_sweep_does_it_unless_the_inbox_is_behind(runtime: Runtime, clock: Clock) -> None:
    publish(runtime, segments(old=FORMS))
    form(runtime, email="ann@acme.example", at=NOW - minutes(30))  # without a yes: no welcome, so no timer rings
    drain(runtime)
    publish(runtime, segments(fresh=FORMS))
    form(runtime, email="late@acme.example", at=clock() - sweep.OVERDUE - minutes(1))
    sweep.tick(runtime, lambda *_: None, "t")
    assert [segment for _, segment in members(runtime)] == ["old", "fresh"]
    sweep.tick(runtime, lambda *_: None, "t")
    drain(runtime)
    assert [segment for _, segment in members(runtime)] == ["fresh", "fresh"]
