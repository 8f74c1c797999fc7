"""Salesforce: leads, contacts and tasks, both ways."""

from adapters.contract import Adapter, RateLimit, Setting
from adapters.salesforce.client import connect, wrong_field
from adapters.salesforce.poll import STREAMS
from adapters.salesforce.push import PUSHES
from adapters.salesforce.read import check, lookup, schema
from adapters.salesforce.signature import verify
from adapters.salesforce.soap import reply_to
from adapters.salesforce.webhook import parse

ADAPTER = Adapter(
    name="salesforce",
    title="Salesforce",
    settings=(
        Setting("client_id", "Consumer key of an external client app with the client credentials flow.", secret=False),
        Setting("client_secret", "Its consumer secret; Baton reads and writes as the app's user."),
        Setting("webhook_secret", "What flows and Apex send along in the header X-Baton-Secret."),
        Setting("webhook_secret_previous", "The one before it, while you change it."),
        Setting("organization_id", "Id of the organisation; outbound messages of others are parked.", secret=False),
        Setting(
            "external_id",
            "Name of a text field of leads and contacts that is an external id and unique, as Baton_Id__c; with it "
            "nobody is made twice, whoever else writes.",
            secret=False,
            wrong=wrong_field,
        ),
        Setting(
            "duplicates",
            "save: make leads that a duplicate rule only warns of. Else they wait for a person.",
            secret=False,
        ),
        Setting("handoffs", "no: sales does not work here, and handoffs leave nothing here.", secret=False),
        Setting("task_status", "Status of a new task, where it is not called Not Started.", secret=False),
        Setting("task_priority", "Its priority, where it is not called High.", secret=False),
        Setting(
            "calls_per_day",
            "How many API calls of a day Baton may use; 40,000 unless set. Developer Edition: 10,000.",
            secret=False,
            number=True,
        ),
    ),
    own_address=True,
    proofs=("webhook_secret",),
    reply=reply_to,
    mapping="salesforce.yaml",
    verify=verify,
    parse=parse,
    connect=connect,
    needs=("client_id", "client_secret"),
    contact_ref="salesforce",
    lookup=lookup,
    pushes=PUSHES,
    limits=(RateLimit("default", 40_000, 86_400, even=False, setting="calls_per_day"),),
    streams=STREAMS,
    check=check,
    schema=schema,
)
