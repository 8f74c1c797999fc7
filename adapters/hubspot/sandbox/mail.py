"""The simulated HubSpot's single e-mails: for marketing, and for what is transactional."""

from typing import Any

from adapters.hubspot.sandbox.asks import need
from adapters.hubspot.sandbox.shapes import SingleSend
from adapters.hubspot.sandbox.state import Account
from adapters.sandbox.vendor import Answer, Request, Route, iso


def create_email(hub: Account, name: str) -> int:
    """Somebody makes an e-mail for single sends, and publishes it: its id."""
    number = int(hub.new_id())
    hub.single_emails[number] = name
    return number


def send_marketing(hub: Account, request: Request) -> Answer:
    """POST: an e-mail to one person, if they want any."""
    return _send(hub, request, marketing=True)


def send_transactional(hub: Account, request: Request) -> Answer:
    """POST: an e-mail to one person, whatever they want."""
    return _send(hub, request, marketing=False)


def _send(hub: Account, request: Request, marketing: bool) -> Answer:
    if not hub.settings.single_send:
        raise hub.refuse(403)
    number, message = need(hub, request.body, "emailId", "message")
    (to,) = need(hub, message, "to")
    if number not in hub.single_emails:
        raise hub.refuse(400, f"Email {number} does not exist or is not published for single send")
    result = _result(hub, to.lower(), message.get("sendId"), marketing)
    answer = {"status": "COMPLETE", "statusId": hub.new_uuid(), "requestedAt": iso(hub.clock()), "sendResult": result}
    if result == "SENT":
        hub.mails.append(
            {
                "at": iso(hub.clock()),
                "to": to,
                "email": hub.single_emails[number],
                "marketing": marketing,
                "sendId": message.get("sendId"),
                "properties": request.body.get("customProperties") or {},
            }
        )
    return Answer(body=answer)


def _result(hub: Account, to: str, send_id: Any, marketing: bool) -> str:
    if send_id and any(mail["sendId"] == send_id for mail in hub.mails):
        return "IDEMPOTENT_IGNORE"
    if "@" not in to:
        return "INVALID_TO_ADDRESS"
    if to in hub.blocked:
        return "BLOCKED_ADDRESS"
    if marketing and to in hub.opted_out:
        return "PREVIOUSLY_UNSUBSCRIBED_PORTAL"
    return "SENT"


ROUTES = (
    Route("POST", "/marketing/v4/email/single-send", send_marketing, SingleSend),
    Route("POST", "/marketing/v3/transactional/single-email/send", send_transactional, SingleSend),
)
