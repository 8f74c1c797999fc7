"""The simulated HubSpot's webhooks journal: tokens by client credentials, and files of what the webhooks tell."""

from typing import Any
from urllib.parse import parse_qs

from adapters.hubspot.sandbox.edge import FILES, JOURNAL, TOKENS
from adapters.hubspot.sandbox.state import Account, File
from adapters.sandbox.vendor import Answer, Request, Route, iso

LONGEST = 10_000  # entries of a file
TOKEN_SECONDS = 1800
DAY = 86_400.0


def give_token(hub: Account, request: Request) -> Answer:
    """POST: a token by client credentials."""
    form = {name: values[0] for name, values in parse_qs(request.raw.decode()).items()}
    if form.get("grant_type") != "client_credentials" or not form.get("client_id") or not form.get("client_secret"):
        raise hub.refuse(400, "missing or unknown grant_type, client_id or client_secret")
    if hub.settings.client_secret not in ("", form["client_secret"]):
        raise hub.refuse(401, "invalid client secret")
    if not hub.settings.journal:
        raise hub.refuse(403)
    token = f"journal-{hub.new_uuid()}"
    hub.tokens.add(token)
    said = {"access_token": token, "expires_in": TOKEN_SECONDS, "token_type": "bearer"}
    return Answer(body={**said, "token_use": "client_credentials"})


def kept(hub: Account) -> list[File]:
    """The files that are not too old, with what has happened up to now."""
    while hub.entries:
        some, hub.entries = hub.entries[:LONGEST], hub.entries[LONGEST:]
        hub.journal.append(File(hub.new_uuid(), hub.clock(), some))
    oldest = hub.clock() - hub.settings.journal_days * DAY
    hub.journal = [one for one in hub.journal if one.at >= oldest]
    return hub.journal


def named(request: Request, files: list[File]) -> Answer:
    """Where the first of these files lies, with nothing where there is none."""
    if not files:
        return Answer(status=204)
    place = files[0].place
    url = f"{request.base}/journal-files/{place}?signature={place[:8]}"
    return Answer(body={"url": url, "expiresAt": iso(files[0].at + 3600), "currentOffset": place})


def get_earliest(hub: Account, request: Request) -> Answer:
    """GET: the oldest file."""
    return named(request, kept(hub))


def get_latest(hub: Account, request: Request) -> Answer:
    """GET: the newest file."""
    return named(request, kept(hub)[-1:])


def get_next(hub: Account, request: Request, place: str) -> Answer:
    """GET: the file after another one."""
    files = kept(hub)
    at = next((number for number, one in enumerate(files) if one.place == place), None)
    if at is None:
        raise hub.refuse(404, "The offset is unknown, or older than three days")
    return named(request, files[at + 1 :])


def get_file(hub: Account, request: Request, place: str) -> Answer:
    """GET: a file, for whoever has its signed address. As where HubSpot keeps them, a token does not belong there."""
    if "authorization" in request.headers or request.param("signature") != place[:8]:
        return Answer(status=400, raw=b"<Error><Code>InvalidArgument</Code></Error>", content_type="application/xml")
    for one in hub.journal:
        if one.place == place:
            body: dict[str, Any] = {"offset": place, "journalEvents": one.entries, "publishedAt": iso(one.at)}
            return Answer(body=body, raw=one.spoilt, content_type="binary/octet-stream")
    return Answer(status=403, raw=b"<Error><Code>AccessDenied</Code></Error>", content_type="application/xml")


ROUTES = (
    *(Route("POST", path, give_token) for path in TOKENS),
    *(
        Route("GET", f"{JOURNAL}{kind}/2026-03/{path}", do)
        for kind in ("journal", "journal-local")
        for path, do in (("earliest", get_earliest), ("latest", get_latest), ("offset/{place}/next", get_next))
    ),
    Route("GET", FILES, get_file),
)
