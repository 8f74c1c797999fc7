"""The simulated HubSpot's communication preferences: what people want to be sent (versions 3 and 4)."""

from typing import Any

from adapters.hubspot.sandbox.asks import batch_answer, need
from adapters.hubspot.sandbox.schema import SUBSCRIPTIONS
from adapters.hubspot.sandbox.shapes import Emails, OldStatus, Status, Statuses
from adapters.hubspot.sandbox.state import Account
from adapters.sandbox.vendor import MISSING, Answer, Request, Route, fields, iso

BATCH = 100
STATES = ("SUBSCRIBED", "UNSUBSCRIBED", "NOT_SPECIFIED")
BASES = (
    "CONSENT_WITH_NOTICE",
    "LEGITIMATE_INTEREST_CLIENT",
    "LEGITIMATE_INTEREST_OTHER",
    "LEGITIMATE_INTEREST_PQL",
    "NON_GDPR",
    "PERFORMANCE_OF_CONTRACT",
    "PROCESS_AND_STORE",
)


def definitions(hub: Account) -> list[dict[str, Any]]:
    """The kinds of e-mail that people can subscribe to."""
    moment = iso(0)
    return [
        {
            "id": str(number),
            "name": name,
            "description": name,
            "purpose": "Marketing" if number < 3 else "Sales",
            "communicationMethod": "Email",
            "isActive": True,
            "isDefault": number == 3,
            "isInternal": number == 3,
            "createdAt": moment,
            "updatedAt": moment,
        }
        for number, name in SUBSCRIPTIONS.items()
    ]


def done(hub: Account, results: list[dict[str, Any]]) -> Answer:
    """The envelope of version 4's answers."""
    moment = iso(hub.clock())
    return Answer(body={"status": "COMPLETE", "results": results, "startedAt": moment, "completedAt": moment})


def need_channel(hub: Account, request: Request) -> None:
    """Version 4 must be told the channel, and there is only one. Raises Refusal."""
    if request.param("channel") != "EMAIL":
        raise hub.refuse(400, "query param channel is required, and must be EMAIL")


def status_shown(hub: Account, email: str, number: int, reason: str = "") -> dict[str, Any]:
    """One status as version 4 shows it."""
    held = hub.subscriptions.get(email.lower(), {}).get(number) or {}
    shown = {
        "subscriberIdString": email,
        "subscriptionId": number,
        "subscriptionName": SUBSCRIPTIONS[number],
        "channel": "EMAIL",
        "status": held.get("status", "NOT_SPECIFIED"),
        "source": held.get("source", "NOT_SPECIFIED"),
        "timestamp": held.get("timestamp", iso(0)),
    }
    shown |= {name: held[name] for name in ("legalBasis", "legalBasisExplanation") if held.get(name)}
    return {**shown, "setStatusSuccessReason": reason} if reason else shown


def wide_shown(hub: Account, email: str) -> dict[str, Any]:
    """Whether an address is out of everything."""
    since = hub.opted_out.get(email.lower())
    return {
        "subscriberIdString": email,
        "channel": "EMAIL",
        "wideStatusType": "PORTAL_WIDE",
        "status": "NOT_SPECIFIED" if since is None else "UNSUBSCRIBED",
        "timestamp": iso(since or 0),
    }


def write(hub: Account, email: Any, body: Any) -> dict[str, Any]:
    """Set one status, as version 4 does: it lifts an opt-out without a word of protest. Raises Refusal."""
    number, state, channel = need(hub, body, "subscriptionId", "statusState", "channel")
    if channel != "EMAIL" or state not in STATES:
        raise hub.refuse(400, f"channel must be EMAIL and statusState one of {', '.join(STATES)}")
    basis = basis_of(hub, body)
    number = number_of(hub, number)
    before = hub.subscriptions.get(email.lower(), {}).get(number, {}).get("status", "NOT_SPECIFIED")
    lifted = state == "SUBSCRIBED" and (before == "UNSUBSCRIBED" or email.lower() in hub.opted_out)
    if lifted and hub.opted_out.pop(email.lower(), None) is not None:
        contact = hub.find("contacts", email, "email")
        if contact:
            hub.set(contact, {"hs_email_optout": "false"}, hub.api)
    hub.set_status(email, number, state, hub.api, **basis)
    reason = "NO_STATUS_CHANGE" if before == state else "REQUESTED_CHANGE_OCCURRED"
    return status_shown(hub, email, number, "RESUBSCRIBE_OCCURRED" if lifted else reason)


def basis_of(hub: Account, body: Any) -> dict[str, str]:
    """The legal basis that a call names, which needs an explanation. Raises Refusal."""
    basis, why = fields(body, "legalBasis", "legalBasisExplanation")
    if basis in (MISSING, None):
        return {}
    if basis not in BASES or why in (MISSING, None, ""):
        raise hub.refuse(400, "legalBasis is unknown, or comes without legalBasisExplanation")
    return {"legalBasis": basis, "legalBasisExplanation": why}


def number_of(hub: Account, given: Any) -> int:
    """The subscription that a call names. Raises Refusal."""
    number = int(given) if str(given).isdecimal() else 0
    if number not in SUBSCRIPTIONS:
        raise hub.refuse(400, f"Subscription {given} does not exist")
    return number


def emails_of(hub: Account, request: Request) -> list[str]:
    """The addresses of a batch. Raises Refusal."""
    (emails,) = need(hub, request.body, "inputs")
    if not 0 < len(emails) <= BATCH:
        raise hub.refuse(400, f"inputs must be 1 to {BATCH} addresses")
    return list(emails)


# version 4


def list_definitions(hub: Account, request: Request) -> Answer:
    """GET: the kinds of e-mail."""
    return done(hub, definitions(hub))


def get_status(hub: Account, request: Request, email: str) -> Answer:
    """GET: what a person wants."""
    need_channel(hub, request)
    return done(hub, [status_shown(hub, email, number) for number in SUBSCRIPTIONS])


def set_status(hub: Account, request: Request, email: str) -> Answer:
    """POST: what a person wants of one kind."""
    return done(hub, [write(hub, email, request.body)])


def get_opt_out(hub: Account, request: Request, email: str) -> Answer:
    """GET: whether a person is out of everything."""
    need_channel(hub, request)
    return done(hub, [wide_shown(hub, email)])


def opt_out(hub: Account, request: Request, email: str) -> Answer:
    """POST: this person is out of everything."""
    need_channel(hub, request)
    hub.opt_out(email, hub.api)
    verbose = request.flag("verbose")
    reason = "UNSUBSCRIBE_FROM_ALL_OCCURRED"
    return done(hub, [status_shown(hub, email, number, reason) for number in SUBSCRIPTIONS] if verbose else [])


def batch_read(hub: Account, request: Request) -> Answer:
    """POST: what many people want."""
    need_channel(hub, request)
    return batch_answer(
        hub,
        [
            {"subscriberIdString": email, "statuses": [status_shown(hub, email, number) for number in SUBSCRIPTIONS]}
            for email in emails_of(hub, request)
        ],
        [],
    )


def batch_write(hub: Account, request: Request) -> Answer:
    """POST: set many statuses; a bad item is named in a 207."""
    (items,) = need(hub, request.body, "inputs")
    if not 0 < len(items) <= BATCH:
        raise hub.refuse(400, f"inputs must be 1 to {BATCH} statuses")
    results, errors = [], []
    for index, item in enumerate(items):
        (email,) = need(hub, item, "subscriberIdString")
        if request.partial and request.partial.spoils(index, [email], hub.random):
            told = {"category": request.partial.category, "message": request.partial.message or "refused on demand"}
            errors.append({"status": "error", **told, "context": {"subscriberIdString": [email]}})
            continue
        results.append(write(hub, email, item))
    return batch_answer(hub, results, errors)


def batch_opt_out(hub: Account, request: Request) -> Answer:
    """POST: these people are out of everything."""
    need_channel(hub, request)
    emails = emails_of(hub, request)
    for email in emails:
        hub.opt_out(email, hub.api)
    return batch_answer(hub, [{"subscriberIdString": email} for email in emails], [])


def batch_read_opt_out(hub: Account, request: Request) -> Answer:
    """POST: whether these people are out of everything."""
    need_channel(hub, request)
    emails = emails_of(hub, request)
    return batch_answer(
        hub, [{"subscriberIdString": email, "wideStatuses": [wide_shown(hub, email)]} for email in emails], []
    )


# version 3


def old_shown(hub: Account, email: str, number: int) -> dict[str, Any]:
    """One status as version 3 shows it."""
    held = hub.subscriptions.get(email.lower(), {}).get(number) or {}
    out = email.lower() in hub.opted_out
    return {
        "id": str(number),
        "name": SUBSCRIPTIONS[number],
        "description": SUBSCRIPTIONS[number],
        "status": "SUBSCRIBED" if held.get("status") == "SUBSCRIBED" and not out else "NOT_SUBSCRIBED",
        "sourceOfStatus": "PORTAL_WIDE_STATUS" if out else "SUBSCRIPTION_STATUS",
        **{name: held[name] for name in ("legalBasis", "legalBasisExplanation") if held.get(name)},
    }


def old_definitions(hub: Account, request: Request) -> Answer:
    """GET: the kinds of e-mail."""
    return Answer(body={"subscriptionDefinitions": definitions(hub)})


def old_status(hub: Account, request: Request, email: str) -> Answer:
    """GET: what a person wants."""
    held = [old_shown(hub, email, number) for number in SUBSCRIPTIONS]
    return Answer(body={"recipient": email, "subscriptionStatuses": held})


def old_change(hub: Account, request: Request, state: str) -> Answer:
    """Subscribe or unsubscribe; unlike version 4, it will not bring back a person who left. Raises Refusal."""
    email, given = need(hub, request.body, "emailAddress", "subscriptionId")
    number = number_of(hub, given)
    held = hub.subscriptions.get(email.lower(), {}).get(number, {}).get("status", "NOT_SPECIFIED")
    if held == state:
        raise hub.refuse(400, f"{email} is already {state.lower()} for subscription {number}")
    if state == "SUBSCRIBED" and (held == "UNSUBSCRIBED" or email.lower() in hub.opted_out):
        raise hub.refuse(400, f"Subscription {number} for {email} cannot be updated because they have unsubscribed")
    hub.set_status(email, number, state, hub.api, **basis_of(hub, request.body))
    return Answer(body=old_shown(hub, email, number))


def old_subscribe(hub: Account, request: Request) -> Answer:
    """POST: subscribe a person who never left."""
    return old_change(hub, request, "SUBSCRIBED")


def old_unsubscribe(hub: Account, request: Request) -> Answer:
    """POST: unsubscribe a person from one kind."""
    return old_change(hub, request, "UNSUBSCRIBED")


V3 = "/communication-preferences/v3"
V4 = "/communication-preferences/v4"
ROUTES = (
    Route("GET", V4 + "/definitions", list_definitions),
    Route("POST", V4 + "/statuses/batch/read", batch_read, Emails),
    Route("POST", V4 + "/statuses/batch/write", batch_write, Statuses),
    Route("POST", V4 + "/statuses/batch/unsubscribe-all", batch_opt_out, Emails),
    Route("POST", V4 + "/statuses/batch/unsubscribe-all/read", batch_read_opt_out, Emails),
    Route("GET", V4 + "/statuses/{email}", get_status),
    Route("POST", V4 + "/statuses/{email}", set_status, Status),
    Route("GET", V4 + "/statuses/{email}/unsubscribe-all", get_opt_out),
    Route("POST", V4 + "/statuses/{email}/unsubscribe-all", opt_out),
    Route("GET", V3 + "/definitions", old_definitions),
    Route("GET", V3 + "/status/email/{email}", old_status),
    Route("POST", V3 + "/subscribe", old_subscribe, OldStatus),
    Route("POST", V3 + "/unsubscribe", old_unsubscribe, OldStatus),
)
