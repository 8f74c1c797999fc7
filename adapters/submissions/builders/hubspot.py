"""HubSpot's form API, and scripts that copy it: a list of names and values."""

from collections.abc import Mapping
from itertools import chain, islice

from adapters.nesting import MAX_PAIRS
from adapters.submissions.plain import flatten, pair_of
from adapters.submissions.submission import MARKETING_CONSENT, Answer, Submission
from adapters.values import Document, object_of, objects_of, text_of, zoned_time

_OWN = frozenset(("fields", "context", "legalConsentOptions", "submittedAt", "skipValidation", "portalId", "formGuid"))


def recognises(document: Document, headers: Mapping[str, str], is_json: bool) -> bool:
    fields = document.get("fields")
    return bool(fields) and isinstance(fields, list) and all(pair_of(field) is not None for field in fields)


def read(document: Document) -> Submission:
    context = object_of(document.get("context"))
    rest = {name: value for name, value in document.items() if name not in _OWN}
    answers = [*islice(chain(flatten(document["fields"], ("fields",), "fields"), flatten(rest)), MAX_PAIRS + 1)]
    options = object_of(document.get("legalConsentOptions"))
    for kind in ("consent", "legitimateInterest"):
        for number, asked in enumerate(objects_of(object_of(options.get(kind)).get("communications"))):
            key = f"legalConsentOptions.{text_of(asked.get('subscriptionTypeId')) or number}"
            answers.append(
                Answer(key=key, value=asked.get("value"), label=text_of(asked.get("text")), type=MARKETING_CONSENT)
            )
    return Submission(
        builder="hubspot" if not _OWN.isdisjoint({*document} - {"fields"}) else "json",
        answers=answers,
        at=zoned_time(document.get("submittedAt")),
        title=text_of(context.get("pageName")),
        page_url=text_of(context.get("pageUri")),
    )
