"""A list of companies by domain, in a CSV file of your own: fills contacts with what it says of where they work."""

from adapters.companies.table import check, connect, look_up, wrong_file
from adapters.contract import Adapter, RateLimit, Setting
from adapters.enrichment import BUDGET, STARTS, budget, parse, pushes

ADAPTER = Adapter(
    name="companies",
    title="Companies (CSV file)",
    receives=False,
    settings=(
        Setting(
            "file",
            "Path of the CSV file on the machine of the workers; one of its columns is called domain.",
            secret=False,
            wrong=wrong_file,
            local=True,
        ),
        STARTS,
        BUDGET,
    ),
    keeps_people=False,
    mapping="companies.yaml",
    parse=parse,
    connect=connect,
    needs=("file",),
    pushes=pushes(look_up, ("default", "budget")),
    limits=(RateLimit("default", 100, 1), budget(1_000_000)),
    check=check,
)
