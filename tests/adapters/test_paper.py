"""Requests on paper: exactly what a vendor would get, by the adapter's own code, and no way for it to leave.

Catalogue: D6 (a test that cannot send).
"""

import json
import socket
from typing import Any

import pytest

from adapters.contract import Delivery, Recipient
from adapters.paper import PaperHttp, Written, write_down
from adapters.registry import adapters
from app.contacts.action import UpsertContact


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every socket that anybody opens, and every name that is looked up."""
    opened: list[str] = []

    def note(*args: Any, **kw: Any) -> Any:
        opened.append(str(args))
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", note)
    monkeypatch.setattr(socket, "create_connection", note)
    monkeypatch.setattr(socket, "getaddrinfo", note)
    return opened


def delivery(properties: dict[str, Any], **to: str) -> Delivery:
    action = UpsertContact(properties=properties)
    return Delivery(id=1, key="k" * 32, action=action, to=Recipient(contact_id=1, **to))


@pytest.mark.parametrize(
    ("name", "to", "path", "said"),
    [
        pytest.param(
            "hubspot", {"vendor_id": "55"}, "/crm/v3/objects/contacts/batch/update",
            {"inputs": [{"id": "55", "objectWriteTraceId": "0", "properties": {"city": "Bonn"}}]}, id="hubspot by id",
        ),
        pytest.param(
            "hubspot", {"email": "ann@acme.example"}, "/crm/v3/objects/contacts/batch/upsert",
            {"inputs": [{"id": "ann@acme.example", "idProperty": "email", "objectWriteTraceId": "0",
                         "properties": {"city": "Bonn", "email": "ann@acme.example"}}]}, id="hubspot by address",
        ),
        pytest.param(
            "klaviyo", {"vendor_id": "P1"}, "/api/profile-import",
            {"data": {"type": "profile", "id": "P1", "attributes": {"location": {"city": "Bonn"}}}}, id="klaviyo",
        ),
    ],
)  # fmt: skip
def test_request_is_the_one_that_would_leave_and_nothing_leaves(
    no_sockets: list[str], name: str, to: dict[str, str], path: str, said: Any
) -> None:
    adapter = adapters()[name]
    place = "location.city" if name == "klaviyo" else "city"
    settings = {setting.name: "a-secret-value" for setting in adapter.settings if setting.secret}
    written = write_down(adapter, settings, "", [delivery({place: "Bonn"}, **to)])
    assert isinstance(written, Written)
    assert written.method == "POST"
    assert written.url.split("?")[0].rstrip("/") == adapter.base_url + path
    assert json.loads(written.body) == said
    assert "a-secret-value" not in repr(written)
    assert no_sockets == []


def test_what_a_tool_would_not_take_is_said_in_words(no_sockets: list[str]) -> None:
    written = write_down(adapters()["hubspot"], {}, "", [delivery({"city": "Bonn"})])
    assert written == "HubSpot needs an e-mail address to create a contact"
    assert no_sockets == []


def test_there_is_no_way_around_the_paper(no_sockets: list[str]) -> None:
    http = PaperHttp()
    with pytest.raises(BaseException, match="on paper only"):
        http.call("POST", "https://api.example.com/x", {}, {"a": 1})
    with pytest.raises(AssertionError, match="nothing leaves"):
        http.pool.connection_from_url("https://api.example.com")
    assert no_sockets == []
