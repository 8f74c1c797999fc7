"""What a simulated Klaviyo account is made of, and how it shows that: profiles with their consent, and events."""

from dataclasses import dataclass, field
from typing import Any

from adapters.klaviyo.sandbox.edge import stamp


@dataclass
class Consent:
    """What a profile agreed to on one channel, and why nothing may be sent all the same."""

    consent: str = "NEVER_SUBSCRIBED"
    timestamp: str | None = None
    updated: str | None = None
    method: str | None = None
    method_detail: str = ""
    custom_method_detail: str | None = None
    double_optin: bool | None = None
    suppression: list[dict[str, str]] = field(default_factory=list)
    list_suppressions: list[dict[str, str]] = field(default_factory=list)


@dataclass
class Profile:
    """One person."""

    id: str
    attributes: dict[str, Any]
    created: str
    updated: str
    last_event: str | None = None
    email: Consent = field(default_factory=Consent)
    sms: Consent = field(default_factory=Consent)

    @property
    def can_receive_email(self) -> bool:
        """Whether Klaviyo would mail this person."""
        return not self.email.suppression and self.email.consent != "UNSUBSCRIBED"


@dataclass
class Event:
    """One event. ``key`` is what makes it the only one of its profile and metric."""

    id: str
    profile: str
    metric: str
    timestamp: int
    properties: dict[str, Any]
    key: str
    uuid: str
    stored: float


def event_values(event: Event) -> dict[str, Any]:
    """When an event happened, and what it says."""
    return {"timestamp": event.timestamp, "datetime": stamp(event.timestamp), "properties": event.properties}


def payload(event: Event) -> dict[str, Any]:
    """The event as webhooks tell it: the profile by id only, and a date with a space in it."""
    return {
        "type": "event",
        "id": event.id,
        "attributes": {
            "timestamp": event.timestamp,
            "event_properties": event.properties,
            "datetime": stamp(event.timestamp).replace("T", " "),
            "uuid": event.uuid,
        },
        "relationships": {
            "profile": {"data": {"type": "profile", "id": event.profile}},
            "metric": {"data": {"type": "metric", "id": event.metric}},
        },
    }


def subscriptions_shown(profile: Profile) -> dict[str, Any]:
    """What a profile agreed to, as the API shows it."""
    email, sms = profile.email, profile.sms
    return {
        "email": {
            "marketing": {
                "can_receive_email_marketing": profile.can_receive_email,
                "consent": email.consent,
                "consent_timestamp": email.timestamp,
                "last_updated": email.updated,
                "method": email.method,
                "method_detail": email.method_detail,
                "custom_method_detail": email.custom_method_detail,
                "double_optin": email.double_optin,
                "suppression": email.suppression,
                "list_suppressions": email.list_suppressions,
            }
        },
        "sms": {
            "marketing": {
                "can_receive_sms_marketing": sms.consent == "SUBSCRIBED",
                "consent": sms.consent,
                "consent_timestamp": sms.timestamp,
                "last_updated": sms.updated,
                "method": sms.method,
                "method_detail": sms.method_detail,
            }
        },
        "mobile_push": {"marketing": {"can_receive_push_marketing": False, "consent": "NEVER_SUBSCRIBED"}},
    }
