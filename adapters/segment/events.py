"""What the spec's events are in Baton's terms: a table of names, and what their properties say."""

from collections.abc import Callable, Mapping
from typing import Any

from adapters.visits import origin_of, read_page, referrer_of
from app.contacts.event import CUSTOM, EventType
from app.contacts.own_events import OUR_OWN
from mappings.transforms import CannotTransform, to_number

MAX_ITEMS, MAX_PROPERTIES = 100, 100

# The event's name as letters and digits → our type: ecommerce (v2, and v1's word order), email, mobile
TYPES: dict[str, str] = {
    "productviewed": EventType.PRODUCT_VIEWED,
    "viewedproduct": EventType.PRODUCT_VIEWED,
    "checkoutstarted": EventType.CHECKOUT_STARTED,
    "startedcheckout": EventType.CHECKOUT_STARTED,
    "ordercompleted": EventType.ORDER_PLACED,
    "completedorder": EventType.ORDER_PLACED,
    "orderrefunded": EventType.ORDER_REFUNDED,
    "refundedorder": EventType.ORDER_REFUNDED,
    "ordercancelled": EventType.ORDER_REFUNDED,
    "ordercanceled": EventType.ORDER_REFUNDED,
    "orderfulfilled": EventType.ORDER_FULFILLED,
    "ordershipped": EventType.ORDER_FULFILLED,
    "emaildelivered": EventType.EMAIL_DELIVERED,
    "emailopened": EventType.EMAIL_OPENED,
    "emaillinkclicked": EventType.EMAIL_CLICKED,
    "emailclicked": EventType.EMAIL_CLICKED,
    "emailbounced": EventType.EMAIL_BOUNCED,
    "emailmarkedasspam": EventType.EMAIL_COMPLAINED,
    "unsubscribed": EventType.EMAIL_UNSUBSCRIBED,
    "emailunsubscribed": EventType.EMAIL_UNSUBSCRIBED,
    "pushnotificationreceived": EventType.PUSH_DELIVERED,
    "pushnotificationtapped": EventType.PUSH_OPENED,
    "pushnotificationbounced": EventType.PUSH_BOUNCED,
    "formsubmitted": EventType.FORM_SUBMITTED,
}
# What Baton itself reads in an event's properties; a page's script must not speak in its place
_OURS = frozenset(("held", "skipped", "claimed_at", "read_as", "echo", "consent", "problems", "event", "segment"))


def type_of(name: Any) -> str:
    """Our event type for the name of a tracked event; a team's own are ``custom:<name>``."""
    words = "".join(letter if letter.isalnum() else " " for letter in str(name or "").lower()).split()
    own = f"{CUSTOM}{'_'.join(words)[:80]}"
    if not words:
        return EventType.UNKNOWN
    # What people decide in Baton is stored as events of this kind too; none of Segment's may pass for one
    return TYPES.get("".join(words)) or (own if own not in OUR_OWN else f"{CUSTOM}segment_{'_'.join(words)[:80]}")


def describe(kind: str, call: Mapping[str, Any]) -> dict[str, Any]:
    """What a tracked event says. Of a team's own events the properties stand by their names; of those that Baton has a
    word for they are put into Baton's words, and kept under ``segment``."""
    told = _object(call.get("properties"))
    described: dict[str, Any] = {"event": str(call.get("event") or "")[:200], **_origin(call)}
    describe_kind = _DESCRIBE.get(kind)
    if describe_kind is None:
        described |= {name: value for name, value in list(told.items())[:MAX_PROPERTIES] if name not in _OURS}
    else:
        described |= describe_kind(told)
        described["segment"] = {name: told[name] for name in list(told)[:MAX_PROPERTIES] if name != "products"}
    if group := _object(call.get("context")).get("groupId") or call.get("groupId"):
        described.setdefault("group", str(group)[:200])
    return {name: value for name, value in described.items() if value not in (None, "", {}, [])}


def page_of(call: Mapping[str, Any]) -> dict[str, Any]:
    """Where the person was: of a page its address, of a screen its name."""
    told, context = _object(call.get("properties")), _object(_object(call.get("context")).get("page"))
    name = str(call.get("name") or told.get("name") or "")[:300]
    page = read_page(told.get("url") or context.get("url"))
    properties: dict[str, Any] = {"title": str(told.get("title") or context.get("title") or name)[:500], "name": name}
    if call.get("type") == "screen":
        properties["screen"] = name
    if page is not None:
        properties |= {"url": page.url, "path": page.path, "host": page.host, **page.origin}
        if _forbids_advertising(call):
            properties.pop("click_id", None)
            properties.pop("click_id_kind", None)
    elif isinstance(path := told.get("path") or context.get("path"), str):
        properties["path"] = path.partition("?")[0][:500]
    properties["referrer"] = referrer_of(told.get("referrer") or context.get("referrer"))
    properties |= _origin(call)
    if told.get("category"):
        properties["category"] = str(told["category"])[:200]
    return {name: value for name, value in properties.items() if value}


def _origin(call: Mapping[str, Any]) -> dict[str, Any]:
    """The campaign that brought the person, whose ``campaign.name`` is what a link calls utm_campaign, and what they
    allowed the site to do."""
    context = _object(call.get("context"))
    campaign = _object(context.get("campaign"))
    said = {f"utm_{'campaign' if name == 'name' else name}": value for name, value in campaign.items()}
    origin: dict[str, Any] = dict(origin_of(said))
    if allowed := _allowed(call):
        origin["consent_categories"] = {str(name)[:80]: value for name, value in list(allowed.items())[:30]}
    return origin


def _allowed(call: Mapping[str, Any]) -> Mapping[str, Any]:
    consent = _object(_object(call.get("context")).get("consent"))
    return _object(consent.get("categoryPreferences"))


def _forbids_advertising(call: Mapping[str, Any]) -> bool:
    return any(value is False and "advert" in str(name).lower() for name, value in _allowed(call).items())


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> int | float | None:
    try:
        return None if value is None else to_number(value)
    except CannotTransform:
        return None


def _order(told: Mapping[str, Any]) -> dict[str, Any]:
    """``total`` is what was paid, and what a refund pays back; ``revenue`` leaves shipping and taxes out."""
    products = told.get("products")
    items = [item for item in products if isinstance(item, dict)] if isinstance(products, list) else []
    amounts = (_number(told.get(name)) for name in ("total", "revenue", "value"))
    return {
        "order": told.get("order_id") or told.get("orderId") or told.get("checkout_id"),
        "value": next((amount for amount in amounts if amount is not None), None),
        "currency": told.get("currency"),
        "coupon": told.get("coupon"),
        "items": items[:MAX_ITEMS],
    }


def _product(told: Mapping[str, Any]) -> dict[str, Any]:
    page = read_page(told.get("url"))
    return {
        "product": told.get("name"),
        "product_id": told.get("product_id") or told.get("productId") or told.get("id") or told.get("sku"),
        "topic": told.get("category"),
        "url": page.url if page else None,
        "value": _number(told.get("value") if told.get("value") is not None else told.get("price")),
        "currency": told.get("currency"),
    }


def _message(told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "subject": told.get("email_subject"),
        "message": told.get("campaign_name"),
        "campaign": told.get("campaign_id"),
        "list": told.get("list_id"),
        "url": told.get("link_url"),
    }


def _opt_out(told: Mapping[str, Any]) -> dict[str, Any]:
    return {**_message(told), "method": "unsubscribed"}


def _bounce(told: Mapping[str, Any]) -> dict[str, Any]:
    kind = str(told.get("bounce_type") or told.get("type") or "").lower()
    return {**_message(told), "permanent": kind in ("hard", "permanent"), "reason": told.get("reason") or kind}


def _form(told: Mapping[str, Any]) -> dict[str, Any]:
    names = ("form", "form_name", "formName", "form_id", "formId", "name")
    return {"form": next((str(told[name])[:200] for name in names if told.get(name)), "")}


_DESCRIBE: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    **dict.fromkeys(
        (EventType.ORDER_PLACED, EventType.ORDER_REFUNDED, EventType.ORDER_FULFILLED, EventType.CHECKOUT_STARTED),
        _order,
    ),
    EventType.PRODUCT_VIEWED: _product,
    **dict.fromkeys(
        (
            *(EventType.EMAIL_DELIVERED, EventType.EMAIL_OPENED, EventType.EMAIL_CLICKED, EventType.EMAIL_COMPLAINED),
            *(EventType.PUSH_DELIVERED, EventType.PUSH_OPENED),
        ),
        _message,
    ),
    EventType.EMAIL_UNSUBSCRIBED: _opt_out,
    EventType.EMAIL_BOUNCED: _bounce,
    EventType.PUSH_BOUNCED: _bounce,
    EventType.FORM_SUBMITTED: _form,
}
