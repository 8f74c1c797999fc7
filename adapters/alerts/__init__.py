"""Alerts to people: Slack, Teams, mail and a hundred more, through Apprise. Only sends."""

from adapters.alerts.push import PUSHES, check, connect
from adapters.contract import Adapter, RateLimit, Setting

ADAPTER = Adapter(
    name="alerts",
    title="Alerts (Slack, Teams, e-mail, …)",
    receives=False,
    settings=(
        Setting(
            "urls",
            "Apprise addresses, separated by blanks: slack://… workflows://… mailto://… (see appriseit.com)",
            required=True,
        ),
    ),
    connect=connect,
    needs=("urls",),
    pushes=PUSHES,
    limits=(RateLimit("default", 60, 60),),
    check=check,
)
