"""Webflow: API webhooks and, until 2023, those of the site; labels are the names."""

import re
from collections.abc import Mapping

from adapters.submissions.labels import field_of
from adapters.submissions.submission import Answer, Submission
from adapters.values import Document, first_of, object_of, objects_of, text_of, zoned_time


def recognises(document: Document, headers: Mapping[str, str], is_json: bool) -> bool:
    payload = document.get("payload")
    if isinstance(payload, dict):
        return isinstance(payload.get("data"), dict) and (
            "triggerType" in document or not {"formId", "formElementId", "schema"}.isdisjoint(payload)
        )
    # until 2023
    return isinstance(document.get("data"), dict) and not {"site", "siteId", "d", "_id"}.isdisjoint(document)


def read(document: Document) -> Submission:
    payload = object_of(document.get("payload")) or document
    types = {
        text_of(field.get("fieldName")): text_of(field.get("fieldType")) for field in objects_of(payload.get("schema"))
    }
    answers = [
        Answer(key=name, value=value, label=_label(name), type=types.get(name, ""))
        for name, value in object_of(payload.get("data")).items()
    ]
    return Submission(
        builder="webflow",
        answers=answers,
        key=first_of(payload, "id", "_id"),
        at=zoned_time(payload.get("submittedAt")) or zoned_time(payload.get("d")),
        title=text_of(payload.get("name")),
        form_id=first_of(payload, "formId", "formElementId"),
        page_url=first_of(payload, "pageUrl", "publishedPath"),
    )


def _label(name: str) -> str:
    """Webflow makes doubled names unique with a suffix: "Name-kom", "Email-2"."""
    return name if field_of(name) else re.sub(r"-[a-z0-9]{1,4}$", "", name)
