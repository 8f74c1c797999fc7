"""A raw body as one nested document: urlencoded, multipart, plain text or JSON, whatever the header calls it."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from adapters import strict_json
from adapters.cleaning import MAX_VALUE, clean, clean_text, too_long
from adapters.contract import Unreadable
from adapters.nesting import MAX_NAME, MAX_PAIRS, nest

MAX_ESCAPES = 150_000  # %41: the slow part of reading a form; enough for 50,000 Chinese characters

_BOUNDARY = re.compile(r"""boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))""", re.IGNORECASE)
_CHARSET = re.compile(r"""charset="?([\w.:-]{1,40})""", re.IGNORECASE)
# Python knows codecs that are no character sets, such as unicode_escape.
_KNOWN_CHARSET = re.compile(
    r"iso-8859-(?:[1-9]|1[013456])|latin-?1|windows-125[0-8]|koi8-[ru]|shift_jis|euc-(?:jp|kr)|gb(?:k|2312|18030)|big5",
    re.IGNORECASE,
)
_DISPOSITION = re.compile(rb"^content-disposition:.*", re.IGNORECASE | re.MULTILINE)
_PART_NAME = re.compile(rb"""[;\s]name=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))""", re.IGNORECASE)
_FILE_NAME = re.compile(rb"""[;\s]filename\*?=(?:""|([^\s;]+))""", re.IGNORECASE)
_PLAIN_TEXT_PAIR = re.compile(r"([^\s=][^=\r\n]{0,200})=(.*)")


class Body(NamedTuple):
    """What was posted. ``files`` are the names of the fields that carried a file; their content is not kept."""

    document: Any
    is_json: bool
    files: tuple[str, ...] = ()


def read_body(content_type: str, body: bytes, max_pairs: int = MAX_PAIRS) -> Body:
    """The document in a body. Raises Unreadable, with a reason, for what is broken, too much or too deep."""
    if not body.strip():
        raise Unreadable("the form is empty")
    kind = content_type.partition(";")[0].strip().lower()
    start = body.lstrip()[:3].removeprefix(b"\xef\xbb\xbf")[:1]
    if kind == "multipart/form-data" or (not kind and start == b"-"):
        boundary = _BOUNDARY.search(content_type)
        return _multipart(boundary[1] or boundary[2] if boundary else "", body)
    # Scripts post JSON as text/plain to be spared a preflight, and `curl -d` calls everything urlencoded.
    if "json" in kind or start in (b"{", b"["):
        return Body(clean(strict_json.loads(body)), is_json=True)
    if kind not in ("", "application/x-www-form-urlencoded", "text/plain"):
        raise Unreadable(f"the content type {kind[:80]!r} is not one that a form has")
    named = _CHARSET.search(content_type)
    charset = named[1] if named else ""
    if kind == "text/plain":
        lines = decode(body, charset).splitlines()
        if len(lines) <= MAX_PAIRS and all(_PLAIN_TEXT_PAIR.match(line) for line in lines[:2]) and len(lines) > 1:
            return Body(nest(_plain_text_pairs(lines)), is_json=False)
    return Body(nest(_urlencoded_pairs(body, charset, max_pairs), max_pairs), is_json=False)


def _urlencoded_pairs(body: bytes, charset: str, max_pairs: int) -> Iterator[tuple[str, str]]:
    body = body.strip()
    if body.count(b"&") >= max_pairs:
        raise Unreadable(f"the form has more than {max_pairs} fields")
    if body.count(b"%") > MAX_ESCAPES:
        raise Unreadable("the form is too long")
    for pair in body.split(b"&"):
        if len(pair) > 3 * (MAX_NAME + MAX_VALUE):
            raise too_long()
        name, _, value = pair.partition(b"=")
        if len(name) > 3 * MAX_NAME:
            raise Unreadable(f"a field's name is longer than {MAX_NAME} characters")
        if name:
            yield _unquote(name, charset), _unquote(value, charset)


def _unquote(text: bytes, charset: str) -> str:
    return decode(unquote_to_bytes(text.replace(b"+", b" ")), charset)


def _plain_text_pairs(lines: list[str]) -> Iterator[tuple[str, str]]:
    """The pairs of ``enctype="text/plain"``; a line that is no pair continues the value before it."""
    name, value = "", ""
    for line in lines:
        found = _PLAIN_TEXT_PAIR.match(line)
        if found is None:
            value += f"\n{line}"
            continue
        if name:
            yield name, value
        name, value = found[1].strip(), found[2]
    yield name, value


def _multipart(boundary: str, body: bytes) -> Body:
    if not boundary:
        raise Unreadable("the multipart form does not say its boundary")
    pairs: list[tuple[str, str]] = []
    files: list[str] = []
    for head, content in _parts(b"--" + boundary.encode(), body):
        disposition = _DISPOSITION.search(head)
        name = _PART_NAME.search(disposition[0]) if disposition else None
        if disposition is None or name is None:
            raise Unreadable("a part of the multipart form has no name")
        field = decode(name[1] or name[2] or b"").replace("%22", '"').replace('\\"', '"')
        filename = _FILE_NAME.search(disposition[0])
        if filename is None:
            charset = _CHARSET.search(head.decode("latin-1"))
            pairs.append((field, decode(content, charset[1] if charset else "")))
        elif filename[1] or content:  # a file input that was left empty has neither
            files.append(clean_text(field))
    return Body(nest(pairs), is_json=False, files=tuple(files))


def _parts(delimiter: bytes, body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each part's headers and content. The lines end as the first one does: some senders write bare line feeds."""
    start = body.find(delimiter)
    if start < 0:
        raise Unreadable("the multipart form does not hold the boundary that its header announces")
    line_end = b"\r\n" if body[start:].split(b"\n", 1)[0].endswith(b"\r") else b"\n"
    delimiter = line_end + delimiter
    if body.count(delimiter) > MAX_PAIRS + 1:
        raise Unreadable(f"the form has more than {MAX_PAIRS} fields")
    for part in (line_end + body[start:]).split(delimiter)[1:]:
        if part.startswith(b"--"):
            return
        head, blank_line, content = part.partition(2 * line_end)
        if not blank_line or len(head) > MAX_NAME:
            raise Unreadable("the multipart form is malformed")
        yield head, content
    raise Unreadable("the multipart form is broken off")


def decode(raw: bytes, charset: str = "") -> str:
    """The text: UTF-8, or else what old pages send, which is the header's charset or Windows' Western one."""
    known = charset if _KNOWN_CHARSET.fullmatch(charset) else "windows-1252"
    for name in ("utf-8", known, "windows-1252"):
        try:
            return raw.decode(name)
        except UnicodeDecodeError:
            continue
    raise Unreadable("a field's text is in an unknown character set; send UTF-8")
