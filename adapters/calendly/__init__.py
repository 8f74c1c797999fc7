"""Calendly: meetings that people book, move, cancel or miss. Only tells."""

from adapters.calendly.api import check, connect
from adapters.calendly.signature import verify
from adapters.calendly.webhook import holds, parse
from adapters.contract import Adapter, RateLimit, Setting

ADAPTER = Adapter(
    name="calendly",
    title="Calendly",
    base_url="https://api.calendly.com",
    settings=(
        Setting("signing_key", "Signing key of the webhook, a text of your own; Calendly signs with it."),
        Setting("signing_key_previous", "The key before the last rotation; still accepted until you remove it."),
        Setting("access_token", "Personal access token; Baton looks with it whether the webhook is still switched on."),
        Setting(
            "event_types",
            "Only these kinds of meetings, by name or id, with commas between; all of the account unless set.",
            secret=False,
        ),
    ),
    proofs=("signing_key",),
    mapping="calendly.yaml",
    verify=verify,
    parse=parse,
    holds=holds,
    connect=connect,
    needs=("access_token",),
    limits=(RateLimit("default", 50, 60),),  # Calendly names none; a check is two calls
    check=check,
)
