"""What a provider knows comes in when a trigger asks, fills what is blank, and sets nothing off. Catalogue: K2."""

from pathlib import Path
from typing import Any

from app.rules.policy import read_document
from app.runtime import Runtime
from app.setup import add_connection
from app.store import policies
from jobs import deliver
from tests.conftest import Clock
from tests.feeding import contact, drain, form, read_rules_again, rows, without_sequences

RULES = """
kind: triggers
triggers:
  - id: who_is_it
    label: Look up who signs up
    on: form.submitted
    once_in_days: 180
    track: {name: enrich, through: companies}
  - id: changed
    label: Anything changed
    on: contact.updated
    message: {name: Changed, channel: email}
"""


def asked(runtime: Runtime, tmp_path: Path, **settings: str) -> dict[str, Any]:
    """A person who has typed in their company signs up; what became of them."""
    without_sequences(runtime)
    table = tmp_path / "companies.csv"
    table.write_text("domain,company,industry\nacme.example,Acme Corporation,Steel\n")
    add_connection(runtime, "companies", "companies", {"file": str(table), **settings})
    with runtime.database.write() as conn:
        policies.publish(conn, read_document(RULES), "test", "", runtime.clock())
    read_rules_again(runtime)
    form(runtime, email="ann@acme.example", company="Acme")
    drain(runtime)
    deliver.drain(runtime, 5)
    drain(runtime)
    return contact(runtime, email="ann@acme.example")


def test_what_a_provider_knows_fills_only_what_the_person_left_blank(sqlite_runtime: Runtime, tmp_path: Path) -> None:
    ann = asked(sqlite_runtime, tmp_path)
    assert (ann["fields"]["company"], ann["fields"]["industry"]) == ("Acme", "Steel")
    assert ann["provenance"]["industry"]["connection"] == "companies"
    (sent,) = rows(sqlite_runtime, "deliveries", "status", "reason", kind="track_event")
    assert (sent.status, sent.reason) == ("sent", "2 facts")
    assert not [one for one in rows(sqlite_runtime, "decisions", "rule") if one.rule == "changed"]
    (kept,) = rows(sqlite_runtime, "inbox", "body", kind="poll")
    assert b"Acme Corporation" in bytes(kept.body), "kept as it was said, to be read again by another mapping"


def test_it_is_not_asked_again_before_its_time(sqlite_runtime: Runtime, tmp_path: Path, clock: Clock) -> None:
    asked(sqlite_runtime, tmp_path)
    clock.advance(days=1)
    form(sqlite_runtime, email="ann@acme.example", name="another")
    drain(sqlite_runtime)
    asked_for = rows(sqlite_runtime, "deliveries", "status", kind="track_event")
    assert [one.status for one in asked_for] == ["sent", "withheld"]


def test_rules_go_by_it_where_the_connection_says_so(sqlite_runtime: Runtime, tmp_path: Path) -> None:
    asked(sqlite_runtime, tmp_path, starts="yes")
    assert [one for one in rows(sqlite_runtime, "decisions", "rule") if one.rule == "changed"]
