"""Klaviyo: events that start flows, profiles, consent and lists, both ways."""

from adapters.contract import Adapter, RateLimit, Setting
from adapters.klaviyo.client import connect
from adapters.klaviyo.poll import STREAMS
from adapters.klaviyo.push import PUSHES
from adapters.klaviyo.read import check, lookup
from adapters.klaviyo.signature import verify
from adapters.klaviyo.webhook import parse

ADAPTER = Adapter(
    name="klaviyo",
    title="Klaviyo",
    base_url="https://a.klaviyo.com",
    settings=(
        Setting("api_key", "Private API key (pk_…); Baton reads and writes profiles and events with it."),
        Setting("webhook_secret", "Secret of the system webhook, at least 16 characters; Klaviyo signs with it."),
        Setting("webhook_secret_previous", "The secret before the last rotation; still accepted until you remove it."),
        Setting("flow_secret", "Secret that flow webhooks send in the header X-Baton-Secret."),
        Setting("flow_secret_previous", "The secret before the last rotation; still accepted until you remove it."),
        Setting("max_age_seconds", "How old a signed webhook may be; 300 unless set.", secret=False, number=True),
        Setting("list", "List that a person's own consent subscribes them to.", secret=False),
    ),
    max_body=4 * 1024 * 1024,  # a thousand events do not fit in one MiB
    mapping="klaviyo.yaml",
    verify=verify,
    parse=parse,
    connect=connect,
    needs=("api_key",),
    lookup=lookup,
    contact_ref="klaviyo",
    pushes=PUSHES,
    limits=(
        # 350, 75 and 10 a second, kept just below: calls do not reach Klaviyo as evenly as they leave
        RateLimit("events", 330, 1),
        RateLimit("events_minute", 3500, 60, even=False),
        RateLimit("profiles", 72, 1),
        RateLimit("profiles_minute", 750, 60, even=False),
        RateLimit("bulk", 9, 1),
        RateLimit("bulk_minute", 150, 60, even=False),
        RateLimit("privacy", 2, 1),
        RateLimit("privacy_minute", 60, 60, even=False),
    ),
    read_limits=("profiles", "profiles_minute"),
    streams=STREAMS,
    check=check,
)
