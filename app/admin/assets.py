"""Styles and scripts: read once, sent packed, and kept by the browser for as long as they stay the same."""

import gzip
from functools import cache
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path

from flask import Response, abort, request, url_for
from msgspec import Struct

from app.admin.blueprint import admin

_STATIC = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
FOREVER = "public, max-age=31536000, immutable"


class Asset(Struct, frozen=True):
    """A file as it is sent."""

    digest: str
    content_type: str
    plain: bytes
    packed: bytes


def _file(name: str) -> Path:
    if name != "bootstrap.css":
        return _STATIC / name
    found = find_spec("flask_bootstrap")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "static" / "bootstrap5" / "css" / "bootstrap.min.css"


@cache
def assets() -> dict[str, Asset]:
    """All files by name."""
    found = {}
    for name in ["bootstrap.css", *(file.name for file in _STATIC.iterdir() if file.suffix in _TYPES)]:
        file = _file(name)
        plain = file.read_bytes()
        digest = blake2b(plain, digest_size=8).hexdigest()
        found[name] = Asset(digest, _TYPES[file.suffix], plain, gzip.compress(plain, 9, mtime=0))
    return found


def asset_url(name: str) -> str:
    """Where a file is; the address changes with what is in it."""
    return url_for("admin.asset", digest=assets()[name].digest, name=name)


@admin.get("/static/<digest>/<name>")
def asset(digest: str, name: str) -> Response:
    """One file."""
    found = assets().get(name)
    if found is None:
        abort(404)
    packs = "gzip" in request.headers.get("Accept-Encoding", "")
    response = Response(found.packed if packs else found.plain, content_type=found.content_type)
    if packs:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    # During a rollout another version's address may be asked of this process
    response.headers["Cache-Control"] = FOREVER if digest == found.digest else "no-store"
    return response
