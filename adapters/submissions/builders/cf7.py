"""Contact Form 7: names by convention (``your-email``, ``tel-12``)."""

import re
from collections.abc import Mapping

from msgspec.structs import replace

from adapters.submissions.plain import flatten
from adapters.submissions.submission import Submission
from adapters.values import Document, text_of

_TAG = re.compile(
    r"(email|tel|url|text|textarea|menu|checkbox|radio|acceptance|number|range|date|quiz|file|hidden)-\d+"
)


def recognises(document: Document, headers: Mapping[str, str], is_json: bool) -> bool:
    return any(name.startswith(("_wpcf7", "your-")) or _TAG.fullmatch(name) for name in document)


def read(document: Document) -> Submission:
    answers = []
    for answer in flatten({name: value for name, value in document.items() if not name.startswith("_wpcf7")}):
        tag = _TAG.fullmatch(answer.key)
        answers.append(replace(answer, type=tag[1]) if tag else answer)
    return Submission(builder="cf7", answers=answers, form_id=text_of(document.get("_wpcf7")))
