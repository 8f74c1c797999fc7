"""What Typeform sends: a webhook for each response. What its Responses API lists can be posted here as well."""

from collections.abc import Iterator
from typing import Any

import msgspec

from adapters.cleaning import clean
from adapters.contract import BadItem, Unreadable, WebhookRequest
from adapters.strict_json import loads
from adapters.submissions.builders import typeform
from adapters.submissions.events import answers_of, events_of
from adapters.submissions.submission import Submission
from app.contacts.event import Event, EventType
from mappings.mapping import FieldMapping

MAX_RESPONSES = 1_000  # a page of the Responses API


def parse(request: WebhookRequest, mapping: FieldMapping) -> Iterator[Event | BadItem]:
    """The responses in one request: one of a webhook, or those of a page of the Responses API."""
    document = _opened(request)
    if "items" not in document:
        yield from _events(document, request, mapping)
        return
    for item in document["items"]:
        try:
            yield from _events(item, request, mapping)
        except Unreadable as error:
            yield BadItem(msgspec.json.encode(item), str(error))


def holds(request: WebhookRequest) -> tuple[dict[str, Any], dict[str, str]]:
    """The answers by their refs, and the questions beside them; of a page of responses those of the first. Raises
    Unreadable."""
    document = _opened(request)
    return answers_of(_read(document["items"][0] if document.get("items") else document))


def _opened(request: WebhookRequest) -> dict[str, Any]:
    """The document in a request; with ``items`` it is a page of the Responses API. Raises Unreadable."""
    document = clean(loads(request.body, max_nodes=100_000))
    if not isinstance(document, dict):
        raise Unreadable("a Typeform webhook is one JSON object")
    items = document.get("items", [])
    if not isinstance(items, list):
        raise Unreadable("items should be a list of responses")
    if len(items) > MAX_RESPONSES:
        raise Unreadable(f"more than {MAX_RESPONSES} responses in one request")
    return document


def _events(document: Any, request: WebhookRequest, mapping: FieldMapping) -> list[Event]:
    submission = _read(document)
    if submission.answers:
        return events_of(submission, request, mapping, submission.form_id, vouched=True)
    # A test of the webhook before the form has questions, or somebody who skipped them all
    return [
        Event(
            type=EventType.UNKNOWN,
            occurred_at=submission.at or request.received_at,
            source_key=f"typeform|{submission.key}",
            properties={"form": submission.form_id, "form_title": submission.title, "answers": 0},
        )
    ]


def _read(document: Any) -> Submission:
    if isinstance(document, dict) and "form_response" not in document and "landed_at" in document:
        document = {"form_response": document}
    if not isinstance(document, dict) or not typeform.recognises(document, {}, True):
        raise Unreadable("this is no response of a Typeform: form_response is missing")
    submission = typeform.read(document)
    if not submission.key:
        raise Unreadable("a response without a token, by which a repeat would be known")
    return submission
