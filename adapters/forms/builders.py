"""The shapes of the usual form builders, each read into the same Submission.

The table READERS is asked from top to bottom; what no builder is known for is read as plain pairs or nested JSON,
which also serves scripts and the many builders that just send their fields' names. To add a builder, add a row
and a function.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any, NamedTuple

from msgspec.structs import replace

from adapters import strict_json
from adapters.contract import Unreadable
from adapters.forms.body import MAX_PAIRS, clean, unbracketed
from adapters.forms.labels import field_of
from adapters.forms.plain import (
    Document,
    first_of,
    flatten,
    is_table,
    object_of,
    objects_of,
    pair_of,
    read_plain,
    text_of,
    zoned_time,
)
from adapters.forms.submission import MARKETING_CONSENT, Answer, Submission, as_text, is_blank
from adapters.forms.words import vocabulary

MAX_NAMES = 64 * 1024  # characters of all names and labels


def read_submission(document: Any, headers: Mapping[str, str], *, is_json: bool) -> Submission:
    """The submission in a document. Raises Unreadable where it holds no answers or too many."""
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


# Typeform ------------------------------------------------------------------------------------------------------------


def _is_typeform(document: Document, headers: Mapping[str, str], is_json: bool) -> bool:
    return isinstance(document.get("form_response"), dict)


def _typeform(document: Document) -> Submission:
    response = object_of(document["form_response"])
    submitted = text_of(response.get("submitted_at"))
    if document.get("event_type") not in (None, "form_response") or submitted.startswith("0001"):
        raise Unreadable("Typeform sent an unfinished response; it sends the finished one by itself")
    definition = object_of(response.get("definition"))
    titles = dict(_typeform_titles(definition.get("fields"), 0))
    answers = [_typeform_answer(answer, titles) for answer in objects_of(response.get("answers"))]
    for name, value in object_of(response.get("hidden")).items():
        answers.append(Answer(key=name, value=value, hidden=True))
    for variable in objects_of(response.get("variables")):
        kind = text_of(variable.get("type"))
        answers.append(Answer(key=text_of(variable.get("key")), value=variable.get(kind), hidden=True))
    return Submission(
        builder="typeform",
        answers=answers,
        key=first_of(response, "token", "response_id") or text_of(document.get("event_id")),
        at=zoned_time(submitted),
        title=text_of(definition.get("title")),
        form_id=text_of(response.get("form_id")),
    )


def _typeform_titles(fields: Any, depth: int) -> Iterator[tuple[str, str]]:
    """Field id → question; groups hold fields of their own."""
    for field in objects_of(fields):
        yield text_of(field.get("id")), text_of(field.get("title")).replace("*", "").replace("_", " ")
        if depth < 3:
            yield from _typeform_titles(object_of(field.get("properties")).get("fields"), depth + 1)


def _typeform_answer(answer: Document, titles: Mapping[str, str]) -> Answer:
    field, kind = object_of(answer.get("field")), text_of(answer.get("type"))
    value = answer.get(kind)
    if isinstance(value, dict):  # choice, choices, payment, multi_format
        labels = value.get("labels", value.get("label"))
        other = value.get("other")
        if isinstance(labels, list) and other:
            labels = [*labels, other]
        value = labels or other or text_of(value.get("amount"))
    elif kind in ("file_url", "signature"):
        value = "(a file)" if value else ""  # the link opens without a password: it stays in Typeform
    return Answer(
        key=text_of(field.get("ref")) or text_of(field.get("id")),
        value=value,
        label=titles.get(text_of(field.get("id")), ""),
        type=text_of(field.get("type")) or kind,
    )


# Tally ---------------------------------------------------------------------------------------------------------------


def _is_tally(document: Document, headers: Mapping[str, str], is_json: bool) -> bool:
    data = object_of(document.get("data"))
    return isinstance(data.get("fields"), list) and (
        document.get("eventType") == "FORM_RESPONSE" or "responseId" in data or "respondentId" in data
    )


def _tally(document: Document) -> Submission:
    data = object_of(document["data"])
    fields = objects_of(data.get("fields"))
    questions = {text_of(field.get("key")) for field in fields if isinstance(field.get("value"), list)}
    answers = [_tally_answer(field) for field in fields if not _is_twin(field, questions)]
    return Submission(
        builder="tally",
        answers=answers,
        key=text_of(document.get("eventId")) or first_of(data, "submissionId", "responseId"),
        at=zoned_time(data.get("createdAt")) or zoned_time(document.get("createdAt")),
        title=text_of(data.get("formName")),
        form_id=text_of(data.get("formId")),
    )


def _is_twin(field: Document, questions: set[str]) -> bool:
    """Checkboxes come twice: once as a list of choices, and then each choice as yes or no."""
    key = text_of(field.get("key"))
    return isinstance(field.get("value"), bool) and any(key.startswith(f"{question}_") for question in questions)


def _tally_answer(field: Document) -> Answer:
    kind, value = text_of(field.get("type")), field.get("value")
    names = {
        text_of(option.get("id")): option.get("text", option.get("name", ""))
        for listed in ("options", "rows", "columns")
        for option in objects_of(field.get(listed))
    }
    if isinstance(value, list):
        value = [item.get("url") or item.get("name") if isinstance(item, dict) else item for item in value]
        value = [names.get(text_of(item), item) for item in value]
        if kind in ("DROPDOWN", "MULTIPLE_CHOICE") and len(value) == 1:
            value = value[0]
    elif isinstance(value, dict):  # a matrix: row → chosen columns
        value = [
            f"{names.get(row, row)}: {as_text([names.get(text_of(one), one) for one in _listed(chosen)])}"
            for row, chosen in value.items()
        ]
    else:
        value = names.get(text_of(value), value)
    label = text_of(field.get("label"))
    hidden = kind in ("HIDDEN_FIELDS", "CALCULATED_FIELDS")
    # Its keys are random letters; among those may be words
    return Answer(
        key=text_of(field.get("key")) or label, value=value, label=label, type=kind, path=(label,), hidden=hidden
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# Webflow -------------------------------------------------------------------------------------------------------------


def _is_webflow(document: Document, headers: Mapping[str, str], is_json: bool) -> bool:
    payload = document.get("payload")
    if isinstance(payload, dict):
        return isinstance(payload.get("data"), dict) and (
            "triggerType" in document or not {"formId", "formElementId", "schema"}.isdisjoint(payload)
        )
    # until 2023
    return isinstance(document.get("data"), dict) and not {"site", "siteId", "d", "_id"}.isdisjoint(document)


def _webflow(document: Document) -> Submission:
    payload = object_of(document.get("payload")) or document
    types = {
        text_of(field.get("fieldName")): text_of(field.get("fieldType")) for field in objects_of(payload.get("schema"))
    }
    answers = [
        Answer(key=name, value=value, label=_webflow_label(name), type=types.get(name, ""))
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


def _webflow_label(name: str) -> str:
    """Webflow makes doubled names unique with a suffix: "Name-kom", "Email-2"."""
    return name if field_of(name) else re.sub(r"-[a-z0-9]{1,4}$", "", name)


# Jotform -------------------------------------------------------------------------------------------------------------

_JOTFORM_NAME = re.compile(r"q(\d+)_(.+)")
_JOTFORM_NOISE = vocabulary(
    """
    slug jsExecutionTracker submitSource buildDate uploadServerUrl eventObserver timeToSubmit preview path
    temp_upload validatedNewRequiredFieldIDs event_id website simple_spc formID embedUrl referer formTitle
    submissionID ip pretty type action webhookURL username
    """
)


def _is_jotform(document: Document, headers: Mapping[str, str], is_json: bool) -> bool:
    if isinstance(document.get("rawRequest"), str | dict):
        return True
    return not {"formID", "submissionID"}.isdisjoint(document) and any(map(_JOTFORM_NAME.fullmatch, document))


def _jotform(document: Document) -> Submission:
    raw = document.get("rawRequest", document)
    if isinstance(raw, str):
        try:
            raw = clean(strict_json.loads(raw.encode()))
        except Unreadable as error:
            raise Unreadable(f"rawRequest: {error}") from None
    fields = ((name, value) for name, value in object_of(raw).items() if name not in _JOTFORM_NOISE)
    answers = chain.from_iterable(_jotform_answers(name, value) for name, value in fields)
    return Submission(
        builder="jotform",
        answers=[*islice(answers, MAX_PAIRS + 1)],
        key=text_of(document.get("submissionID")),
        title=text_of(document.get("formTitle")),
        form_id=text_of(document.get("formID")),
        referrer=text_of(object_of(raw).get("referer")),
    )


def _jotform_answers(name: str, value: Any) -> Iterator[Answer]:
    found = _JOTFORM_NAME.fullmatch(name)
    label = found[2] if found else name
    if not isinstance(value, dict):
        yield Answer(key=name, value=value, path=(label,))
    elif {"first", "last"} <= set(value):
        yield Answer(key=f"{name}.first", value=_joined(value, "first", "middle"), field="first_name")
        yield Answer(key=f"{name}.last", value=value["last"], field="last_name")
        yield Answer(key=f"{name}.prefix", value=value.get("prefix"), field="salutation")
    elif "full" in value or "phone" in value:
        number = text_of(value.get("full")) or _joined(value, "country", "area", "phone")
        yield Answer(key=name, value=number, path=(label,), type="phone")
    elif "addr_line1" in value:
        parts = {"street": ("addr_line1", "addr_line2"), "city": ("city",), "state": ("state",), "zip": ("postal",)}
        for field, steps in {**parts, "country": ("country",)}.items():
            yield Answer(key=f"{name}.{field}", value=_joined(value, *steps, glue=", "), field=field)
    elif {"year", "month", "day"} <= set(value):
        date = [text_of(value[part]).zfill(2) for part in ("year", "month", "day")]
        yield Answer(key=name, value="-".join(date) if text_of(value["year"]) else "", path=(label,))
    else:
        yield from flatten(value, (label,), name)


def _joined(parts: Document, *names: str, glue: str = " ") -> str:
    return glue.join(text for name in names if (text := text_of(parts.get(name))))


# HubSpot's form API, and scripts that copy it ------------------------------------------------------------------------


def _is_hubspot(document: Document, headers: Mapping[str, str], is_json: bool) -> bool:
    fields = document.get("fields")
    return bool(fields) and isinstance(fields, list) and all(pair_of(field) is not None for field in fields)


def _hubspot(document: Document) -> Submission:
    context = object_of(document.get("context"))
    rest = {name: value for name, value in document.items() if name not in _HUBSPOT_OWN}
    answers = [*islice(chain(flatten(document["fields"], ("fields",), "fields"), flatten(rest)), MAX_PAIRS + 1)]
    options = object_of(document.get("legalConsentOptions"))
    for kind in ("consent", "legitimateInterest"):
        for number, asked in enumerate(objects_of(object_of(options.get(kind)).get("communications"))):
            key = f"legalConsentOptions.{text_of(asked.get('subscriptionTypeId')) or number}"
            answers.append(
                Answer(key=key, value=asked.get("value"), label=text_of(asked.get("text")), type=MARKETING_CONSENT)
            )
    return Submission(
        builder="hubspot" if not _HUBSPOT_OWN.isdisjoint({*document} - {"fields"}) else "json",
        answers=answers,
        at=zoned_time(document.get("submittedAt")),
        title=text_of(context.get("pageName")),
        page_url=text_of(context.get("pageUri")),
    )


_HUBSPOT_OWN = frozenset(
    ("fields", "context", "legalConsentOptions", "submittedAt", "skipValidation", "portalId", "formGuid")
)


# Elementor -----------------------------------------------------------------------------------------------------------


def _is_elementor(document: Document, headers: Mapping[str, str], is_json: bool) -> bool:
    fields = document.get("fields")
    return isinstance(document.get("form"), dict) and isinstance(fields, dict) and is_table(fields)


def _elementor(document: Document) -> Submission:
    form, meta = object_of(document["form"]), object_of(document.get("meta"))
    answers = []
    for name, field in document["fields"].items():
        kind, value = text_of(field.get("type")), field.get("value")
        label = text_of(field.get("title")) or text_of(field.get("label"))
        answers.append(Answer(key=name, value=value, label=label, type=kind, hidden=kind == "hidden"))
    return Submission(
        builder="elementor",
        answers=answers,
        title=text_of(form.get("name")),
        form_id=text_of(form.get("id")),
        page_url=text_of(object_of(meta.get("page_url")).get("value")),
    )


def _is_elementor_flat(document: Document, headers: Mapping[str, str], is_json: bool) -> bool:
    if not ("form_name" in document or "form_id" in document):
        return False
    return any(name.startswith("No Label ") for name in document) or "Elementor" in (
        value for value in document.values() if isinstance(value, str)
    )


_ELEMENTOR_META = frozenset(("Date", "Time", "User Agent", "Remote IP", "Powered by"))


def _elementor_flat(document: Document) -> Submission:
    rest = {name: value for name, value in document.items() if name not in _ELEMENTOR_META and value != "Elementor"}
    return read_plain(rest, "elementor")


# WPForms -------------------------------------------------------------------------------------------------------------


def _is_wpforms(document: Document, headers: Mapping[str, str], is_json: bool) -> bool:
    fields = document.get("fields")
    as_table = isinstance(fields, dict) and is_table(fields) and not {"form_id", "entry_id"}.isdisjoint(document)
    return as_table or "x-wpforms-webhook-id" in headers or {"form_id", "entry_id"} <= set(document)


def _wpforms(document: Document) -> Submission:
    fields = document.get("fields")
    if not (isinstance(fields, dict) and is_table(fields)):
        plain = {name: _wpforms_value(value) for name, value in document.items()}
        return read_plain(plain, "wpforms", key=text_of(document.get("entry_id")))
    answers: list[Answer] = []
    for number, field in fields.items():
        answers.extend(_wpforms_answers(number, field))
    rest = {name: value for name, value in document.items() if name not in ("fields", "entry_id")}
    return Submission(
        builder="wpforms",
        answers=[*answers, *flatten(rest)],
        key=text_of(document.get("entry_id")),
    )


def _wpforms_answers(number: str, field: Document) -> Iterator[Answer]:
    label, kind = text_of(field.get("name")) or text_of(field.get("label")), text_of(field.get("type"))
    value = _wpforms_value(field.get("value"))
    if kind == "name" and field.get("first"):
        yield Answer(key=f"{number}.first", value=_joined(field, "first", "middle"), field="first_name")
        yield Answer(key=f"{number}.last", value=field.get("last"), field="last_name")
    elif kind == "address" and field.get("address1"):
        parts = {"street": ("address1", "address2"), "city": ("city",), "state": ("state",), "zip": ("postal",)}
        for name, steps in {**parts, "country": ("country",)}.items():
            yield Answer(key=f"{number}.{name}", value=_joined(field, *steps, glue=", "), field=name)
    elif kind in ("checkbox", "payment-checkbox", "select", "gdpr-checkbox") and isinstance(value, str):
        lines = [line.strip() for line in value.splitlines() if line.strip()]
        yield Answer(key=number, value=lines if len(lines) > 1 else value, label=label, type=kind)
    else:
        yield Answer(key=number, value=value, label=label, type=kind, hidden=kind == "hidden")


def _wpforms_value(value: Any) -> Any:
    """Several choices are one text with ``||`` between; a date is an object."""
    if isinstance(value, str) and "||" in value:
        return [part.strip() for part in value.split("||") if part.strip()]
    if isinstance(value, dict) and {"value", "unix"} <= set(value):
        return value["value"]
    return value


# Gravity Forms -------------------------------------------------------------------------------------------------------

_INPUT = re.compile(r"(\d+)(?:[._](\d+))?")
_GRAVITY_META = vocabulary(
    """
    id form_id post_id date_created date_updated is_starred is_read ip source_url source_id user_agent
    currency payment_status payment_date payment_amount payment_method transaction_id is_fulfilled
    created_by transaction_type status form_title
    """
)
_GRAVITY_NAME = {"2": "salutation", "3": "first_name", "4": "", "6": "last_name", "8": ""}
_GRAVITY_ADDRESS = {"1": "street", "2": "", "3": "city", "4": "state", "5": "zip", "6": "country"}


def _is_gravity(document: Document, headers: Mapping[str, str], is_json: bool) -> bool:
    return "form_id" in document and any(_INPUT.fullmatch(name) for name in document)


def _gravity(document: Document) -> Submission:
    groups: dict[str, dict[str, Any]] = {}
    for name, value in document.items():
        if found := _INPUT.fullmatch(name):
            groups.setdefault(found[1], {})[found[2] or ""] = _gravity_value(value)
    answers: list[Answer] = []
    for number, parts in groups.items():
        answers.extend(_gravity_answers(number, parts))
    for name, value in document.items():  # what an admin or another add-on put beside the entry's own
        if name not in _GRAVITY_META and not _INPUT.fullmatch(name):
            answers.extend(flatten(value, (name,), name))
    entry = text_of(document.get("id"))
    return Submission(
        builder="gravityforms",
        answers=answers,
        key=f"{text_of(document.get('form_id'))}:{entry}" if entry else "",
        at=_gravity_time(document.get("date_created")),
        title=text_of(document.get("form_title")),
        form_id=text_of(document.get("form_id")),
        page_url=text_of(document.get("source_url")),
    )


def _gravity_answers(number: str, parts: dict[str, Any]) -> Iterator[Answer]:
    """One field's inputs. An entry has no labels, so names and addresses are known by which inputs they have."""
    given = {part for part, value in parts.items() if not is_blank(value)}
    if "" in parts:
        yield Answer(key=number, value=parts.pop(""))
    if set(parts) <= set(_GRAVITY_NAME) and not given.isdisjoint(("3", "6")):
        for part, value in parts.items():
            yield Answer(key=f"{number}.{part}", value=value, field=_GRAVITY_NAME[part])
    elif set(parts) == set(_GRAVITY_ADDRESS) and re.search(r"\d", text_of(parts["5"])):
        for part, value in parts.items():
            yield Answer(key=f"{number}.{part}", value=value, field=_GRAVITY_ADDRESS[part])
    elif set(parts) in ({"1", "2"}, {"1", "2", "3"}) and parts["1"] == "1" and len(text_of(parts["2"])) > 2:
        # A consent field: .1 is the tick, .2 the text beside it, .3 the form's revision.
        yield Answer(key=f"{number}.1", value="1", label=text_of(parts["2"]), type="consent")
    elif parts:
        chosen = [parts[part] for part in parts if part in given]
        yield Answer(key=number, value=chosen, type="checkbox")


def _gravity_value(value: Any) -> Any:
    """Several choices are a JSON list in a text."""
    if isinstance(value, str) and value.startswith('["'):
        try:
            listed = strict_json.loads(value.encode())
        except Unreadable:
            return value
        return clean(listed)
    return value


def _gravity_time(value: Any) -> datetime | None:
    """An entry's time is always UTC, and never says so."""
    text = text_of(value)
    return (
        datetime.fromisoformat(text).replace(tzinfo=UTC)
        if re.fullmatch(r"20\d\d-[01]\d-[0-3]\d [\d:]{8}", text)
        else None
    )


# Contact Form 7 ------------------------------------------------------------------------------------------------------

_CF7_TAG = re.compile(
    r"(email|tel|url|text|textarea|menu|checkbox|radio|acceptance|number|range|date|quiz|file|hidden)-\d+"
)


def _is_cf7(document: Document, headers: Mapping[str, str], is_json: bool) -> bool:
    return any(name.startswith(("_wpcf7", "your-")) or _CF7_TAG.fullmatch(name) for name in document)


def _cf7(document: Document) -> Submission:
    answers = []
    for answer in flatten({name: value for name, value in document.items() if not name.startswith("_wpcf7")}):
        tag = _CF7_TAG.fullmatch(answer.key)
        answers.append(replace(answer, type=tag[1]) if tag else answer)
    return Submission(builder="cf7", answers=answers, form_id=text_of(document.get("_wpcf7")))


# Shopify, and anything else ------------------------------------------------------------------------------------------


def _is_shopify(document: Document, headers: Mapping[str, str], is_json: bool) -> bool:
    return "form_type" in document and not {"contact", "customer"}.isdisjoint(document)


def _shopify(document: Document) -> Submission:
    return read_plain({name: value for name, value in document.items() if name != "form_type"}, "shopify")


class Reader(NamedTuple):
    """One builder: how its shape is recognised, and how it is read."""

    recognises: Callable[[Document, Mapping[str, str], bool], bool]
    read: Callable[[Document], Submission]


READERS = (
    Reader(_is_typeform, _typeform),
    Reader(_is_tally, _tally),
    Reader(_is_webflow, _webflow),
    Reader(_is_jotform, _jotform),
    Reader(_is_elementor, _elementor),
    Reader(_is_gravity, _gravity),
    Reader(_is_wpforms, _wpforms),
    Reader(_is_hubspot, _hubspot),
    Reader(_is_elementor_flat, _elementor_flat),
    Reader(_is_cf7, _cf7),
    Reader(_is_shopify, _shopify),
)
