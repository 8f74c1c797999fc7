"""What changed in what a tool sends, seen from how often its fields came.

Catalogue: D7 (drift), D8 (fill and mismatch rates over time).
"""

from collections import Counter

import pytest

from app.mapping.drift import Figures, drift_of, histories
from app.runtime import Runtime
from app.store import counted
from app.store.counted import Day, day_of
from jobs.noticing import write_counts
from jobs.sweep import tidy
from mappings.mapping import Held, Mapped
from mappings.tally import Tally
from tests.conftest import Clock
from tests.feeding import arrive, drain, form, hubspot, notice, rows

TODAY = 100


def days(*told: tuple[int, str, int]) -> list[Day]:
    """A field's counts, on a connection to which 20 payloads came every day."""
    return [*(Day("", day, "payload", 20) for day in range(80, TODAY + 1)), *(Day("f", *one) for one in told)]


def every(first: int, last: int, kind: str = "text", count: int = 10) -> list[tuple[int, str, int]]:
    return [(day, kind, count) for day in range(first, last + 1)]


@pytest.mark.parametrize(
    ("told", "what", "says"),
    [
        pytest.param(every(80, 100), None, "", id="as ever"),
        pytest.param(every(80, 95), "gone", "came in 50% of what came until 6 April; in none of the 100 payloads since", id="gone"),  # noqa: E501
        pytest.param(every(80, 99), "gone", "", id="gone since yesterday: ten times it should have come"),
        pytest.param(every(80, 99, count=5), None, "", id="not long enough to tell"),
        pytest.param([(80, "text", 1), (90, "text", 1)], None, "", id="rare anyway"),
        pytest.param(every(95, 100), "new", "came for the first time on 6 April", id="new"),
        pytest.param(every(81, 100), None, "", id="new to us as all else was then"),
        pytest.param(every(85, 100), None, "", id="no news any more"),
        pytest.param([*every(80, 97, "number"), *every(98, 100)], "retyped", "held a number until 8 April, now text", id="retyped"),  # noqa: E501
        pytest.param([*every(80, 100, "number"), (100, "text", 1)], None, "", id="one odd value"),
        pytest.param([*every(80, 97, "number"), *every(98, 100, "blank")], None, "", id="empty is no kind"),
        pytest.param(every(80, 100, "held"), None, "", id="nothing of it was ever there"),
    ],
)  # fmt: skip
def test_drift(told: list[tuple[int, str, int]], what: str | None, says: str) -> None:
    found = drift_of(histories(days(*told))["f"], TODAY)
    assert (found.what if found else None) == what
    assert found is None or says in found.says


def test_rates_day_by_day() -> None:
    history = histories(days((98, "text", 6), (98, "blank", 2), (98, "held", 3), (100, "blank", 4)))["f"]
    assert [figures for _, figures in history.by_day(98, 100)] == [Figures(8, 6, 3), Figures(), Figures(4, 0, 0)]
    together = history.figures()
    assert (together.fill_rate, together.mismatch_rate) == (0.5, 0.5)
    assert (Figures().fill_rate, Figures().mismatch_rate) == (None, None)
    assert history.usual == "text"


def test_what_is_read_is_counted_by_field_and_kind(runtime: Runtime, clock: Clock) -> None:
    connection, now = hubspot(runtime), runtime.clock()
    told = [("city", "Bonn"), ("city", ""), ("hs_lead_status", "ODD"), ("revenue", "12")]
    arrive(runtime, "hubspot", [notice(now, 7, name=name, value=value) for name, value in told])
    form(runtime, "demo", email="ann@acme.example", Budget="9")
    drain(runtime)
    write_counts(runtime)
    write_counts(runtime)  # nothing is left to be counted twice
    today = day_of(now)
    forms = runtime.connection("forms")
    assert forms is not None
    with runtime.database.read() as conn:
        mine = {(one.vendor, one.kind): one.count for one in counted.load(conn, connection.id, today)}
        theirs = {(one.vendor, one.kind): one.count for one in counted.load(conn, forms.id, today)}
    assert mine == {
        ("", "payload"): 4, ("city", "text"): 1, ("city", "blank"): 1, ("hs_lead_status", "text"): 1,
        ("hs_lead_status", "held"): 1, ("revenue", "number"): 1,
    }  # fmt: skip
    assert theirs == {("", "payload"): 1, ("email", "e-mail"): 1, ("Budget", "number"): 1}
    clock.advance(days=1)
    arrive(runtime, "hubspot", [notice(clock(), 7, name="city", value="Köln")])
    drain(runtime)
    write_counts(runtime)
    assert {row.day for row in rows(runtime, "field_counts", "day", vendor="city")} == {today, today + 1}


def test_names_without_end_are_counted_up_to_a_bound(runtime: Runtime) -> None:
    many = {(1, f"n{number:05}", "text"): 1 for number in range(counted.MOST_NAMES + 50)}
    with runtime.database.write() as conn:
        counted.add(conn, runtime.database, many, TODAY)
        counted.add(conn, runtime.database, {(1, "n00000", "text"): 4, (1, "another", "text"): 1}, TODAY)
        found = {one.vendor: one.count for one in counted.load(conn, 1, 0)}
    assert len(found) == counted.MOST_NAMES
    assert found["n00000"] == 5


def test_what_no_database_can_hold_is_not_counted() -> None:
    tally = Tally()
    tally.add(1, [({"a\0b": 1, "\ud800": 1, "x" * 101: 1, "fine": 1}, Mapped(held=[Held("c\nd", "v", "unmapped")]))])
    assert tally.take() == Counter({(1, "", "payload"): 1, (1, "fine", "number"): 1})
    assert not tally.take()


def test_old_counts_are_let_go(runtime: Runtime, clock: Clock) -> None:
    with runtime.database.write() as conn:
        counted.add(conn, runtime.database, {(1, "city", "text"): 1}, day_of(clock()))
    clock.advance(days=counted.KEPT.days + 1)
    tidy(runtime)
    assert rows(runtime, "field_counts", "vendor") == []
