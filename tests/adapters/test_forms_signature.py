"""Form builders that sign. The vectors were made with openssl from documented recipes, not with this code.

Catalogue: A1 (verify webhooks), A7 (site forms), M5.
"""

from datetime import UTC, datetime, timedelta

import pytest

from adapters.contract import InvalidSignature
from adapters.forms.signature import verify
from tests.adapters.making import arrived

SECRET = "forms-test-secret"
NOW = datetime(2025, 3, 10, tzinfo=UTC)
BODY = (
    b'{"eventId":"e1","eventType":"FORM_RESPONSE","data":{"responseId":"r1","fields":'
    b'[{"key":"q","label":"E-mail","type":"INPUT_EMAIL","value":"ann@example.com"}]}}'
)
BASE64 = "tYC8fSwjjKTMFdTwvHoNEeyv7jhKRVRfgroyLTlh04o="
WEBFLOW, WPFORMS = (
    "e30042330a1899803109dcee5721c792a27ad85faac3a260f773a25f30d9f76d",
    "44122ad89c89991ac1f5fb51d03f72dbd32c632f3905d477b411579b624c6b3c",
)
SIGNED = {
    "typeform": {"typeform_signature": f"sha256={BASE64}"},
    "tally": {"tally_signature": BASE64},
    "webflow": {"x_webflow_timestamp": "1741564800000", "x_webflow_signature": WEBFLOW},
    "wpforms": {"x_wpforms_webhook_signature": f"t=1741564800,v={WPFORMS}", "x_wpforms_webhook_id": "7"},
    "any other": {"x_baton_secret": SECRET},
}
TIMED = ("webflow", "wpforms")


def accepts(headers: dict[str, str], body: bytes = BODY, late: float = 0, **settings: str) -> bool:
    try:
        verify(arrived(body, **headers), settings or {"webhook_secret": SECRET}, NOW + timedelta(seconds=late))
    except InvalidSignature:
        return False
    return True


@pytest.mark.parametrize("builder", SIGNED)
def test_vector_is_accepted_also_while_the_secret_is_replaced(builder):
    assert accepts(SIGNED[builder])
    assert accepts(SIGNED[builder], webhook_secret="the next", webhook_secret_previous=SECRET)


@pytest.mark.parametrize("builder", SIGNED)
def test_its_tampered_twins_are_refused(builder):
    headers = SIGNED[builder]
    assert builder == "any other" or not accepts(headers, BODY + b" ")
    assert not accepts(headers, webhook_secret="another")
    assert not accepts({})
    for name, value in headers.items():
        if name == "x_wpforms_webhook_id":
            continue
        for wrong in (value[:-1], f"{value[:-1]}{'0' if value[-1] != '0' else '1'}", "ä", value.swapcase()):
            assert wrong == value or not accepts({**headers, name: wrong}), (name, wrong)


@pytest.mark.parametrize("builder", TIMED)
@pytest.mark.parametrize(("late", "fresh"), [(299, True), (-299, True), (301, False), (-301, False)])
def test_signature_with_a_time_is_good_for_five_minutes(builder, late, fresh):
    assert accepts(SIGNED[builder], late=late) is fresh


@pytest.mark.parametrize("builder", ["typeform", "tally"])
def test_signature_without_a_time_does_not_age(builder):
    assert accepts(SIGNED[builder], late=86_400)


def test_bad_signature_is_not_made_good_by_a_secret_beside_it():
    assert not accepts({"tally_signature": "AAAA", "x_baton_secret": SECRET})
