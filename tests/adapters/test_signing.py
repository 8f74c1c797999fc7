"""What proofs of origin have in common, over every adapter that checks one. Catalogue: A1."""

import base64
from collections.abc import Iterator
from contextlib import suppress
from functools import cache

import pytest
from msgspec.structs import replace

from adapters.contract import Adapter, InvalidSignature
from adapters.registry import adapters
from adapters.signing import basic_of
from tests.adapters.making import NOW, arrived

PROVING = [one for one in adapters().values() if one.verify is not None]
MARKS = ("", "Basic ", "Bearer ", "sha256=", "v1,", f"t={int(NOW.timestamp())},v1=", "t=\u0663,v1=")
HOSTILE = ("\xe4", "\udcff", "=", "====", "\u2028", "-1", "AAA", "'\0'")


class Headers(dict[str, str]):
    """Headers that remember which were looked for."""

    looked: set[str]

    def __init__(self, *held: dict[str, str]) -> None:
        super().__init__(*held)
        self.looked = set()

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        self.looked.add(name)
        return super().get(name, default)


def prove(adapter: Adapter, settings: dict[str, str], headers: dict[str, str]) -> None:
    assert adapter.verify is not None
    adapter.verify(replace(arrived(b"[{}]"), headers=headers), settings, NOW)


@cache
def looked_at(kind: str) -> frozenset[str]:
    """The headers that an adapter looks at, be it only where another one is there."""
    adapter = adapters()[kind]
    names: frozenset[str] = frozenset()
    tried = frozenset(("",))
    while True:
        # An adapter may refuse for the time before it looks at anything else
        stamps = dict.fromkeys((name for name in tried if "timestamp" in name), str(int(NOW.timestamp())))
        for name in tried:
            headers = Headers({**stamps, name: f"t={int(NOW.timestamp())},v1=x"})
            with suppress(InvalidSignature):
                prove(adapter, secrets(adapter, "s3cret"), headers)
            names |= headers.looked
        if names <= tried:
            return names
        tried |= names


def tries(adapter: Adapter, value: str, stamp: str) -> Iterator[dict[str, str]]:
    """Headers with a value in each of those that an adapter looks at, and a time where it looks for one."""
    names = looked_at(adapter.name)
    assert names, "it looks at no header"
    stamps = dict.fromkeys((name for name in names if "timestamp" in name), stamp)
    for name in names:
        yield {**stamps, name: value}


def secrets(adapter: Adapter, value: str) -> dict[str, str]:
    return {setting.name: value for setting in adapter.settings if setting.secret}


@pytest.mark.parametrize("adapter", PROVING, ids=lambda adapter: adapter.name)
def test_header_that_holds_anything_is_refused_and_breaks_nothing(adapter):
    settings = secrets(adapter, "s3cret")
    for value in (mark + text for mark in MARKS for text in HOSTILE):
        for stamp in ("\xb2", str(int(NOW.timestamp())), NOW.isoformat()):
            for headers in tries(adapter, value, stamp):
                with pytest.raises(InvalidSignature):
                    prove(adapter, settings, headers)


@pytest.mark.parametrize("adapter", PROVING, ids=lambda adapter: adapter.name)
@pytest.mark.parametrize("empty", ["", "  "])
def test_empty_secret_proves_nothing(adapter, empty):
    nothing = base64.b64encode(f"{empty}:{empty}".encode()).decode()
    for value in (empty, f"Basic {nothing}", f"Bearer {empty}", "sha256=", "v1,"):
        for headers in tries(adapter, value, str(int(NOW.timestamp()))):
            with pytest.raises(InvalidSignature):
                prove(adapter, secrets(adapter, empty), headers)


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
