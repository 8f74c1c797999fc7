"""A strict JSON reader for bodies that strangers send: every adapter reads with this one.

msgspec decodes; it refuses what is not UTF-8, lone surrogates, NaN, Infinity, numbers like 1e999 and trailing text.
It accepts duplicate keys (the last one wins), integers of any size, ``\\u0000`` and, before it gives up, a million
values. Those are checked here, on the body's *skeleton*: the body without its texts, ``{"a":[1,"b"]}`` → ``{:[1,]}``.
Counting bytes of the skeleton costs next to nothing, and is done before anything is built.
"""

import re
from typing import Any

import msgspec

from adapters.contract import Unreadable

MAX_NODES = 10_000
MAX_DEPTH = 64

_BOM = b"\xef\xbb\xbf"
# No number of 64 bits has more than 19 digits; what has fewer characters need not be looked at.
_LONG_NUMBER = re.compile(rb"[-+.0-9eE]{19,}")
_INTEGER = re.compile(rb"-?[0-9]+")
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1


def loads(body: bytes, *, max_nodes: int = MAX_NODES, max_depth: int = MAX_DEPTH) -> Any:
    """The document in a body of UTF-8 JSON (a byte order mark is tolerated).

    ``max_nodes`` bounds the number of values in it, ``max_depth`` how deep they are nested. Raises Unreadable with a
    reason that holds nothing of the content: for anything that is not JSON, duplicate keys, numbers beyond 64 bits,
    and for NUL characters, which PostgreSQL cannot store.
    """
    body = body.removeprefix(_BOM)
    if not body.strip():
        raise Unreadable("the body is empty")
    if body[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in body[:4]:
        raise Unreadable("the body is not UTF-8 but looks like UTF-16 or UTF-32; send UTF-8")
    skeleton = _skeleton(body, max_nodes)
    _check_numbers(skeleton)
    try:
        document = msgspec.json.decode(body)
    except RecursionError:
        raise Unreadable(f"the JSON is nested deeper than {max_depth} levels") from None
    except UnicodeDecodeError:
        raise Unreadable("a text in the JSON is not UTF-8") from None
    except msgspec.ValidationError:
        raise Unreadable("a number in the JSON is out of range") from None
    except msgspec.DecodeError as error:
        raise Unreadable(f"not JSON: {str(error).removeprefix('JSON is malformed: ')}") from None
    containers = skeleton.count(b"[") + skeleton.count(b"{")
    if _count_keys(document, containers, max_depth) != skeleton.count(b":"):
        raise Unreadable("an object in the JSON has the same key twice")
    return document


def _skeleton(body: bytes, max_nodes: int) -> bytes:
    """The body without what stands between quotes. Only meaningful for JSON; msgspec judges whether it is."""
    if b"\\" in body:
        # Pairs first: what is left of a run of backslashes is then at most the one that escapes the next letter.
        body = body.replace(b"\\\\", b"")
        if b"\\u0000" in body:
            raise Unreadable("a text in the JSON holds a NUL character")
        body = body.replace(b'\\"', b"")
    if body.count(b'"') > 4 * max_nodes:  # a value has at most two texts, its key and itself
        raise _too_many(max_nodes)
    skeleton = b"".join(body.split(b'"')[::2])
    # n values in a container stand between n - 1 commas
    if 1 + skeleton.count(b",") + skeleton.count(b"[") + skeleton.count(b"{") > max_nodes:
        raise _too_many(max_nodes)
    return skeleton


def _too_many(max_nodes: int) -> Unreadable:
    return Unreadable(f"the JSON holds more than {max_nodes} values")


def _check_numbers(skeleton: bytes) -> None:
    for number in _LONG_NUMBER.findall(skeleton):
        if _INTEGER.fullmatch(number) and (len(number) > 20 or not _LOWEST <= int(number) <= _HIGHEST):
            raise Unreadable("an integer in the JSON has more than 64 bits")


def _count_keys(document: Any, containers: int, max_depth: int) -> int:
    """How many keys the objects have together, of so many ``containers``. One pass, level by level, so it needs no
    recursion of its own; once all containers are found, what lies in the last of them is not looked at."""
    keys = depth = 0
    level = [document] if type(document) in (dict, list) else []
    while level:
        depth += 1
        if depth > max_depth:
            raise Unreadable(f"the JSON is nested deeper than {max_depth} levels")
        containers -= len(level)
        below: list[Any] = []
        for node in level:
            if type(node) is dict:
                keys += len(node)
                node = node.values()
            if containers:
                below += [value for value in node if type(value) is dict or type(value) is list]
        level = below
    return keys
