"""A stored request without one person."""

import json

import pytest

from app.contacts.redact import pattern_of, without

ANN = ["ann@example.com", "12345"]


@pytest.mark.parametrize(
    ("body", "left"),
    [
        pytest.param([{"objectId": 12345, "v": "x"}, {"objectId": 6}], [{"objectId": 6}], id="one of two"),
        pytest.param([{"objectId": 12345}], None, id="the only one"),
        pytest.param({"data": [{"email": "Ann@Example.com"}, {"email": "bob@x.de"}], "meta": 1},
                     {"data": [{"email": "bob@x.de"}], "meta": 1}, id="in a list of an object"),
        pytest.param({"email": "ann@example.com"}, None, id="an object by itself"),
        pytest.param({"text": "write to <ann@example.com> please"}, None, id="an address within a text"),
        pytest.param({"email": "bob@example.com", "n": 123456}, ..., id="somebody else"),
        pytest.param({"data": [{"id": 6}], "who": {"email": "ann@example.com"}}, None, id="beside a list"),
    ],
)  # fmt: skip
def test_of_a_request_stays_what_is_about_others(body: object, left: object) -> None:
    raw = json.dumps(body).encode()
    found = without(raw, ANN)
    if left is ...:
        assert found == raw
    else:
        assert (json.loads(found) if found else None) == left


def test_what_cannot_be_taken_apart_goes_whole() -> None:
    assert without(b"email=ann%40example.com&name=Ann", ANN) == b""


@pytest.mark.parametrize("text", ["x=ann@example.com", "ANN@EXAMPLE.COM", "a=ann%40example.com&b", '{"id":12345}'])
def test_names_are_found_as_they_are_written(text: str) -> None:
    pattern = pattern_of(ANN)
    assert pattern is not None
    assert pattern.search(text.encode())


@pytest.mark.parametrize("text", ["joann@example.com", "ann@example.community", "112345", "123456"])
def test_others_are_not(text: str) -> None:
    pattern = pattern_of(ANN)
    assert pattern is not None
    assert not pattern.search(text.encode())


def test_short_names_are_not_looked_for() -> None:
    assert pattern_of(["12", "abc"]) is None
