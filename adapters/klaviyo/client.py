"""The Klaviyo SDK behind Baton's HTTP edge. One client per connection."""

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any

import msgspec

from adapters.contract import Account
from adapters.http import BadAnswer


class KlaviyoClient:
    """Calls Klaviyo. Answers are read as plain data: the SDK's models refuse an answer that lacks a field although
    the call worked, which would repeat a write."""

    def __init__(self, account: Account) -> None:
        self._account = account

    @cached_property
    def sdk(self) -> Any:
        """The SDK's client, with our connection pool in place of its own and its hidden retries off."""
        from klaviyo_api import KlaviyoAPI

        sdk = KlaviyoAPI(
            self._account.settings.get("api_key", ""),
            max_retries=1,
            test_host=self._account.base_url,
            options={"USE_DICTIONARY_FOR_RESPONSE_DATA": True},
        )
        # The newest revision is asked for; never one that Klaviyo thinks is near enough
        sdk.api_client.default_headers["X-Klaviyo-Revision-Fall-Forward-Opt-Out"] = "1"
        sdk.api_client.rest_client.pool_manager = self._account.http.pool
        # The SDK's own reader stumbles over an empty success, with an error that tells nothing
        sdk.api_client.deserialize = _plain
        sdk.api_client.response_deserialize = partial(_announced, sdk.api_client.response_deserialize)
        return sdk

    @cached_property
    def profiles(self) -> Any:
        return self.sdk.Profiles

    @cached_property
    def events(self) -> Any:
        return self.sdk.Events

    @cached_property
    def lists(self) -> Any:
        return self.sdk.Lists

    @cached_property
    def privacy(self) -> Any:
        return self.sdk.Data_Privacy


def _plain(text: str, kind: Any, exclude_none: bool = False) -> dict[str, Any]:
    """An answer that the SDK expects to have a body, as plain data. Raises BadAnswer for anything else."""
    try:
        data = msgspec.json.decode(text)
    except msgspec.DecodeError:
        data = None
    if not isinstance(data, dict):
        raise BadAnswer("answered without the data that belongs to it")
    return data


def _announced(read: Callable[..., Any], response_data: Any, response_types_map: Mapping[str, Any], **kw: Any) -> Any:
    """What the SDK reads of an answer; ``response_types_map`` holds the statuses that belong to the call. The SDK takes
    any 2xx for done. Raises BadAnswer for a success with another status: most calls are answered 202 or 204 without a
    body, so that an error or an empty page that says 200 would look like one."""
    if 200 <= response_data.status < 300 and str(response_data.status) not in response_types_map:
        raise BadAnswer(f"answered {response_data.status}, which is none of the answers to this call")
    return read(response_data=response_data, response_types_map=response_types_map, **kw)


def data_of(answer: Any) -> Any:
    """The ``data`` of an answer. Raises BadAnswer for a success without any."""
    if not isinstance(answer, Mapping) or "data" not in answer:
        raise BadAnswer("answered without the data that belongs to it")
    return answer["data"]


def connect(account: Account) -> KlaviyoClient:
    """A client for one connection."""
    return KlaviyoClient(account)
