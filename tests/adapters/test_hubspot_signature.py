"""Did HubSpot send this? Versions 1, 2 and 3, against HubSpot's own vectors and its SDK's helper.

Catalogue: A1 (verify webhooks).
"""

from base64 import b64encode
from datetime import datetime, timedelta

import pytest
from hubspot.utils.signature import Signature
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import InvalidSignature
from adapters.hubspot.signature import verify
from app.contacts.times import from_ms
from tests.adapters.making import arrived

# The vector that HubSpot publishes with its SDK
SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
URL = "https://www.example.com/webhook_uri"
BODY = b"{'example_field':'example_value'}"
STAMP = "1693657560000"
V3 = "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="
SENT = from_ms(int(STAMP))


def signed(body: bytes = BODY, url: str = URL, method: str = "POST", stamp: str = STAMP, secret: str = SECRET) -> str:
    """What HubSpot's own helper makes of it."""
    return Signature.get_signature(secret, body.decode(), "v3", url, method, stamp)


def accepts(
    signature: str = V3,
    body: bytes = BODY,
    url: str = URL,
    method: str = "POST",
    stamp: str = STAMP,
    now: datetime = SENT,
    settings: dict[str, str] | None = None,
    **headers: str,
) -> bool:
    headers = {"x_hubspot_signature_v3": signature, "x_hubspot_request_timestamp": stamp, **headers}
    request = arrived(body, url, method, **{name: value for name, value in headers.items() if value is not None})
    try:
        verify(request, settings if settings is not None else {"client_secret": SECRET}, now)
    except InvalidSignature:
        return False
    return True


def older(version: str, body: bytes = BODY, url: str = URL, method: str = "POST") -> dict[str, str]:
    signature = Signature.get_signature(SECRET, body.decode(), version, url, method)
    return {"signature": None, "stamp": None, "x_hubspot_signature": signature, "x_hubspot_signature_version": version}


# Version 3 ------------------------------------------------------------------------------------------------------------


def test_hubspots_own_vector_is_accepted():
    assert signed() == V3
    assert accepts()


@pytest.mark.parametrize(
    "tampered",
    [
        pytest.param({"body": BODY + b" "}, id="a blank behind the body"),
        pytest.param({"body": BODY.replace(b"value", b"Value")}, id="a letter of the body"),
        pytest.param({"body": b""}, id="no body"),
        pytest.param({"body": BODY[::-1]}, id="the body turned round"),
        pytest.param({"url": URL.replace("https", "http")}, id="another scheme"),
        pytest.param({"url": URL.replace("www", "ww2")}, id="another host"),
        pytest.param({"url": URL.replace(".com", ".com:443")}, id="a port"),
        pytest.param({"url": URL + "/"}, id="a slash behind the path"),
        pytest.param({"url": URL + "?a=1"}, id="a query that was not there"),
        pytest.param({"method": "PUT"}, id="another method"),
        pytest.param({"stamp": str(int(STAMP) + 1)}, id="a millisecond later"),
        pytest.param({"stamp": STAMP + "0"}, id="a digit more in the time"),
        pytest.param({"signature": V3.lower()}, id="the signature in lower case"),
        pytest.param({"signature": V3[:-1]}, id="the signature without its end"),
        pytest.param({"signature": V3 + "="}, id="the signature and more"),
        pytest.param({"signature": " " + V3}, id="a blank before the signature"),
        pytest.param({"signature": b64encode(b"x" * 32).decode()}, id="a signature of nothing"),
        pytest.param({"signature": "K36dawéi4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="}, id="a letter beyond ASCII"),
        pytest.param({"signature": "\udcff" * 44}, id="bytes that are no text"),
        pytest.param({"signature": ""}, id="an empty signature"),
        pytest.param({"signature": None}, id="no signature"),
        pytest.param({"stamp": None}, id="no time"),
        pytest.param({"settings": {"client_secret": SECRET.upper()}}, id="another secret"),
        pytest.param({"settings": {"client_secret": ""}}, id="an empty secret"),
        pytest.param({"settings": {}}, id="no secret"),
    ],
)
def test_its_tampered_twin_is_refused(tampered):
    assert not accepts(**tampered)


@given(st.data())
def test_no_byte_of_it_can_change(data):
    body, url = bytearray(BODY), bytearray(URL.encode())
    chosen = data.draw(st.sampled_from([body, url]))
    place = data.draw(st.integers(0, len(chosen) - 1))
    chosen[place] ^= data.draw(st.integers(1, 127))
    changed = {"body": bytes(body), "url": url.decode("latin-1")}
    # A fragment never leaves a browser, so nobody signs one: HubSpot drops it as well
    if changed["url"].split("#")[0] != URL or changed["body"] != BODY:
        assert not accepts(**changed)


@pytest.mark.parametrize(
    ("seconds", "fresh"),
    [(0, True), (299, True), (300, True), (301, False), (86_400, False), (-299, True), (-300, True), (-301, False)],
)
def test_it_is_fresh_for_five_minutes_either_way(seconds, fresh):
    assert accepts(now=SENT + timedelta(seconds=seconds)) is fresh


@pytest.mark.parametrize(
    "stamp",
    [
        "",
        "soon",
        "-1693657560000",
        "+1693657560000",
        "1693657560000.0",
        " 1693657560000",
        "1693657560",  # in seconds
        "1_693_657_560_000",
        "١٦٩٣٦٥٧٥٦٠٠٠٠",
        "9" * 17,
        "9" * 5000,
        "2023-09-02T12:26:00Z",
    ],
)
def test_time_that_is_none_is_refused_even_if_signed(stamp):
    assert not accepts(signed(stamp=stamp), stamp=stamp)


@pytest.mark.parametrize(
    ("called", "hubspot_signs"),
    [
        pytest.param("/a?x=1&y=2", "/a?x=1&y=2", id="a query, in its order"),
        pytest.param("/a%3Ab%2Fc%3Fd%40e", "/a:b/c?d@e", id="colon, slash, question mark, at"),
        pytest.param("/%21%24%27%28%29%2A%2C%3B", "/!$'()*,;", id="the others of HubSpot's list"),
        pytest.param("/a%3ab%2fc", "/a:b/c", id="in small letters"),
        pytest.param("/a%20b%26c%3Dd%25e%23f%2B", "/a%20b%26c%3Dd%25e%23f%2B", id="nothing else is decoded"),
        pytest.param("/a%253Ab", "/a%253Ab", id="and nothing twice"),
        pytest.param("/caf%C3%A9", "/caf%C3%A9", id="nor letters beyond ASCII"),
        pytest.param("/café", "/café", id="letters beyond ASCII as they are"),
        pytest.param("/a?x=1#there", "/a?x=1", id="a fragment is dropped"),
    ],
)
def test_address_is_decoded_as_hubspot_does_and_no_further(called, hubspot_signs):
    host = "https://hub.example.com"
    assert accepts(signed(url=host + hubspot_signs), url=host + called)


def test_order_of_a_query_counts():
    assert not accepts(signed(url=URL + "?a=1&b=2"), url=URL + "?b=2&a=1")


@pytest.mark.parametrize("body", ["Grüße".encode(), "{}", "\u2028".encode(), "🎉".encode(), b""])
def test_helper_of_the_sdk_and_ours_agree_on_any_body(body):
    body = body if isinstance(body, bytes) else body.encode()
    assert accepts(signed(body=body), body=body)


def test_body_that_is_no_utf8_is_verified_all_the_same():
    import hashlib
    import hmac

    body = b"\xff\xfe\x00"
    mac = hmac.new(SECRET.encode(), b"POST" + URL.encode() + body + STAMP.encode(), hashlib.sha256)
    assert accepts(b64encode(mac.digest()).decode(), body=body)


# Two secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "accepted"),
    [
        pytest.param({"client_secret": "new", "client_secret_previous": SECRET}, True, id="the old one, in rotation"),
        pytest.param({"client_secret": SECRET, "client_secret_previous": "old"}, True, id="the new one, in rotation"),
        pytest.param({"client_secret": SECRET, "client_secret_previous": ""}, True, id="no old one"),
        pytest.param({"client_secret": "new"}, False, id="the old one, after it was removed"),
        pytest.param({"client_secret": "a", "client_secret_previous": "b"}, False, id="neither"),
    ],
)
def test_old_and_new_secret_count_during_rotation(settings, accepted):
    assert accepts(settings=settings) is accepted


# Versions 1 and 2 -----------------------------------------------------------------------------------------------------

STRICT = {"client_secret": SECRET, "require_v3": "1"}


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_older_version_is_accepted_where_there_is_no_newer(version):
    assert accepts(**older(version))


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_older_version_is_refused_where_an_admin_wants_that(version):
    assert not accepts(**older(version), settings=STRICT)
    assert accepts(settings=STRICT)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_right_older_signature_does_not_help_a_wrong_newer_one(version):
    assert not accepts(**{**older(version), "signature": "wrong", "stamp": STAMP})
    assert not accepts(**{**older(version), "signature": V3, "stamp": STAMP}, now=SENT + timedelta(days=1))


@pytest.mark.parametrize(
    ("version", "tampered"),
    [
        pytest.param("v1", {"body": BODY + b" "}, id="v1, the body"),
        pytest.param("v2", {"body": BODY + b" "}, id="v2, the body"),
        pytest.param("v2", {"url": URL + "?a=1"}, id="v2, the address"),
        pytest.param("v2", {"method": "GET"}, id="v2, the method"),
        pytest.param("v2", {"x_hubspot_signature_version": "v1"}, id="v2 that calls itself v1"),
        pytest.param("v1", {"x_hubspot_signature_version": "v2"}, id="v1 that calls itself v2"),
        pytest.param("v1", {"x_hubspot_signature": "ü"}, id="a letter beyond ASCII"),
        pytest.param("v1", {"x_hubspot_signature": ""}, id="an empty signature"),
    ],
)
def test_tampered_older_version_is_refused(version, tampered):
    assert not accepts(**{**older(version), **tampered})


def test_refusal_says_why_and_shows_no_secret():
    with pytest.raises(InvalidSignature, match="301 s old; 300 s are allowed"):
        verify(
            arrived(BODY, URL, x_hubspot_signature_v3=V3, x_hubspot_request_timestamp=STAMP),
            {"client_secret": SECRET},
            SENT + timedelta(seconds=301),
        )
    with pytest.raises(InvalidSignature) as refused:
        verify(
            arrived(b"", URL, x_hubspot_signature_v3=V3, x_hubspot_request_timestamp=STAMP),
            {"client_secret": SECRET},
            SENT,
        )
    assert SECRET not in str(refused.value)
    assert signed(body=b"") not in str(refused.value)
