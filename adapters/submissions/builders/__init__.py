"""The shapes of the usual form builders, each read into the same Submission.

The table READERS is asked from top to bottom; what no builder is known for is read as plain pairs or nested JSON,
which also serves scripts and the many builders that just send their fields' names. To add a builder, add a file with
two functions and a row.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from adapters.contract import Unreadable
from adapters.envelope import unwrapped
from adapters.nesting import MAX_PAIRS, unbracketed
from adapters.submissions.builders import (
    cf7,
    elementor,
    gravity,
    hubspot,
    jotform,
    shopify,
    tally,
    typeform,
    webflow,
    wpforms,
)
from adapters.submissions.plain import read_plain
from adapters.submissions.submission import Submission
from adapters.values import Document

MAX_NAMES = 64 * 1024  # characters of all names and labels


def read_submission(document: Any, headers: Mapping[str, str], *, is_json: bool) -> Submission:
    """The submission in a document. Raises Unreadable where it holds no answers or too many."""
    if is_json:
        document = unwrapped(document)
    if isinstance(document, list):
        document = {"fields": document}
    if not isinstance(document, dict):
        raise Unreadable("a form is an object of fields; this is a bare value")
    if is_json and any(name.endswith("]") for name in document):
        document = unbracketed(document)
    for reader in READERS:
        if reader.recognises(document, headers, is_json):
            submission = reader.read(document)
            break
    else:
        submission = read_plain(document, "json" if is_json else "html")
    if sum(len(answer.value) if isinstance(answer.value, list) else 1 for answer in submission.answers) > MAX_PAIRS:
        raise Unreadable(f"the form has more than {MAX_PAIRS} fields")
    if not submission.answers:
        raise Unreadable("the form holds no answers")
    if sum(len(answer.key) + len(answer.label) for answer in submission.answers) > MAX_NAMES:
        raise Unreadable("the names of the form's fields are too long to be read")
    return submission


class Reader(NamedTuple):
    """One builder: how its shape is recognised, from a document, the request's headers in lower case and whether it
    was JSON; and how it is read."""

    recognises: Callable[[Document, Mapping[str, str], bool], bool]
    read: Callable[[Document], Submission]


READERS = (
    Reader(typeform.recognises, typeform.read),
    Reader(tally.recognises, tally.read),
    Reader(webflow.recognises, webflow.read),
    Reader(jotform.recognises, jotform.read),
    Reader(elementor.recognises, elementor.read),
    Reader(gravity.recognises, gravity.read),
    Reader(wpforms.recognises, wpforms.read),
    Reader(hubspot.recognises, hubspot.read),
    Reader(elementor.recognises_flat, elementor.read_flat),
    Reader(cf7.recognises, cf7.read),
    Reader(shopify.recognises, shopify.read),
)
