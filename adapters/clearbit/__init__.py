"""Clearbit, for those whose key still works: fills contacts with what it knows of a person and where they work."""

from adapters.clearbit.client import check, connect, look_up
from adapters.contract import Adapter, RateLimit, Setting
from adapters.enrichment import BUDGET, STARTS, budget, parse, pushes

ADAPTER = Adapter(
    name="clearbit",
    title="Clearbit (older keys)",
    base_url="https://person.clearbit.com",
    receives=False,
    settings=(Setting("api_key", "Secret API key (sk_…). Clearbit gives out no new ones."), STARTS, BUDGET),
    keeps_people=False,
    mapping="clearbit.yaml",
    parse=parse,
    connect=connect,
    needs=("api_key",),
    pushes=pushes(look_up, ("default", "budget")),
    limits=(RateLimit("default", 9, 1), budget(1_000)),  # 600 a minute
    check=check,
)
