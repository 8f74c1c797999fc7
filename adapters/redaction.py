"""What is kept of calls, and shown to admins, without the secrets that were in them."""

from collections.abc import Collection, Iterable, Mapping
from urllib.parse import quote, quote_plus

CREDENTIALS = frozenset(("authorization", "api-token", "x-make-apikey"))  # headers
MIN_SECRET = 8  # what is shorter would be found in any text, and spoil it
HIDDEN = "***"


def forms_of(secrets: Iterable[str]) -> set[str]:
    """Some secrets as they may stand in a body, in an address and in a form."""
    known = [part for secret in secrets for part in _parts_of(secret) if len(part) >= MIN_SECRET]
    return {form for secret in known for form in (secret, quote(secret, ""), quote_plus(secret))}


def _parts_of(secret: str) -> tuple[str, ...]:
    """Of an address that is itself a secret, what stands behind the host: an answer may repeat that alone."""
    _, mark, address = secret.partition("://")
    rest = address.partition("/")[2]
    return (rest, rest.partition("?")[0]) if mark and len(rest) >= MIN_SECRET else (secret,)


def sent_in(headers: Mapping[str, str] | None) -> set[str]:
    """The credentials in some headers, as far as they are long enough to be found again."""
    said = [value.split() for name, value in (headers or {}).items() if name.lower() in CREDENTIALS]
    return {words[-1] for words in said if words and len(words[-1]) >= MIN_SECRET}


def without(text: str, secrets: Collection[str]) -> str:
    """A text without the secrets: some vendors want them in the address or in the body."""
    for secret in sorted(secrets, key=len, reverse=True):  # the longest first: another may be a part of it
        text = text.replace(secret, HIDDEN)
    return text


def without_bytes(data: bytes, secrets: Collection[str]) -> bytes:
    """An answer without the credentials that it may repeat."""
    for secret in sorted(secrets, key=len, reverse=True):
        data = data.replace(secret.encode(), HIDDEN.encode())
    return data
