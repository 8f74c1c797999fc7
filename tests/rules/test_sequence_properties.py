"""What holds for sequences over any history.

Catalogue: A4 (any order), H5 (one reason), H6 (within the longest time), H9, H10.
"""

from datetime import timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from app.contacts.contact import Contact
from app.contacts.event import position
from app.rules.decide import step
from app.rules.decision import Outcome
from app.rules.policy import compile_policies, default_documents, read_document
from app.rules.sequences.pauses import Pause, Pauses
from app.rules.sequences.policy import Edition, ExitReason
from tests.contacts.making import ANN, ago, event, no, yes

KNOWN = [event("contact.updated", ago(days=99), fields={"email": ANN, "timezone": "Europe/Berlin"}), yes(ago(days=99))]
END = event("timer.due", ago(days=-400))
TEXT = """
kind: sequences
sequences:
  - id: high
    label: High
    priority: 9
    entry: {on: order.placed}
    reentry: {after_days: 3}
    conversion: []
    max_days: 8
    hard_stop: true
    steps: [{wait: {days: 1, until_hour: 9}}, {send: {name: H1}}, {wait: {days: 4}}, {send: {name: H2}}]
  - id: low
    label: Low
    entry: {on: [form.submitted, page.viewed]}
    reentry: {after_days: 0}
    goal: {on: meeting.booked}
    exits: [{on: asset.downloaded}]
    max_days: 20
    steps:
      - send: {name: L1}
      - {id: ab, split: [{id: a, steps: [{wait: {days: 1}}]}, {id: b, steps: [{wait: {hours: 30}}]}]}
      - branch: [{when: {field: stage, value: customer}, steps: [{send: {name: L2}}]}]
        else: [{wait: {for: {on: email.clicked, at_most_days: 3}}}]
      - send: {name: L3}
      - wait: {personal_hour: true, until_hour: 7}
"""
MODEL = read_document(TEXT).model
PAUSES = Pauses({"low": [Pause(ago(days=50), ago(days=47))], "high": [Pause(ago(days=30), ago(days=29))]})
BOTH = [*default_documents()["sequences"].model.sequences, *MODEL.sequences]
POLICY = compile_policies(
    {},
    editions=[
        Edition(MODEL, "sequences@1", ago(days=200)),
        Edition(MODEL.model_copy(update={"sequences": BOTH}), "sequences@2", ago(days=55)),
    ],
    pauses=PAUSES,
)
KINDS = (
    "order.placed", "form.submitted", "page.viewed", "meeting.booked", "asset.downloaded", "email.clicked",
    "email.opened", "email.replied", "deal.created", "order.refunded", "checkout.started", "sales.verdict",
)  # fmt: skip


@st.composite
def histories(draw):
    made = list(KNOWN)
    for number in range(draw(st.integers(1, 14))):
        at = ago(hours=draw(st.integers(0, 80 * 24)))
        kind = draw(st.sampled_from((*KINDS, "no", "yes")))
        if kind == "no":
            made.append(no(at, key=f"n{number}"))
        elif kind == "yes":
            made.append(yes(at, key=f"n{number}"))
        else:
            made.append(
                event(
                    kind,
                    at,
                    key=f"n{number}",
                    form="x",
                    path="/a",
                    deal="1",
                    meeting=str(number),
                    verdict="won",
                    topic="t",
                )
            )
    return made


def lived(events):
    contact, made = Contact(), []
    for one in sorted(events, key=position):
        made += step(contact, one, POLICY)
    return contact, made


def mine(decisions):
    return [one for one in decisions if one.rule.startswith("sequence:")]


def said(decisions):
    return [(one.key, one.at, one.outcome, one.summary) for one in mine(decisions)]


@settings(max_examples=120)
@given(histories(), st.lists(st.integers(0, 80 * 24 * 60), max_size=8))
def test_when_somebody_looks_changes_nothing(events, looks):
    """A timer that rings at any other moment, or not at all, and an event after it."""
    ticks = [event("timer.due", ago(minutes=minutes), key=f"tick{n}", connection=0) for n, minutes in enumerate(looks)]
    _, plain = lived([*events, END])
    _, looked = lived([*events, *ticks, END])
    assert said(looked) == said(plain)


@settings(max_examples=120)
@given(histories())
def test_everything_ends_once_within_its_time_and_is_said_once(events):
    contact, made = lived([*events, END])
    assert not contact.enrolments
    keys = [one.key for one in made]
    assert len(keys) == len(set(keys))
    entered = [one for one in made if one.what == "enrolment" and one.summary.startswith("Entered")]
    ended = [one.ended for one in made if one.ended is not None]
    assert len(ended) == len(entered)
    for run in ended:
        assert ExitReason(run.exit)
        flow = POLICY.sequences.pinned(run.version, run.sequence)
        assert flow is not None
        stood = timedelta() if run.hard_stop else PAUSES.between(run.sequence, run.entered_at, run.ended_at)
        assert run.ended_at - run.entered_at <= flow.longest + stood


@settings(max_examples=120)
@given(histories())
def test_no_message_leaves_out_of_turn_or_after_the_end(events):
    _, made = lived([*events, END])
    spans = {one.ended.key: one.ended for one in made if one.ended is not None}
    sent = [one for one in mine(made) if one.what == "message" and one.outcome is Outcome.TAKEN]
    for one in sent:
        run = spans[one.send.run]
        assert run.entered_at <= one.at <= run.ended_at
        assert all(gate.passed for gate in one.gates)
        assert PAUSES.at(run.sequence, one.at) is None
        higher = [
            other for other in spans.values()
            if other.sends and other.priority > run.priority and other.entered_at < one.at < other.ended_at
            and PAUSES.at(other.sequence, one.at) is None
        ]  # fmt: skip
        # One that is paused keeps nobody waiting, also not until its next step after the pause
        assert all(PAUSES.between(other.sequence, other.entered_at, one.at) for other in higher)


@settings(max_examples=60)
@given(histories(), st.integers(0, 80 * 24))
def test_state_survives_being_stored(events, cut):
    """Half of it, stored and read, then the rest: the same as in one go."""
    ordered = sorted([*events, END], key=position)
    half = [one for one in ordered if one.occurred_at <= ago(hours=cut)]
    contact, made = lived(half)
    contact = msgspec.json.decode(msgspec.json.encode(contact), type=Contact)
    for one in ordered[len(half) :]:
        made += step(contact, one, POLICY)
    whole, all_made = lived(ordered)
    assert said(made) == said(all_made)
    assert contact == whole
