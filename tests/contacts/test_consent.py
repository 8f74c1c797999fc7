"""What a person agreed to: the strictest word of any tool holds until they themselves say yes again, later.

Catalogue: C1 (consent with proof), I1 (strictest across tools wins), I2 (never un-suppress).
"""

from datetime import timedelta

import pytest

from app.contacts.consent import Consent, ConsentState, consent_key
from tests.contacts.making import FORMS, HUBSPOT, KLAVIYO, ago, event, folded, no, yes

PENDING = {"state": "pending", "channel": "email"}


@pytest.mark.parametrize(
    ("events", "state"),
    [
        pytest.param([], ConsentState.UNKNOWN, id="nothing was said"),
        pytest.param([yes(ago(days=1))], ConsentState.GRANTED, id="the person says yes"),
        pytest.param([yes(ago(days=1), by_person=False)], ConsentState.GRANTED, id="a tool says they said yes"),
        pytest.param([event("consent.changed", **PENDING)], ConsentState.PENDING, id="a confirmation is awaited"),
        pytest.param([no(ago(days=1))], ConsentState.WITHDRAWN, id="the person says no"),
        pytest.param([yes(ago(days=2)), no(ago(days=1))], ConsentState.WITHDRAWN, id="yes, then no"),
        pytest.param([no(ago(days=2)), yes(ago(days=1))], ConsentState.GRANTED, id="no, then the person's own yes"),
        pytest.param(
            [no(ago(days=2)), yes(ago(days=1), by_person=False)],
            ConsentState.WITHDRAWN,
            id="no, then a yes that a tool claims",
        ),
        pytest.param([no(ago(days=1)), yes(ago(days=1))], ConsentState.WITHDRAWN, id="both in the same instant"),
        pytest.param(
            [no(ago(days=3)), yes(ago(days=2)), no(ago(days=1), connection=HUBSPOT)],
            ConsentState.WITHDRAWN,
            id="a later no in another tool",
        ),
        pytest.param(
            [no(ago(days=4), connection=HUBSPOT), no(ago(days=2)), yes(ago(days=3))],
            ConsentState.WITHDRAWN,
            id="a yes between the noes of two tools",
        ),
        pytest.param(
            [no(ago(days=4)), yes(ago(days=3)), no(ago(days=2)), yes(ago(days=1))],
            ConsentState.GRANTED,
            id="a change of mind, twice",
        ),
        pytest.param(
            [no(ago(days=3)), event("consent.changed", ago(days=1), **PENDING)],
            ConsentState.WITHDRAWN,
            id="a no, and a confirmation that never came",
        ),
    ],
)
def test_strictest_reading_of_what_was_said(events, state):
    for arrived in (events, events[::-1]):
        assert folded(*arrived).consent.get("email/marketing", Consent()).state is state


def test_own_yes_is_not_taken_back_by_an_older_claim_of_a_tool():
    consent = folded(yes(ago(days=2), method="form"), yes(ago(days=9), by_person=False)).consent["email/marketing"]
    assert consent.by_person is not None
    assert consent.by_person.method == "form"
    assert consent.granted is consent.by_person


def test_own_yes_stays_on_record_when_a_tool_repeats_it_later():
    consent = folded(yes(ago(days=2)), yes(ago(days=1), by_person=False, connection=KLAVIYO)).consent["email/marketing"]
    assert consent.by_person is not None
    assert (consent.by_person.at, consent.by_person.source) == (ago(days=2), str(FORMS))
    assert consent.granted is not None
    assert consent.granted.source == str(KLAVIYO)


def test_each_tool_is_remembered_with_its_newest_no():
    consent = folded(no(ago(days=5)), no(ago(days=3)), no(ago(days=4), connection=HUBSPOT)).consent["email/marketing"]
    assert {source: one.at for source, one in consent.withdrawn.items()} == {"2": ago(days=3), "1": ago(days=4)}
    assert consent.last_withdrawal is not None
    assert consent.last_withdrawal.source == str(KLAVIYO)


@pytest.mark.parametrize(
    ("events", "lifts"),
    [
        pytest.param([yes(ago(days=1))], True, id="there was nothing to lift"),
        pytest.param([no(ago(days=2)), yes(ago(days=1))], True, id="the person's own, later"),
        pytest.param([yes(ago(days=2)), no(ago(days=1))], False, id="the person's own, earlier"),
        pytest.param([no(ago(days=2)), yes(ago(days=1), by_person=False)], False, id="not the person's own"),
        pytest.param([no(ago(days=1))], False, id="none"),
    ],
)
def test_only_the_persons_own_later_yes_lifts(events, lifts):
    assert (folded(*events).consent["email/marketing"].lifted_by is not None) is lifts


def test_no_that_is_told_to_the_second_counts_against_a_yes_within_it():
    second = ago(days=1).replace(microsecond=0)
    within, after = second + timedelta(milliseconds=700), second + timedelta(seconds=1)
    assert folded(no(second), yes(within)).consent["email/marketing"].lifted_by is None
    assert folded(no(second), yes(after)).consent["email/marketing"].lifted_by is not None
    exact = second + timedelta(milliseconds=300)
    assert folded(no(exact), yes(within)).consent["email/marketing"].lifted_by is not None


def test_channels_and_purposes_are_kept_apart():
    contact = folded(
        yes(ago(days=2)),
        event("sms.unsubscribed", ago(days=1)),
        event("consent.changed", state="granted", channel="email", purpose="events", by_person=True),
        event("push.unsubscribed", ago(days=1), purpose="offers"),
    )
    assert {key: str(consent.state) for key, consent in contact.consent.items()} == {
        "email/marketing": "granted",
        "sms/marketing": "withdrawn",
        "email/events": "granted",
        "push/offers": "withdrawn",
    }
    assert consent_key("email") == "email/marketing"
