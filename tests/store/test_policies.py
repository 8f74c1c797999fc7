"""Publishing policies that name each other, and connections.

Catalogue: C10, H1, J1, M4.
"""

import pytest

from app import health
from app.rules.policy import default_documents, read_document
from app.runtime import Runtime
from app.setup import add_connection, prepare
from app.store import policies
from app.store.tables import policies as table
from mappings.document import InvalidDocument

MINE = "kind: segments\nsegments: [{id: vip, label: VIP, when: {field: contact.city, op: known}}]"
NAMES = "kind: triggers\ntriggers: [{id: t, label: T, on: page.viewed, when: {field: segment, value: vip}, message: {name: Hi}}]"  # noqa: E501
SILENT = 'sequences: sequence 3 (re_engagement) asks for the segment "silent", which is not one of the segments; '


def publish(runtime: Runtime, text: str, *beside: str) -> None:
    documents = [read_document(one) for one in (text, *beside)]
    with runtime.database.write() as conn:
        for document in documents:
            policies.publish(conn, document, "test", "", runtime.clock(), beside=documents)
    runtime.forget()


def test_what_others_need_cannot_be_taken_away(sqlite_runtime: Runtime) -> None:
    with pytest.raises(InvalidDocument) as refused:
        publish(sqlite_runtime, MINE)
    (said,) = refused.value.problems
    assert said.startswith(SILENT)


def test_what_names_nothing_that_exists_is_refused_until_that_is_published_beside_it(sqlite_runtime: Runtime) -> None:
    with pytest.raises(InvalidDocument, match=r'trigger 1 \(t\) asks for the segment "vip"'):
        publish(sqlite_runtime, NAMES)
    with_vip = default_documents()["segments"].text + "  - {id: vip, label: VIP, when: {field: stage, op: known}}\n"
    publish(sqlite_runtime, NAMES, with_vip)
    assert sqlite_runtime.rulebook().problems == ()
    with pytest.raises(InvalidDocument, match=r'trigger 1 \(t\) asks for the segment "vip"'):
        publish(sqlite_runtime, default_documents()["segments"].text)


@pytest.fixture
def upgraded(sqlite_runtime: Runtime) -> Runtime:
    """An installation with segments of its own from before there were sequences."""
    with sqlite_runtime.database.write() as conn:
        conn.execute(table.delete().where(table.c.kind == "sequences"))
    publish(sqlite_runtime, MINE)
    prepare(sqlite_runtime)
    sqlite_runtime.forget()
    return sqlite_runtime


def test_new_shipped_policies_arrive_where_what_they_name_is_missing_and_the_doctor_says_so(upgraded: Runtime) -> None:
    (found,) = [one for one in health.examine(upgraded) if one.part == health.RULES]
    assert (found.title, found.grave) == ("A rule names something that does not exist", False)
    assert found.says.startswith(f"S{SILENT[1:]}")


def test_what_was_wrong_before_keeps_nothing_else_from_being_published(upgraded: Runtime) -> None:
    publish(upgraded, NAMES)
    publish(upgraded, MINE.replace("VIP", "Best"))
    with pytest.raises(InvalidDocument, match="silent"):
        publish(upgraded, default_documents()["sequences"].text)
    publish(
        upgraded,
        default_documents()["segments"].text + MINE.partition("segments: [")[2].join(("  - ", "")).replace("}}]", "}}"),
    )
    assert upgraded.rulebook().problems == ()


# --- connections

TELLS = "kind: triggers\ntriggers: [{id: t, label: T, on: page.viewed, track: {name: Seen, through: %s}}]"


def test_connection_that_does_not_exist_is_refused_until_it_does(sqlite_runtime: Runtime) -> None:
    with pytest.raises(InvalidDocument, match=r'trigger 1 \(t\) names the connection "erp", which does not exist'):
        publish(sqlite_runtime, TELLS % "erp")
    add_connection(sqlite_runtime, "make", "erp", {"webhook_url": "https://erp.example/hook"})
    publish(sqlite_runtime, TELLS % "erp")
    assert sqlite_runtime.rulebook().problems == ()


def test_doctor_names_a_tool_that_is_still_to_be_connected_until_it_is(sqlite_runtime: Runtime) -> None:
    with sqlite_runtime.database.write() as conn:
        policies.publish(conn, read_document(TELLS % "make"), "test", "", sqlite_runtime.clock(), tools=["make"])
    sqlite_runtime.forget()
    (found,) = [one for one in health.examine(sqlite_runtime) if one.part == health.RULES]
    assert found.says.startswith('Triggers: trigger 1 (t) names the connection "make", which does not exist yet')
    add_connection(sqlite_runtime, "make", "make", {"webhook_url": "https://make.example/hook"})
    sqlite_runtime.forget()
    assert [one for one in health.examine(sqlite_runtime) if one.part == health.RULES] == []
