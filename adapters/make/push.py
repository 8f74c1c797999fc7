"""A request for each thing that happened, or for many where the service takes lists, signed after Standard Webhooks.
Each has an id by which a repeat is known."""

import base64
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
from standardwebhooks import Webhook

from adapters.contract import (
    Account,
    Again,
    BatchRefused,
    Check,
    ConnectionRefused,
    Delivery,
    Done,
    Outcome,
    Push,
    RetryLater,
)
from adapters.digest import LONG, digest_of
from adapters.http import Http, HttpError
from adapters.make.signature import key_of
from adapters.outcomes import outcome_of
from app.contacts.action import Action, SendMessage, TrackEvent

VERSION = 1  # of the body: fields are added, never renamed, since scenarios are built on them
MANY, MOST = "events_per_request", 500
THROTTLED_SECONDS = 10.0
ONE_IS_BAD = frozenset((400, 413, 422))  # statuses that may be meant for one of a list
_NOT_NOW = re.compile(r"queue\s+is\s+full|not\s+listening", re.IGNORECASE)


class Scenario:
    """One webhook of Make, or of anything that takes JSON."""

    def __init__(self, account: Account) -> None:
        self._url = account.settings.get("webhook_url", "")
        self._lists = bool(account.settings.get(MANY))
        self._key = account.settings.get("api_key", "")
        self._signer = _signer(account.settings.get("signing_secret", ""))
        self._http: Http = account.http

    def post(self, deliveries: Sequence[Delivery]) -> str:
        """What was answered to a request with these. Raises HttpError for any other status than 2xx."""
        bodies = [body_of(one) for one in deliveries]
        # Some of them may have been refused for now in other company: only the very same list has the same id
        name = deliveries[0].key if len(deliveries) == 1 else digest_of([one.key for one in deliveries], LONG)
        data, now = msgspec.json.encode(bodies if self._lists else bodies[0]), datetime.now(UTC)
        headers = {"Content-Type": "application/json", "webhook-id": name}
        headers["webhook-timestamp"] = str(int(now.timestamp()))
        if self._signer is not None:
            headers["webhook-signature"] = self._signer.sign(name, now, data.decode())
        if self._key:
            headers["x-make-apikey"] = self._key
        answer = self._http.pool.urlopen("POST", self._url, body=data, headers=headers)
        said: str = answer.data.decode("utf-8", "replace")[:500]
        if not 200 <= answer.status < 300:
            raise HttpError(answer.status, said, answer.headers)
        return said[:100]


def _signer(secret: str) -> Webhook | None:
    return Webhook(base64.b64encode(key_of(secret)).decode()) if secret else None


def wrong_many(value: str) -> str:
    """What is wrong with how many events a request may bring, in words; empty where nothing is."""
    return "" if not value or (value.isdecimal() and int(value) <= MOST) else f"at most {MOST} go into one request"


def connect(account: Account) -> Scenario:
    """The scenario behind the connection's address."""
    return Scenario(account)


def start(client: Scenario, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Start the scenario once. Its "Accepted" says that it is queued, not that it worked; and a second request with the
    same id would start it once more, so a lost answer is left to a person. What holds for the request holds for each
    that it brought; of a refused one, who brought something bad is found by halves."""
    return [_outcome(client, deliveries)] * len(deliveries)


def _outcome(client: Scenario, deliveries: Sequence[Delivery]) -> Outcome:
    try:
        return Done(note=client.post(deliveries))
    except HttpError as error:
        if error.status == 410:
            raise ConnectionRefused("the webhook is gone: no scenario has used it for five days") from error
        if error.status == 400 and _NOT_NOW.search(error.body):
            return RetryLater(reason=str(error))
        if error.status in ONE_IS_BAD and len(deliveries) > 1:
            raise BatchRefused(str(error)) from error
        outcome = outcome_of(error)
    except Exception as error:
        outcome = outcome_of(error)
    if isinstance(outcome, RetryLater) and outcome.after is None:
        return RetryLater(reason=outcome.reason, after=THROTTLED_SECONDS)
    return outcome


def body_of(delivery: Delivery) -> dict[str, Any]:
    """What a scenario gets: what happened, to whom, and the event's properties that the trigger includes."""
    action = cast(SendMessage | TrackEvent, delivery.action)
    to = delivery.to
    return {
        "version": VERSION,
        "origin": "baton",  # by which it is known if a scenario sends it back as it is
        "id": delivery.key,
        "type": "message" if isinstance(action, SendMessage) else "event",
        "name": action.message if isinstance(action, SendMessage) else action.name,
        "occurred_at": action.occurred_at,
        "contact": {"id": to.contact_id, "email": to.email, "phone": to.phone, "external_id": to.external_id},
        "data": action.properties,
    }


def check(client: Scenario) -> list[Check]:
    """Nothing can be tried without starting the scenario."""
    return [Check("Start the scenario", True, "not tried: that would start it")]


PUSHES: dict[type[Action], Push] = {
    SendMessage: Push(start, batch=MOST, again=Again.PARK, setting=MANY),
    TrackEvent: Push(start, batch=MOST, again=Again.PARK, setting=MANY),
}
