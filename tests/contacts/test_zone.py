"""Where a person is by the clock, as far as it can be known, and the hours at which they do things. Catalogue: H8."""

from zoneinfo import ZoneInfo

import pytest

from app.contacts.activity import MAX_PER_HOUR
from app.contacts.contact import Contact, Value
from app.contacts.zone import zone_of
from tests.contacts.making import NOW, ago, event, folded

OTHERWISE = ZoneInfo("Africa/Nairobi")


@pytest.mark.parametrize(
    ("known", "zone"),
    [
        pytest.param({"timezone": "Asia/Tokyo", "country": "DE"}, "Asia/Tokyo", id="said"),
        pytest.param({"timezone": "../../etc/passwd"}, OTHERWISE.key, id="a path"),
        pytest.param({"timezone": "Atlantis", "country": "de"}, "Europe/Berlin", id="said wrongly"),
        pytest.param({"country": "Germany"}, "Europe/Berlin", id="a country by name"),
        pytest.param({"country": "US"}, OTHERWISE.key, id="a wide country"),
        pytest.param({"country": "US", "phone": "+12125550123"}, "America/New_York", id="with an area code"),
        pytest.param({"phone": "+4930123456"}, "Europe/Berlin", id="a phone"),
        pytest.param({"phone": "030 123456"}, OTHERWISE.key, id="a phone without its country"),
        pytest.param({"phone": "+999"}, OTHERWISE.key, id="no phone at all"),
        pytest.param({}, OTHERWISE.key, id="nothing"),
    ],
)
def test_zone_is_that_of_the_field_the_country_or_the_phone(known, zone):
    contact = Contact(fields={name: Value(value, NOW) for name, value in known.items()})
    assert zone_of(contact, OTHERWISE).key == zone


def test_hours_count_what_people_do_not_machines():
    contact = folded(
        event("email.opened", NOW),
        event("email.clicked", NOW),
        event("email.opened", NOW, machine="a scanner"),
        event("page.viewed", ago(hours=5), path="/"),
        event("email.delivered", ago(hours=1)),
    )
    assert {hour: count for hour, count in enumerate(contact.hours) if count} == {12: 2, 7: 1}


def test_hours_stay_small_and_keep_their_shape():
    contact = folded(event("email.opened", ago(hours=2)), *(event("email.opened", NOW) for _ in range(500)))
    assert max(contact.hours) <= MAX_PER_HOUR
    assert max(range(24), key=lambda hour: contact.hours[hour]) == 12
    assert folded().hours == []
