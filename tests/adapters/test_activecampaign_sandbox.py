"""The simulated ActiveCampaign refuses what the real one refuses, and tells what the real one tells.

Catalogue: M7.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests

from adapters.sandbox.server import Server, serve


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with serve() as server:
        yield server


@pytest.fixture
def sandbox(running: Server) -> Server:
    running.reset()
    running.activecampaign.configure(rate_limits=False)
    return running


def call(sandbox: Server, method: str, path: str, key: str = "k", **more: Any) -> requests.Response:
    headers = {"Api-Token": key} if key else {}
    return requests.request(method, f"{sandbox.url}/activecampaign/api/3{path}", headers=headers, timeout=5, **more)


def errors(answer: requests.Response) -> tuple[int, str]:
    body = answer.json()
    return answer.status_code, body["errors"][0]["code"] if "errors" in body else body["message"]


def test_missing_or_wrong_key_is_403_and_not_401(sandbox):
    sandbox.activecampaign.configure(api_key="right")
    assert call(sandbox, "GET", "/contacts", key="").status_code == 403
    assert call(sandbox, "GET", "/contacts", key="wrong").status_code == 403
    assert call(sandbox, "GET", "/contacts", key="right").status_code == 200


def test_five_calls_a_second_for_all_keys_together(sandbox):
    sandbox.activecampaign.configure(rate_limits=True)
    sandbox.activecampaign.clock = lambda: 1_000.0
    found = [call(sandbox, "GET", "/lists", key=f"key{n}") for n in range(6)]
    assert [one.status_code for one in found] == [200] * 5 + [429]
    assert found[0].headers["RateLimit-Limit"] == "5"
    assert found[4].headers["RateLimit-Remaining"] == "0"
    assert found[5].headers["Retry-After"] == "1"
    sandbox.activecampaign.clock = sandbox.clock


REFUSED: list[tuple[str, str, dict[str, Any], tuple[int, str]]] = [
    ("POST /contact/sync", "contact", {"email": "nobody"}, (422, "email_invalid")),
    ("POST /contact/sync", "person", {"email": "ann@example.com"}, (400, "The contact was not provided")),
    ("POST /contactLists", "contactList", {"contact": "ANN", "list": "0", "status": 1}, (422, "related_missing")),
    ("POST /contactLists", "contactList", {"contact": "ANN", "list": "LIST", "status": 3}, (422, "status_invalid")),
    ("POST /contactLists", "contactList", {"contact": "ANN", "list": "LIST", "status": 1}, (422, "unsubscribed")),
    ("POST /tags", "tag", {"tag": "vip", "tagType": "contact"}, (422, "duplicate")),
    ("POST /tags", "tag", {"tag": "new"}, (422, "tag_invalid")),
    ("POST /contactTags", "contactTag", {"contact": "ANN", "tag": "0"}, (404, "No Result found for Tag with id 0")),
    ("POST /contactAutomations", "contactAutomation", {"contact": "ANN", "automation": "0"}, (422, "related_missing")),
    ("POST /notes", "note", {"note": "x", "relid": "ANN"}, (422, "note_invalid")),
    ("POST /dealTasks", "dealTask", {"relid": "ANN", "ownerType": "contact"}, (422, "field_missing")),
    ("POST /deals", "deal", {"title": "D", "contact": "ANN"}, (422, "field_missing")),
    ("PUT /contacts/0", "contact", {}, (404, "No Result found for Subscriber with id 0")),
]


@pytest.mark.parametrize(("what", "name", "held", "code"), REFUSED)
def test_what_the_real_one_refuses_is_refused(sandbox, what, name, held, code):
    ac = sandbox.activecampaign
    ann, (number, *_) = ac.act("create_contact", email="ann@example.com"), ac.lists
    ac.act("add_tag", contact=ann, tag="VIP")
    ac.act("subscribe", contact=ann)
    ac.act("unsubscribe", contact=ann)
    named = {"ANN": ann, "LIST": number}
    method, path = what.split()
    answer = call(sandbox, method, path, json={name: {key: named.get(str(one), one) for key, one in held.items()}})
    assert errors(answer) == code


def test_lists_have_twenty_unless_asked_and_a_hundred_at_most(sandbox):
    for n in range(130):
        sandbox.activecampaign.act("create_contact", email=f"p{n}@example.com")
    for limit, many in (("", 20), ("?limit=100", 100), ("?limit=1000", 100)):
        answer = call(sandbox, "GET", f"/contacts{limit}").json()
        assert len(answer["contacts"]) == many
        assert answer["meta"]["total"] == "130", "a text"


def test_webhooks_are_forms_sent_once_whatever_becomes_of_them(sandbox):
    ac = sandbox.activecampaign
    sender = ac.hook(f"{sandbox.url}/alerts/taken")
    ac.act("create_contact", email="ann@example.com", first_name="Ann")
    assert ac.settle()
    (sent,) = sender.history()
    assert sent["headers"]["Content-Type"] == "application/x-www-form-urlencoded"
    told = dict(parse_qsl(sent["body"].decode(), keep_blank_values=True))
    assert (told["type"], told["contact[first_name]"], told["contact[phone]"]) == ("subscribe", "Ann", "")
    assert not {"signature", "secret"} & {name.lower() for name in sent["headers"]}
    lost = ac.hook(f"{sandbox.url}/nowhere")
    ac.act("add_tag", contact="ann@example.com", tag="VIP")
    assert ac.settle()
    assert [one["status"] for one in lost.history()] == [404]


def test_calls_are_told_as_echoes_and_imports_are_not_told(sandbox):
    ac = sandbox.activecampaign
    sender = ac.hook(f"{sandbox.url}/alerts/taken")
    call(sandbox, "POST", "/contact/sync", json={"contact": {"email": "ann@example.com"}})
    call(sandbox, "POST", "/import/bulk_import", json={"contacts": [{"email": "ben@example.com"}]})
    assert ac.settle()
    told = [dict(parse_qsl(one["body"].decode())) for one in sender.history()]
    assert [(one["type"], one["initiated_from"]) for one in told] == [("subscribe", "api"), ("update", "api")]
    assert ac.contact("ben@example.com") is not None
    ac.configure(sources=["public", "admin", "system"])
    call(sandbox, "POST", "/contact/sync", json={"contact": {"email": "ann@example.com", "firstName": "Ann"}})
    assert ac.settle()
    assert len(sender.history()) == 2


def test_automation_posts_who_without_saying_what(sandbox):
    ac = sandbox.activecampaign
    sender = ac.hook(f"{sandbox.url}/alerts/taken")
    ac.act("create_contact", email="ann@example.com", job_title="CTO")
    ac.act("automation_webhook", contact="ann@example.com", series="12")
    assert ac.settle()
    told = dict(parse_qsl(sender.history()[-1]["body"].decode(), keep_blank_values=True))
    assert "type" not in told
    assert (told["seriesid"], told["contact[fields][job_title]"]) == ("12", "CTO")


def test_whole_account_can_be_looked_at(sandbox):
    ac = sandbox.activecampaign
    ac.act("create_contact", email="ann@example.com")
    ac.act("create_deal", contact="ann@example.com", title="Rollout")
    assert "Rollout" in requests.get(sandbox.url, timeout=5).text
    assert [one["email"] for one in ac.state()["contacts"]] == ["ann@example.com"]
