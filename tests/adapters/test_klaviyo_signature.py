"""Did Klaviyo send this? Signed system webhooks, and flow webhooks that know a secret.

Klaviyo publishes no vector that verifies and its SDK has no helper, so the vector here was made from its documented
recipe with another tool (openssl), not with this code.

Catalogue: A1 (verify webhooks).
"""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import InvalidSignature
from adapters.klaviyo.sandbox.edge import signature as simulated
from adapters.klaviyo.signature import verify
from tests.adapters.making import arrived

SECRET = "klaviyo-test-secret"
DATE = "Thu, 04 Jan 2024 18:05:25 GMT"
SENT = datetime(2024, 1, 4, 18, 5, 25, tzinfo=UTC)
BODY = (
    b'{"data":[{"external_id":"4L3cwQae2TX","topic":"event:klaviyo.sent_sms"}],'
    b'"meta":{"klaviyo_webhook_id":"a8b890458b4bbfaa26d961471b83c101d6de23bd826e7e5173a15310985ec3cb"}}'
)
SIGNATURE = "5aa0e720d80b3a04ca04baf3c65cdfe31da57504af69fee8da29c35d45f0596b"


def signed(body: bytes = BODY, date: str = DATE, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body + date.encode(), hashlib.sha256).hexdigest()


def accepts(
    signature: str | None = SIGNATURE,
    body: bytes = BODY,
    date: str | None = DATE,
    now: datetime = SENT,
    settings: dict[str, str] | None = None,
    **headers: str,
) -> bool:
    headers = {"klaviyo_signature": signature, "klaviyo_timestamp": date, **headers}
    request = arrived(body, **{name: value for name, value in headers.items() if value is not None})
    try:
        verify(request, settings if settings is not None else {"webhook_secret": SECRET}, now)
    except InvalidSignature:
        return False
    return True


# System webhooks ------------------------------------------------------------------------------------------------------


def test_vector_is_accepted_and_the_simulator_signs_alike():
    assert accepts()
    assert simulated(SECRET, BODY, DATE) == SIGNATURE


@pytest.mark.parametrize(
    "tampered",
    [
        pytest.param({"body": BODY + b"\n"}, id="a line feed behind the body"),
        pytest.param({"body": BODY.replace(b"sent", b"Sent")}, id="a letter of the body"),
        pytest.param({"body": b""}, id="no body"),
        pytest.param({"date": "Thu, 04 Jan 2024 18:05:26 GMT"}, id="a second later"),
        pytest.param({"date": "Thu, 4 Jan 2024 18:05:25 GMT"}, id="the same time in other words"),
        pytest.param({"date": "Thu, 04 Jan 2024 18:05:25 +0000"}, id="the same time in another zone's name"),
        pytest.param({"signature": SIGNATURE.upper()}, id="the signature in capitals"),
        pytest.param({"signature": SIGNATURE[:-1]}, id="the signature without its end"),
        pytest.param({"signature": SIGNATURE + "0"}, id="the signature and more"),
        pytest.param({"signature": "ä" * 64}, id="letters beyond ASCII"),
        pytest.param({"signature": "\udcff"}, id="bytes that are no text"),
        pytest.param({"signature": ""}, id="an empty signature"),
        pytest.param({"signature": None}, id="no signature"),
        pytest.param({"date": None}, id="no date"),
        pytest.param({"date": ""}, id="an empty date"),
        pytest.param({"settings": {"webhook_secret": "another-secret-of-16"}}, id="another secret"),
        pytest.param({"settings": {"webhook_secret": ""}}, id="an empty secret"),
        pytest.param({"settings": {}}, id="no secret"),
        pytest.param({"settings": {"flow_secret": SECRET}}, id="a secret for something else"),
    ],
)
def test_its_tampered_twin_is_refused(tampered):
    assert not accepts(**tampered)


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_no_byte_of_it_can_change(place, bits):
    body = bytearray(BODY)
    body[place] ^= bits
    assert not accepts(body=bytes(body))


@pytest.mark.parametrize("place", range(-3, 27))
def test_nothing_can_move_between_the_body_and_the_date(place):
    # The two are signed without a mark between them
    whole = BODY + DATE.encode()
    cut = len(BODY) + place
    assert accepts(body=whole[:cut], date=whole[cut:].decode()) is (place == 0)


@pytest.mark.parametrize(
    ("seconds", "fresh"),
    [(0, True), (299, True), (300, True), (301, False), (86_400, False), (-299, True), (-300, True), (-301, False)],
)
def test_it_is_fresh_for_five_minutes_either_way(seconds, fresh):
    assert accepts(now=SENT + timedelta(seconds=seconds)) is fresh


@pytest.mark.parametrize(
    ("setting", "seconds", "fresh"),
    [
        pytest.param("3600", 3599, True, id="wider"),
        pytest.param("3600", 3601, False, id="wider, but over"),
        pytest.param("60", 61, False, id="narrower"),
        pytest.param("0", 301, False, id="none is no window"),
        pytest.param("for ever", 301, False, id="no number"),
        pytest.param("-1", 0, True, id="a negative number"),
        pytest.param("²", 0, True, id="a digit that is none"),
    ],
)
def test_admin_may_set_the_window(setting, seconds, fresh):
    settings = {"webhook_secret": SECRET, "max_age_seconds": setting}
    assert accepts(now=SENT + timedelta(seconds=seconds), settings=settings) is fresh


@pytest.mark.parametrize("date", ["soon", "Thu", "{}", "99999999999999999999", "Thu, 04 Jan 99999 18:05:25 GMT"])
def test_date_that_is_none_is_refused_even_if_signed(date):
    assert not accepts(signed(date=date), date=date)


@pytest.mark.parametrize(
    ("settings", "accepted"),
    [
        pytest.param({"webhook_secret": "new", "webhook_secret_previous": SECRET}, True, id="the old one, in rotation"),
        pytest.param({"webhook_secret": SECRET, "webhook_secret_previous": "old"}, True, id="the new one, in rotation"),
        pytest.param({"webhook_secret": "a", "webhook_secret_previous": "b"}, False, id="neither"),
    ],
)
def test_old_and_new_secret_count_during_rotation(settings, accepted):
    assert accepts(settings=settings) is accepted


# Flow webhooks --------------------------------------------------------------------------------------------------------


def flow(secret: str | None, settings: dict[str, str] | None = None, **headers: str) -> bool:
    settings = {"flow_secret": "flow-secret"} if settings is None else settings
    known = {} if secret is None else {"x_baton_secret": secret}
    return accepts(None, b'{"email":"ann@example.com"}', None, settings=settings, **known, **headers)


@pytest.mark.parametrize(
    ("secret", "accepted"),
    [
        pytest.param("flow-secret", True, id="the secret"),
        pytest.param("flow-secreT", False, id="a letter of it"),
        pytest.param("flow-secret ", False, id="more than it"),
        pytest.param("flöw-secret", False, id="letters beyond ASCII"),
        pytest.param("", False, id="an empty one"),
        pytest.param(None, False, id="none"),
    ],
)
def test_flow_webhook_needs_its_secret(secret, accepted):
    assert flow(secret) is accepted


@pytest.mark.parametrize(
    ("settings", "accepted"),
    [
        pytest.param({"flow_secret": "new", "flow_secret_previous": "flow-secret"}, True, id="in rotation"),
        pytest.param({"flow_secret": "new"}, False, id="after rotation"),
        pytest.param({"flow_secret": ""}, False, id="none is set"),
        pytest.param({"webhook_secret": "flow-secret"}, False, id="a secret for something else"),
        pytest.param({}, False, id="nothing is set"),
    ],
)
def test_flow_secret_is_checked_against_the_connections(settings, accepted):
    assert flow("flow-secret", settings) is accepted


def test_flow_secret_does_not_help_a_wrong_signature():
    both = {"webhook_secret": SECRET, "flow_secret": "flow-secret"}
    assert not flow("flow-secret", both, klaviyo_signature="wrong", klaviyo_timestamp=format_datetime(SENT))
    assert flow("flow-secret", both)
