"""Drip: subscribers of one account, both ways."""

from adapters.contract import Adapter, RateLimit, Setting
from adapters.drip.client import check, connect, wrong_key
from adapters.drip.push import PUSHES
from adapters.drip.webhook import parse

ADAPTER = Adapter(
    name="drip",
    title="Drip",
    base_url="https://api.getdrip.com",
    signed=False,
    settings=(
        Setting("api_key", "API token (User settings → User info); lets Baton write.", wrong=wrong_key),
        Setting(
            "account_id",
            "The account's id: the number in the address of every page of Drip.",
            secret=False,
            number=True,
        ),
    ),
    mapping="drip.yaml",
    parse=parse,
    connect=connect,
    needs=("api_key", "account_id"),
    contact_ref="drip",
    pushes=PUSHES,
    limits=(
        RateLimit("default", 3_500, 3_600, even=False),  # 3,600 an hour
        RateLimit("batches", 4, 300, even=False),  # 50 an hour; what waits for its turn leaves in the next one
    ),
    check=check,
)
