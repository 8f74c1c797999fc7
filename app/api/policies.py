"""Policies: what is in force, drafts, what differs, publishing and going back. Mappings are policies as well."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import request
from msgspec import UNSET, UnsetType

from app import drafts as acts
from app import policies as looked
from app import recounts
from app.api.blueprint import api
from app.api.operation import Operation, caller, existing, json_body, operation, text_of
from app.api.shapes import TEXT
from app.numbers import whole
from app.policies import Difference, Standing
from app.receive import Refused, this_runtime
from app.rules.policy import read_document
from app.store import policies
from app.store.access import MANAGE
from app.store.drafts import Overtaken
from app.store.policies import StaleDraft, Version
from mappings.document import MAX_BYTES, InvalidDocument
from mappings.lines import located

MAX_NOTE = 500
_LARGE = 4 * MAX_BYTES  # a text within JSON, with what JSON writes as six letters
_WHOLE = {"type": "integer", "minimum": 0}
_ENDS = "`draft`, a version's number, or left out for what is in force"
_NOTE = {**TEXT, "maxLength": MAX_NOTE, "description": "What was changed, and why"}


@operation(
    api,
    Operation(
        method="GET",
        path="/policies",
        summary="All policies, with the version in force and the draft of each",
        answer="Policy",
        many=True,
    ),
)
def all_policies() -> Any:
    with this_runtime().database.read() as conn:
        return {"items": [looked.shown(one) for one in looked.listed(conn)], "next": None}


@operation(
    api,
    Operation(
        method="GET",
        path="/policies/{kind}/{policy}",
        summary="One policy: what is in force, what is being written, and what keeps it from being published",
        answer="PolicyDetail",
        statuses=(200, 404),
    ),
)
def one_policy(kind: str, policy: str) -> Any:
    return _detail(_existing(kind, policy))


def _detail(found: Standing) -> dict[str, Any]:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        problems, doubts = looked.problems(runtime, conn, found), looked.doubts(conn, found)
        rescored = recounts.of_kind(runtime, conn, found.kind)
    shown = looked.shown(found, problems)
    if found.draft is not None:
        shown["draft"]["text"] = found.draft.body
    return {
        **shown,
        "text": found.text,
        "warnings": [one.text for one in doubts],
        "rescoring": recounts.shown(rescored) if rescored else None,
    }


def _existing(kind: str, name: str) -> Standing:
    with this_runtime().database.read() as conn:
        found: Standing = existing(looked.standing(conn, kind, name), "policy")
    return found


@operation(
    api,
    Operation(
        method="GET",
        path="/policies/{kind}/{policy}/versions",
        summary="All versions of a policy, the newest first",
        answer="PolicyVersion",
        many=True,
        statuses=(200, 404),
    ),
)
def policy_versions(kind: str, policy: str) -> Any:
    _existing(kind, policy)
    with this_runtime().database.read() as conn:
        found = policies.versions(conn, kind, policy)
    return {"items": [looked.shown_version(one) for one in reversed(found)], "next": None}


@operation(
    api,
    Operation(
        method="GET",
        path="/policies/{kind}/{policy}/versions/{version_id}",
        summary="One version of a policy, with its text",
        answer="PolicyVersion",
        statuses=(200, 404),
    ),
)
def policy_version(kind: str, policy: str, version_id: int) -> Any:
    version = _version(_existing(kind, policy), version_id)
    return {**looked.shown_version(version), "text": version.body}


def _version(found: Standing, number: int) -> Version:
    with this_runtime().database.read() as conn:
        version = policies.find(conn, found.kind, found.name, number) if number < 2**31 else None
    return existing(version, "version")  # type: ignore[no-any-return]


@operation(
    api,
    Operation(
        method="GET",
        path="/policies/{kind}/{policy}/diff",
        summary="What differs between two texts of a policy, in words and line by line",
        query=(
            {"name": "from", "schema": TEXT, "description": _ENDS},
            {"name": "to", "schema": TEXT, "description": _ENDS},
        ),
        answer="PolicyDifference",
        statuses=(200, 404),
    ),
)
def policy_diff(kind: str, policy: str) -> Any:
    found = _existing(kind, policy)
    return _shown_difference(looked.difference(_text(found, "from"), _text(found, "to")))


def _text(found: Standing, end: str) -> str:
    said = request.args.get(end, "")
    if not said:
        return found.text
    if said == "draft":
        return existing(found.draft, "draft").body  # type: ignore[no-any-return]
    number = whole(said)
    if number is None:
        raise Refused(400, f"{end} is {_ENDS}")
    return _version(found, number).body


def _shown_difference(found: Difference) -> dict[str, Any]:
    signs = {"same": " ", "new": "+", "gone": "-"}
    lines = [
        {"sign": signs[line.sign], "text": line.text, "before": line.old, "after": line.new}
        for line in found.lines
        if line.sign != "skipped"
    ]
    return {"words": found.words, "added": found.added, "removed": found.removed, "lines": lines}


@operation(
    api,
    Operation(
        method="POST",
        path="/policies/validate",
        summary="What keeps a text from being published, each with its line; nothing is kept",
        body={"type": "object", "required": ["text"], "properties": {"text": TEXT}},
        answer="PolicyProblems",
    ),
)
def policy_validate() -> Any:
    text, runtime = _document(json_body(_LARGE)), this_runtime()
    try:
        document = read_document(text, "document")
    except InvalidDocument as error:
        return {
            "kind": None,
            "name": None,
            "problems": [looked.shown_problem(one) for one in located(error, text)],
        }
    with runtime.database.read() as conn:
        problems = acts.problems(conn, document.kind, document.name, text)
    return {"kind": document.kind, "name": document.name, "problems": [looked.shown_problem(one) for one in problems]}


@operation(
    api,
    Operation(
        method="POST",
        path="/policies/{kind}/{policy}/draft",
        summary="Save a policy's draft; it may be invalid, and is not in force",
        body={
            "type": "object",
            "required": ["text"],
            "properties": {
                "text": TEXT,
                "revision": {
                    **_WHOLE,
                    "description": "The draft's that you began from; 0, or left out: there was none",
                },
                "base": {
                    "type": ["integer", "null"],
                    "description": "The version in force that the text takes into account; left out: as before",
                },
            },
        },
        answer="PolicyDetail",
        statuses=(200, 404, 409),
        scope=MANAGE,
    ),
)
def policy_draft(kind: str, policy: str) -> Any:
    body = json_body(_LARGE)
    text, revision, base = _document(body), _number(body, "revision"), _base(body)
    with _answering():
        acts.save(this_runtime(), caller(), kind, policy, text, revision, base)
    return _detail(_existing(kind, policy))


@operation(
    api,
    Operation(
        method="POST",
        path="/policies/{kind}/{policy}/draft/discard",
        summary="Throw a policy's draft away",
        body={"type": "object", "required": ["revision"], "properties": {"revision": _WHOLE}},
        answer="Done",
        statuses=(200, 404, 409),
        scope=MANAGE,
    ),
)
def policy_discard(kind: str, policy: str) -> Any:
    with _answering():
        acts.discard(this_runtime(), caller(), kind, policy, _number(json_body(), "revision"))
    return {"status": "ok"}


@operation(
    api,
    Operation(
        method="POST",
        path="/policies/{kind}/{policy}/publish",
        summary="Put a policy's draft in force",
        body={
            "type": "object",
            "required": ["revision", "note"],
            "properties": {
                "revision": {**_WHOLE, "description": "The draft's that you have seen"},
                "note": _NOTE,
                "beside": {
                    "type": "array",
                    "description": "Drafts of policies that name this one, or that it names, to publish with it",
                    "items": {
                        "type": "object",
                        "required": ["kind", "name", "revision"],
                        "properties": {"kind": TEXT, "name": TEXT, "revision": _WHOLE},
                    },
                },
            },
        },
        answer="Policy",
        statuses=(200, 404, 409),
        scope=MANAGE,
    ),
)
def policy_publish(kind: str, policy: str) -> Any:
    body = json_body()
    with _answering():
        acts.publish(this_runtime(), caller(), kind, policy, _number(body, "revision"), _note(body), _beside(body))
    return looked.shown(_existing(kind, policy))


@operation(
    api,
    Operation(
        method="POST",
        path="/policies/{kind}/{policy}/roll-back",
        summary="Put an older version's text in force again, as a new version",
        body={
            "type": "object",
            "required": ["version", "note"],
            "properties": {
                "version": _WHOLE,
                "note": _NOTE,
                "in_force": {**_WHOLE, "description": "The version that you believe to be in force; left out: any"},
            },
        },
        answer="Policy",
        statuses=(200, 404, 409),
        scope=MANAGE,
    ),
)
def policy_roll_back(kind: str, policy: str) -> Any:
    body = json_body()
    version = _number(body, "version")
    expected = _number(body, "in_force") if "in_force" in body else UNSET
    with _answering():
        acts.roll_back(this_runtime(), caller(), kind, policy, version, _note(body), expected)
    return looked.shown(_existing(kind, policy))


@contextmanager
def _answering() -> Iterator[None]:
    """Say why something was not done."""
    try:
        yield
    except acts.Unknown as error:
        raise Refused(404, str(error)) from None
    except (Overtaken, StaleDraft) as error:
        raise Refused(409, str(error)) from None
    except InvalidDocument as error:
        raise Refused(400, "; ".join(error.problems)[:4_000]) from None


def _document(body: dict[str, Any]) -> str:
    text = body.get("text")
    if not isinstance(text, str):
        raise Refused(400, "text is the policy in YAML")
    try:
        return acts.storable(text)
    except (InvalidDocument, UnicodeEncodeError) as error:
        raise Refused(400, f"text: {error}") from None


def _beside(body: dict[str, Any]) -> list[tuple[str, str, int]]:
    found = body.get("beside", [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found) or len(found) > 20:
        raise Refused(400, "beside is a list of drafts, each with kind, name and revision")
    return [(text_of(one, "kind"), text_of(one, "name"), _number(one, "revision")) for one in found]


def _number(body: dict[str, Any], name: str) -> int:
    value = body.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise Refused(400, f"{name} is a whole number")
    return value


def _base(body: dict[str, Any]) -> int | UnsetType | None:
    return UNSET if "base" not in body else None if body["base"] is None else _number(body, "base")


def _note(body: dict[str, Any]) -> str:
    note = text_of(body, "note", MAX_NOTE)
    if not note:
        raise Refused(400, "write a note: what was changed, and why")
    return note
