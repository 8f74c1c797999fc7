"""ActiveCampaign: contacts, lists and consent, tags, automations, tasks, notes and deals, both ways."""

from adapters.activecampaign.automations import wrong_automations
from adapters.activecampaign.body import wrong_zone
from adapters.activecampaign.client import connect
from adapters.activecampaign.poll import STREAMS
from adapters.activecampaign.push import PUSHES
from adapters.activecampaign.read import check, lookup
from adapters.activecampaign.webhook import parse
from adapters.contract import Adapter, RateLimit, Setting, wrong_path_secret

ADAPTER = Adapter(
    name="activecampaign",
    title="ActiveCampaign",
    settings=(
        Setting("api_key", "API key of a user made for Baton; Baton reads and writes with it."),
        Setting(
            "webhook_token",
            "Last part of the webhooks' address, which proves that ActiveCampaign calls; made up unless set.",
            wrong=wrong_path_secret,
        ),
        Setting("webhook_token_previous", "The one before the last rotation; still accepted until you remove it."),
        Setting(
            "list",
            "Number of the list that stands for consent to e-mail: a person's own yes puts them on it, and whoever "
            "leaves it has opted out.",
            secret=False,
            number=True,
        ),
        Setting(
            "automations",
            "Which automation carries which message, by number: pricing_follow_up=12, welcome=15.",
            secret=False,
            wrong=wrong_automations,
        ),
        Setting("handoffs", "no: sales does not work here, and handoffs leave nothing here.", secret=False),
        Setting("deal_pipeline", "Number of the pipeline in which a handoff opens a deal.", secret=False, number=True),
        Setting("deal_stage", "Number of the stage that such a deal begins in.", secret=False, number=True),
        Setting("deal_currency", "Currency of such a deal, as usd, which it is unless set.", secret=False),
        Setting("event_key", "Key of event tracking, from Settings → Tracking → Event Tracking."),
        Setting("event_account", "The account's number (actid), from the same place.", secret=False, number=True),
        Setting("event_url", "Where events are tracked; https://trackcmp.net/event unless set.", secret=False),
        Setting(
            "time_zone",
            "The account's time zone (America/Chicago), for webhooks whose times have none; UTC unless set.",
            secret=False,
            wrong=wrong_zone,
        ),
    ),
    own_address=True,
    signed=False,
    path_secret="webhook_token",  # noqa: S106  the setting's name
    mapping="activecampaign.yaml",
    parse=parse,
    connect=connect,
    needs=("api_key",),
    lookup=lookup,
    contact_ref="activecampaign",
    # 5 calls a second for the whole account, other integrations included; kept below
    limits=(RateLimit("default", 4, 1), RateLimit("events", 20, 1)),
    pushes=PUSHES,
    streams=STREAMS,
    check=check,
)
