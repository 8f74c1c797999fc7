"""Mailchimp: members of an audience, both ways; newsletters and journeys stay Mailchimp's own business."""

from adapters.contract import Adapter, RateLimit, Setting
from adapters.mailchimp.client import connect, wrong_key
from adapters.mailchimp.push import PUSHES, check
from adapters.mailchimp.signature import verify
from adapters.mailchimp.webhook import parse

ADAPTER = Adapter(
    name="mailchimp",
    title="Mailchimp",
    settings=(
        Setting("api_key", "API key, with its data centre at the end (…-us6); lets Baton write.", wrong=wrong_key),
        Setting("list", "Audience that Baton writes to, by its id; the only one unless set.", secret=False),
        Setting(
            "signing_secret", "Signing secret of the webhook, which Mailchimp shows once; not all webhooks have one."
        ),
        Setting("signing_secret_previous", "The secret before the last rotation; still accepted until you remove it."),
        Setting(
            "double_opt_in",
            "yes: who agreed elsewhere is asked by Mailchimp once more, and subscribed when they confirm.",
            secret=False,
        ),
    ),
    proofs=("signing_secret",),
    looks=True,
    mapping="mailchimp.yaml",
    verify=verify,
    parse=parse,
    connect=connect,
    needs=("api_key",),
    contact_ref="mailchimp",
    pushes=PUSHES,
    limits=(RateLimit("default", 9, 1),),  # ten calls at once is what Mailchimp allows; each takes less than a second
    check=check,
)
