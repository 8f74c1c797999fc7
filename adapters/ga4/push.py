"""What is told to Google Analytics: decided events, by the id that its own cookie gave a browser.

Google knows no event again: a second try would count twice. So a lost answer is left to a person.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from adapters.contract import Again, Delivery, Done, Outcome, Push, Recipient, Refused
from adapters.ga4.client import Analytics
from adapters.ga4.params import client_of, name_of, params, properties, session_of
from adapters.outcomes import outcome_of
from app.contacts.action import Action, TrackEvent
from app.contacts.times import to_us

CLIENT, SESSION = "client_id", "session_id"
BATCH = 25  # events in one request
BACK = timedelta(hours=71)  # Google takes 72, by its own clock
# What Baton decides → what Google recommends to call it; its reports of leads understand these
HANDOFF = "qualify_lead"
STAGES = {"lead": "generate_lead", "customer": "close_convert_lead"}
VERDICTS = {
    "accepted": "working_lead",
    "not_a_fit": "disqualify_lead",
    "won": "close_convert_lead",
    "lost": "close_unconvert_lead",
}
# Who is won becomes a customer by it: that is one conversion
_SAID_BY_STAGE = frozenset(("won",))


def event_name(action: TrackEvent) -> str:
    """What Google calls it; what it has no name for keeps its own."""
    if action.name == "handoff.opened":
        return HANDOFF
    if action.name == "stage.changed":
        return STAGES.get(str(action.properties.get("stage")), "stage_changed")
    if action.name == "sales.verdict":
        return VERDICTS.get(str(action.properties.get("verdict")), "sales_verdict")
    return name_of(action.name)


def track(client: Analytics, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Tell what was decided of one browser's person, up to 25 events at once."""
    now = datetime.now(UTC)
    outcomes: dict[int, Outcome] = {one.id: why for one in deliveries if (why := _why_not(one, now)) is not None}
    told = [one for one in deliveries if one.id not in outcomes]
    if told:
        outcomes |= dict.fromkeys((one.id for one in told), _tell(client, told))
    for one in told:
        if isinstance(outcomes[one.id], Done) and (left_out := _left_out(one)):
            names = ", ".join(left_out)
            outcomes[one.id] = Done(note=f"left out, since Google must not be told who somebody is: {names}")
    return [outcomes[one.id] for one in deliveries]


def _why_not(one: Delivery, now: datetime) -> Refused | None:
    action = cast(TrackEvent, one.action)
    if not client_of(action.about.get(CLIENT)):
        return Refused(reason="Google knows people by a client id, and none is known: see the README of ga4")
    if now - action.occurred_at > BACK:
        return Refused(reason="it happened more than three days ago, which Google does not take")
    return None


def _tell(client: Analytics, told: Sequence[Delivery]) -> Outcome:
    body = request_of(client, told)
    try:
        if client.validates and (faults := client.faults(body)):
            return Refused(reason=f"Google's validation: {'; '.join(faults)}"[:500])
        client.collect(body)
    except Exception as error:
        return outcome_of(error)
    return Done()


def request_of(client: Analytics, told: Sequence[Delivery]) -> dict[str, Any]:
    """One request. What is said of the user is what is newest."""
    about = cast(TrackEvent, told[-1].action).about
    word = "GRANTED" if client.ads else "DENIED"
    body: dict[str, Any] = {
        "client_id": client_of(about.get(CLIENT)),
        "consent": {"ad_user_data": word, "ad_personalization": word},
        "events": [_event(cast(TrackEvent, one.action), client.measurement_id) for one in told],
    }
    said, _ = properties(_of_user(about))
    return {**body, "user_properties": said} if said else body


def _event(action: TrackEvent, measurement_id: str) -> dict[str, Any]:
    session = session_of(action.about.get(SESSION), measurement_id)
    # Without a session and some engagement an event stays out of most reports
    place = {"session_id": session, "engagement_time_msec": 1} if session else {"engagement_time_msec": 1}
    said, _ = params(action.properties)
    said = dict(list(said.items())[: 25 - len(place)])
    return {
        "name": event_name(action),
        "timestamp_micros": to_us(action.occurred_at),
        "params": {**said, **place},
    }


def _of_user(about: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in about.items() if name not in (CLIENT, SESSION)}


def _left_out(one: Delivery) -> list[str]:
    action = cast(TrackEvent, one.action)
    return [*params(action.properties)[1], *properties(_of_user(action.about))[1]]


def sample() -> Delivery:
    """A made-up event, for the validation server."""
    action = TrackEvent(
        name="handoff.opened",
        occurred_at=datetime.now(UTC),
        properties={"rule": "ready", "score": 60},
        about={CLIENT: "1234567890.1234567890", SESSION: "1712345678", "stage": "mql"},
    )
    return Delivery(id=0, key="check", action=action, to=Recipient(contact_id=0))


def _is_known(action: Any, settings: Mapping[str, str]) -> bool:
    """What has no client id is not even planned, but for what a rule asks for by name."""
    if action.properties.get("verdict") in _SAID_BY_STAGE and action.name == "sales.verdict":
        return False
    return not action.about or bool(client_of(action.about.get(CLIENT)))


PUSHES: dict[type[Action], Push] = {
    TrackEvent: Push(
        track,
        batch=BATCH,
        again=Again.PARK,
        group=lambda one: client_of(cast(TrackEvent, one.action).about.get(CLIENT)),
        accepts=_is_known,
    ),
}
