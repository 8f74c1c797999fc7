"""Drafts: one of each policy, in nobody's way, and nobody's work is lost.

Catalogue: D9.
"""

import threading

import pytest

from app import drafts as acts
from app.rules.policy import default_documents
from app.runtime import Runtime
from app.store import drafts, policies
from app.store.drafts import Draft, Overtaken
from app.store.policies import StaleDraft, Version
from mappings.document import InvalidDocument
from tests.feeding import rows

SCORING = default_documents()["scoring"].text
DOUBLED = SCORING.replace("points: 25\n", "points: 50\n")
HALVED = SCORING.replace("points: 25\n", "points: 12\n")
assert SCORING not in (DOUBLED, HALVED)
BROKEN = "kind: scoring\nrules: [{"


def save(runtime: Runtime, body: str, revision: int = 0, who: str = "ann", **base: int | None) -> Draft:
    return acts.save(runtime, who, "scoring", "scoring", body, revision, **base)


def in_force(runtime: Runtime) -> Version:
    with runtime.database.read() as conn:
        found = policies.in_force(conn, "scoring", "scoring")
    assert found is not None
    return found


def the_draft(runtime: Runtime) -> Draft | None:
    with runtime.database.read() as conn:
        return drafts.find(conn, "scoring", "scoring")


def test_a_draft_is_kept_beside_what_is_in_force_also_when_it_is_not_valid(runtime: Runtime) -> None:
    made = save(runtime, BROKEN)
    assert (made.revision, made.base, made.author, made.body) == (1, 1, "ann", BROKEN)
    again = save(runtime, DOUBLED, revision=1, who="ben")
    assert (again.revision, again.base, again.author, again.created_at) == (2, 1, "ben", made.created_at)
    with runtime.database.read() as conn:
        assert drafts.listed(conn) == [again]
    assert in_force(runtime).body == SCORING


def test_two_editors_cannot_overwrite_each_other(runtime: Runtime) -> None:
    save(runtime, DOUBLED)
    with pytest.raises(Overtaken, match="ann has saved another draft") as found:
        save(runtime, HALVED, who="ben")  # who saw no draft when the page was opened
    assert isinstance(found.value.theirs, Draft)
    assert found.value.theirs.body == DOUBLED
    save(runtime, DOUBLED + "# more\n", revision=1)
    with pytest.raises(Overtaken):
        save(runtime, HALVED, revision=1, who="ben")
    with pytest.raises(Overtaken):
        acts.discard(runtime, "ben", "scoring", "scoring", 1)
    with pytest.raises(Overtaken):
        acts.publish(runtime, "ben", "scoring", "scoring", 1, "mine")
    kept = the_draft(runtime)
    assert kept is not None
    assert (kept.body, kept.revision) == (DOUBLED + "# more\n", 2)


def test_revisions_go_on_counting_so_that_an_old_page_does_not_take_the_next_draft_for_its_own(
    runtime: Runtime,
) -> None:
    save(runtime, DOUBLED)
    acts.discard(runtime, "ben", "scoring", "scoring", 1)
    assert the_draft(runtime) is None
    assert save(runtime, HALVED, who="ben").revision == 3
    with pytest.raises(Overtaken, match="ben"):
        save(runtime, DOUBLED, revision=1)


def test_a_draft_that_was_thrown_away_says_so_to_who_still_writes_in_it_and_stays_in_the_audit(
    runtime: Runtime,
) -> None:
    save(runtime, DOUBLED)
    acts.discard(runtime, "ben", "scoring", "scoring", 1)
    with pytest.raises(Overtaken) as found:
        save(runtime, DOUBLED, revision=1)
    assert isinstance(found.value.theirs, Version)  # what an editor has now to begin from
    kept = rows(runtime, "audit", "who", "detail", what="draft.discard")
    assert [(row.who, row.detail) for row in kept] == [("ben", DOUBLED)]


def test_publishing_puts_a_draft_in_force_and_ends_it(runtime: Runtime) -> None:
    save(runtime, DOUBLED)
    assert acts.publish(runtime, "ann", "scoring", "scoring", 1, "demos count double") == 2
    now = in_force(runtime)
    assert (now.version, now.body, now.author, now.note) == (2, DOUBLED, "ann", "demos count double")
    assert the_draft(runtime) is None
    assert runtime.rulebook().policies.scoring.version == "scoring@2"
    audit = rows(runtime, "audit", "on", "detail", "before", "after", what="policy.publish")
    assert [tuple(row) for row in audit] == [("scoring@2", "demos count double", "version 1", "version 2")]


def test_what_is_not_valid_is_not_published_and_stays_a_draft(runtime: Runtime) -> None:
    save(runtime, SCORING.replace("points: 25\n", "points: many\n"))
    with pytest.raises(InvalidDocument, match="points"):
        acts.publish(runtime, "ann", "scoring", "scoring", 1, "")
    kept = the_draft(runtime)
    assert kept is not None
    assert kept.revision == 1
    save(runtime, default_documents()["segments"].text, revision=1)
    with pytest.raises(InvalidDocument, match="this is the text of segments, not of scoring"):
        acts.publish(runtime, "ann", "scoring", "scoring", 2, "")


def test_policies_that_name_each_other_are_published_in_the_same_moment(runtime: Runtime) -> None:
    segments = default_documents()["segments"].text + "  - {id: vip, label: VIP, when: {field: stage, op: known}}\n"
    triggers = default_documents()["triggers"].text + (
        "  - {id: t, label: T, on: [page.viewed], when: {field: segment, value: vip}, message: {name: Hi}}\n"
    )
    acts.save(runtime, "ann", "segments", "segments", segments, 0)
    made = acts.save(runtime, "ann", "triggers", "triggers", triggers, 0)
    with runtime.database.read() as conn:
        (said,) = acts.problems(conn, "triggers", "triggers", triggers)
        assert (said.line, "vip" in said.text) == (triggers.count("\n"), True)
        assert acts.problems(conn, "triggers", "triggers", triggers, [made, *drafts.listed(conn)][1:2]) == []
    with pytest.raises(InvalidDocument, match="vip"):
        acts.publish(runtime, "ann", "triggers", "triggers", 1, "x")
    with pytest.raises(Overtaken):
        acts.publish(runtime, "ann", "triggers", "triggers", 1, "x", [("segments", "segments", 7)])
    assert len(rows(runtime, "policies", "id", status="published")) == len(default_documents())
    assert acts.publish(runtime, "ann", "triggers", "triggers", 1, "x", [("segments", "segments", 1)]) == 2
    with runtime.database.read() as conn:
        assert drafts.listed(conn) == []
    assert "vip" in runtime.rulebook().policies.segments.by_id


def test_what_was_published_past_a_draft_is_not_overwritten_by_it_before_somebody_has_looked(runtime: Runtime) -> None:
    save(runtime, DOUBLED)
    with runtime.database.write() as conn:
        policies.publish(conn, acts.read_as("scoring", "scoring", HALVED), "command line", "", runtime.clock())
    with pytest.raises(StaleDraft, match="version 2 was published after version 1"):
        acts.publish(runtime, "ann", "scoring", "scoring", 1, "")
    assert save(runtime, DOUBLED + "\n", revision=1).base == 1  # saving alone does not count as having looked
    with pytest.raises(Overtaken):
        save(runtime, DOUBLED, revision=2, base=1)
    assert save(runtime, DOUBLED, revision=2, base=2).base == 2
    assert acts.publish(runtime, "ann", "scoring", "scoring", 3, "") == 3


def test_a_page_opened_before_a_publication_begins_no_draft_from_it(runtime: Runtime) -> None:
    save(runtime, DOUBLED)
    acts.publish(runtime, "ann", "scoring", "scoring", 1, "")
    with pytest.raises(Overtaken, match="ann has put version 2 in force"):
        save(runtime, HALVED, who="ben", base=1)


def test_rolling_back_publishes_the_old_text_anew_and_leaves_the_draft(runtime: Runtime) -> None:
    save(runtime, DOUBLED)
    acts.publish(runtime, "ann", "scoring", "scoring", 1, "")
    kept = save(runtime, HALVED)
    with pytest.raises(StaleDraft):
        acts.roll_back(runtime, "ben", "scoring", "scoring", 1, "", expected=1)
    assert acts.roll_back(runtime, "ben", "scoring", "scoring", 1, "too many handoffs", expected=2) == 3
    assert (in_force(runtime).body, in_force(runtime).note) == (SCORING, "too many handoffs")
    assert the_draft(runtime) == kept
    for version in (3, 9):
        with pytest.raises(acts.Unknown):
            acts.roll_back(runtime, "ben", "scoring", "scoring", version, "")


def test_the_first_mapping_of_a_tool_begins_from_none(runtime: Runtime) -> None:
    text = "kind: mapping\nname: hubspot\nfields: [{contact: contact.email, vendor: email}]\n"
    made = acts.save(runtime, "ann", "mapping", "hubspot", text.replace("contact.", ""), 0, base=None)
    assert made.base is None
    assert acts.publish(runtime, "ann", "mapping", "hubspot", made.revision, "") == 1
    with runtime.database.write() as conn, pytest.raises(StaleDraft, match="after this was begun"):
        policies.publish(conn, acts.read_as("mapping", "hubspot", made.body), "ben", "", runtime.clock(), None)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("cooking", "cooking"), ("scoring", "mine"), ("mapping", ""), ("mapping", "x" * 41), ("mapping", "a\0b")],
)
def test_there_is_no_draft_of_what_cannot_be_a_policy(sqlite_runtime: Runtime, kind: str, name: str) -> None:
    with pytest.raises(acts.Unknown):
        acts.save(sqlite_runtime, "ann", kind, name, "x", 0)


def test_texts_are_kept_with_plain_line_ends_and_refused_where_they_cannot_be_stored(sqlite_runtime: Runtime) -> None:
    assert save(sqlite_runtime, "kind: scoring\r\nrules: []\r\n").body == "kind: scoring\nrules: []\n"
    for body in ("x" * 300_000, "a\0b"):
        with pytest.raises(InvalidDocument):
            save(sqlite_runtime, body, revision=1)


def test_of_two_who_save_at_the_same_time_one_is_told(runtime: Runtime) -> None:
    def at_once(revision: int, bodies: tuple[str, str]) -> list[object]:
        start, said = threading.Barrier(2), list[object]()

        def one(body: str) -> None:
            start.wait()
            try:
                said.append(save(runtime, body, revision))
            except Overtaken as overtaken:
                said.append(overtaken)

        both = [threading.Thread(target=one, args=(body,)) for body in bodies]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        return said

    for revision in (0, 1):
        said = at_once(revision, (DOUBLED, HALVED))
        (kept,) = [one for one in said if isinstance(one, Draft)]
        (overtaken,) = [one for one in said if isinstance(one, Overtaken)]
        assert overtaken.theirs == kept == the_draft(runtime)


def test_of_two_who_publish_at_the_same_time_one_is_told(runtime: Runtime) -> None:
    save(runtime, DOUBLED)
    start, said = threading.Barrier(2), list[object]()

    def publish() -> None:
        start.wait()
        try:
            said.append(acts.publish(runtime, "ann", "scoring", "scoring", 1, "x"))
        except (Overtaken, StaleDraft, acts.Unknown) as error:
            said.append(error)

    both = [threading.Thread(target=publish) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sorted(str(one) for one in said if isinstance(one, int)) == ["2"]
    assert len(said) == 2
