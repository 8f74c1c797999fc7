"""Typeform: a webhook with the answers, and the form's definition beside them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from adapters.contract import InvalidSignature, Unreadable, WebhookRequest
from adapters.signing import base64_digests, check
from adapters.submissions.labels import mentions, words_of
from adapters.submissions.submission import WORKED_OUT, Answer, Submission
from adapters.submissions.words import NOT_THEIRS
from adapters.values import Document, first_of, object_of, objects_of, text_of, zoned_time

HEADER, MARK = "Typeform-Signature", "sha256="


def check_signature(request: WebhookRequest, secrets: Iterable[str]) -> None:
    """Raise InvalidSignature unless ``Typeform-Signature: sha256=<base64 of the HMAC of the body>`` was made with
    one of the secrets. Nothing says when: a repeat is known by the response's token instead."""
    given = request.header(HEADER.lower())
    if not given.startswith(MARK):
        raise InvalidSignature(f"{HEADER} is missing or does not begin with {MARK}")
    check([given.removeprefix(MARK)], base64_digests(secrets, request.body), HEADER)


def recognises(document: Document, headers: Mapping[str, str], is_json: bool) -> bool:
    return isinstance(document.get("form_response"), dict)


def read(document: Document) -> Submission:
    response = object_of(document["form_response"])
    submitted = text_of(response.get("submitted_at"))
    if document.get("event_type") not in (None, "form_response") or submitted.startswith("0001"):
        raise Unreadable("Typeform sent an unfinished response; it sends the finished one by itself")
    definition = object_of(response.get("definition"))
    titles = dict(_titles(definition.get("fields"), 0))
    given = objects_of(response.get("answers"))
    # The type tells an address; a ref may be called anything, "my_email_reference" among it
    lone = {kind for kind in _PERSONAL if sum(answer.get("type") == kind for answer in given) == 1}
    answers = [_answer(answer, titles, lone) for answer in given]
    for name, value in object_of(response.get("hidden")).items():
        answers.append(Answer(key=name, value=value, hidden=True))
    answers += _worked_out(response, bool(answers))
    return Submission(
        builder="typeform",
        answers=answers,
        key=first_of(response, "token", "response_id") or text_of(document.get("event_id")),
        at=zoned_time(submitted),
        title=text_of(definition.get("title")),
        form_id=text_of(response.get("form_id")),
    )


def _worked_out(response: Document, answered: bool) -> Iterator[Answer]:
    """Variables, score and the last page that somebody saw: what many forms are made to find out."""
    if not answered:
        return
    for variable in objects_of(response.get("variables")):
        yield _of_logic(text_of(variable.get("key")), variable.get(text_of(variable.get("type"))))
    if not any(variable.get("key") == "score" for variable in objects_of(response.get("variables"))):
        yield _of_logic("score", object_of(response.get("calculated")).get("score"))
    yield _of_logic("ending", first_of(object_of(response.get("ending")), "ref", "id"))


def _of_logic(name: str, value: Any) -> Answer:
    return Answer(key=name, value=value, type=WORKED_OUT)


def _titles(fields: Any, depth: int) -> Iterator[tuple[str, str]]:
    """Field id → question; groups hold fields of their own."""
    for field in objects_of(fields):
        yield text_of(field.get("id")), text_of(field.get("title")).replace("*", "").replace("_", " ")
        if depth < 3:
            yield from _titles(object_of(field.get("properties")).get("fields"), depth + 1)


_PERSONAL = {"email": "email", "phone_number": "phone"}


def _answer(answer: Document, titles: Mapping[str, str], lone: set[str]) -> Answer:
    field, kind = object_of(answer.get("field")), text_of(answer.get("type"))
    title = titles.get(text_of(field.get("id")), "")
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
        label=title,
        type=text_of(field.get("type")) or kind,
        field=_PERSONAL[kind] if kind in lone and not mentions(words_of(title), NOT_THEIRS) else "",
    )
