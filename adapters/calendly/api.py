"""The little that Baton asks Calendly: whether its webhook is still switched on."""

from typing import Any

from adapters.contract import Account, Check
from adapters.http import BadAnswer, Http, HttpError


class Calendly:
    """Calls Calendly with a personal access token."""

    def __init__(self, account: Account) -> None:
        self._base = account.base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {account.settings.get('access_token', '')}"}
        self._http: Http = account.http

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """The JSON object at a path. Raises HttpError, and BadAnswer for what is none."""
        answer = self._http.call("GET", f"{self._base}{path}", self._headers, query=query)
        if not isinstance(answer, dict):
            raise BadAnswer("answered without the data that belongs to it")
        return answer


def connect(account: Account) -> Calendly:
    """A client for one connection."""
    return Calendly(account)


def check(client: Calendly) -> list[Check]:
    """Whose token it is, and whether the organisation's webhooks are switched on: Calendly switches off what it could
    not deliver for a day, for good."""
    try:
        me = client.get("/users/me").get("resource") or {}
        hooks = client.get("/webhook_subscriptions", organization=str(me["current_organization"]), scope="organization")
        found = [one for one in hooks.get("collection") or () if isinstance(one, dict)]
    except HttpError as error:
        return [Check("Read webhooks", False, _advice(error.status))]
    except Exception as error:
        return [Check("Read webhooks", False, f"{type(error).__name__}: {str(error)[:200]}")]
    if not found:
        return [Check("Webhook", False, "there is none for the organisation; the README says how to make one")]
    return [
        Check(
            f"Webhook to {str(one.get('callback_url', '')).split('/webhooks/')[0]}",
            one.get("state") == "active",
            "" if one.get("state") == "active" else "Calendly has switched it off; delete it and make a new one",
        )
        for one in found
    ]


def _advice(status: int) -> str:
    if status == 401:
        return "Calendly refuses the token: make a new one and set it"
    if status == 403:
        return "webhooks need a paid plan, and the token of an owner or administrator of the organisation"
    return f"Calendly answered {status}"
