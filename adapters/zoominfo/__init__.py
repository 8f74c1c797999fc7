"""ZoomInfo: fills contacts with what it knows of a person at work, by the GTM API."""

from adapters.contract import Adapter, RateLimit, Setting
from adapters.enrichment import BUDGET, STARTS, budget, parse, pushes
from adapters.zoominfo.client import FIELDS, check, connect, look_up

ADAPTER = Adapter(
    name="zoominfo",
    title="ZoomInfo",
    base_url="https://api.zoominfo.com/gtm",
    receives=False,
    settings=(
        Setting("client_id", "Client id of an app with client credentials (DevPortal).", secret=False),
        Setting("client_secret", "Its secret."),
        Setting(
            "fields",
            f"What is asked for, with commas, as far as your contract has it; {', '.join(FIELDS)} unless set.",
            secret=False,
        ),
        STARTS,
        BUDGET,
    ),
    keeps_people=False,
    mapping="zoominfo.yaml",
    parse=parse,
    connect=connect,
    needs=("client_id", "client_secret"),
    pushes=pushes(look_up, ("default", "budget")),
    limits=(RateLimit("default", 4, 1), budget(1_000)),  # 5 a second on the smallest plan
    check=check,
)
