"""The HubSpot SDK behind Baton's HTTP edge. One client per connection; the SDK's own classes are made once, on use."""

from collections.abc import Callable, Mapping
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import msgspec

from adapters.contract import Account
from adapters.http import BadAnswer, Http, HttpError
from adapters.hubspot.journal_files import Journal


class HubSpotClient:
    """Calls HubSpot. The SDK builds each request; its answer is read here, because the SDK's models refuse answers
    that lack a field although the call worked."""

    def __init__(self, account: Account) -> None:
        self._token = account.settings.get("access_token", "")
        self._base = account.base_url
        self._http: Http = account.http
        self.settings = account.settings
        self.owners_by_email: dict[str, str] = {}
        self.journal = Journal(account)

    @cached_property
    def sdk(self) -> Any:
        """The SDK's client, with our connection pool in place of its own."""
        from hubspot import HubSpot

        def make(package: Any, api: str, config: Mapping[str, Any]) -> Any:
            configuration = package.Configuration(host=self._base)
            configuration.access_token = config["access_token"]
            client = package.ApiClient(configuration=configuration)
            client.rest_client.pool_manager = self._http.pool
            return getattr(package, api)(api_client=client)

        return HubSpot(access_token=self._token, api_factory=make)

    @cached_property
    def contacts(self) -> Any:
        return self.sdk.crm.contacts.batch_api

    @cached_property
    def contact(self) -> Any:
        return self.sdk.crm.contacts.basic_api

    @cached_property
    def tasks(self) -> Any:
        return self.sdk.crm.objects.tasks.basic_api

    @cached_property
    def task_batch(self) -> Any:
        return self.sdk.crm.objects.tasks.batch_api

    @cached_property
    def notes(self) -> Any:
        return self.sdk.crm.objects.notes.basic_api

    @cached_property
    def associations(self) -> Any:
        return self.sdk.crm.associations.v4.basic_api

    @cached_property
    def association_batch(self) -> Any:
        return self.sdk.crm.associations.v4.batch_api

    @cached_property
    def lists(self) -> Any:
        return self.sdk.crm.lists.memberships_api

    @cached_property
    def owners(self) -> Any:
        return self.sdk.crm.owners.owners_api

    @cached_property
    def properties(self) -> Any:
        return self.sdk.crm.properties.core_api

    @cached_property
    def single_send(self) -> Any:
        return self.sdk.marketing.transactional.single_send_api

    def plain(self, body: Any) -> Any:
        """A body of the SDK's, as the data that goes over the wire."""
        return self.contacts.api_client.sanitize_for_serialization(body)

    def ask(self, call: Callable[..., Any], *args: Any, **kw: Any) -> dict[str, Any]:
        """The answer of an SDK call as plain data. Raises the SDK's error for a refusal, BadAnswer for an empty or
        shapeless success, or one that is an error."""
        answer = call(*args, **kw, _preload_content=False)
        try:
            data = msgspec.json.decode(answer.data) if answer.data else None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise BadAnswer(f"answered {answer.status} with something that is not JSON") from None
        if not isinstance(data, dict):
            raise BadAnswer(f"answered {answer.status} without the data that belongs to it")
        _see_done(data)
        return data

    def tell(self, call: Callable[..., Any], *args: Any, **kw: Any) -> None:
        """An SDK call whose success is a 204, without a body. Raises BadAnswer for another one."""
        answer = call(*args, **kw, _preload_content=False)
        if answer.status != HTTPStatus.NO_CONTENT:
            raise BadAnswer(f"answered {answer.status}, which is none of the answers to this call")

    def raw(self, method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A call that the SDK has no class for. Raises HttpError for a refusal, BadAnswer for an empty or shapeless
        success, or one that is an error."""
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        data = self._http.call(method, self._base + path, headers, body, query)
        if not isinstance(data, dict):
            raise BadAnswer("answered without the data that belongs to it")
        _see_done(data)
        return data


def _see_done(data: Mapping[str, Any]) -> None:
    """Raises BadAnswer where a success has the body of an error: what was asked for was not done."""
    if data.get("status") == "error":
        raise BadAnswer(f"answered a success that is an error: {str(data.get('message') or 'no reason given')[:500]}")


def connect(account: Account) -> HubSpotClient:
    """A client for one connection."""
    return HubSpotClient(account)


def path_part(text: str) -> str:
    """A value as one segment of a path."""
    return quote(text, safe="")


__all__ = ["HttpError", "HubSpotClient", "connect", "path_part"]
