"""Copied contacts have to be as good as those that came one by one: Baton goes on with them."""

from datetime import timedelta

from app.runtime import Runtime
from app.setup import add_connection
from bench import mass
from jobs import ingest
from tests.feeding import contact, contacts, rows

PEOPLE, EVENTS_EACH = 5, 4


def test_baton_goes_on_with_copies_as_with_contacts_of_its_own(runtime: Runtime) -> None:
    source = add_connection(runtime, "hubspot", "hubspot", {"client_secret": "secret", "portal_id": "4242"})
    mass.fill(runtime, source, PEOPLE, EVENTS_EACH)
    assert len(rows(runtime, "contacts", "id")) == PEOPLE
    assert len(rows(runtime, "events", "seq")) == PEOPLE * EVENTS_EACH
    model, copy = contact(runtime, email=mass.email_of(0)), contact(runtime, email=mass.email_of(3))
    assert list(model["fields"]) == list(copy["fields"])

    # An event older than all others has the copy folded again from the events that were copied with it
    late = int((runtime.clock() - mass.AGE - timedelta(days=1)).timestamp() * 1000)
    mass.arrive(runtime, source, [mass.notice(3, "zip", "10115", 1_000, late), mass.notice(9, "zip", "1", 1_001, late)])
    assert ingest.drain(runtime, 60) == 2
    again = contact(runtime, email=mass.email_of(3))
    assert again["fields"].keys() - copy["fields"].keys() == {"zip"}
    assert again["fields"]["city"] == copy["fields"]["city"]
    assert len(contacts(runtime, hubspot=str(mass.MODEL + 9))) == 1
    assert len(rows(runtime, "contacts", "id")) == PEOPLE + 1
