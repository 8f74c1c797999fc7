# ruff: noqa: E501  (a table with a line for each case)
"""Sequences for one contact: who comes in, what each step does and when, and how it ends.

Catalogue: H1 (steps), H5 (exits at once), H6 (longest time), H8 (hours), H9 (priority), H10 (pauses), I5 (caps).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import pytest

from app.contacts.contact import Contact
from app.rules import passing
from app.rules.decision import Gate
from app.rules.policy import compile_policies, read_document
from app.rules.sequences import walk
from app.rules.sequences.pauses import EVERY, Pause, Pauses
from app.rules.sequences.policy import Edition, Sequences
from app.rules.sequences.standing import standing
from mappings.document import InvalidDocument
from tests.contacts.making import ANN, NOW, ago, event, no, yes
from tests.rules.making import UNCAPPED, gate, live, of, policies

FREELY = {"frequency": (read_document(UNCAPPED).model, "frequency@1")}
KNOWN = [event("contact.updated", ago(days=99), fields={"email": ANN}), yes(ago(days=99))]
SEND = "send: {name: Hi}"


def doc(steps: str, more: str = "", id: str = "s", max_days: float = 50) -> str:
    return f"""  - id: {id}
    label: The {id}
    entry: {{on: form.submitted}}
    max_days: {max_days}
    {more}
    steps: {steps}
"""


def by(*sequences: str):
    return policies(UNCAPPED, "kind: sequences\nsequences:\n" + "".join(sequences))


def start(days: float = 40, **more):
    return event("form.submitted", ago(days=days), form="x", **more)


def tick(days: float = 0):
    return event("timer.due", ago(days=days), timer="waiting")


def days_ago(at: datetime) -> float:
    return round((NOW - at) / timedelta(days=1), 3)


def told(events, policy, what: str | None = None) -> list[tuple[str, float]]:
    """What was said of the sequences, and how many days ago."""
    _, made = live([*KNOWN, *events], policy)
    return [
        (one.summary, days_ago(one.at)) for one in made if one.rule.startswith("sequence:") and what in (None, one.what)
    ]


def ends(events, policy) -> list[tuple[str, float]]:
    """Why and when it ended."""
    _, made = live([*KNOWN, *events], policy)
    return [(one.ended.exit, days_ago(one.at)) for one in made if one.ended]


TWO = by(
    doc(
        f"[{{{SEND}}}, {{wait: {{days: 3}}}}, {{send: {{name: Again, include: [form]}}}}]", "goal: {on: meeting.booked}"
    )
)


def test_the_whole_way():
    contact, made = live([*KNOWN, start(9), tick()], TWO)
    assert [(str(one.outcome), one.what, days_ago(one.at)) for one in made if one.rule == "sequence:s"] == [
        ("taken", "enrolment", 9), ("taken", "message", 9), ("taken", "message", 6), ("taken", "enrolment", 6),
    ]  # fmt: skip
    first, second = of(made, "message")
    assert (first.send.message, second.send.message) == ("Hi", "Again")
    assert second.send.properties == {"form": "x"}
    assert second.send.occurred_at == ago(days=6)
    assert contact.enrolments == {}
    assert contact.exits["s"].exit == "completed"
    assert contact.exits["s"].sent == 2


def test_only_what_is_due_is_done():
    contact, made = live([*KNOWN, start(2), tick()], TWO)
    assert len(of(made, "message")) == 1
    assert contact.enrolments["s"].due_at == NOW + timedelta(days=1)
    assert passing.timers(contact, NOW) == {"waiting": NOW + timedelta(days=1)}


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        pytest.param([event("meeting.booked", ago(days=8), meeting="1")], ("goal", 8), id="goal, though it is a conversation too"),
        pytest.param([event("order.placed", ago(days=8), value=1)], ("converted", 8), id="conversion"),
        pytest.param([event("email.replied", ago(days=8))], ("replied", 8), id="reply"),
        pytest.param([event("email.replied", ago(days=8), machine="an auto-reply")], ("completed", 6), id="a machine's reply"),
        pytest.param([event("deal.created", ago(days=8), deal="1")], ("conversation", 8), id="conversation"),
        pytest.param([no(ago(days=8))], ("opted_out", 8), id="opt-out"),
        pytest.param([event("sms.unsubscribed", ago(days=8))], ("completed", 6), id="opt-out of another channel"),
        pytest.param([event("email.complained", ago(days=8))], ("opted_out", 8), id="complaint"),
        pytest.param([event("email.bounced", ago(days=8), permanent=True)], ("opted_out", 8), id="bounce"),
        pytest.param([event("email.bounced", ago(days=8))], ("completed", 6), id="soft bounce"),
        pytest.param([event("contact.erased", ago(days=8))], ("opted_out", 8), id="erased"),
        pytest.param([event("custom:suppressed", ago(days=8), connection=0, actor="Rita")], ("suppressed", 8), id="suppressed by hand"),
        pytest.param([event("custom:sequence_stopped", ago(days=8), connection=0, actor="Rita", sequence="s")], ("stopped", 8), id="stopped by hand"),
        pytest.param([event("custom:sequence_stopped", ago(days=8), connection=2, sequence="s")], ("completed", 6), id="a tool cannot stop it"),
        pytest.param([event("page.viewed", ago(days=8), path="/a")], ("completed", 6), id="what means nothing"),
    ],
)  # fmt: skip
def test_it_ends_at_once_and_for_one_reason(events, reason):
    assert ends([start(9), *events, tick()], TWO) == [reason]


def test_what_is_due_before_the_exit_is_sent_and_nothing_after_it():
    sent = told([start(9), event("meeting.booked", ago(days=5.9), meeting="1"), tick()], TWO, "message")
    assert [days for _, days in sent] == [9, 6]
    sent = told([start(9), event("meeting.booked", ago(days=6), meeting="1"), tick()], TWO, "message")
    assert [days for _, days in sent] == [9, 6], "at the very moment is too late"
    sent = told([start(9), event("meeting.booked", ago(days=6.1), meeting="1"), tick()], TWO, "message")
    assert [days for _, days in sent] == [9]


# --- who comes in


@pytest.mark.parametrize(
    ("events", "words"),
    [
        pytest.param([start(9, received=ago(days=7))], "Not entered “The s”: it reached us 48 hours late; 24 are allowed", id="too late"),
        pytest.param([no(ago(days=10)), start(9)], "Not entered “The s”: opted out of email on 2026-11-12", id="opted out"),
        pytest.param([event("deal.created", ago(days=10), deal="1"), start(9)], "Not entered “The s”: in conversation with sales: deal", id="in conversation"),
    ],
)  # fmt: skip
def test_who_is_not_let_in_and_why(events, words):
    (found,) = told([*events, tick()], TWO)
    assert found[0].startswith(words)


def test_the_same_refusal_is_said_once():
    refused = [no(ago(days=20)), start(9), start(8), event("deal.created", ago(days=7), deal="1"), start(6)]
    assert len(told(refused, TWO, "enrolment")) == 1


def test_nobody_without_an_address_or_consent():
    contact, made = live([event("contact.updated", ago(days=9), fields={"email": ANN}), start(8)], TWO)
    (refused,) = of(made, "enrolment")
    assert str(refused.outcome) == "withheld"
    assert gate(refused, "consent").detail == "no consent for email marketing is on record"
    assert contact.enrolments == {}


@pytest.mark.parametrize(
    ("reentry", "entered"),
    [("reentry: never", [30]), ("reentry: {after_days: 15}", [30, 14]), ("reentry: {after_days: 0}", [30, 20, 14])],
)
def test_coming_in_again(reentry, entered):
    policy = by(doc(f"[{{{SEND}}}, {{wait: {{days: 1}}}}]", reentry))
    said = told([start(30), start(29.5), start(20), start(14), tick()], policy, "enrolment")
    assert [days for words, days in said if words.startswith("Entered")] == entered


@pytest.mark.parametrize("reentry", ["reentry: never", "reentry: {after_days: 25}"])
def test_some_events_let_in_again_however_lately_somebody_was_in_it(reentry):
    """But nobody is in it twice at once."""
    again = "restart: {on: form.submitted, where: {field: event.form, value: again}}"
    policy = by(doc(f"[{{{SEND}}}, {{wait: {{days: 4}}}}]", f"{reentry}\n    {again}"))
    events = [start(30), start(20), start(19), start(28), start(14), tick()]
    events[1:4] = [
        event("form.submitted", ago(days=days), form=form) for days, form in ((20, "x"), (19, "again"), (28, "again"))
    ]
    said = told(events, policy, "enrolment")
    assert [days for words, days in said if words.startswith("Entered")] == [30, 19]
    contact, _ = live([*KNOWN, *events], policy)
    ends_with = (
        ", but by this: filled in a form (form is again)."
        if "never" in reentry
        else " on, or before by this: filled in a form (form is again)."
    )
    assert standing(contact, "s", policy.sequences, NOW).endswith(ends_with)


def test_what_restarts_has_to_let_in_as_well():
    with pytest.raises(InvalidDocument, match=r'"page\.viewed" lets nobody in; add it'):
        by(doc(f"[{{{SEND}}}]", "restart: {on: page.viewed}"))


def test_an_inactive_sequence_lets_nobody_in():
    assert told([start(9)], by(doc(f"[{{{SEND}}}]", "active: false"))) == []


def test_entering_a_segment_lets_people_in_and_is_no_answer():
    policy = policies(
        """kind: sequences
sequences:
  - {id: s, label: S, entry: {on: segment.entered, segment: x}, goal: {on: page.viewed}, max_days: 9, steps: [{send: {name: Hi}}, {wait: {days: 5}}]}
""",
        "kind: segments\nsegments: [{id: x, label: X, when: {field: count.page.viewed, op: at_least, value: 2}}, {id: y, label: Y, when: {field: contact.email, op: known}}]",
    )
    looks = [event("page.viewed", ago(days=days), path="/a") for days in (9, 8, 7)]
    assert ends([*looks[:2], tick(1)], policy) == [("completed", 3)]
    assert ends([*looks, tick(1)], policy) == [("goal", 7)]


# --- each kind of step


@pytest.mark.parametrize(
    ("wait", "days"),
    [
        ("{days: 2}", 38),
        ("{hours: 12}", 39.5),
        ("{days: 1, hours: 12}", 38.5),
        ("{until_hour: 18}", 39.75),  # it is noon
        ("{days: 1, until_hour: 6}", 38.25),
        ("{until_hour: 12}", 40),
        ("{personal_hour: true}", 40),  # nothing is known of the person
        ("{personal_hour: true, until_hour: 18}", 39.75),
    ],
)
def test_waits(wait, days):
    policy = by(doc(f"[{{wait: {wait}}}, {{{SEND}}}]"))
    assert told([start(40), tick()], policy, "message") == [("“Hi” by email: The s, step 2", days)]


def test_hour_of_the_person():
    policy = by(doc(f"[{{wait: {{days: 1, until_hour: 9, personal_hour: true}}}}, {{{SEND}}}]"))
    opens = [event("email.opened", ago(days=60 - n, hours=-7)) for n in range(6)]  # at 19:00
    ((_, days),) = told([*opens, start(40), tick()], policy, "message")
    assert days == round(39 - 7 / 24, 3)


@pytest.mark.parametrize(
    ("now", "sent"),
    [
        pytest.param("2026-03-28T12:00", "2026-03-30T00:00", id="the hour that a day in spring does not have is the next day's"),
        pytest.param("2026-03-27T12:00", "2026-03-28T01:00", id="the day before"),
        pytest.param("2026-10-24T12:00", "2026-10-25T00:00", id="the hour that comes twice is its first"),
        pytest.param("2026-10-25T12:00", "2026-10-26T01:00", id="the day after"),
    ],
)  # fmt: skip
def test_hours_when_clocks_are_changed(now, sent):
    at = datetime.fromisoformat(now + "+00:00")
    policy = by(doc(f"[{{wait: {{until_hour: 2}}}}, {{{SEND}}}]"))
    person = [
        event("contact.updated", at - timedelta(days=9), fields={"email": ANN, "timezone": "Europe/Berlin"}),
        yes(at - timedelta(days=9)),
        event("form.submitted", at, form="x"),
        event("timer.due", at + timedelta(days=9)),
    ]
    (message,) = of(live(person, policy)[1], "message")
    assert message.at.isoformat()[:16] == sent


ASK = "{wait: {for: {on: email.clicked, where: {field: event.url, op: contains, value: yes}, at_most_days: 4%s}}}"


@pytest.mark.parametrize(
    ("otherwise", "events", "sent"),
    [
        ("", [], [36]),
        (", otherwise: exit", [], []),
        (", otherwise: exit", [event("email.clicked", ago(days=38), url="/yes")], [38]),
        ("", [event("email.clicked", ago(days=38), url="/no")], [36]),
        ("", [event("email.clicked", ago(days=38), url="/yes", machine="a scanner")], [36]),
        ("", [event("email.clicked", ago(days=41), url="/yes")], [36]),
    ],
)
def test_waiting_for_an_event(otherwise, events, sent):
    policy = by(doc(f"[{ASK % otherwise}, {{{SEND}}}]"))
    assert [days for _, days in told([*events, start(40), tick()], policy, "message")] == sent


def test_branch():
    policy = by(doc("""
      - branch:
          - {label: Germans, when: {field: contact.country, value: DE}, steps: [{wait: {days: 1}}, {send: {name: Hallo}}]}
          - {when: {field: contact.country, op: known}, steps: [{send: {name: Hello}}]}
        else: [{send: {name: Hm}}]
      - wait: {days: 1}
      - send: {name: Bye}"""))  # fmt: skip
    for country, messages in (
        ("DE", [("Hallo", 8), ("Bye", 7)]),
        ("FR", [("Hello", 9), ("Bye", 8)]),
        (None, [("Hm", 9), ("Bye", 8)]),
    ):
        where = [event("contact.updated", ago(days=20), fields={"country": country})] if country else []
        _, made = live([*KNOWN, *where, start(9), tick()], policy)
        assert [(one.send.message, days_ago(one.at)) for one in of(made, "message")] == messages
        (why,) = of(made, "branch")
        assert why.summary.startswith("“The s”, step 1: took “")


SPLIT = by(doc("""
      - id: delay
        split:
          - {id: soon, weight: 3, steps: [{wait: {days: 1}}]}
          - {id: late, weight: 1, steps: [{wait: {days: 3}}]}
      - send: {name: Hi}"""))  # fmt: skip


def test_split_of_a_delay_is_drawn_by_the_event_and_said():
    first, again = ([live([*KNOWN, start(9, key=f"k{n}"), tick()], SPLIT) for n in range(40)] for _ in range(2))
    drawn = []
    for (contact, made), (_, same) in zip(first, again, strict=True):
        (exposure,) = of(made, "split")
        assert [one.key for one in made] == [one.key for one in same]
        assert exposure.tags == {"split": "delay", "variant": contact.exits["s"].exposed["delay"]}
        (message,) = of(made, "message")
        assert days_ago(message.at) == (8 if exposure.tags["variant"] == "soon" else 6)
        drawn.append(exposure.tags["variant"])
    assert {"soon", "late"} == set(drawn)


def test_split_follows_its_weights():
    split = SPLIT.sequences.newest.by_id["s"].ops[0]
    drawn = [split.pick(n / 10_000).name for n in range(10_000)]
    assert drawn.count("soon") == 7_500
    keys = [walk.drawn(str(n), "s", "delay") for n in range(4_000)]
    assert abs(sum(point < 0.75 for point in keys) - 3_000) < 4 * (4_000 * 0.75 * 0.25) ** 0.5


def test_acts():
    policy = by(doc("""
      - act: {alert: Have a look}
      - act: {track: {name: Seen, through: make, include: [form]}}
      - act: {join: {list: 7, through: klaviyo}}
      - act: {leave: {list: 8, through: klaviyo}}
      - act: {suppress: true}"""))  # fmt: skip
    contact, made = live([*KNOWN, start(9), tick()], policy)
    mine = {one.what: one for one in made if one.rule == "sequence:s"}
    assert mine["alert"].alert.body == "Have a look"
    assert mine["event"].send.properties == {"form": "x"}
    assert [one.send.list for one in of(made, "list")] == ["7", "8"]
    assert contact.sunset.by == "s"


def test_exit_step():
    policy = by(doc("[{exit: goal}, {send: {name: Never}}]", "goal: {on: order.placed}"))
    assert ends([start(9), tick()], policy) == [("goal", 9)]
    assert told([start(9), tick()], policy, "message") == []


@pytest.mark.parametrize(
    ("on_cap", "sent"),
    [
        pytest.param("skip", [("Hi", "withheld", 9), ("Bye", "taken", 7)], id="the rest keeps its time"),
        pytest.param("hold", [("Hi", "withheld", 9), ("Hi", "taken", 8), ("Bye", "taken", 6)], id="the rest moves back"),
        pytest.param("advance", [("Hi", "withheld", 9), ("Bye", "withheld", 9)], id="nor the wait after it"),
    ],
)  # fmt: skip
def test_what_becomes_of_a_step_that_a_cap_keeps_back(monkeypatch, on_cap, sent):
    def capped(contact, message, cause, policies, at, key):
        return [Gate("cap", at > ago(days=9), "3 messages in 7 days")]

    monkeypatch.setattr(walk, "prepared", capped)
    monkeypatch.setattr(walk, "frees_at", lambda contact, message, policies, at: ago(days=8))
    policy = by(doc(f"[{{send: {{name: Hi, on_cap: {on_cap}}}}}, {{wait: {{days: 2}}}}, {{send: {{name: Bye}}}}]"))
    _, made = live([*KNOWN, start(9), tick()], policy)
    said = [(one.summary[1:].partition("”")[0], str(one.outcome), days_ago(one.at)) for one in of(made, "message")]
    assert said == sent
    assert "3 messages in 7 days" in of(made, "message")[0].summary


# --- its longest time, and who is looked at afterwards


LONG = f"[{{{SEND}, id: one}}, {{wait: {{days: 3}}}}, {{send: {{name: B}}, id: two}}, {{wait: {{for: {{on: form.submitted, at_most_days: 300}}}}}}]"


def test_the_longest_time_beats_everything():
    assert ends([start(40), tick()], by(doc(LONG, max_days=20))) == [("over_time", 20)]


def reviews(events, policy):
    return [one.review for one in live([*KNOWN, *events], policy)[1] if one.review]


@pytest.mark.parametrize(
    ("more", "signs", "worst"),
    [
        pytest.param("", [], ["two"], id="nothing was answered"),
        pytest.param("", [38], ["two"], id="the first was"),
        pytest.param("", [36], ["one"], id="the second was"),
        pytest.param("", [39, 36], [""], id="both were"),
        pytest.param("review: false", [], [], id="nobody wants to know"),
    ],
)
def test_who_has_come_to_the_end_without_its_goal_is_reviewed(more, signs, worst):
    policy = by(doc(LONG, more, max_days=20))
    looks = [event("email.opened", ago(days=days)) for days in signs]
    made = reviews([start(40), *looks, tick()], policy)
    assert [one.worst for one in made] == worst
    assert all(one.reason == "over_time" and one.opened_at == ago(days=20) for one in made)


def test_the_end_of_all_steps_is_reviewed_only_where_there_is_a_goal():
    assert [one.reason for one in reviews([start(9), tick()], TWO)] == ["completed"]
    assert reviews([start(9), event("meeting.booked", ago(days=8), meeting="1"), tick()], TWO) == []
    assert reviews([start(9), tick()], by(doc(f"[{{{SEND}}}]"))) == []


# --- several at once


def rivals(first: str = "priority: 5", second: str = ""):
    return by(
        doc("[{send: {name: A1}}, {wait: {days: 5}}, {send: {name: A2}}]", first, "high"),
        doc("[{wait: {days: 1}}, {send: {name: B1}}, {wait: {days: 1}}, {send: {name: B2}}]", second, "low"),
    )


def test_the_higher_one_sends_and_the_lower_one_waits_and_both_say_so():
    _, made = live([*KNOWN, start(40), tick()], rivals())
    sent = [(one.send.message, days_ago(one.at)) for one in of(made, "message")]
    assert sent == [("A1", 40), ("A2", 35), ("B1", 35), ("B2", 34)]
    assert [(one.rule, one.summary, days_ago(one.at)) for one in of(made, "turn")] == [
        ("sequence:low", "“The low” waits for “The high”, which has priority", 39),
        ("sequence:high", "“The high” goes first: “The low” waits for it", 39),
    ]


def test_it_goes_on_at_the_moment_the_other_ends():
    _, made = live(
        [*KNOWN, start(40), event("order.placed", ago(days=37.5), value=1), tick()], rivals(second="conversion: []")
    )
    assert [(one.send.message, days_ago(one.at)) for one in of(made, "message")] == [
        ("A1", 40),
        ("B1", 37.5),
        ("B2", 36.5),
    ]


def test_its_longest_time_counts_while_it_waits():
    policy = by(
        doc("[{send: {name: A1}}, {wait: {days: 20}}]", "priority: 5", "high"),
        doc("[{wait: {days: 1}}, {send: {name: B1}}]", "", "low", max_days=4),
    )
    assert ends([start(40), tick()], policy) == [("over_time", 36), ("completed", 20)]


def test_of_equals_the_earlier_goes_first():
    policy = by(
        doc("[{wait: {days: 1}}, {send: {name: A}}, {wait: {days: 1}}]", id="b_first"),
        doc("[{wait: {days: 1}}, {send: {name: B}}]", "", "a_second").replace("on: form.submitted", "on: page.viewed"),
    )
    look = event("page.viewed", ago(days=39.5), path="/a")
    _, made = live([*KNOWN, start(40), look, tick()], policy)
    assert [(one.send.message, days_ago(one.at)) for one in of(made, "message")] == [("A", 39), ("B", 38)]


def test_who_sends_nothing_keeps_nobody_waiting():
    policy = by(
        doc("[{wait: {days: 20}}, {act: {suppress: true}}]", "priority: 5", "high"),
        doc("[{send: {name: B1}}]", "", "low"),
    )
    assert [days for _, days in told([start(40), tick()], policy, "message")] == [40]


def test_what_is_no_marketing_neither_waits_nor_keeps_anybody_waiting():
    high = doc("[{send: {name: A1}}, {wait: {days: 9}}]", "priority: 5", "high")
    low = doc("[{wait: {days: 1}}, {send: {name: B1}}]", "", "low")
    for policy in (by(high.replace("max_days", "purpose: transactional\n    max_days"), low), by(high, low.replace("max_days", "purpose: transactional\n    max_days"))):  # fmt: skip
        assert [days for _, days in told([start(40), tick()], policy, "message")] == [40, 39]


def test_who_moved_to_less_priority_lets_the_other_go_on():
    low = doc("[{wait: {days: 1}}, {send: {name: B1}}]", "priority: 3", "low")
    high = "[{send: {name: A1}}, {wait: {days: 9}, id: w}]"
    policy = versions((60, doc(high, "priority: 5") + low), (39.5, doc(high, "priority: 1") + low))
    _, made = live([*KNOWN, start(40), moved(37, version="sequences@2"), tick()], policy)
    assert [(one.send.message, days_ago(one.at)) for one in of(made, "message")] == [("A1", 40), ("B1", 37)]


def test_a_sequence_that_owns_the_person_keeps_other_messages_back():
    sequences = "kind: sequences\nsequences:\n" + doc(f"[{{{SEND}}}, {{wait: {{days: 5}}}}]", "owns: true")
    triggers = "kind: triggers\ntriggers: [{id: t, label: T, on: page.viewed, once_in_days: 0, message: {name: M}}]"
    looks = [event("page.viewed", ago(days=days), path="/a") for days in (8, 3)]
    _, made = live([*KNOWN, start(9), *looks], policies(sequences, triggers))
    during, after = (one for one in made if one.rule == "t")
    assert (str(during.outcome), str(after.outcome)) == ("withheld", "taken")
    assert gate(during, "no sequence").detail == "the sequence “The s” has the person for itself until it ends"


def owning():
    """One that owns the person and has less priority than another, and a trigger."""
    low = doc(f"[{{{SEND}}}, {{wait: {{days: 5}}}}]", "owns: true\n    priority: 1\n    conversion: []", "owner")
    high = doc("[{send: {name: A}}, {wait: {days: 3}}, {send: {name: B}}]", "priority: 5", "high")
    on_order = high.replace("on: form.submitted", "on: order.placed").replace(
        "max_days", "conversion: []\n    max_days"
    )
    triggers = "kind: triggers\ntriggers: [{id: t, label: T, on: page.viewed, once_in_days: 0, message: {name: M}}]"
    return policies(UNCAPPED, f"kind: sequences\nsequences:\n{low}{on_order}", triggers)


def sent_of(events, policy) -> list[tuple[str, float]]:
    _, made = live([*KNOWN, *events], policy)
    return [(one.send.message, days_ago(one.at)) for one in of(made, "message") if str(one.outcome) == "taken"]


def look(days: float):
    return event("page.viewed", ago(days=days), path="/a")


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([event("order.placed", ago(days=40)), start(39)], [("A", 40), ("B", 37), ("Hi", 37)], id="it waits for its turn, and keeps nothing back meanwhile"),
        pytest.param([event("order.placed", ago(days=40)), start(39), look(38)], [("A", 40), ("M", 38), ("B", 37), ("Hi", 37)], id="triggers neither"),
        pytest.param([event("order.placed", ago(days=40)), start(39), look(36)], [("A", 40), ("B", 37), ("Hi", 37)], id="when it is its turn, triggers are kept back"),
        pytest.param([event("order.placed", ago(days=38)), start(39)], [("Hi", 39), ("A", 38), ("B", 35)], id="what has more priority is not kept back"),
    ],
)  # fmt: skip
def test_who_waits_keeps_nobody_waiting(events, expected):
    assert sent_of([*events, tick()], owning()) == expected


def test_a_pause_keeps_no_other_message_back():
    policy = owning()
    paused = msgspec.structs.replace(
        policy, sequences=Sequences(policy.sequences.editions, Pauses({"owner": _pauses([(39, None)])}))
    )
    assert sent_of([start(40), look(37), tick()], policy) == [("Hi", 40)]
    assert sent_of([start(40), look(30), tick()], paused) == [("Hi", 40), ("M", 30)]


# --- paused for everybody


Spans = Sequence[tuple[float, float | None]]


def paused(*spans: tuple[float, float | None], every: Spans = (), steps: str = "", more: str = ""):
    document = read_document(f"kind: sequences\nsequences:\n{doc(steps or TWO_STEPS, more, max_days=10)}")
    pauses = Pauses({"s": _pauses(spans), "elsewhere": _pauses([(50, None)]), EVERY: _pauses(every)})
    return compile_policies(FREELY, editions=[Edition(document.model, "sequences@1")], pauses=pauses)


def _pauses(spans: Spans) -> list[Pause]:
    return [Pause(ago(days=since), None if until is None else ago(days=until)) for since, until in spans]


TWO_STEPS = f"[{{{SEND}}}, {{wait: {{days: 3}}}}, {{send: {{name: Again}}}}, {{wait: {{days: 6}}}}, {{act: {{suppress: true}}}}]"


def resumed(days: float):
    return event("custom:sequence_resumed", ago(days=days), connection=0, sequence="s")


@pytest.mark.parametrize(
    ("spans", "more", "expected"),
    [
        pytest.param([(38, 36)], "", {"sent": [40, 36], "ended": ("completed", 30)}, id="what is due in it is due at its end"),
        pytest.param([(39, 38)], "", {"sent": [40, 37], "ended": ("completed", 31)}, id="what is not, is in time"),
        pytest.param([(41, 39)], "", {"sent": [39, 36], "ended": ("completed", 30)}, id="who comes in waits for its end"),
        pytest.param([(36, 29)], "", {"sent": [40, 37], "ended": ("completed", 29)}, id="the longest time is longer by it"),
        pytest.param([(36, 29)], "hard_stop: true", {"sent": [40, 37], "ended": ("over_time", 30)}, id="but not a hard stop"),
        pytest.param([(38, 36), (35, 33)], "", {"sent": [40, 36], "ended": ("completed", 30)}, id="twice"),
        pytest.param([(38, 36), (31, 20)], "", {"sent": [40, 36], "ended": ("completed", 20)}, id="twice, the second one long"),
    ],
)  # fmt: skip
def test_pause_and_resume_lose_nobody(spans, more, expected):
    replayed = paused(*spans, more=more)
    events = [start(40), *(resumed(until) for _, until in spans), tick()]
    assert [days for words, days in told(events, replayed, "message")] == expected["sent"]
    assert ends(events, replayed) == [expected["ended"]]
    # Live, its end is not known while it lasts
    contact, made, begun = Contact(), [], []
    for one in sorted([*KNOWN, *events], key=lambda one: one.occurred_at):
        begun = [
            (since, until if ago(days=until) <= one.occurred_at else None)
            for since, until in spans
            if ago(days=since) <= one.occurred_at
        ]
        made += live([one], paused(*begun, more=more), contact)[1]
    lived = live([*KNOWN, *events], replayed)
    assert [one.key for one in made] == [one.key for one in lived[1]]
    assert contact == lived[0]


@pytest.mark.parametrize(
    ("own", "every", "resumes", "expected"),
    [
        pytest.param([], [(38, 36)], [36], {"sent": [40, 36], "ended": ("completed", 30)}, id="all of them"),
        pytest.param([(38, 36)], [(37, 35)], [35], {"sent": [40, 35], "ended": ("completed", 29)}, id="one, then all"),
        pytest.param([(37, 35)], [(38, 36)], [35], {"sent": [40, 35], "ended": ("completed", 29)}, id="all, then one"),
        pytest.param([(36, 31)], [(35, 30)], [30], {"sent": [40, 37], "ended": ("over_time", 24)}, id="the longest time grows by the days of both, once"),
        pytest.param([(36, 31)], [(34, 33)], [31], {"sent": [40, 37], "ended": ("over_time", 25)}, id="one within the other"),
    ],
)  # fmt: skip
def test_all_sequences_can_be_paused_beside_one_of_its_own(own, every, resumes, expected):
    endless = TWO_STEPS.replace("days: 6", "for: {on: order.placed, at_most_days: 100}")
    policies = paused(*own, every=every, steps=TWO_STEPS if expected["ended"][0] == "completed" else endless)
    events = [start(40), *(resumed(days) for days in resumes), tick()]
    assert [days for words, days in told(events, policies, "message")] == expected["sent"]
    assert ends(events, policies) == [expected["ended"]]


def test_while_it_is_paused_nothing_is_due_and_exits_still_count():
    contact, _ = live([*KNOWN, start(9), tick()], paused((8, None)))
    assert contact.enrolments["s"].paused
    assert passing.timers(contact, NOW) == {}
    assert ends([start(9), event("email.replied", ago(days=2)), tick()], paused((8, None))) == [("replied", 2)]


# --- versions


def versions(*made: tuple[float, str]):
    editions = [
        Edition(read_document("kind: sequences\nsequences:\n" + text).model, f"sequences@{number}", ago(days=days))
        for number, (days, text) in enumerate(made, 1)
    ]
    return compile_policies(FREELY, editions=editions)


OLD = doc("[{send: {name: Old1}, id: a}, {wait: {days: 5}, id: w}, {send: {name: Old2}, id: b}]")
NEW = doc("[{send: {name: New1}, id: a}, {wait: {days: 1}, id: w}, {send: {name: New2}, id: b}]")


@pytest.mark.parametrize(
    ("entered", "sent"),
    [
        pytest.param(40, ["Old1", "Old2"], id="before"),
        pytest.param(10, ["New1", "New2"], id="after"),
        pytest.param(22, ["Old1", "Old2"], id="published while inside"),
        pytest.param(20, ["New1", "New2"], id="at the very moment"),
    ],
)
def test_everybody_keeps_the_version_they_came_in_by(entered, sent):
    _, made = live([*KNOWN, start(entered), tick()], versions((30, OLD), (20, NEW)))
    assert [one.send.message for one in of(made, "message")] == sent
    assert {one.policy for one in made if one.rule == "sequence:s"} == {
        "sequences@1" if sent[0] == "Old1" else "sequences@2"
    }


def moved(days: float, **said):
    return event("custom:sequence_moved", ago(days=days), connection=0, actor="Rita", sequence="s", **said)


def test_moved_on_purpose_they_go_on_at_the_same_step():
    policy = versions((30, OLD), (20, NEW))
    contact, made = live([*KNOWN, start(22), moved(19, version="sequences@2"), tick()], policy)
    assert [(one.send.message, days_ago(one.at)) for one in of(made, "message")] == [("Old1", 22), ("New2", 17)]
    assert contact.exits["s"].version == "sequences@2"
    assert any(one.summary == "Moved to “The s” as of sequences@2, step w: wait: 1 day" for one in made)


def test_who_stands_where_the_new_version_has_nothing_stays():
    policy = versions((30, OLD), (20, NEW.replace("id: w", "id: other")))
    _, made = live([*KNOWN, start(22), moved(19, version="sequences@2"), tick()], policy)
    assert [one.send.message for one in of(made, "message")] == ["Old1", "Old2"]
    assert any(one.summary.startswith("Stays in “The s” as of sequences@1") for one in made)


def test_an_older_version_still_remembers_what_it_asks_of_the_past():
    asks = "{count: {on: page.viewed, at_least: 2}}"
    old = doc(
        f"[{{wait: {{days: 9}}}}, {{branch: [{{when: {asks}, steps: [{{send: {{name: Keen}}}}]}}], else: [{{send: {{name: Not}}}}]}}]"
    )
    looks = [event("page.viewed", ago(days=days), path="/a") for days in (18, 17)]
    _, made = live([*KNOWN, start(22), *looks, tick()], versions((30, old), (20, NEW)))
    assert [one.send.message for one in of(made, "message")] == ["Keen"]


def test_moved_to_another_sequence():
    policy = by(
        doc(f"[{{{SEND}}}, {{wait: {{days: 30}}}}]"),
        doc("[{send: {name: There}}]", "", "t").replace("on: form.submitted", "on: order.placed"),
    )
    contact, made = live([*KNOWN, start(9), moved(5, to="t"), tick()], policy)
    assert contact.exits["s"].exit == "moved"
    assert [(one.send.message, days_ago(one.at)) for one in of(made, "message")] == [("Hi", 9), ("There", 5)]


def test_who_is_in_a_sequence_that_is_gone_leaves_it():
    policy = versions((30, OLD), (20, doc("[{send: {name: X}}]", id="other")))
    assert ends([start(22), tick()], policy) == [("withdrawn", 17)]


def test_extended_they_go_on_where_their_time_was_over():
    policy = by(
        doc(
            f"[{{{SEND}}}, {{wait: {{for: {{on: product.viewed, at_most_days: 300}}}}}}, {{send: {{name: B}}}}]",
            max_days=5,
        )
    )
    more = event("custom:sequence_extended", ago(days=20), connection=0, actor="Rita", sequence="s", days=4)
    got = event("product.viewed", ago(days=17), product="Lamp")
    _, made = live([*KNOWN, start(40), more, got, tick()], policy)
    assert [(one.send.message, days_ago(one.at)) for one in of(made, "message")] == [("Hi", 40), ("B", 17)]
    assert [one.ended.exit for one in made if one.ended] == ["over_time", "completed"]
    assert ends([start(40), more, tick()], policy) == [("over_time", 35), ("over_time", 16)]


# --- what cannot be published


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (doc(f"[{{{SEND}}}]").replace("max_days: 50", ""), "max_days"),
        (doc(f"[{{wait: {{days: 60}}}}, {{{SEND}}}]"), "takes at least 60 days, but max_days is 50"),
        (doc("[{wait: {}}]"), "waits for a time"),
        (doc("[{wait: {days: 1, for: {on: email.clicked, at_most_days: 1}}}]"), "waits for a time"),
        (doc("[{wait: {days: 1}, send: {name: X}}]"), "a step does exactly one thing"),
        (doc("[{split: [{id: a}, {id: b}]}]"), 'a "split" needs an "id"'),
        (doc("[{id: x, split: [{id: a}, {id: a}]}]"), "two variants of a split have the same id"),
        (doc("[{id: x, wait: {days: 1}}, {id: x, send: {name: X}}]"), 'the id "x" is taken by two steps'),
        (doc("[{branch: [{when: {field: event.path, value: /a}}]}]"), "a branch is about the contact"),
        (doc(f"[{{{SEND}}}]") * 2, 'the id "s" is taken by two sequences'),
        (doc("[{act: {alert: x, suppress: true}}]"), "does exactly one thing"),
    ],
)
def test_what_is_wrong_is_said(text, problem):
    with pytest.raises(InvalidDocument) as refused:
        read_document("kind: sequences\nsequences:\n" + text)
    assert problem in str(refused.value)
