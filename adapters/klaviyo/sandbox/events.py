"""The simulated Klaviyo's events and metrics, its account, and the webhooks that its API makes."""

from collections.abc import Mapping
from typing import Any

from adapters.klaviyo.sandbox.asks import (
    allow,
    check_query,
    data_of,
    document,
    event_shown,
    many,
    metric_shown,
    moment_of,
    need,
    one,
    page,
    passes,
    profile_shown,
    resource,
    terms,
)
from adapters.klaviyo.sandbox.profiles import BODY_BYTES, checked, duplicate, per
from adapters.klaviyo.sandbox.records import Event, Profile
from adapters.klaviyo.sandbox.shapes import BulkBody, EventBody, WebhookBody
from adapters.klaviyo.sandbox.state import IDENTIFIERS, Account
from adapters.sandbox.vendor import Answer, Request, Route
from adapters.sandbox.webhooks import Hook, Sender

EVENTS, PROPERTIES = 1000, 400
STRING_BYTES = 100 * 1024
EARLIEST, YEAR = 631_152_000.0, 366 * 86_400.0  # 1990
ORDERED = ("greater-or-equal", "greater-than", "less-or-equal", "less-than")
FILTERS = {
    "datetime": ORDERED,
    "timestamp": ORDERED,
    "metric_id": ("equals",),
    "profile_id": ("equals",),
    "metric": ("has",),
    "profile": ("has",),
}
EVENT_FIELDS = ("properties", "time", "value", "value_currency", "unique_id", "backfill", "metric")
WEBHOOKS, SECRET = 10, 16

# events


def event_checked(klaviyo: Account, attributes: dict[str, Any], pointer: str) -> dict[str, Any]:
    """What an event needs to be stored: metric, moment, properties, its own id. Raises Refusal."""
    allow(klaviyo, attributes, (*EVENT_FIELDS, "profile"), "event", pointer)
    properties, metric = need(klaviyo, attributes, pointer, "properties", "metric")
    (data,) = need(klaviyo, metric, f"{pointer}/metric", "data")
    named = resource(klaviyo, data, "metric", f"{pointer}/metric/data")
    (name,) = need(klaviyo, named, f"{pointer}/metric/data/attributes", "name")
    if len(properties) > PROPERTIES:
        raise klaviyo.refuse(400, f"An event has at most {PROPERTIES} properties.", f"{pointer}/properties")
    if any(isinstance(value, str) and len(value.encode()) > STRING_BYTES for value in properties.values()):
        raise klaviyo.refuse(400, "A string may have 100 KB.", f"{pointer}/properties")
    value = attributes.get("value")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise klaviyo.refuse(400, "value must be a number.", f"{pointer}/value")
    moment = klaviyo.clock()
    if attributes.get("time"):
        moment = moment_of(klaviyo, attributes["time"])
        if not EARLIEST <= moment <= klaviyo.clock() + YEAR:
            raise klaviyo.refuse(400, "time must be after 1990 and within a year.", f"{pointer}/time")
    told = dict(properties)
    if value is not None:
        told["$value"] = value
        if attributes.get("value_currency"):
            told["$value_currency"] = attributes["value_currency"]
    unique_id = attributes.get("unique_id")
    return {"metric": str(name), "moment": moment, "properties": told, "unique_id": str(unique_id or "")}


def person_checked(klaviyo: Account, holder: Any, pointer: str) -> tuple[dict[str, Any], str]:
    """Whom an event is about: attributes to write, and a profile id. Raises Refusal."""
    (data,) = need(klaviyo, holder, pointer, "data")
    person = checked(klaviyo, resource(klaviyo, data, "profile", f"{pointer}/data"), f"{pointer}/data/attributes")
    number = str(data.get("id") or "")
    if not number and not any(person.get(kind) for kind in IDENTIFIERS):
        raise klaviyo.refuse(400, "A profile needs an identifier.", f"{pointer}/data/attributes")
    found = klaviyo.matching(person, number)
    if len(found) > 1:
        raise duplicate(klaviyo, found[1])
    if number and number not in klaviyo.profiles:
        raise klaviyo.refuse(404, f"A profile with id {number} does not exist.", f"{pointer}/data/id")
    return person, number


def written(klaviyo: Account, person: dict[str, Any], number: str) -> Profile:
    """The profile of an event: what the event says about the person is written."""
    if found := klaviyo.matching(person, number):
        klaviyo.change(found[0], person)
        return found[0]
    return klaviyo.new_profile(person)


def store(klaviyo: Account, profile: Profile, event: dict[str, Any]) -> None:
    """Keep an event that came by the API."""
    klaviyo.happen(
        event["metric"],
        profile,
        event["properties"],
        integration="api",
        moment=event["moment"],
        unique_id=event["unique_id"],
        by_api=True,
    )


def create_event(klaviyo: Account, request: Request) -> Answer:
    """POST: one event; of several with one unique_id the first is kept, and all are answered 202."""
    attributes = data_of(klaviyo, request, "event")
    pointer = "/data/attributes"
    event = event_checked(klaviyo, attributes, pointer)
    (holder,) = need(klaviyo, attributes, pointer, "profile")
    store(klaviyo, written(klaviyo, *person_checked(klaviyo, holder, f"{pointer}/profile")), event)
    return Answer(status=202, raw=b"", content_type="application/vnd.api+json")


def create_events(klaviyo: Account, request: Request) -> Answer:
    """POST: many events; a unique_id that repeats refuses them all."""
    attributes = data_of(klaviyo, request, "event-bulk-create-job")
    if len(request.raw) > BODY_BYTES:
        raise klaviyo.refuse(413)
    (holder,) = need(klaviyo, attributes, "/data/attributes", "events-bulk-create")
    top = "/data/attributes/events-bulk-create"
    todo, seen, count = [], set(), 0
    for place, item in enumerate(many(klaviyo, holder, top, EVENTS)):
        pointer = f"{top}/data/{place}/attributes"
        entry = resource(klaviyo, item, "event-bulk-create", f"{top}/data/{place}")
        profile, events = need(klaviyo, entry, pointer, "profile", "events")
        person, number = person_checked(klaviyo, profile, f"{pointer}/profile")
        known = klaviyo.matching(person, number)
        for index, each in enumerate(many(klaviyo, events, f"{pointer}/events", EVENTS)):
            here = f"{pointer}/events/data/{index}"
            event = event_checked(klaviyo, resource(klaviyo, each, "event", here), f"{here}/attributes")
            count += 1
            unique_id = event["unique_id"]
            key = (known[0].id if known else str(sorted(person.items(), key=str)), event["metric"], unique_id)
            stored = known and (known[0].id, klaviyo.metric(event["metric"]), unique_id) in klaviyo.keys
            if unique_id and (key in seen or stored):
                raise klaviyo.refuse(400, f"unique_id '{unique_id}' is repeated.", f"{here}/attributes/unique_id")
            seen.add(key)
            todo.append((person, number, event))
    if count > EVENTS:
        raise klaviyo.refuse(400, f"No more than {EVENTS} events at a time; there are {count}.", top)

    def run() -> None:
        for person, number, event in todo:
            store(klaviyo, written(klaviyo, person, number), event)

    klaviyo.later(klaviyo.settings.job_seconds, run)
    return Answer(status=202, raw=b"", content_type="application/vnd.api+json")


def list_events(klaviyo: Account, request: Request) -> Answer:
    """GET: the events that pass the filter, with their metrics and profiles if asked."""
    known = ("filter", "include", "page[cursor]", "page[size]", "sort")
    check_query(klaviyo, request, "event", known)
    wanted = [
        (operator, name, moment_of(klaviyo, value) if name in ("datetime", "timestamp") else value)
        for operator, name, value in terms(klaviyo, request, FILTERS)
    ]
    include = request.params("include")
    allow(klaviyo, dict.fromkeys(include), ("metric", "profile", "attributions"), "event", "/include")
    sort = request.param("sort", "-datetime")
    if sort.removeprefix("-") not in ("datetime", "timestamp"):
        raise klaviyo.refuse(400, f"'{sort}' is not a valid sort.", parameter="sort")

    def fits(event: Event) -> bool:
        values: Mapping[str, Any] = {
            "datetime": event.timestamp,
            "timestamp": event.timestamp,
            "metric_id": event.metric,
            "profile_id": event.profile,
        }
        return all(operator == "has" or passes(operator, values[name], value) for operator, name, value in wanted)

    visible = klaviyo.clock() - klaviyo.settings.event_lag
    found = [event for event in klaviyo.events if event.stored <= visible and fits(event)]

    def place(event: Event) -> list[Any]:
        return [event.timestamp, event.id]

    found.sort(key=place, reverse=sort.startswith("-"))
    answer = page(klaviyo, request, found, lambda event: event_shown(request, event), 200, 200, place)
    if include:
        answer["included"] = included(klaviyo, request, answer["data"], include)
    return document(answer)


def included(klaviyo: Account, request: Request, shown: list[dict[str, Any]], include: list[str]) -> list[Any]:
    """The metrics and profiles of these events, each once."""
    numbers = {
        kind: {each["relationships"][kind]["data"]["id"]: None for each in shown} for kind in ("metric", "profile")
    }
    metrics = [metric_shown(request, number, klaviyo.metrics[number]) for number in numbers["metric"]]
    profiles = [profile_shown(request, klaviyo.profiles[number]) for number in numbers["profile"]]
    return (metrics if "metric" in include else []) + (profiles if "profile" in include else [])


def get_event(klaviyo: Account, request: Request, number: str) -> Answer:
    """GET: one event."""
    include = request.params("include")
    for event in klaviyo.events:
        if event.id == number:
            shown = event_shown(request, event)
            answer = one(request, shown)
            if include:
                answer.body["included"] = included(klaviyo, request, [shown], include)
            return answer
    raise klaviyo.refuse(404, f"An event with id {number} does not exist.")


def list_metrics(klaviyo: Account, request: Request) -> Answer:
    """GET: the metrics; this route has no page size."""
    check_query(klaviyo, request, "metric", ("filter", "page[cursor]"))
    known = {"integration.name": ("equals",), "integration.category": ("equals",)}
    wanted = terms(klaviyo, request, known)
    found = [
        (number, metric)
        for number, metric in klaviyo.metrics.items()
        if all(metric["integration"][name.partition(".")[2]] == value for _, name, value in wanted)
    ]
    return document(page(klaviyo, request, found, lambda each: metric_shown(request, *each), 200, 200))


def get_metric(klaviyo: Account, request: Request, number: str) -> Answer:
    """GET: one metric."""
    if metric := klaviyo.metrics.get(number):
        return one(request, metric_shown(request, number, metric))
    raise klaviyo.refuse(404, f"A metric with id {number} does not exist.")


# the account and its webhooks


def list_accounts(klaviyo: Account, request: Request) -> Answer:
    """GET: the account that the key belongs to."""
    number = klaviyo.settings.account_id
    address = dict.fromkeys(("address1", "address2", "city", "region", "country", "zip"), "")
    contact = {
        "default_sender_name": "Sandbox",
        "default_sender_email": "sandbox@example.com",
        "website_url": "https://example.com",
        "organization_name": "Sandbox",
        "street_address": address,
    }
    account = {
        "type": "account",
        "id": number,
        "attributes": {
            "test_account": True,
            "contact_information": contact,
            "industry": None,
            "timezone": "UTC",
            "preferred_currency": "EUR",
            "public_api_key": number,
            "locale": "en-US",
        },
        "links": {"self": f"{request.base}/api/accounts/{number}/"},
    }
    return document({"data": [account], "links": {"self": request.base + request.path}})


def topics(klaviyo: Account) -> list[str]:
    """The webhook topics of the account: one for each metric."""
    return sorted({klaviyo.topic(number) for number in klaviyo.metrics})


def topic_shown(request: Request, topic: str) -> dict[str, Any]:
    """A topic as the API shows it."""
    return {"type": "webhook-topic", "id": topic, "links": {"self": f"{request.base}/api/webhook-topics/{topic}/"}}


def list_topics(klaviyo: Account, request: Request) -> Answer:
    """GET: what webhooks can be about."""
    shown = [topic_shown(request, topic) for topic in topics(klaviyo)]
    return document({"data": shown, "links": {"self": request.base + request.path}})


def get_topic(klaviyo: Account, request: Request, topic: str) -> Answer:
    """GET: one topic."""
    if topic not in topics(klaviyo):
        raise klaviyo.refuse(404, f"A topic with id {topic} does not exist.")
    return one(request, topic_shown(request, topic))


def webhook_shown(klaviyo: Account, request: Request, number: str) -> dict[str, Any]:
    """A webhook as the API shows it: never with its secret."""
    hook = klaviyo.hooks[number].hook
    path = f"/api/webhooks/{number}"
    chosen = topics(klaviyo) if hook.topics is None else hook.topics
    return {
        "type": "webhook",
        "id": number,
        "attributes": {
            "name": "Webhook",
            "description": None,
            "endpoint_url": hook.url,
            "enabled": hook.enabled,
            "created_at": klaviyo.now(),
            "updated_at": klaviyo.now(),
        },
        "relationships": {"webhook-topics": {"data": [{"type": "webhook-topic", "id": topic} for topic in chosen]}},
        "links": {"self": f"{request.base}{path}/"},
    }


def sender_of(klaviyo: Account, number: str) -> Sender:
    """The webhook that a path names. Raises Refusal."""
    if sender := klaviyo.hooks.get(number):
        return sender
    raise klaviyo.refuse(404, f"A webhook with id {number} does not exist.")


def list_webhooks(klaviyo: Account, request: Request) -> Answer:
    """GET: the webhooks of the account."""
    shown = [webhook_shown(klaviyo, request, number) for number in klaviyo.hooks]
    return document({"data": shown, "links": {"self": request.base + request.path}})


def get_webhook(klaviyo: Account, request: Request, number: str) -> Answer:
    """GET: one webhook."""
    sender_of(klaviyo, number)
    return one(request, webhook_shown(klaviyo, request, number))


def topics_asked(klaviyo: Account, data: Any) -> list[str] | None:
    """The topics that a body names. Raises Refusal."""
    holder = (data.get("relationships") or {}).get("webhook-topics")
    if holder is None:
        return None
    chosen = [str(each.get("id")) for each in many(klaviyo, holder, "/data/relationships/webhook-topics", 1000)]
    for topic in chosen:
        if not topic.startswith(("event:klaviyo.", "event:api.")):
            raise klaviyo.refuse(400, f"'{topic}' is not a valid topic.", "/data/relationships/webhook-topics")
    return chosen


def create_webhook(klaviyo: Account, request: Request) -> Answer:
    """POST: have events sent to an address."""
    if not klaviyo.settings.webhooks_allowed:
        raise klaviyo.refuse(403, "Webhooks made with an API key need Advanced KDP.")
    attributes = data_of(klaviyo, request, "webhook")
    _, url, secret = need(klaviyo, attributes, "/data/attributes", "name", "endpoint_url", "secret_key")
    chosen = topics_asked(klaviyo, request.body["data"])
    if chosen is None:
        raise klaviyo.refuse(400, "'relationships' is a required field.", "/data/relationships")
    if len(secret) < SECRET:
        raise klaviyo.refuse(400, f"secret_key must have {SECRET} characters.", "/data/attributes/secret_key")
    if len(klaviyo.hooks) >= WEBHOOKS:
        raise klaviyo.refuse(400, f"An account has at most {WEBHOOKS} webhooks.")
    number = f"{klaviyo.numbers.getrandbits(256):064x}"
    klaviyo.add_hook(Hook(url=url, secret=secret, topics=chosen), number)
    return one(request, webhook_shown(klaviyo, request, number), 201)


def update_webhook(klaviyo: Account, request: Request, number: str) -> Answer:
    """PATCH: another address, secret or choice of topics, or enable it again."""
    hook = sender_of(klaviyo, number).hook
    attributes = data_of(klaviyo, request, "webhook")
    chosen = topics_asked(klaviyo, request.body["data"])
    hook.url = attributes.get("endpoint_url") or hook.url
    hook.secret = attributes.get("secret_key") or hook.secret
    hook.enabled = hook.enabled if attributes.get("enabled") is None else bool(attributes["enabled"])
    hook.topics = chosen or hook.topics
    return one(request, webhook_shown(klaviyo, request, number))


def delete_webhook(klaviyo: Account, request: Request, number: str) -> Answer:
    """DELETE: send nothing there any more."""
    sender_of(klaviyo, number).stop()
    del klaviyo.hooks[number]
    return Answer(status=204)


ROUTES = (
    Route("GET", "/api/events", list_events, limits=per(350, 3500)),
    Route("POST", "/api/events", create_event, EventBody, limits=per(350, 3500)),
    Route("GET", "/api/events/{number}", get_event, limits=per(10, 150)),
    Route("POST", "/api/event-bulk-create-jobs", create_events, BulkBody, limits=per(10, 150)),
    Route("GET", "/api/metrics", list_metrics, limits=per(10, 150)),
    Route("GET", "/api/metrics/{number}", get_metric, limits=per(10, 150)),
    Route("GET", "/api/accounts", list_accounts, limits=per(1, 15)),
    Route("GET", "/api/webhook-topics", list_topics, limits=per(1, 15)),
    Route("GET", "/api/webhook-topics/{topic}", get_topic, limits=per(1, 15)),
    Route("GET", "/api/webhooks", list_webhooks, limits=per(1, 15)),
    Route("POST", "/api/webhooks", create_webhook, WebhookBody, limits=per(1, 15)),
    Route("GET", "/api/webhooks/{number}", get_webhook, limits=per(1, 15)),
    Route("PATCH", "/api/webhooks/{number}", update_webhook, WebhookBody, limits=per(1, 15)),
    Route("DELETE", "/api/webhooks/{number}", delete_webhook, limits=per(1, 15)),
)
