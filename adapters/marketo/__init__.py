"""Marketo Engage: leads, consent, lists and campaigns, both ways."""

from adapters.contract import Adapter, RateLimit, Setting
from adapters.marketo.client import connect
from adapters.marketo.poll import STREAMS
from adapters.marketo.push import PUSHES, wrong_campaigns
from adapters.marketo.read import check, lookup, schema
from adapters.marketo.signature import verify
from adapters.marketo.webhook import parse

ADAPTER = Adapter(
    name="marketo",
    title="Marketo",
    settings=(
        Setting("client_id", "Client id of a LaunchPoint service (Admin → Integration → LaunchPoint).", secret=False),
        Setting("client_secret", "Its client secret; Baton reads and writes as the service's API user."),
        Setting("webhook_secret", "What webhooks send along in the header X-Baton-Secret."),
        Setting("webhook_secret_previous", "The one before it, while you change it."),
        Setting(
            "campaigns",
            "Which campaign carries which message, by number: pricing_follow_up=1012, welcome=1015.",
            secret=False,
            wrong=wrong_campaigns,
        ),
        Setting(
            "calls_per_day",
            "How many of the subscription's daily API calls Baton may use; 20,000 unless set.",
            secret=False,
            number=True,
        ),
    ),
    own_address=True,
    proofs=("webhook_secret",),
    mapping="marketo.yaml",
    verify=verify,
    parse=parse,
    connect=connect,
    needs=("client_id", "client_secret"),
    lookup=lookup,
    contact_ref="marketo",
    pushes=PUSHES,
    # 100 calls in 20 seconds for the whole subscription, other integrations included; kept below. 50,000 a day
    limits=(
        RateLimit("default", 80, 20),
        RateLimit("day", 20_000, 86_400, even=False, setting="calls_per_day"),
    ),
    read_limits=("default", "day"),
    streams=STREAMS,
    check=check,
    schema=schema,
)
