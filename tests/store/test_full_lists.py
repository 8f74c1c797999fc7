"""Lists and counts of full tables look at no more than they need, and find all the same."""

import pytest
from sqlalchemy import event, insert

from app.runtime import Runtime
from app.store import counts, enrolments, lists, segments
from app.store.tables import contact_segments, contacts, events, inbox
from tests.conftest import NOW
from tests.feeding import minutes


def add_events(runtime: Runtime, count: int) -> None:
    said = [
        {
            "id": f"{n:032x}", "connection_id": 1 + n % 2, "contact_id": n, "occurred_at": NOW, "received_at": NOW,
            "type": "page.viewed" if n < 4 else "form.submitted", "body": "{}",
        }
        for n in range(count)
    ]  # fmt: skip
    with runtime.database.write() as conn:
        conn.execute(insert(events), said)


def test_a_page_by_two_filters_goes_on_where_enough_was_looked_at(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "LOOK", 10)
    add_events(runtime, 60)
    found, before, pages = [], None, 0
    with runtime.database.read() as conn:
        while True:
            page = lists.events_page(conn, 1, before, connection_id=2, type="page.viewed")
            found += [row["contact_id"] for row in page.rows]
            pages, before = pages + 1, page.next
            if before is None:
                break
        assert found == [3, 1]
        assert pages == 4, "three of ten rows each, of which the last one has both"
        assert lists.events_page(conn, 5, None, type="form.submitted", contact_id=7).rows[0]["contact_id"] == 7


def test_the_first_row_since_a_moment_is_found_by_halving(runtime: Runtime) -> None:
    with runtime.database.write() as conn:
        arrived = [
            {"connection_id": 1, "kind": "form", "body": b"", "received_at": NOW + minutes(n)} for n in range(40)
        ]
        conn.execute(insert(inbox), arrived)
    with runtime.database.read() as conn:
        ids = [row["id"] for row in lists.inbox_page(conn, 40, None).rows][::-1]
        for n in (0, 1, 17, 39):
            assert counts.first_since(conn, inbox, inbox.c.received_at, NOW + minutes(n)) == ids[n]
        assert counts.first_since(conn, inbox, inbox.c.received_at, NOW + minutes(40)) == ids[-1] + 1


def test_sequences_are_listed_and_counted_from_indexes_alone(sqlite_runtime: Runtime) -> None:
    with sqlite_runtime.database.read() as conn:
        asked: list[tuple[str, object]] = []
        event.listen(conn, "before_cursor_execute", lambda conn, cursor, said, values, *_: asked.append((said, values)))
        enrolments.running(conn)
        enrolments.lately(conn, "welcome", NOW, ("goal",))
        enrolments.by_step(conn, "welcome")
        enrolments.by_exit(conn, "welcome")
        enrolments.by_place(conn, "welcome")
        lists.enrolments_page(conn, 5, None, sequence="welcome", running=True)
        plans = [
            " / ".join(row[3] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}", values))
            for said, values in list(asked)
            if "FROM enrolments" in said
        ]
    assert len(plans) == 6
    *counted, listed = plans
    for plan in counted:
        assert "COVERING INDEX ix_enrolments" in plan
    assert "USING INDEX ix_enrolments_running" in listed
    assert "TEMP B-TREE" not in listed, "the newest are found without sorting all"


def people(runtime: Runtime, count: int) -> None:
    said = {"state": "{}", "created_at": NOW, "updated_at": NOW}
    with runtime.database.write() as conn:
        conn.execute(insert(contacts), [{"id": n, **said} for n in range(1, count + 1)])


def test_members_of_a_segment_are_leafed_through_newest_first(runtime: Runtime) -> None:
    people(runtime, 9)
    with runtime.database.write() as conn:
        conn.execute(insert(contact_segments), [{"contact_id": n, "segment": "odd"} for n in (1, 3, 5, 7, 9)])
    with runtime.database.read() as conn:
        first = lists.contacts_page(conn, 2, None, segment="odd")
        then = lists.contacts_page(conn, 2, first.next, segment="odd")
    assert [row["id"] for row in (*first.rows, *then.rows)] == [9, 7, 5, 3]


def test_pairs_of_segments_are_compared_by_some_of_many(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    def inside(n: int) -> list[str]:
        return ["every"] + ["most"] * (n % 10 > 0) + ["few"] * (n % 10 == 0)

    said = [{"contact_id": n, "segment": name} for n in range(1, 1_001) for name in inside(n)]
    with runtime.database.write() as conn:
        conn.execute(insert(contact_segments), said)
    with runtime.database.read() as conn:
        assert segments.shares(conn) == {("every", "most"): 0.9, ("every", "few"): 0.1}
        monkeypatch.setattr(segments, "SAMPLE", 400)
        some = segments.shares(conn)
    assert some.keys() == {("every", "most"), ("every", "few")}
    assert some["every", "most"] == pytest.approx(0.9, abs=0.05)
