"""Calling the Measurement Protocol, by plain calls. It answers 2xx and nothing to whatever it is told, rubbish and a
wrong secret included; only its validation server says what is wrong, and it does not look at the secret."""

import re
from collections.abc import Mapping
from typing import Any

from adapters.contract import Account, Check
from adapters.http import BadAnswer

_MEASUREMENT_ID = re.compile(r"G-[A-Z0-9]{4,20}")
_YES = ("yes", "true", "1", "on")


def wrong_measurement_id(text: str) -> str:
    """What is wrong with a measurement id, in words; empty where nothing is."""
    return "" if not text or _MEASUREMENT_ID.fullmatch(text) else "a measurement id looks like G-ABC123DEF4"


class Analytics:
    """One web stream."""

    def __init__(self, account: Account) -> None:
        self._root = account.base_url.rstrip("/")
        self._http = account.http
        self._stream = {name: account.settings.get(name, "") for name in ("measurement_id", "api_secret")}
        self.measurement_id = self._stream["measurement_id"]
        self.ads = account.settings.get("ads", "").lower() in _YES
        self.validates = account.settings.get("validate", "").lower() in _YES

    def collect(self, body: Mapping[str, Any]) -> None:
        """Tell it. That it answers says only that it was reached."""
        self._http.call("POST", f"{self._root}/mp/collect", {}, body, self._stream)

    def faults(self, body: Mapping[str, Any]) -> list[str]:
        """What the validation server finds wrong with it; it counts nothing."""
        asked = {**body, "validation_behavior": "ENFORCE_RECOMMENDATIONS"}
        answer = self._http.call("POST", f"{self._root}/debug/mp/collect", {}, asked, self._stream)
        found = answer.get("validationMessages") if isinstance(answer, dict) else None
        if not isinstance(found, list):
            raise BadAnswer("the validation server answered without validationMessages")
        return [f"{one.get('fieldPath', '')}: {one.get('description', '')}".strip(": ")[:300] for one in found]


def connect(account: Account) -> Analytics:
    """A client for one connection."""
    return Analytics(account)


def check(client: Analytics) -> list[Check]:
    """Whether the validation server takes what Baton would send. Whether the secret is right nobody says: look at the
    DebugView or the realtime report after the first event."""
    from adapters.ga4.push import request_of, sample

    try:
        faults = client.faults(request_of(client, [sample()]))
    except Exception as error:
        return [Check("Validation", False, f"{type(error).__name__}: {str(error)[:200]}")]
    return [Check("Validation", not faults, "; ".join(faults))]
