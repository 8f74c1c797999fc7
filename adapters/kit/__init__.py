"""Kit (once ConvertKit): subscribers of one account, their forms, tags and sequences, both ways."""

from adapters.contract import Adapter, RateLimit, Setting
from adapters.kit.client import check, connect, schema
from adapters.kit.poll import STREAMS
from adapters.kit.push import PUSHES
from adapters.kit.sequences import wrong_sequences
from adapters.kit.signature import verify
from adapters.kit.webhook import parse

ADAPTER = Adapter(
    name="kit",
    title="Kit",
    base_url="https://api.kit.com",
    settings=(
        Setting("api_key", "API key (v4) from Settings → Developer; lets Baton write."),
        Setting("signing_secret", "Signing secret of the webhook endpoint, which Kit shows once."),
        Setting("signing_secret_previous", "The secret before the last rotation; still accepted until you remove it."),
        Setting(
            "form",
            "Number of the form that a person's yes goes through. Only by a form does Kit ask people to confirm: "
            "without one, a yes of whoever has left or never confirmed waits for a person.",
            secret=False,
            number=True,
        ),
        Setting(
            "double_opt_in",
            "yes: Kit asks everybody who agreed elsewhere to confirm, through the form.",
            secret=False,
        ),
        Setting(
            "sequences",
            "Which sequence carries which message, by number: pricing_follow_up=12, welcome=15.",
            secret=False,
            wrong=wrong_sequences,
        ),
    ),
    proofs=("signing_secret",),
    mapping="kit.yaml",
    yes_first=True,
    verify=verify,
    parse=parse,
    connect=connect,
    needs=("api_key",),
    contact_ref="kit",
    pushes=PUSHES,
    limits=(RateLimit("default", 115, 60),),  # 120 in any 60 seconds
    streams=STREAMS,
    check=check,
    schema=schema,
)
