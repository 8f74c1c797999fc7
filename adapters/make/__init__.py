"""Make: what happens to a contact starts a scenario, and scenarios tell what happened elsewhere. So do n8n, Zapier or a
service of a team's own."""

from adapters.contract import Adapter, RateLimit, Setting
from adapters.make.push import MANY, PUSHES, check, connect, wrong_many
from adapters.make.signature import verify, wrong_secret
from adapters.make.webhook import holds, parse

ADAPTER = Adapter(
    name="make",
    title="Make",
    settings=(
        Setting("webhook_url", "Address of the scenario's webhook; whoever knows it can start it."),
        Setting(
            "signing_secret",
            "Signs requests both ways (Standard Webhooks): whsec_… or a text of your own.",
            wrong=wrong_secret,
        ),
        Setting("signing_secret_previous", "The secret before the last rotation; still accepted until you remove it."),
        Setting("source_token", "What scenarios send in the header X-Api-Key when they call Baton."),
        Setting("source_token_previous", "The token before the last rotation; still accepted until you remove it."),
        Setting("api_key", "The webhook's own key, if it has one; sent as x-make-apikey."),
        Setting(
            "calls_per_second",
            "How many requests the service takes; 20 unless set, below Make's 300 in 10 seconds.",
            secret=False,
            number=True,
        ),
        Setting(
            MANY,
            "How many events one request brings at most, as a JSON list; unless set, each comes alone, not in a list.",
            secret=False,
            number=True,
            wrong=wrong_many,
        ),
    ),
    keeps_people=False,
    proofs=("signing_secret", "source_token"),
    mapping="make.yaml",
    verify=verify,
    parse=parse,
    holds=holds,
    connect=connect,
    needs=("webhook_url",),
    pushes=PUSHES,
    limits=(RateLimit("default", 20, 1, setting="calls_per_second"),),
    check=check,
)
