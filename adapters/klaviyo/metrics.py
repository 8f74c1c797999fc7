"""What Klaviyo's metrics are in Baton's terms: a table, and what each event's properties say."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from app.contacts.event import CUSTOM, EventType
from app.contacts.own_events import OUR_OWN
from mappings.transforms import CannotTransform, to_number

# Topic or metric name, as letters and digits → our type. The names are Klaviyo's own; shops use theirs alike. They are
# told from the person's side: "Received SMS" is a message of ours that arrived, "Sent SMS" is one of theirs.
TYPES: dict[str, str] = {
    "receivedemail": EventType.EMAIL_DELIVERED,
    "emaildelivered": EventType.EMAIL_DELIVERED,
    "openedemail": EventType.EMAIL_OPENED,
    "clickedemail": EventType.EMAIL_CLICKED,
    "bouncedemail": EventType.EMAIL_BOUNCED,
    "droppedemail": EventType.EMAIL_BOUNCED,
    "markedemailasspam": EventType.EMAIL_COMPLAINED,
    "unsubscribedfromemailmarketing": EventType.EMAIL_UNSUBSCRIBED,
    "manuallysuppressedfromemailmarketing": EventType.EMAIL_UNSUBSCRIBED,
    "subscribedtoemailmarketing": EventType.CONSENT_CHANGED,
    "subscribedtosmsmarketing": EventType.CONSENT_CHANGED,
    "subscribedtolist": EventType.LIST_JOINED,
    "unsubscribedfromlist": EventType.LIST_LEFT,
    "unsubscribedfromsmsmarketing": EventType.SMS_UNSUBSCRIBED,
    "subscribedtotextmessagemarketing": EventType.CONSENT_CHANGED,
    "consentedtoreceivesms": EventType.CONSENT_CHANGED,
    "unsubscribedfromtextmessagemarketing": EventType.SMS_UNSUBSCRIBED,
    "unsubscribedfromsms": EventType.SMS_UNSUBSCRIBED,
    "sentsms": EventType.SMS_REPLIED,
    "senttextmessage": EventType.SMS_REPLIED,
    "receivedsms": EventType.SMS_DELIVERED,
    "receivedtextmessage": EventType.SMS_DELIVERED,
    "receivedautomatedresponsesms": EventType.SMS_DELIVERED,
    "receivedautomatedresponsetextmessage": EventType.SMS_DELIVERED,
    "clickedsms": EventType.SMS_CLICKED,
    "clickedtextmessage": EventType.SMS_CLICKED,
    "failedtodeliversms": EventType.SMS_BOUNCED,
    "failedtodelivertextmessage": EventType.SMS_BOUNCED,
    "failedtodeliverautomatedresponsesms": EventType.SMS_BOUNCED,
    "failedtodeliverautomatedresponsetextmessage": EventType.SMS_BOUNCED,
    "receivedpush": EventType.PUSH_DELIVERED,
    "openedpush": EventType.PUSH_OPENED,
    "bouncedpush": EventType.PUSH_BOUNCED,
    "mergedprofile": EventType.CONTACT_MERGED,
    "viewedproduct": EventType.PRODUCT_VIEWED,
    "checkoutstarted": EventType.CHECKOUT_STARTED,
    "startedcheckout": EventType.CHECKOUT_STARTED,
    "placedorder": EventType.ORDER_PLACED,
    "fulfilledorder": EventType.ORDER_FULFILLED,
    "refundedorder": EventType.ORDER_REFUNDED,
    "cancelledorder": EventType.ORDER_REFUNDED,
    "canceledorder": EventType.ORDER_REFUNDED,
    "activeonsite": EventType.PAGE_VIEWED,
    "viewedpage": EventType.PAGE_VIEWED,
}


def type_of(name: str) -> str:
    """Our event type for a topic's or metric's name. A metric that a team made itself is ``custom:<name>``."""
    plain = plain_name(name)
    if not plain:
        return EventType.UNKNOWN
    own = f"{CUSTOM}{slug_of(name)}"
    # What people decide in Baton is stored as events of this kind too; no metric may pass for one
    return TYPES.get(plain) or (own if own not in OUR_OWN else f"{CUSTOM}klaviyo_{slug_of(name)}")


def plain_name(name: str) -> str:
    """A topic's or metric's name as letters and digits, which is the same for both of one kind of event."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def is_keyword(told: Mapping[str, Any]) -> bool:
    """Whether a text from the person is a word that Klaviyo answers by itself and that no conversation starts with.
    What could be an answer to somebody (YES, END) is not among them."""
    return str(told.get("Message Body") or "").strip(" .!").upper() in _KEYWORDS


_KEYWORDS = frozenset(("JOIN", "START", "SUBSCRIBE", "UNSTOP", "OPTIN", "STOP", "STOPALL", "UNSUBSCRIBE", "OPTOUT"))


def consent_kind(name: str) -> str:
    """How :func:`describe` knows a metric about a yes: by its channel."""
    plain = name.lower()
    return "consent:sms" if "sms" in plain or "text" in plain else "consent:email"


def slug_of(name: str) -> str:
    """A metric's name as it stands in topics: ``viewed_product``."""
    return "_".join("".join(letter if letter.isalnum() else " " for letter in name.lower()).split())[:80]


def describe(kind: str, name: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """What an event's own properties say, in our words. What has no word of ours is kept under ``klaviyo``."""
    described: dict[str, Any] = {"metric": name}
    describe_kind = _DESCRIBE.get(kind)
    if describe_kind is not None:
        described.update(describe_kind(told))
    rest = {key: value for key, value in told.items() if key not in _INTERNAL}
    if rest:
        described["klaviyo"] = rest
    return {key: value for key, value in described.items() if value not in (None, "")}


_INTERNAL = frozenset(("$extra", "$internal", "$attribution", "$ESP", "$_cohort$message_send_cohort"))


def _email(told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "subject": told.get("Subject"),
        "message": told.get("Campaign Name") or told.get("$message"),
        "flow": told.get("$flow"),
        "url": told.get("URL"),
    }


def _bounce(told: Mapping[str, Any]) -> dict[str, Any]:
    extra = told.get("$extra")
    info = extra.get("$bounce_delivery_info") if isinstance(extra, Mapping) else None
    info = info if isinstance(info, Mapping) else {}
    # A "Soft" bounce may still say that Klaviyo will not write there again: then it is as good as a hard one
    permanent = str(told.get("Bounce Type", "")).lower() == "hard" or info.get("add_exclusion") is True
    reason = info.get("reason") or told.get("Failure Type") or told.get("$klaviyo_bounce_category")
    return {
        **_email(told),
        "recipient": told.get("Recipient Email Address"),
        "permanent": permanent,
        "bounce_type": told.get("Bounce Type"),
        "reason": reason,
    }


def _sms_failure(told: Mapping[str, Any]) -> dict[str, Any]:
    failure = str(told.get("Failure Type") or told.get("failure_type") or "")
    permanent = any(word in failure.lower() for word in _NO_MOBILE)
    return {"reason": failure, "permanent": permanent}


# "Device Disconnected", "Device Incapable of Receiving SMS"; "unreachable" may be switched on again
_NO_MOBILE = ("invalid", "landline", "unknown number", "not a mobile", "disconnected", "incapable")


def _consent(channel: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    def describe_consent(told: Mapping[str, Any]) -> dict[str, Any]:
        method = str(told.get("method") or "")
        proof = {
            key: told[key]
            for key in ("method", "method_detail", "list_id", "list_name", "double_optin")
            if told.get(key) not in (None, "")
        }
        return {
            "channel": channel,
            "state": "granted",
            "method": method,
            # An API call or an import is not the person; a form, a page or a reply of theirs is
            "by_person": method.upper() in BY_PERSON,
            "proof": proof,
        }

    return describe_consent


BY_PERSON = frozenset(
    (
        "PREFERENCE_PAGE",
        "MANAGE_PREFERENCES",
        "SUBSCRIBE_PAGE",
        "SIGNUP_FORM",
        "KLAVIYO_FORM",
        "FORM",
        "ONSITE_FORM",
        "HOSTED_PAGE",
        "SHOPIFY_CHECKOUT",
        "CHECKOUT",
        "SMS",
        "TEXT_MESSAGE",
        "KEYWORD",
        "INBOUND_MESSAGE",
    )
)


def _opt_out(told: Mapping[str, Any]) -> dict[str, Any]:
    return {"method": told.get("method") or told.get("suppression_method"), "list": told.get("list_id")}


def _list(told: Mapping[str, Any]) -> dict[str, Any]:
    return {"list": told.get("list_id"), "list_name": told.get("List") or told.get("list_name")}


def _order(told: Mapping[str, Any]) -> dict[str, Any]:
    items = told.get("Items") or told.get("items") or ()
    items = items if isinstance(items, list) else [items] if isinstance(items, str | Mapping) and items else []
    return {
        "order": told.get("$event_id") or told.get("OrderId") or told.get("order_id"),
        "value": _number(told.get("$value") if told.get("$value") is not None else told.get("value")),
        "currency": told.get("$value_currency") or told.get("$currency_code") or told.get("currency"),
        "items": [item if isinstance(item, Mapping) else {"name": str(item)} for item in items[:100]] or None,
    }


def _number(value: Any) -> int | float | None:
    """An amount; None for what is none (it is kept under ``klaviyo`` as it was sent)."""
    try:
        return None if value is None else to_number(value)
    except CannotTransform:
        return None


def _product(told: Mapping[str, Any]) -> dict[str, Any]:
    categories = told.get("Categories") or told.get("categories") or ()
    topic = categories[0] if isinstance(categories, list) and categories else None
    return {
        "product": told.get("ProductName") or told.get("Product Name") or told.get("name"),
        "product_id": told.get("ProductID") or told.get("Product ID"),
        "topic": topic,
        "url": told.get("URL") or told.get("url"),
        "value": told.get("$value") or told.get("Price"),
    }


def _page(told: Mapping[str, Any]) -> dict[str, Any]:
    page = str(told.get("page") or told.get("$page") or told.get("url") or told.get("URL") or "")
    try:
        path = urlsplit(page).path
    except ValueError:  # a visitor's browser may report anything
        return {}
    return {"url": page.split("?", 1)[0], "path": path}


_DESCRIBE: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    EventType.EMAIL_DELIVERED: _email,
    EventType.EMAIL_OPENED: _email,
    EventType.EMAIL_CLICKED: _email,
    EventType.EMAIL_BOUNCED: _bounce,
    EventType.EMAIL_COMPLAINED: _email,
    EventType.EMAIL_UNSUBSCRIBED: _opt_out,
    EventType.SMS_UNSUBSCRIBED: _opt_out,
    EventType.SMS_BOUNCED: _sms_failure,
    EventType.LIST_JOINED: _list,
    EventType.LIST_LEFT: _list,
    EventType.ORDER_PLACED: _order,
    EventType.ORDER_FULFILLED: _order,
    EventType.ORDER_REFUNDED: _order,
    EventType.CHECKOUT_STARTED: _order,
    EventType.PRODUCT_VIEWED: _product,
    EventType.PAGE_VIEWED: _page,
    "consent:email": _consent("email"),
    "consent:sms": _consent("sms"),
}


def machine(kind: str, told: Mapping[str, Any]) -> str | None:
    """Why an open or click was not a person's, or None."""
    if kind not in (EventType.EMAIL_OPENED, EventType.EMAIL_CLICKED):
        return None
    if _yes(told.get("machine_open")):
        return "opened by a mail privacy proxy"
    if _yes(told.get("Bot Click")) or _yes(told.get("bot_click")):
        return "clicked by a link scanner"
    return None


def _yes(value: Any) -> bool:
    return value is True or str(value).lower() in ("true", "1", "yes")
