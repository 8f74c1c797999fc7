"""The strict JSON reader: what it takes, what it refuses and why, and that refusing is cheap."""

import json
import time
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import Unreadable
from adapters.strict_json import loads

MIB = 1 << 20


@pytest.mark.parametrize(
    ("body", "document"),
    [
        pytest.param(b'{"a": [1, 2.5, true, null, "x"]}', {"a": [1, 2.5, True, None, "x"]}, id="an ordinary document"),
        pytest.param(b'"text"', "text", id="a bare value"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', {"a": 1}, id="a UTF-8 byte order mark"),
        pytest.param(b'{"a\\"":1,"b:\\\\":"x:,\\\\\\"[{"}', {'a"': 1, "b:\\": 'x:,\\"[{'}, id="structure inside texts"),
        pytest.param(b'"\\\\u0000"', "\\u0000", id="a backslash before u0000 is no NUL"),
        pytest.param(b'"\\ud83d\\ude00"', "😀", id="a pair of surrogates"),
        pytest.param(b"9223372036854775807", 2**63 - 1, id="the largest integer of 64 bits"),
        pytest.param(b"-9223372036854775808", -(2**63), id="the smallest integer of 64 bits"),
        pytest.param(b"[0.12345678901234567890123]", [0.12345678901234568], id="a fraction with many digits"),
        pytest.param(b"[" * 64 + b"]" * 64, json.loads("[" * 64 + "]" * 64), id="64 levels"),
        pytest.param(b'[{"a":1},{"a":1}]', [{"a": 1}, {"a": 1}], id="the same key in two objects"),
    ],
)
def test_json_is_read(body, document):
    assert loads(body) == document


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(b" \n ", "empty", id="white space only"),
        pytest.param(b"email=a", "not JSON", id="not JSON"),
        pytest.param(b"{} {}", "trailing", id="two documents"),
        pytest.param(b'{"a":1,}', "trailing comma", id="a trailing comma"),
        pytest.param(b"NaN", "not JSON", id="NaN"),
        pytest.param(b"[-Infinity]", "not JSON", id="Infinity"),
        pytest.param(b"1e999", "out of range", id="a number beyond all range"),
        pytest.param(b"9223372036854775808", "64 bits", id="an integer one too large"),
        pytest.param(b"[-9223372036854775809]", "64 bits", id="an integer one too small"),
        pytest.param(b"1" * 5000, "64 bits", id="an integer of 5,000 digits"),
        pytest.param(b'{"a":1,"a":2}', "same key twice", id="a duplicate key"),
        pytest.param(b'{"a":1,"\\u0061":2}', "same key twice", id="a duplicate key that is written differently"),
        pytest.param(b'[{"b":{"c":":","c":1}}]', "same key twice", id="a duplicate key deep inside"),
        pytest.param(b'"a\\u0000b"', "NUL", id="an escaped NUL"),
        pytest.param(b'{"\\u0000":1}', "NUL", id="an escaped NUL in a key"),
        pytest.param(b'"\\\\\\u0000"', "NUL", id="an escaped NUL after a backslash"),
        pytest.param(b'"a\x00"', "not JSON|UTF-16", id="a raw NUL"),
        pytest.param(b'"\\ud800 and more"', "not JSON", id="a lone high surrogate"),
        pytest.param(b'"\\udc00"', "not JSON", id="a lone low surrogate"),
        pytest.param(b'"\xed\xa0\x80"', "not UTF-8", id="a surrogate in UTF-8"),
        pytest.param(b'"\xff"', "not UTF-8", id="a byte that UTF-8 has not"),
        pytest.param('{"a":1}'.encode("utf-16"), "UTF-16", id="UTF-16 with a mark"),
        pytest.param('{"a":1}'.encode("utf-16-be"), "UTF-16", id="UTF-16 without one"),
        pytest.param('{"a":1}'.encode("utf-32"), "UTF-16 or UTF-32", id="UTF-32"),
        pytest.param(b"[" * 65 + b"]" * 65, "deeper than 64", id="65 levels"),
        pytest.param(b'{"a":' * 2000 + b"1" + b"}" * 2000, "deeper than 64", id="2,000 levels of objects"),
        pytest.param(b"[" + b"1," * 10_000 + b"1]", "more than 10000", id="10,001 values"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, "more than 10000", id="100,000 levels"),
    ],
)
def test_what_is_not_strict_json_is_refused_with_its_reason(body, reason):
    with pytest.raises(Unreadable, match=reason):
        loads(body)


def test_a_reason_never_holds_the_content():
    with pytest.raises(Unreadable) as refused:
        loads(b'{"email":"ada@example.com","email":"bob@example.com"}')
    assert "example" not in str(refused.value)


def test_a_vendors_batch_of_1000_events_is_read_with_a_higher_limit():
    body = json.dumps(
        [{"id": number, "at": "2026-03-10T09:30:00Z", "url": "https://a.b/?c=d,e"} for number in range(1000)]
    )
    with pytest.raises(Unreadable, match="more than 3000"):
        loads(body.encode(), max_nodes=3000)
    assert len(loads(body.encode(), max_nodes=200_000)) == 1000


HOSTILE = {
    "100,000 open brackets": b"[" * 100_000,
    "100,000 nested objects": b'{"a":' * 100_000,
    "10,000 keys": json.dumps({f"k{number}": "" for number in range(10_000)}).encode(),
    "170,000 times the same key": b"{" + b'"a":1,' * 170_000 + b'"a":1}',
    "half a million values": b"[" + b"1," * (MIB // 2) + b"1]",
    "a million quotes": b'"' * MIB,
    "a million backslashes": b"\\" * MIB,
    "a text of escaped backslashes": b'"' + b"\\\\" * (MIB // 2) + b'"',
    "a text of escaped quotes": b'"' + b'\\"' * (MIB // 2) + b'"',
    "a number of a million digits": b"1" * MIB,
    "a fraction of a million digits": b"[1." + b"1" * MIB + b"]",
    "9,000 long fractions": b"[" + b"1234567890" * 8 + b".5," * 1 + (b"1234567890" * 8 + b".5,") * 9000 + b"1]",
    "a million colons": b":" * MIB,
    "a million surrogates": b'"' + b"\\ud800" * (MIB // 6) + b'"',
    "a million spaces": b" " * MIB,
    "a million minus signs": b"-" * MIB,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_body_costs_less_than_100_milliseconds(body):
    def cost() -> float:
        started = time.process_time()
        with suppress(Unreadable):
            loads(body)
        return time.process_time() - started

    assert min(cost() for _ in range(2)) < 0.1


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('ab":,{[\\é', max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(_VALUES)
def test_whatever_json_can_hold_is_read_as_python_reads_it(document):
    body = json.dumps(document).encode()
    assert loads(body) == json.loads(body)
    assert loads(msgspec.json.encode(document)) == json.loads(body)


@given(st.binary(max_size=200) | st.text('[]{}",:\\0 1eE.-+u', max_size=60).map(str.encode))
def test_nothing_but_unreadable_is_ever_raised(body):
    try:
        document = loads(body)
    except Unreadable:
        return
    assert document == json.loads(body.removeprefix(b"\xef\xbb\xbf"))
