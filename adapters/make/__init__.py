"""Make: what happens to a contact starts a scenario. Only sends; n8n, Zapier or a service of yours take it as well."""

from adapters.contract import Adapter, RateLimit, Setting
from adapters.make.push import PUSHES, check, connect

ADAPTER = Adapter(
    name="make",
    title="Make",
    receives=False,
    settings=(
        Setting("webhook_url", "Address of the scenario's webhook; whoever knows it can start it.", required=True),
        Setting("signing_secret", "Signs each request (Standard Webhooks): whsec_… or a text of your own."),
        Setting("api_key", "The webhook's own key, if it has one; sent as x-make-apikey."),
        Setting(
            "calls_per_second",
            "How many requests the service takes; 20 unless set, below Make's 300 in 10 seconds.",
            secret=False,
            number=True,
        ),
    ),
    connect=connect,
    needs=("webhook_url",),
    pushes=PUSHES,
    limits=(RateLimit("default", 20, 1, setting="calls_per_second"),),
    check=check,
)
