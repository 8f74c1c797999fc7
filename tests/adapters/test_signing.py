"""What proofs of origin have in common, over every adapter that checks one. Catalogue: A1."""

import base64

import pytest

from adapters.contract import Adapter, InvalidSignature
from adapters.registry import adapters
from adapters.signing import basic_of
from tests.adapters.making import NOW, arrived

PROVING = [one for one in adapters().values() if one.verify is not None]
HEADERS = (
    *("authorization", "webhook_signature", "x_api_key", "x_signature", "x_baton_secret", "x_mailchimp_signature"),
    *("calendly_webhook_signature", "typeform_signature", "tally_signature", "x_webflow_signature"),
    *("x_wpforms_webhook_signature", "klaviyo_signature", "x_hubspot_signature", "x_hubspot_signature_v3"),
)
MARKS = ("", "Basic ", "Bearer ", "sha256=", "v1,", f"t={int(NOW.timestamp())},v1=", "t=\u0663,v1=")
HOSTILE = ("\xe4", "\udcff", "=", "====", "\u2028", "-1", "AAA", "'\0'")
STAMPS = ("webhook_timestamp", "x_webflow_timestamp", "klaviyo_timestamp", "x_hubspot_request_timestamp")


def prove(adapter: Adapter, settings: dict[str, str], **headers: str) -> None:
    assert adapter.verify is not None
    adapter.verify(arrived(b"[{}]", **headers), settings, NOW)


def secrets(adapter: Adapter, value: str) -> dict[str, str]:
    return {setting.name: value for setting in adapter.settings if setting.secret}


@pytest.mark.parametrize("adapter", PROVING, ids=lambda adapter: adapter.name)
def test_header_that_holds_anything_is_refused_and_breaks_nothing(adapter):
    settings = secrets(adapter, "s3cret")
    for header in HEADERS:
        for value in (mark + text for mark in MARKS for text in HOSTILE):
            for stamp in ("\xb2", str(int(NOW.timestamp())), NOW.isoformat()):
                with pytest.raises(InvalidSignature):
                    prove(adapter, settings, **{**dict.fromkeys(STAMPS, stamp), header: value})


@pytest.mark.parametrize("adapter", PROVING, ids=lambda adapter: adapter.name)
@pytest.mark.parametrize("empty", ["", "  "])
def test_empty_secret_proves_nothing(adapter, empty):
    nothing = base64.b64encode(f"{empty}:{empty}".encode()).decode()
    for header in HEADERS:
        for value in (empty, f"Basic {nothing}", f"Bearer {empty}", "sha256=", "v1,"):
            with pytest.raises(InvalidSignature):
                prove(adapter, secrets(adapter, empty), **{header: value})


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Basic " + base64.b64encode(b"user:pass:word").decode(), ("user", "pass:word")),
        ("basic " + base64.b64encode("ü:é".encode()).decode(), ("ü", "é")),
        ("Basic " + base64.b64encode(b"user").decode(), ("user", "")),
        ("Basic " + base64.b64encode(b"\xff:").decode(), None),
        ("Basic é", None),
        ("Bearer dXNlcjo=", None),
        ("", None),
    ],
)
def test_basic_authentication_is_read_where_it_can_be(header, found):
    assert basic_of(header) == found
