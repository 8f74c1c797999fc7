"""ActiveCampaign beside Klaviyo: what is agreed to, said no to and handed over, from its forms to its API and back.

Catalogue: A5 (it never sends twice), C2, G2, I2, I6, M3.
"""

from typing import Any

import pytest

from adapters.activecampaign.sandbox.state import ACTIVE
from app.setup import add_connection, address
from jobs import poll
from tests.stories.days import Days, days

__all__ = ["days"]
ANN = "ann@acme.example"
pytestmark = pytest.mark.parametrize("days", ["sqlite", "postgresql"], indirect=True)


class Beside:
    """A simulated ActiveCampaign whose webhooks come through Baton's door, echoes of its own writes included."""

    def __init__(self, days: Days) -> None:
        self.days, self.account = days, days.vendors.activecampaign
        self.account.clock = lambda: days.clock().timestamp()
        self.account.configure(rate_limits=False)
        self.newsletter = next(iter(self.account.lists))
        settings = {"api_key": "a-key", "webhook_token": "a-token", "list": self.newsletter}
        made = add_connection(
            days.runtime, "activecampaign", "activecampaign", settings, f"{days.vendors.url}/activecampaign"
        )
        self.path = address(days.runtime, made).removeprefix("https://hub.example.com")
        self.lost = False
        self._told: list[dict[str, Any]] = []
        self.account.tell = self._tell  # type: ignore[method-assign]

    def _tell(self, kind: str, origin: str, pairs: Any) -> None:
        now = {"type": kind, "date_time": self.account.stamp(), "initiated_from": origin, "initiated_by": origin}
        if not self.lost:
            self._told.append({**now, "list": "0", **pairs})

    def act(self, do: str, **how: Any) -> Any:
        """Somebody does something in ActiveCampaign; Baton hears of it and does what follows."""
        self.days.later(seconds=30)
        done = self.account.act(do, **how)
        self.settle()
        return done

    def settle(self) -> None:
        """Until nobody has anything to tell the other any more."""
        for _ in range(10):
            self.days.later(seconds=20)
            if not self._told:
                return
            told, self._told = self._told, []
            for said in told:
                assert self.days.web.post(self.path, data=said).status_code == 202
        raise AssertionError("the two go on and on")

    def status(self) -> int | None:
        """Ann's place on the list that stands for consent."""
        held = self.account.contact(ANN)
        return held.status(self.newsletter) if held else None

    def calls(self) -> int:
        return len(self.days.vendors.called("activecampaign"))


@pytest.fixture
def beside(days: Days) -> Beside:
    return Beside(days)


def state(days: Days) -> str:
    return str(days.contact(ANN)["consent"]["email"]["marketing"]["state"])


def test_a_yes_goes_there_and_a_no_comes_back_and_only_her_own_word_ends_it(days: Days, beside: Beside) -> None:
    days.form("newsletter", ANN, consent="yes", first_name="Ann")
    beside.settle()
    held = beside.account.contact(ANN)
    assert held is not None
    assert (held.first_name, beside.status()) == ("Ann", ACTIVE)
    before = beside.calls()
    beside.settle()
    assert beside.calls() == before, "its echoes are no news"

    beside.act("unsubscribe", contact=ANN)
    assert state(days) == "withdrawn"
    profile = days.vendors.klaviyo.profile(ANN)
    assert profile is not None
    days.vendors.klaviyo.settle()
    assert profile.email.consent == "UNSUBSCRIBED", "a no in one tool is a no in all"

    beside.act("update_contact", contact=ANN, last_name="Lee")
    beside.act("subscribe", contact=ANN, list="Newsletter", origin="admin")
    assert state(days) == "withdrawn", "somebody else's yes is none of hers"
    beside.act("unsubscribe", contact=ANN)

    days.later(hours=1)
    days.form("newsletter", ANN, consent="yes")
    beside.settle()
    assert (state(days), beside.status()) == ("granted", ACTIVE)


def test_a_no_that_its_webhook_lost_is_found_by_polling(days: Days, beside: Beside) -> None:
    days.form("newsletter", ANN, consent="yes")
    beside.settle()
    beside.lost = True
    beside.act("unsubscribe", contact=ANN)
    beside.act("add_tag", contact=ANN, tag="VIP")
    assert state(days) == "granted"
    poll.drain(days.runtime)
    days.later(minutes=1)
    assert state(days) == "withdrawn"
    assert "VIP" in str(days.contact(ANN))


def test_a_handoff_leaves_a_task_and_a_note_and_her_deal_is_a_conversation(days: Days, beside: Beside) -> None:
    days.form("newsletter", ANN, consent="yes")
    beside.settle()
    days.form("demo", ANN)
    beside.settle()
    (task,), (note,) = beside.account.tasks, beside.account.notes
    held = beside.account.contact(ANN)
    assert held is not None
    assert (task["relid"], note["relid"]) == (held.id, held.id)
    assert "baton-" in note["note"]

    deal = beside.act("create_deal", contact=ANN)
    assert days.contact(ANN)["conversation"]
    beside.act("move_deal", deal=deal, status="2")
    talks = days.contact(ANN)["conversation"]
    assert not any("deal" in str(one) for one in (talks if isinstance(talks, list) else [talks]) if one)
