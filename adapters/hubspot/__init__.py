"""HubSpot: contacts, stages, owners, tasks, notes, lists and e-mail consent, both ways."""

from adapters.contract import Adapter, RateLimit, Setting
from adapters.hubspot.client import connect
from adapters.hubspot.journal import JOURNAL, wrong_yes
from adapters.hubspot.poll import STREAMS
from adapters.hubspot.push import PUSHES
from adapters.hubspot.read import check, lookup
from adapters.hubspot.schema import schema
from adapters.hubspot.signature import verify
from adapters.hubspot.single_send import SETTING, wrong_emails
from adapters.hubspot.webhook import parse

ADAPTER = Adapter(
    name="hubspot",
    title="HubSpot",
    base_url="https://api.hubapi.com",
    settings=(
        Setting("access_token", "Token of the private or project app; Baton reads and writes contacts with it."),
        Setting("client_secret", "The app's client secret; HubSpot signs its webhooks with it."),
        Setting("client_secret_previous", "The secret before the last rotation; still accepted until you remove it."),
        Setting("client_id", "The app's client id; only the webhooks journal takes it.", secret=False),
        Setting(
            "journal",
            "yes: read the app's webhooks journal as well; it takes client_id, client_secret and portal_id.",
            secret=False,
            wrong=wrong_yes,
        ),
        Setting("portal_id", "HubSpot account id; events of other accounts are parked.", secret=False),
        Setting(
            "calls_per_10_seconds",
            "What your plan allows, less a few; 186 unless set. Free and Starter: 95.",
            secret=False,
            number=True,
        ),
        Setting("won_stages", "Ids of deal stages that mean won, beside closedwon; comma-separated.", secret=False),
        Setting("lost_stages", "Ids of deal stages that mean lost, beside closedlost; comma-separated.", secret=False),
        Setting("subscription_id", "E-mail subscription type that a person's own consent is written to.", secret=False),
        Setting(
            SETTING,
            "Which e-mail carries which message, by id: pricing_follow_up=123456, *=789012; * is for all others.",
            secret=False,
            wrong=wrong_emails,
        ),
        Setting("require_v3", "1: refuse the older signature versions, which can be replayed.", secret=False),
    ),
    mapping="hubspot.yaml",
    verify=verify,
    parse=parse,
    connect=connect,
    needs=("access_token",),
    lookup=lookup,
    contact_ref="hubspot",
    pushes=PUSHES,
    # 190 calls in 10 seconds for Professional and Enterprise, kept just below; Free and Starter have 100
    # Searches have a limit of their own, 5 in a second; so has the journal, 100
    limits=(
        RateLimit("default", 186, 10, setting="calls_per_10_seconds"),
        RateLimit("search", 4, 1),
        RateLimit("journal", 90, 1),
    ),
    streams=(*STREAMS, JOURNAL),
    check=check,
    schema=schema,
)
