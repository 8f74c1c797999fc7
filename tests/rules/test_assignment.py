"""Who gets a handoff. Catalogue: G3."""

from datetime import date
from typing import Any

import pytest

from app.rules.assignment import Owner, choose, owner_of
from app.rules.condition import Facts
from app.rules.handoff import HandoffDocument
from tests.contacts.making import ANN, NOW, event, folded
from tests.rules.making import DEFAULT

TODAY = NOW.date()
RITA = {"name": "Rita", "email": "rita@example.com", "hubspot_owner_id": "7"}
OLE = {"name": "Ole", "email": "ole@example.com"}
PIA = {"name": "Pia", "email": "pia@example.com"}
GERMANY = {"field": "contact.country", "value": "DE"}


def document(*people: dict[str, Any], **more: Any) -> HandoffDocument:
    return HandoffDocument.model_validate({"kind": "handoff", "rules": [], "people": people, **more})


def contact(**fields: str):
    return folded(event("contact.updated", fields={"email": ANN, **fields}))


class Desk:
    """Turns and open handoffs, as the database would count them."""

    def __init__(self, **busy: int) -> None:
        self.turns: dict[str, int] = {}
        self.busy = {f"{name}@example.com": count for name, count in busy.items()}

    def give(self, policy: HandoffDocument, **fields: str) -> Owner:
        return choose(policy, Facts(contact(**fields), None, NOW, DEFAULT.scoring.read), TODAY, self._turn, self._open)

    def _turn(self, group: str) -> int:
        self.turns[group] = self.turns.get(group, -1) + 1
        return self.turns[group]

    def _open(self, addresses: Any) -> dict[str, int]:
        return {address: count for address, count in self.busy.items() if address in addresses}


# Who owns the contact -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "person", "expected"),
    [
        pytest.param({}, RITA, None, id="nobody"),
        pytest.param({"owner_id": "7"}, RITA, ("7", "rita@example.com", "Rita"), id="by the tool's owner id"),
        pytest.param({"owner_email": "rita@example.com"}, RITA, ("7", "rita@example.com", "Rita"), id="by address"),
        pytest.param({"owner_id": "99"}, RITA, ("99", "", ""), id="somebody that the policy does not name"),
        pytest.param({"owner_id": "7"}, {**RITA, "active": False}, None, id="has left"),
        pytest.param({"owner_id": "7"}, {**RITA, "absent_until": "2026-11-23"}, None, id="is away until tomorrow"),
        pytest.param(
            {"owner_id": "7"},
            {**RITA, "absent_until": "2026-11-22"},
            ("7", "rita@example.com", "Rita"),
            id="is back today",
        ),
    ],
)
def test_the_owner_keeps_the_contact_unless_away(fields, person, expected):
    owner = owner_of(contact(**fields), document(person), TODAY)
    assert (owner and (owner.id, owner.email, owner.name)) == expected


# Whose turn it is -----------------------------------------------------------------------------------------------------


def test_people_take_turns():
    desk, policy = Desk(), document(RITA, OLE, PIA)
    assert [desk.give(policy).name for _ in range(4)] == ["Rita", "Ole", "Pia", "Rita"]


def test_who_is_away_or_has_left_is_passed_over():
    desk, policy = Desk(), document({**RITA, "absent_until": "2026-12-01"}, OLE, {**PIA, "active": False})
    assert [desk.give(policy).name for _ in range(3)] == ["Ole", "Ole", "Ole"]


def test_nobody_there_is_said_and_not_hidden():
    owner = Desk().give(document({**RITA, "active": False}))
    assert (owner.name, owner.why) == ("", "nobody in the handoff policy takes this contact, or all are away")


def test_a_contact_goes_to_the_people_of_its_territory():
    desk, policy = Desk(), document({**RITA, "takes": GERMANY}, {**OLE, "takes": GERMANY}, PIA)
    assert [desk.give(policy, country="DE").name for _ in range(3)] == ["Rita", "Ole", "Rita"]
    assert desk.give(policy, country="DE").why == "territory, round robin"


def test_a_contact_outside_every_territory_goes_to_those_who_take_everybody():
    assert Desk().give(document({**RITA, "takes": GERMANY}, PIA), country="SE").name == "Pia"


def test_a_territory_whose_people_are_away_falls_to_those_who_take_everybody():
    policy = document({**RITA, "takes": GERMANY, "absent_until": "2026-12-24"}, PIA)
    assert Desk().give(policy, country="DE").name == "Pia"


def test_a_contact_that_only_other_territories_would_take_goes_to_nobody():
    assert Desk().give(document({**RITA, "takes": GERMANY}), country="SE").name == ""


def test_one_territorys_turns_do_not_skew_anothers():
    desk, policy = Desk(), document({**RITA, "takes": GERMANY}, {**OLE, "takes": GERMANY}, PIA)
    given = [desk.give(policy, country=country).name for country in ("DE", "SE", "DE", "SE", "DE")]
    assert given == ["Rita", "Pia", "Ole", "Pia", "Rita"]


def test_the_least_busy_person_gets_it():
    desk, policy = Desk(rita=2, ole=1), document(RITA, OLE, PIA, assign="least_busy")
    assert (desk.give(policy).name, desk.give(policy).why) == ("Pia", "has the fewest open handoffs")


def test_absent_until_is_a_day():
    assert document({**RITA, "absent_until": "2026-12-01"}).people[0].absent_until == date(2026, 12, 1)
