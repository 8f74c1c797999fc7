"""One e-mail to one person through HubSpot: its single-send calls, which fill an e-mail that an admin has made there.

Marketing goes by the call that heeds subscriptions; what is transactional goes by the SDK's, which does not. Both take
a ``sendId`` once, so that a try whose answer was lost can be made again.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from adapters.contract import Delivery, Done, Outcome, Refused, RetryLater, Unknown
from adapters.hubspot.client import HubSpotClient
from adapters.numbered import numbers_by_name, wrong_numbers
from adapters.outcomes import outcome_of
from app.contacts.action import SendMessage

SETTING = "emails"
WHAT = "the id of its e-mail"
ANY = "*"  # stands for all messages that have texts
MARKETING_PATH = "/marketing/v4/email/single-send"

SENT = frozenset(("SENT", "QUEUED", "IDEMPOTENT_IGNORE"))
AGAIN = frozenset(("THROTTLED", "ATTACHMENT_DOWNLOAD_QUEUE_FULL", "PORTAL_OVER_LIMIT"))
WORDS = {
    "ADDRESS_OPTED_OUT": "the address has opted out there",
    "PREVIOUSLY_UNSUBSCRIBED_MESSAGE": "the person has unsubscribed from this kind of e-mail there",
    "PREVIOUSLY_UNSUBSCRIBED_PORTAL": "the person has unsubscribed from all e-mail there",
    "PREVIOUSLY_UNSUBSCRIBED_BRAND": "the person has unsubscribed from this brand there",
    "PREVIOUSLY_UNSUBSCRIBED_BUSINESS_UNIT": "the person has unsubscribed from this brand there",
    "PREVIOUSLY_BOUNCED": "the address has bounced there",
    "PREVIOUS_SPAM": "the person has marked e-mail as spam there",
    "NON_MARKETABLE_CONTACT": "the contact is not set as a marketing contact there",
    "RECIPIENT_FATIGUE_SUPPRESSED": "the person has had as many e-mails as the account allows",
    "GDPR_DOI_ENABLED": "the account wants double opt-in, and the person has not confirmed",
    "EMAIL_DISABLED": "the e-mail is switched off there; publish it",
    "MISSING_CONTENT": "the e-mail has no content there; open and publish it",
    "UNCONFIGURED_SENDING_DOMAIN": "the sending domain is not set up there",
}


def email_ids(text: str) -> dict[str, int]:
    """Which e-mail stands for which message: ``welcome=123, *=456``. Raises ValueError with what cannot be read."""
    return numbers_by_name(text, WHAT)


def wrong_emails(text: str) -> str:
    """What is wrong with the setting; empty where nothing is."""
    return wrong_numbers(text, WHAT)


def email_of(action: SendMessage, settings: Mapping[str, str]) -> int | None:
    """The e-mail that carries a message: by the id of its content, else of its rule. Only one with texts goes by what
    stands for all: another would arrive empty."""
    known = email_ids(settings.get(SETTING, ""))
    return known.get(action.content or action.rule) or (known.get(ANY) if action.content else None)


def can_send(action: Any, settings: Mapping[str, str]) -> bool:
    """Whether an admin has named an e-mail that carries it."""
    return action.channel == "email" and email_of(action, settings) is not None


def send_message(client: HubSpotClient, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """One e-mail to one address."""
    (one,) = deliveries
    action, email_id = cast(SendMessage, one.action), email_of(cast(SendMessage, one.action), client.settings)
    if not one.to.email:
        return [Refused(reason="HubSpot sends to an e-mail address, and none is known")]
    if email_id is None:  # taken out of the settings meanwhile
        return [Refused(reason=f'no e-mail is named for "{action.content or action.rule}" in the setting {SETTING}')]
    try:
        answer = _send(client, email_id, one, action)
    except Exception as error:
        if getattr(error, "status", None) == 403:  # only this: contacts and handoffs go on
            return [Refused(reason=_not_allowed(action))]
        return [outcome_of(error)]
    return [_outcome(answer)]


def _send(client: HubSpotClient, email_id: int, delivery: Delivery, action: SendMessage) -> dict[str, Any]:
    from hubspot.marketing.transactional import PublicSingleSendEmail, PublicSingleSendRequestEgg

    # Empty lists are asked for, although nothing is sent to them
    to = PublicSingleSendEmail(to=delivery.to.email, send_id=delivery.key, cc=[], bcc=[], reply_to=[])
    asked = PublicSingleSendRequestEgg(
        email_id=email_id, message=to, contact_properties={}, custom_properties=action.properties
    )
    if action.purpose == "transactional":
        return client.ask(client.single_send.send_email, asked)
    return client.raw("POST", MARKETING_PATH, client.plain(asked))


def _not_allowed(action: SendMessage) -> str:
    scope = "transactional-email" if action.purpose == "transactional" else "marketing-email"
    return f"403: HubSpot does not let the app send single e-mails: give it the scope {scope}, if your plan has it"


def _outcome(answer: Mapping[str, Any]) -> Outcome:
    """What came of it: HubSpot answers 2xx also where it sends nothing."""
    result, status = str(answer.get("sendResult") or ""), str(answer.get("status") or "")
    number = str(answer.get("statusId") or "")
    if result in SENT or (not result and status in ("PENDING", "PROCESSING", "COMPLETE")):
        said = "sent before" if result == "IDEMPOTENT_IGNORE" else (result or status).lower()
        return Done(note=f"{said}, status {number}" if number else said)
    if result in AGAIN:
        return RetryLater(reason=f"HubSpot did not send it yet: {result}")
    if result == "IDEMPOTENT_FAIL" or not (result or status):
        return Unknown(reason=f"HubSpot does not say whether it was sent: {result or 'no result'}")
    why = WORDS.get(result) or str(answer.get("message") or "")
    return Refused(reason=f"HubSpot did not send it: {result or status}" + (f" ({why[:200]})" if why else ""))
