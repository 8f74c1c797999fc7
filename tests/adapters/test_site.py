"""Page views and what else a site reports, and the browser script that reports it."""

import json
import re
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.contract import BadItem, Unreadable, WebhookRequest
from adapters.site import ADAPTER
from adapters.site.track import parse
from app.contacts.contact import Contact
from app.contacts.event import Event
from app.contacts.fold import fold

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "app" / "static" / "baton.js"
RECEIVED = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
VISITOR = "5f0c1b7e9a2d4c63b8e1f07a6d3c2b91"
PAGE = {"anonymous_id": VISITOR, "url": "https://www.example.com/pricing"}


def request(body: bytes, at: datetime = RECEIVED, **headers: str) -> WebhookRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return WebhookRequest(
        method="POST",
        url="https://baton.example.com/track",
        headers={"content-type": "text/plain;charset=UTF-8", "user-agent": "Mozilla/5.0 Firefox/140.0", **named},
        body=body,
        received_at=at,
    )


def track(report: Any, **more: Any) -> Event:
    """The event of a report that holds one."""
    (event,) = parse(request(json.dumps(report).encode(), **more))
    assert isinstance(event, Event)
    return event


# Reports --------------------------------------------------------------------------------------------------------------


def test_the_adapter_is_found_and_needs_nothing():
    assert ADAPTER.name == "site"
    assert ADAPTER.settings == ()
    assert ADAPTER.parse is parse


def test_page_view_says_where_the_visitor_was():
    event = track({**PAGE, "title": " The\n prices ", "referrer": "https://search.example/?q=ada"})
    assert event.type == "page.viewed"
    assert event.occurred_at == RECEIVED
    assert event.properties == {
        "url": "https://www.example.com/pricing",
        "path": "/pricing",
        "host": "www.example.com",
        "title": "The prices",
        "referrer": "https://search.example/",
    }


def test_address_loses_what_may_be_personal():
    page = "https://ada:pw@WWW.example.com:443/u/ada@example.com/x"
    query = "token=1&utm_source=a+b&utm_term=ada@example.com&ttclid=T1"
    event = track({**PAGE, "url": f"{page}?{query}#e"})
    assert event.properties == {
        "url": "https://www.example.com/u/-/x?utm_source=a+b",
        "path": "/u/-/x",
        "host": "www.example.com",
        "utm_source": "a b",
        "click_id": "T1",
        "click_id_kind": "ttclid",
    }


def test_a_browsers_word_names_nobody():
    report = {
        **PAGE,
        "email": "ada@example.com",
        "event": "custom:watched",
        "properties": {
            "email": "ada@example.com",
            "who": "ada@example.com",
            "url": "javascript:alert(1)",
            "utm_source": "forged",
            "consent": "granted",
            "__proto__": "x",
            "a b": "x",
            "list": [1],
            "seconds": 12,
        },
    }
    event = track(report)
    assert [identity.kind for identity in event.identities] == ["anonymous"]
    assert event.fields == {}
    assert event.properties == {
        "seconds": 12,
        "url": "https://www.example.com/pricing",
        "path": "/pricing",
        "host": "www.example.com",
    }


@pytest.mark.parametrize(
    "kind", ["asset.downloaded", "product.viewed", "checkout.started", "custom:watched", "custom:demo.step-2_b:c"]
)
def test_event_of_the_closed_list_or_a_custom_one_is_taken(kind):
    event = track({"anonymous_id": VISITOR, "event": kind, "properties": {"topic": "Freight"}})
    assert event.type == kind
    assert event.properties == {"topic": "Freight"}


def test_reported_download_is_an_interest():
    contact = fold(Contact(), track({**PAGE, "event": "asset.downloaded", "properties": {"topic": "Freight"}}))
    assert list(contact.interests) == ["freight"]


@pytest.mark.parametrize(
    "report",
    [
        pytest.param({**PAGE, "event": "order.placed"}, id="an event that only a vendor may report"),
        pytest.param({**PAGE, "event": "custom:"}, id="a custom one without a name"),
        pytest.param({**PAGE, "event": "custom:two words"}, id="a custom one with a space"),
        pytest.param({**PAGE, "event": "custom:suppressed"}, id="what a person decides by hand"),
        pytest.param({**PAGE, "event": "custom:released"}, id="and takes back by hand"),
        pytest.param({**PAGE, "event": ["page.viewed"]}, id="no text"),
    ],
)
def test_any_other_event_is_refused(report):
    with pytest.raises(Unreadable, match="the event is none of"):
        track(report)


@pytest.mark.parametrize(
    "visitor", [None, "", "short", "x" * 65, "5f0c1b7e9a2d4c63 8e1f07a", "5f0c1b7e9a2d4c63b'--", 17]
)
def test_visitor_id_has_a_shape(visitor):
    with pytest.raises(Unreadable, match="anonymous_id must be"):
        track({**PAGE, "anonymous_id": visitor})


@pytest.mark.parametrize("url", [None, "", "/pricing", "javascript:alert(1)", "ftp://example.com/", "https://[::1", 7])
def test_page_view_needs_the_address_of_a_page(url):
    with pytest.raises(Unreadable, match="url must be"):
        track({**PAGE, "url": url})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"anonymous_id=1", "not JSON"),
        (b"[]", "list of events is empty"),
        (b"7", "an event is an object"),
        (json.dumps([PAGE] * 51).encode(), "more than 50"),
        (b'{"url":"a","url":"b"}', "same key twice"),
        (b'{"a":1e999}', "out of range"),
        (json.dumps(PAGE).encode("utf-16"), "UTF-16"),
        (b"[" * 100_000, "more than 10000"),
    ],
)
def test_unreadable_report_is_parked_with_its_reason(body, reason):
    with pytest.raises(Unreadable, match=reason):
        parse(request(body))


def test_bad_item_of_a_batch_is_parked_alone():
    good, bad = parse(request(json.dumps([PAGE, {"url": "https://www.example.com/"}]).encode()))
    assert isinstance(good, Event)
    assert isinstance(bad, BadItem)
    assert json.loads(bad.body) == {"url": "https://www.example.com/"}
    assert "anonymous_id" in bad.reason


@pytest.mark.parametrize("header", ["sec_gpc", "dnt"])
def test_who_asks_not_to_be_tracked_is_not(header):
    assert parse(request(json.dumps(PAGE).encode(), **{header: "1"})) == []
    assert parse(request(json.dumps(PAGE).encode(), **{header: "0"})) != []


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/140.0",
        "facebookexternalhit/1.1",
        "Baiduspider",
        "Pingdom.com_bot_version_1.4",
    ],
)
def test_crawler_is_a_machine(agent):
    event = track(PAGE, user_agent=agent)
    assert event.machine
    assert fold(Contact(), event).activity == {}


@pytest.mark.parametrize(
    "agent", ["Mozilla/5.0 (Linux; Android 14; CUBOT X70) Chrome/140.0", "python-requests/2.32", ""]
)
def test_browser_or_the_teams_own_server_is_no_machine(agent):
    assert track(PAGE, user_agent=agent).machine is None


@pytest.mark.parametrize(
    ("sent_at", "occurred"),
    [
        pytest.param("2026-03-10T09:29:30.500Z", "2026-03-10T09:29:30.500000+00:00", id="a moment ago"),
        pytest.param("2026-03-10T10:29:30+01:00", "2026-03-10T09:29:30+00:00", id="by another clock"),
        pytest.param("2026-03-10T09:31:00Z", "2026-03-10T09:30:00+00:00", id="in the future: when it arrived"),
        pytest.param("2026-03-09T09:30:00Z", "2026-03-10T09:30:00+00:00", id="yesterday: when it arrived"),
        pytest.param("soon", "2026-03-10T09:30:00+00:00", id="no time: when it arrived"),
        pytest.param(10**18, "2026-03-10T09:30:00+00:00", id="beyond all time: when it arrived"),
    ],
)
def test_visitors_clock_counts_if_it_can_be_right(sent_at, occurred):
    assert track({**PAGE, "sent_at": sent_at}).occurred_at.isoformat() == occurred


def test_events_own_id_makes_it_the_same_for_ever():
    own = {**PAGE, "id": "8B0E6F54-a1c9-4d7f-9d3c-2e1a7b5f4c60"}
    later = RECEIVED + timedelta(hours=3)
    assert track(own).source_key == track({**own, "id": own["id"].lower().replace("-", "")}, at=later).source_key
    assert track(own).source_key != track({**own, "anonymous_id": VISITOR[::-1]}).source_key


def test_without_an_id_the_same_report_within_a_second_is_one():
    at = RECEIVED + timedelta(milliseconds=400)
    assert track(PAGE).source_key == track(PAGE, at=at).source_key
    assert track(PAGE).source_key != track(PAGE, at=at + timedelta(seconds=1)).source_key
    assert (
        track({**PAGE, "sent_at": "x"}).source_key
        == track({**PAGE, "sent_at": "x"}, at=at + timedelta(hours=1)).source_key
    )
    assert track(PAGE).source_key != track({**PAGE, "url": "https://www.example.com/other"}).source_key


HOSTILE = {
    "pages of escaped addresses": [{**PAGE, "url": "https://a.example/" + "%40" * 1300, "title": "a@" * 10_000}] * 50,
    "long properties": [{**PAGE, "properties": {f"k{n}": "a%40" * 600 for n in range(30)}}] * 14,
    "long queries": [{**PAGE, "url": "https://a.example/?" + "utm_source=%41&" * 270}] * 50,
}


@pytest.mark.parametrize("report", HOSTILE.values(), ids=HOSTILE)
def test_hostile_report_costs_less_than_100_milliseconds(report):
    body = json.dumps(report).encode()

    def cost() -> float:
        started = time.process_time()
        with suppress(Unreadable):
            parse(request(body))
        return time.process_time() - started

    assert min(cost() for _ in range(2)) < 0.1


# The script -----------------------------------------------------------------------------------------------------------
# What it does on a page is in tests/browser/test_script.py


def test_the_script_is_small_and_runs_under_a_strict_content_security_policy():
    text = SCRIPT.read_text(encoding="utf-8")
    assert len(text.encode()) <= 4096
    assert not re.search(r"\beval\b|Function\(|innerHTML|document\.write|\bon[a-z]+ ?=|\.style\b", text)
