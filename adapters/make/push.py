"""One request for each thing that happened, signed after Standard Webhooks, with an id by which a repeat is known."""

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
    Check,
    ConnectionRefused,
    Delivery,
    Done,
    Outcome,
    Push,
    RetryLater,
)
from adapters.http import Http, HttpError, outcome_of
from adapters.make.signature import key_of
from app.contacts.action import Action, SendMessage, TrackEvent

VERSION = 1  # of the body: fields are added, never renamed, since scenarios are built on them
THROTTLED_SECONDS = 10.0
_NOT_NOW = re.compile(r"queue\s+is\s+full|not\s+listening", re.IGNORECASE)


class Scenario:
    """One webhook of Make, or of anything that takes JSON."""

    def __init__(self, account: Account) -> None:
        self._url = account.settings.get("webhook_url", "")
        self._key = account.settings.get("api_key", "")
        self._signer = _signer(account.settings.get("signing_secret", ""))
        self._http: Http = account.http

    def post(self, name: str, body: dict[str, Any]) -> str:
        """What was answered to a request with this id. Raises HttpError for any other status than 2xx."""
        data, now = msgspec.json.encode(body), datetime.now(UTC)
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


def connect(account: Account) -> Scenario:
    """The scenario behind the connection's address."""
    return Scenario(account)


def start(client: Scenario, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Start the scenario once. Its "Accepted" says that it is queued, not that it worked; and a second request with the
    same id would start it once more, so a lost answer is left to a person."""
    (one,) = deliveries
    try:
        return [Done(note=client.post(one.key, body_of(one)))]
    except HttpError as error:
        if error.status == 410:
            raise ConnectionRefused("the webhook is gone: no scenario has used it for five days") from error
        if error.status == 400 and _NOT_NOW.search(error.body):
            return [RetryLater(reason=str(error))]
        outcome = outcome_of(error)
    except Exception as error:
        outcome = outcome_of(error)
    if isinstance(outcome, RetryLater) and outcome.after is None:
        return [RetryLater(reason=outcome.reason, after=THROTTLED_SECONDS)]
    return [outcome]


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
    SendMessage: Push(start, again=Again.PARK),
    TrackEvent: Push(start, again=Again.PARK),
}
