"""All policies and mappings at once: taken away as texts, and put in force as texts, all of them or none."""

from typing import Any

from app import policies as looked
from app import policy_files
from app.api.blueprint import api
from app.api.operation import MAX_BODY, Operation, caller, confirmed, json_body, operation, text_of
from app.api.shapes import FLAG, TEXT
from app.policy_files import Change
from app.receive import Refused, this_runtime
from app.store.access import MANAGE
from mappings.document import InvalidDocument

_FILES = {"type": "object", "additionalProperties": TEXT, "description": "File name → a policy in YAML"}
_LARGE = 2 * policy_files.MOST_BYTES + MAX_BODY  # texts within JSON, where a line's end takes two letters
_MOST = 200


@operation(
    api,
    Operation(
        method="GET",
        path="/policy-files",
        summary="All policies and mappings that are in force, as `baton policy export` writes them",
        answer="PolicyFiles",
    ),
)
def policies_as_files() -> Any:
    with this_runtime().database.read() as conn:
        return {"files": policy_files.as_files(policy_files.in_force(conn))}


@operation(
    api,
    Operation(
        method="POST",
        path="/policy-files",
        summary="What texts change of what is in force; with `confirm` they are put in force, all of them or none",
        body={
            "type": "object",
            "required": ["files"],
            "properties": {
                "files": _FILES,
                "note": {**TEXT, "maxLength": 500, "description": "What was changed, and why"},
                "confirm": {**FLAG, "description": "Do it"},
            },
        },
        answer="PolicyFilesChange",
        many=True,
        scope=MANAGE,
    ),
)
def policies_from_files() -> Any:
    runtime, body = this_runtime(), json_body(_LARGE)
    files, note, sure = _files(body), text_of(body, "note", 500), confirmed(body)
    if sure and not note:
        raise Refused(400, "write a note: what was changed, and why")
    versions: dict[tuple[str, str], int] = {}
    try:
        with runtime.database.read() as conn:
            found = policy_files.changes(conn, policy_files.read(files))
        if sure:
            made = policy_files.put_in_force(runtime, caller(), files, note)
            versions = {(one.kind, one.name): one.version for one in made}
    except InvalidDocument as error:
        raise Refused(400, "; ".join(error.problems)[:4_000]) from None
    return {"items": [_shown(one, versions) for one in found], "next": None}


def _shown(change: Change, versions: dict[tuple[str, str], int]) -> dict[str, Any]:
    kind, name = change.document.kind, change.document.name
    differs = looked.difference(change.before, change.document.text)
    return {
        "kind": kind,
        "name": name,
        "words": differs.words,
        "added": differs.added,
        "removed": differs.removed,
        "version": versions.get((kind, name)),
    }


def _files(body: dict[str, Any]) -> dict[str, str]:
    found = body.get("files")
    if (
        not isinstance(found, dict)
        or not 0 < len(found) <= _MOST
        or not all(isinstance(one, str) for one in found.values())
    ):
        raise Refused(400, f"files are 1 to {_MOST} texts by their names")
    if sum(map(len, found.values())) > policy_files.MOST_BYTES or any("\0" in one for one in found.values()):
        raise Refused(400, "files are 2 MiB of text at most, without NUL characters")
    return found
