"""How many calls a thousand changes of profiles lead to, where HubSpot and Klaviyo both have to hold them."""

import json
from collections.abc import Iterator

from adapters.sandbox.server import Server, serve
from app.contacts.event import Identity
from app.contacts.identity import alias_key
from app.store import people as store
from bench import w1
from bench.hub import Hub
from bench.report import Figure
from bench.setting import Bench
from bench.tools import connect

MOST_PER_1000 = 20.0
SECONDS = 300.0


def measure(bench: Bench) -> Iterator[Figure]:
    """People fill in a form once, so that both tools know them, then several times more, each time with changes."""
    people, changes = (50, 250) if bench.quick else (200, 1_000)
    with serve() as tools, bench.hub() as hub:
        connect(hub, tools)
        hub.started()
        w1.send(hub, [_form(person, 0) for person in range(people)], path="/forms/profile")
        hub.rest(SECONDS)
        before = len(tools.recorded())
        forms = [_form(number % people, 1 + number // people) for number in range(changes)]
        w1.send(hub, forms, path="/forms/profile")
        hub.rest(SECONDS)
        calls = tools.recorded()[before:]
        wrong = _otherwise(hub, tools, people)
    title = f"calls for 1,000 changes of {people} contacts"
    for vendor in ("hubspot", "klaviyo"):
        made = sum(call.vendor == vendor for call in calls)
        yield Figure(f"{title}, to {vendor}", made * 1000 / changes)
    yield Figure(f"{title}, to both", len(calls) * 1000 / changes, bar=MOST_PER_1000)
    yield Figure("contacts that HubSpot holds otherwise than Baton in the end", wrong, bar=0, promise=True)


def _form(person: int, round_: int) -> str:
    answers = {"email": _email(person), "company": f"Company {round_}", "city": _city_of(round_)}
    if round_ == 0:  # a yes is no change of a profile, and each new one is told to the tools
        answers["consent"] = "yes"
    return json.dumps({**answers, "submission_id": f"{person}-{round_}"})


def _email(person: int) -> str:
    return f"person{person}@bench.example"


def _city_of(round_: int) -> str:
    return f"City {round_}"


def _otherwise(hub: Hub, tools: Server, people: int) -> int:
    """How many contacts have another city in the simulated HubSpot than in Baton, or none in Baton. Which form was the
    last is Baton's to say: a person's are sent over several connections, on which one may overtake another."""
    emails = {alias_key(Identity("email", _email(person)), 0): _email(person) for person in range(people)}
    with hub.database.read() as conn:
        owners = store.owners(conn, emails.keys())
        stored = store.load(conn, set(owners.values()))
    with tools.hubspot.lock:
        held = {email: tools.hubspot.find("contacts", email, "email") for email in emails.values()}
    truth = {emails[key]: stored[owner].state.get("city") for key, owner in owners.items()}
    return sum(
        record is None or not truth.get(email) or record.properties.get("city") != truth[email]
        for email, record in held.items()
    )
