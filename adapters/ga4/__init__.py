"""Google Analytics 4: is told what was decided, by the Measurement Protocol. Only hears."""

from adapters.contract import Adapter, RateLimit, Setting
from adapters.ga4.client import check, connect, wrong_measurement_id
from adapters.ga4.push import PUSHES

ADAPTER = Adapter(
    name="ga4",
    title="Google Analytics 4",
    base_url="https://www.google-analytics.com",
    receives=False,
    settings=(
        Setting(
            "measurement_id",
            "Measurement id of the web stream (Admin → Data streams): G-…, not the stream's number.",
            secret=False,
            wrong=wrong_measurement_id,
        ),
        Setting("api_secret", "A secret made there under Measurement Protocol API secrets."),
        Setting("ads", "yes: what is told may also be used for advertising. No unless set.", secret=False),
        Setting(
            "validate",
            "yes: Google's validation server is asked first, and what it finds fault with is not sent. For trying out.",
            secret=False,
        ),
    ),
    keeps_people=False,
    hears=True,
    mapping="ga4.yaml",
    connect=connect,
    needs=("measurement_id", "api_secret"),
    pushes=PUSHES,
    limits=(RateLimit("default", 20, 1),),
    check=check,
)
