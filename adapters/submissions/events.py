"""A submission as events: who it was, what they said, where they came from and what they agreed to.

What fills no contact field is kept under ``custom`` with the form's own name, and what the visitor read beside it under
``labels``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from adapters.bodies import Body, read_body
from adapters.contract import BadItem, Unreadable, WebhookRequest
from adapters.digest import LONG, digest_of
from adapters.submissions.builders import read_submission
from adapters.submissions.claims import NAMES, claim, mend_names, own_rows
from adapters.submissions.consents import Consent, consents_of
from adapters.submissions.plain import key_of, pair_of, time_of
from adapters.submissions.robots import check_honeypots, check_texts
from adapters.submissions.sorting import Reading, is_secret, sort_out
from adapters.submissions.submission import Answer, Submission, compact
from adapters.submissions.words import vocabulary
from adapters.values import as_text
from adapters.visits import UTM, origin_of, read_page, referrer_of
from app.contacts.event import Event, EventType, Identity
from app.contacts.identity import ANONYMOUS, EMAIL, PHONE, clean_email, clean_phone
from mappings.mapping import FieldMapping

MAX_BATCH = 50

_E164 = re.compile(r"\+\d{6,15}")

_ASSET = vocabulary(
    """
    asset assetname assettitle download downloadname whitepaper resource resourcename ebook leadmagnet
    contentasset
    """
)
_TOPIC = vocabulary("topic assettopic contenttopic downloadtopic")
_ONE_LINE = (EMAIL, *NAMES)
# Multipart bodies of these builders hold text parts only; an upload comes as a link.
_TEXT_ONLY = frozenset(("jotform",))


def parse(request: WebhookRequest, mapping: FieldMapping) -> Iterator[Event | BadItem]:
    """The events in one post: the submission, and the download that it asked for. Raises Unreadable, with a reason
    for a person, for what is no form, has nobody in it or looks like a robot's."""
    body = read_body(request.header("content-type"), request.body)
    batch = body.document
    if not isinstance(batch, list) or any(pair_of(item) is not None for item in batch):
        yield from _events(body, request, mapping)
        return
    if len(batch) > MAX_BATCH:
        raise Unreadable(f"more than {MAX_BATCH} submissions in one post")
    for item in batch:
        try:
            yield from _events(Body(item, is_json=True), request, mapping)
        except Unreadable as error:
            yield BadItem(msgspec.json.encode(item), str(error))


def holds(request: WebhookRequest) -> tuple[dict[str, Any], dict[str, str]]:
    """The answers in a post by the form's own names, and what visitors read beside them; of several submissions, those
    of the first. Raises Unreadable."""
    body = read_body(request.header("content-type"), request.body)
    if isinstance(body.document, list) and body.document and pair_of(body.document[0]) is None:
        body = Body(body.document[0], is_json=True)
    return answers_of(read_submission(body.document, request.headers, is_json=body.is_json))


def answers_of(submission: Submission) -> tuple[dict[str, Any], dict[str, str]]:
    """A submission's answers as :func:`holds` shows them."""
    found = _custom(sort_out(submission).answers)
    return found.get("custom", {}), found.get("labels", {})


def _events(body: Body, request: WebhookRequest, mapping: FieldMapping) -> list[Event]:
    submission = read_submission(body.document, request.headers, is_json=body.is_json)
    if body.files and submission.builder not in _TEXT_ONLY:
        raise Unreadable(f"the field {body.files[0]!r} carries a file; let the form send a link to it instead")
    return events_of(submission, request, mapping, request.route)


def events_of(
    submission: Submission, request: WebhookRequest, mapping: FieldMapping, form: str, *, vouched: bool = False
) -> list[Event]:
    """The events in a submission to the form of this name. Raises Unreadable as :func:`parse` does. ``vouched``: a tool
    sent it and not a browser. It has kept robots away itself, and may well ask for no address."""
    if not vouched:
        check_honeypots(submission)
    reading = sort_out(submission)
    if submission.builder == "html" and not reading.page_url:
        # Browsers tell another site only the host, unless the page asks for more
        referer = read_page(request.header("referer"))
        reading.page_url = referer.url if referer and referer.path != "/" else ""
    consents = consents_of(reading.answers)
    asset, topic = _asset(reading.answers)
    taken = {id(consent.answer) for consent in consents} | {id(answer) for answer in (asset, topic) if answer}
    private = "1" in (request.header("sec-gpc").strip(), request.header("dnt").strip())
    readable = reading.answers if private else [answer for answer in submission.answers if not is_secret(answer)]
    rows = own_rows(readable, mapping, form)
    claimed, custom = claim([a for a in reading.answers if id(a) not in taken], rows.answers)
    if not vouched:
        check_texts(claimed, _ONE_LINE)
    mend_names(claimed, (form, reading.title))

    mapped = mapping.inbound({**claimed, **rows.values})
    if mapped.skip:
        return []
    mend_names(mapped.fields, (form, reading.title))  # a row of their own may have brought a whole name
    reading.problems += [f"{held.vendor}: {held.value}" for held in mapped.held]
    reading.problems += [f"{name}: a form cannot set this" for name in mapped.signals if name != "email_opt_out"]
    said = [*consents, *_opt_out(mapped.signals)]
    if private:
        reading.visitor = ""
    identities = _identities(mapped.fields, claimed, reading, mapping.region, vouched)
    at = _occurred_at(submission, request.received_at)
    properties = _properties(submission, reading, form, private=private)
    if asset:
        properties["asset"] = _asset_name(asset, reading.title or form)
    properties |= _custom(custom)
    if said:
        properties["consent"] = [_proof(consent, form, properties.get("page_url", ""), at) for consent in said]
    if reading.problems:
        properties["problems"] = reading.problems
    key = f"forms:{form}:{_source_key(submission, reading.answers, identities, request.received_at)}"
    submitted = Event(
        type=EventType.FORM_SUBMITTED,
        occurred_at=at,
        source_key=key,
        identities=identities,
        properties=properties,
        authority=mapped.authority,
        fields={name: value for name, value in mapped.fields.items() if value is not None},
        mapping=mapping.version,
    )
    if not asset:
        return [submitted]
    about = {"asset": properties["asset"], "topic": topic.text if topic else properties["asset"], "form": form}
    downloaded = Event(
        type=EventType.ASSET_DOWNLOADED,
        occurred_at=at,
        source_key=f"{key}:asset",
        identities=identities,
        properties=about,
        mapping=mapping.version,
    )
    return [submitted, downloaded]


# What the submission says about itself --------------------------------------------------------------------------------


def _properties(submission: Submission, reading: Reading, form: str, *, private: bool) -> dict[str, Any]:
    page = read_page(reading.page_url)
    landing = read_page(reading.landing_page)
    properties: dict[str, Any] = {"form": form, "builder": submission.builder}
    properties["form_title"], properties["form_id"] = reading.title[:300], reading.form_id[:100]
    if page:
        properties["page_url"] = page.url.partition("?")[0] if private else page.url
        properties["path"] = page.path
    elif reading.page_url.startswith("/"):
        properties["path"] = reading.page_url.partition("?")[0][:500]
    if not private:
        properties["landing_page"] = landing.url if landing else ""
        properties["referrer"] = referrer_of(reading.referrer)
        properties |= _origin(origin_of(reading.origin), page.origin if page else {})
        properties |= {f"first_{name}": value for name, value in origin_of(reading.first_origin).items()}
    return {name: value for name, value in properties.items() if value or name == "form"}


def _origin(said: Mapping[str, str], page: Mapping[str, str]) -> dict[str, str]:
    """UTM values and click id, each as the form said them, else as the page's address does; never half and half."""
    origin: dict[str, str] = {}
    for names in (UTM, ("click_id", "click_id_kind")):
        for known in (said, page):
            found = {name: known[name] for name in names if name in known}
            if found:
                origin |= found
                break
    return origin


def _custom(answers: list[Answer]) -> dict[str, Any]:
    """What filled no contact field, by the form's own names, and what the visitor read beside those."""
    custom: dict[str, Any] = {}
    labels: dict[str, str] = {}
    for answer in answers:
        if answer.key in custom:
            known = custom[answer.key]
            custom[answer.key] = [*(known if isinstance(known, list) else [known]), answer.value]
        else:
            custom[answer.key] = answer.value
        if answer.label and answer.label != answer.key:
            labels[answer.key] = answer.label[:300]
    return {name: value for name, value in (("custom", custom), ("labels", labels)) if value}


# Who, what they agreed to, what they asked for ------------------------------------------------------------------------


def _identities(
    fields: Mapping[str, Any], claimed: Mapping[str, str], reading: Reading, region: str | None, vouched: bool
) -> tuple[Identity, ...]:
    identities = []
    raw = fields.get(EMAIL) or claimed.get(EMAIL)
    if raw:
        address = clean_email(str(raw)[:320])
        if address:
            identities.append(Identity(EMAIL, address.address))
        elif not any(problem.startswith("email") for problem in reading.problems):
            reading.problems.append(f"email: {str(raw)[:80]!r} is not an e-mail address")
    number = str(fields.get(PHONE) or claimed.get(PHONE) or "")
    if number and (number := clean_phone(number[:40], region) or "") and _E164.fullmatch(number):
        identities.append(Identity(PHONE, number))
    if reading.visitor:
        identities.append(Identity(ANONYMOUS, reading.visitor))
    if not identities and (raw or not vouched):
        what = "its e-mail address is not valid" if raw else "map the field that holds it, or add one"
        raise Unreadable(f"no e-mail, phone or visitor id in this form: {what}")
    return tuple(identities)


def _opt_out(signals: Mapping[str, Any]) -> list[Consent]:
    """What a row for ``email_opt_out`` heard."""
    if not signals.get("email_opt_out"):
        return []
    return [Consent("email", False, True, Answer(key="email_opt_out", value=True), "email_opt_out")]


def _proof(consent: Consent, form: str, page_url: str, at: datetime) -> dict[str, Any]:
    proof = {
        "form": form,
        "field": consent.answer.key,
        "text": consent.text,
        "page_url": page_url,
        "at": at.isoformat(),
    }
    return {
        "channel": consent.channel,
        "purpose": "marketing",
        "state": consent.state,
        "by_person": True,
        "method": "form",
        "proof": {name: value for name, value in proof.items() if value},
    }


def _asset(answers: Iterable[Answer]) -> tuple[Answer | None, Answer | None]:
    """The answer that names a download, and the one that names its topic."""
    asset = topic = None
    for answer in answers:
        names = answer.names
        if asset is None and not _ASSET.isdisjoint(names) and compact(answer.text) not in ("no", "false", "0", "off"):
            asset = answer
        elif topic is None and not _TOPIC.isdisjoint(names):
            topic = answer
    return asset, topic if asset else None


def _asset_name(answer: Answer, fallback: str) -> str:
    """What was asked for; a mere tick means what the form is about."""
    text = answer.text[:300]
    is_tick = compact(text) in ("yes", "true", "1", "on") or compact(text) == answer.name
    return fallback if is_tick else text


def _occurred_at(submission: Submission, received_at: datetime) -> datetime:
    """The builder's own time. In a browser's own post it is the visitor's claim; in the future it is a wrong clock."""
    at = submission.at or (None if submission.builder == "html" else time_of(submission.answers))
    return at if at is not None and at <= received_at else received_at


def _source_key(
    submission: Submission, answers: list[Answer], identities: tuple[Identity, ...], received_at: datetime
) -> str:
    """What stays the same when the same submission comes again: the builder's own id, or the content and the minute.

    An id from a page's own script counts only together with who it was: pages are cached, and ids with them.
    """
    if submission.key:
        # Read again with a mapping that finds out who it was, it is news
        return digest_of([submission.builder, submission.key, *([] if identities else ["nobody"])], LONG)
    if key := key_of(submission.answers):
        return digest_of([key, identities[0].value], LONG)
    content = sorted((answer.key, as_text(answer.value)) for answer in answers)
    return digest_of([content, received_at.strftime("%Y%m%d%H%M")], LONG)
