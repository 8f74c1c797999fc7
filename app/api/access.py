"""Who may come in, and who changed what."""

from typing import Any

from flask import request

from app import accounts
from app.api.blueprint import api
from app.api.operation import (
    CURSOR,
    LIMIT,
    Operation,
    caller,
    cursor,
    json_body,
    limit,
    moment_of,
    operation,
    text_of,
    to_cursor,
)
from app.api.shapes import FLAG, TEXT, TIME
from app.receive import Refused, this_runtime
from app.store import audited, users
from app.store.access import MANAGE, list_tokens
from app.store.users import Account

_ROLE = {"type": "string", "enum": list(users.ROLES)}


@operation(
    api,
    Operation(
        method="GET",
        path="/audit",
        summary="Who changed what, newest first",
        query=(
            {"name": "who", "schema": TEXT, "description": "A user's address, or `token NAME`"},
            {"name": "on", "schema": TEXT, "description": "What was changed"},
            {"name": "subject", "schema": TEXT, "description": "Such as `policy` or `user`"},
            {"name": "since", "schema": TIME},
            {"name": "until", "schema": TIME},
            LIMIT,
            CURSOR,
        ),
        answer="AuditEntry",
        many=True,
        scope=MANAGE,
    ),
)
def audit() -> Any:
    with this_runtime().database.read() as conn:
        turn = audited.page(
            conn,
            limit(),
            cursor(),
            **{name: request.args.get(name) or None for name in ("who", "on", "subject")},
            since=moment_of("since"),
            until=moment_of("until"),
        )
    return {"items": turn.rows, "next": to_cursor(turn.older)}


@operation(
    api,
    Operation(method="GET", path="/users", summary="Who may sign in", answer="User", many=True, scope=MANAGE),
)
def users_listed() -> Any:
    with this_runtime().database.read() as conn:
        return {"items": [_shown(one) for one in users.listed(conn)], "next": None}


def _shown(one: Account) -> dict[str, Any]:
    names = ("id", "email", "name", "role", "active", "invited", "created_at", "signed_in_at")
    return {name: getattr(one, name) for name in names}


@operation(
    api,
    Operation(
        method="POST",
        path="/users",
        summary="Invite somebody; `link` is where they choose a password, and is not told again",
        body={
            "type": "object",
            "required": ["email", "role"],
            "properties": {"email": {"type": "string", "maxLength": 200}, "name": TEXT, "role": _ROLE},
        },
        answer="Invited",
        statuses=(200, 409),
        scope=MANAGE,
    ),
)
def user_invited() -> Any:
    body = json_body()
    account, link = accounts.invite(
        this_runtime(), caller(), text_of(body, "email"), text_of(body, "name"), text_of(body, "role")
    )
    return {**_shown(account), "link": link}


@operation(
    api,
    Operation(
        method="POST",
        path="/users/{user_id}",
        summary="Change a user: their role, or whether they may come in",
        body={"type": "object", "properties": {"role": _ROLE, "active": FLAG}},
        answer="User",
        statuses=(200, 404, 409),
        scope=MANAGE,
    ),
)
def user_changed(user_id: int) -> Any:
    body, runtime = json_body(), this_runtime()
    role, active = text_of(body, "role"), body.get("active")
    if active is not None and not isinstance(active, bool):
        raise Refused(400, "active is true or false")
    if not role and active is None:
        raise Refused(400, "say what is to change: role or active")
    with runtime.database.read() as conn:
        account = users.find(conn, user_id)
    if account is None:
        raise Refused(404, "there is no such user")
    if role and role != account.role:
        account = accounts.change_role(runtime, caller(), user_id, role)
    if active is not None and active != account.active:
        account = (accounts.let_in if active else accounts.shut_out)(runtime, caller(), user_id)
    return _shown(account)


@operation(
    api,
    Operation(
        method="POST",
        path="/users/{user_id}/reset",
        summary="Take a user's password away and sign them out; `link` is where they choose a new one",
        answer="Invited",
        statuses=(200, 404, 409),
        scope=MANAGE,
    ),
)
def user_reset(user_id: int) -> Any:
    runtime = this_runtime()
    link = accounts.reset(runtime, caller(), user_id)
    with runtime.database.read() as conn:
        account = users.find(conn, user_id)
    assert account is not None
    return {**_shown(account), "link": link}


@operation(
    api,
    Operation(method="GET", path="/tokens", summary="Tokens that are valid", answer="Token", many=True, scope=MANAGE),
)
def tokens() -> Any:
    names = ("id", "name", "prefix", "scopes", "created_at", "used_at")
    with this_runtime().database.read() as conn:
        found = list_tokens(conn)
    return {"items": [{name: getattr(one, name) for name in names} for one in found], "next": None}


@operation(
    api,
    Operation(
        method="POST",
        path="/tokens/{token_id}/revoke",
        summary="End a token's life",
        answer="Done",
        statuses=(200, 404),
        scope=MANAGE,
    ),
)
def token_revoked(token_id: int) -> Any:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        name = next((one.name for one in list_tokens(conn) if one.id == token_id), None)
    if name is None:
        raise Refused(404, "there is no such token")
    accounts.revoke_token(runtime, caller(), name)
    return {"status": "ok"}
