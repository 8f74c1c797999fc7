"""Batches: many calls in one, which Mailchimp works off when it has time; then it says of each what became of it."""

import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any

import msgspec

from adapters.contract import Delivery, Outcome, Underway
from adapters.http import BadAnswer, HttpError
from adapters.mailchimp.client import Mailchimp, outcome
from adapters.values import objects_of, text_of

Write = tuple[Delivery, str, str, Any]  # what it is for, method, path, body

MAX_RESULTS = 64 * 1024 * 1024  # bytes of a file of results, unpacked: some hundred answers of some kilobytes


def begin(client: Mailchimp, writes: Sequence[Write]) -> list[Outcome]:
    """Hand in writes as one batch, whose name is the ticket of all of them."""
    operations = [
        {
            "method": method,
            "path": path,
            "params": {"skip_merge_validation": "true"},
            "operation_id": one.key,
            "body": msgspec.json.encode(body).decode(),
        }
        for one, method, path, body in writes
    ]
    try:
        made = client.call("POST", "/batches", {"operations": operations})
        if not isinstance(made, dict) or not made.get("id"):
            raise BadAnswer("answered without the id of the batch")
    except Exception as error:
        return [outcome(error, len(writes))] * len(writes)
    return [under_way(str(made["id"]))] * len(writes)


def under_way(name: str) -> Underway:
    """The outcome of what is in a batch that is not through."""
    return Underway(ticket=name, reason=f"Mailchimp works it off in batch {name}")


def failed(client: Mailchimp, name: str) -> Mapping[str, HttpError] | None:
    """Which writes of a batch failed, by the delivery's key, with the error that a call of their own would have met.
    None while the batch is not through. Raises HttpError, and BadAnswer where not all that failed is told of."""
    batch = client.call("GET", f"/batches/{name}")
    if not isinstance(batch, dict) or not isinstance(batch.get("errored_operations"), int):
        raise BadAnswer("answered without saying how a batch went")
    if batch.get("status") != "finished":
        return None
    if not batch["errored_operations"]:
        return {}
    told = _results(client.file(text_of(batch.get("response_body_url"))))
    found = {key: HttpError(status, answer, {}) for key, status, answer in told if not 200 <= status < 300}
    if len(found) < batch["errored_operations"]:
        raise BadAnswer(f"told of {len(found)} of {batch['errored_operations']} writes that failed")
    return found


def _results(data: bytes) -> Iterator[tuple[str, int, str]]:
    """Operation, status and answer of each write, out of the files that Mailchimp packs them into."""
    try:
        with tarfile.open(fileobj=BytesIO(data), mode="r:*") as files:
            for file in files:
                if not file.isfile():
                    continue
                if file.size > MAX_RESULTS:
                    raise BadAnswer(f"a file of results has {file.size} bytes")
                held = files.extractfile(file)
                for one in objects_of(msgspec.json.decode(held.read() if held else b"[]")):
                    yield text_of(one.get("operation_id")), int(one.get("status_code") or 0), str(one.get("response"))
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
        raise BadAnswer(f"the results of a batch cannot be read: {str(error)[:200]}") from error
