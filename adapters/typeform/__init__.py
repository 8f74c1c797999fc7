"""Typeform: each response is a form that somebody sent in. Only tells."""

from adapters.contract import Adapter, Setting
from adapters.typeform.signature import verify
from adapters.typeform.webhook import holds, parse

ADAPTER = Adapter(
    name="typeform",
    title="Typeform",
    settings=(
        Setting("webhook_secret", "Secret of the webhook, a text of your own; Typeform signs each response with it."),
        Setting("webhook_secret_previous", "The secret before the last rotation; still accepted until you remove it."),
    ),
    proofs=("webhook_secret",),
    mapping="typeform.yaml",
    verify=verify,
    parse=parse,
    holds=holds,
)
