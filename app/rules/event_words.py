"""What happened, in plain words, as screens and answers call it. Pure."""

from collections.abc import Iterable

EVENTS = {
    "contact.created": "Was created",
    "contact.updated": "Profile changed",
    "contact.merged": "Was merged with another record",
    "contact.deleted": "Was deleted in the tool",
    "contact.erased": "Was erased",
    "page.viewed": "Visited a page",
    "form.submitted": "Filled in a form",
    "asset.downloaded": "Downloaded something",
    "consent.changed": "Consent changed",
    "list.joined": "Joined a list",
    "list.left": "Left a list",
    "tag.added": "Got a tag",
    "tag.removed": "Lost a tag",
    "product.viewed": "Looked at a product",
    "checkout.started": "Started a checkout",
    "order.placed": "Placed an order",
    "order.fulfilled": "Order was delivered",
    "order.refunded": "Order was refunded",
    "stage.changed": "Stage was set in a tool",
    "deal.created": "Deal was opened",
    "deal.stage_changed": "Deal moved on",
    "meeting.booked": "Booked a meeting",
    "meeting.canceled": "Meeting was cancelled",
    "conversation.started": "Conversation began",
    "conversation.closed": "Conversation ended",
    "task.completed": "Rep completed a task",
    "sales.verdict": "Sales said how it went",
    "segment.entered": "Entered a segment",
    "segment.left": "Left a segment",
    "score.crossed": "Score crossed the threshold",
    "message.sent": "Message was sent",
    "timer.due": "A waiting time ended",
    "unknown": "Something of an unknown kind",
    "custom:suppressed": "Was suppressed by hand",
    "custom:released": "Was released by hand",
    "custom:field_settled": "A field was settled by hand",
    "custom:parted": "Was parted from another contact",
    "custom:joined": "Was made one with another contact by hand",
    "custom:handoff_claimed": "Handoff was claimed",
    "custom:handoff_alert_failed": "Alert could not be delivered",
    "custom:message_not_sent": "Message was not sent",
    "custom:handed_over": "Was handed to sales by hand",
    "custom:read_again": "Payloads were read again by a mended mapping",
    "custom:sequence_entered": "Was let into a sequence by hand",
    "custom:sequence_moved": "Was moved within sequences by hand",
    "custom:sequence_extended": "Was given more time in a sequence",
    "custom:sequence_stopped": "Was taken out of a sequence by hand",
    "custom:sequence_resumed": "Sequence goes on after a pause",
}
for _channel, _name in (("email", "E-mail"), ("sms", "SMS"), ("push", "Push message")):
    EVENTS |= {
        f"{_channel}.delivered": f"{_name} was delivered",
        f"{_channel}.opened": f"Opened an {_name.lower()}" if _channel == "email" else f"Opened: {_name}",
        f"{_channel}.clicked": "Clicked in an e-mail" if _channel == "email" else f"Clicked: {_name}",
        f"{_channel}.bounced": f"{_name} bounced",
        f"{_channel}.complained": f"Marked as spam: {_name}",
        f"{_channel}.unsubscribed": f"Opted out: {_name}",
        f"{_channel}.replied": f"Replied: {_name}",
    }


def event_name(kind: str) -> str:
    """An event in plain words: ``Filled in a form``. One that has none is shown as it is, without underscores."""
    return EVENTS.get(kind) or kind.removeprefix("custom:").replace("_", " ").capitalize()


def event_names(kinds: Iterable[str]) -> str:
    """Any of some events: ``filled in a form or visited a page``."""
    found = dict.fromkeys(event_name(one) for one in kinds)
    return " or ".join(one if one[1:2].isupper() else one[:1].lower() + one[1:] for one in found)
