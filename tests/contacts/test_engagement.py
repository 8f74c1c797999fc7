"""How alive a contact is, per channel: by what the person did, never by what a machine opened.

Catalogue: C4 (engagement tier), C5 (human or machine).
"""

from types import SimpleNamespace

import pytest

from app.contacts.engagement import Tier, overall_tier, tier_of
from tests.contacts.making import NOW, ago, event, folded

DAYS = SimpleNamespace(active_days=30, lapsing_days=90, dormant_days=180)


def opened(days: float, kind: str = "email.opened", **more):
    return event(kind, ago(days=days), **more)


@pytest.mark.parametrize(
    ("days", "tier"),
    [
        pytest.param(0, Tier.ACTIVE, id="just now"),
        pytest.param(30, Tier.ACTIVE, id="up to 30 days"),
        pytest.param(30.01, Tier.COOLING, id="a little more than 30"),
        pytest.param(89.9, Tier.COOLING, id="not quite 90"),
        pytest.param(90, Tier.LAPSING, id="90 days"),
        pytest.param(179.9, Tier.LAPSING, id="not quite 180"),
        pytest.param(180, Tier.DORMANT, id="180 days"),
        pytest.param(2000, Tier.DORMANT, id="years"),
    ],
)
def test_tier_follows_the_days_since_the_last_human_open(days, tier):
    contact = folded(event("email.delivered", ago(days=2500)), opened(days))
    assert tier_of(contact, "email", DAYS, NOW).tier is tier
    assert overall_tier(contact, DAYS, NOW).tier is tier


def test_tier_says_since_when():
    contact = folded(opened(100))
    reading = tier_of(contact, "email", DAYS, NOW)
    assert (reading.tier, reading.since, reading.last_human_at) == (Tier.LAPSING, ago(days=10), ago(days=100))


def test_opens_of_machines_keep_nobody_awake():
    contact = folded(
        event("email.delivered", ago(days=200)),
        opened(200),
        opened(1, machine="opened by a mail privacy proxy"),
        opened(1, "email.clicked", machine="clicked by a link scanner"),
    )
    assert tier_of(contact, "email", DAYS, NOW).tier is Tier.DORMANT


def test_who_never_got_anything_is_new_and_not_dormant():
    contact = folded(event("contact.created", ago(days=400)))
    assert tier_of(contact, "email", DAYS, NOW).tier is Tier.NEW
    assert overall_tier(contact, DAYS, NOW).tier is Tier.NEW


def test_silence_without_any_sign_counts_from_the_first_message():
    contact = folded(event("email.delivered", ago(days=100)), event("email.delivered", ago(days=1)))
    reading = tier_of(contact, "email", DAYS, NOW)
    assert (reading.tier, reading.last_human_at) == (Tier.LAPSING, None)


@pytest.mark.parametrize(
    ("kind", "channel"),
    [
        *((f"email.{sign}", "email") for sign in ("opened", "clicked", "replied")),
        *((f"sms.{sign}", "sms") for sign in ("clicked", "replied")),
        *((f"push.{sign}", "push") for sign in ("opened", "clicked")),
    ],
)
def test_each_channel_has_its_own_signs(kind, channel):
    contact = folded(*(event(f"{one}.delivered", ago(days=200)) for one in ("email", "sms", "push")), opened(1, kind))
    tiers = {one: tier_of(contact, one, DAYS, NOW).tier for one in ("email", "sms", "push")}
    assert tiers == {one: Tier.ACTIVE if one == channel else Tier.DORMANT for one in tiers}


@pytest.mark.parametrize("kind", ["page.viewed", "form.submitted", "order.placed", "meeting.booked", "sms.replied"])
def test_who_visits_or_buys_is_alive_however_few_mails_they_open(kind):
    contact = folded(event("email.delivered", ago(days=300)), event(kind, ago(days=2)))
    assert tier_of(contact, "email", DAYS, NOW).tier is Tier.DORMANT
    assert overall_tier(contact, DAYS, NOW).tier is Tier.ACTIVE
