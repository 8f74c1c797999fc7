"""The script for a team's own pages, run by a real browser on a page that says what it did."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from adapters.ga4.params import client_of, session_of
from tests.adapters.test_site import SCRIPT, VISITOR, track

pytestmark = pytest.mark.browser

PAGE = Path(__file__).with_name("baton_page.js")
DEMO_FORM = {"action": "https://baton.example.org/forms/demo"}

Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def visit(browser: Browser) -> Iterator[Visit]:
    """Lets somebody visit a page that is like this; what the script did there."""
    page, run, script = browser.new_page(), PAGE.read_text(encoding="utf-8"), SCRIPT.read_text(encoding="utf-8")

    def visit(**like: Any) -> Any:
        return page.evaluate(run, [script, like])

    yield visit
    page.close()


def test_it_reports_the_page_and_the_report_is_understood(visit: Visit) -> None:
    happened = visit()
    (sent,) = happened["sent"]
    assert (sent["by"], sent["url"]) == ("beacon", "https://baton.example.org/track")
    event = track(sent["body"])
    assert event.type == "page.viewed"
    assert event.identity("anonymous") == happened["jar"]["baton_id"]
    assert event.properties == {
        "url": "https://www.example.com/pricing?utm_source=news",
        "path": "/pricing",
        "host": "www.example.com",
        "utm_source": "news",
        "click_id": "G1",
        "click_id_kind": "gclid",
        "referrer": "https://search.example/find",
        "title": "Pricing",
    }
    assert not re.search("ada(@|%40)|email=", json.dumps(happened))
    assert "secret" not in json.dumps(happened)


def test_its_cookie_is_random_first_party_and_ends(visit: Visit) -> None:
    cookie = visit()["cookies"][0]
    assert re.fullmatch(r"baton_id=[0-9a-f]{32};path=/;max-age=34164000;samesite=lax;secure", cookie)
    assert "secure" not in visit(href="http://localhost/")["cookies"][0]
    assert visit()["jar"] != visit()["jar"]
    assert visit(jar={"baton_id": VISITOR, "x": "1"})["sent"][0]["body"]["anonymous_id"] == VISITOR


@pytest.mark.parametrize("wish", [{"dnt": "1"}, {"gpc": True}])
def test_it_does_nothing_for_who_does_not_want_it(visit: Visit, wish: dict[str, Any]) -> None:
    happened = visit(**wish, forms=[DEMO_FORM], steps=[["page"], ["track", "x"], ["consent", True], ["fire", "submit"]])
    assert happened["sent"] == []
    assert happened["jar"] == {}
    assert happened["forms"] == [{}]
    assert happened["listeners"] == []


def test_it_waits_for_consent_where_that_is_required(visit: Visit) -> None:
    waiting = visit(
        dataset={"consent": "required"}, forms=[DEMO_FORM], steps=[["go", "/b"], ["track", "x"], ["fire", "submit"]]
    )
    assert (waiting["sent"], waiting["cookies"], waiting["forms"], waiting["stored"]) == ([], [], [{}], {})
    given = visit(dataset={"consent": "required"}, forms=[DEMO_FORM], steps=[["consent", True]])
    assert len(given["sent"]) == 1
    assert given["forms"][0]["anonymous_id"] == given["jar"]["baton_id"]


def test_withdrawn_consent_leaves_nothing_behind(visit: Visit) -> None:
    happened = visit(forms=[DEMO_FORM], steps=[["consent", False], ["go", "/b"], ["track", "x"], ["fire", "submit"]])
    assert len(happened["sent"]) == 1
    assert happened["jar"] == {}
    assert happened["stored"] == {}
    assert set(happened["forms"][0].values()) == {""}


def test_it_follows_a_single_page_application_once_per_address(visit: Visit) -> None:
    steps = [["go", "/b"], ["go", "/b#part"], ["fire", "popstate"], ["page"], ["go", "/c?utm_term=x"]]
    sent = [report["body"] for report in visit(steps=steps)["sent"]]
    assert [body["url"].removeprefix("https://www.example.com") for body in sent] == [
        "/pricing?utm_source=news&gclid=G1",
        "/b",
        "/c?utm_term=x",
    ]
    assert [body["referrer"] for body in sent[1:]] == ["https://www.example.com/pricing", "https://www.example.com/b"]
    assert len({body["id"] for body in sent}) == 3


def test_it_waits_until_a_prerendered_page_is_seen(visit: Visit) -> None:
    assert visit(prerendering=True)["sent"] == []
    assert len(visit(prerendering=True, steps=[["fire", "prerenderingchange"]])["sent"]) == 1


def test_it_falls_back_to_fetch(visit: Visit) -> None:
    (sent,) = visit(beacon=False)["sent"]
    assert (sent["by"], sent["keepalive"]) == ("fetch", True)


def test_it_reports_what_the_page_tells_it(visit: Visit) -> None:
    steps = [["track", "watched", {"minutes": 3}], ["track", "asset.downloaded", {"asset": "Guide"}]]
    events = [track(report["body"]) for report in visit(steps=steps)["sent"][1:]]
    assert [event.type for event in events] == ["custom:watched", "asset.downloaded"]
    assert events[0].properties["minutes"] == 3


def test_it_fills_forms_of_ours_and_no_others(visit: Visit) -> None:
    happened = visit(forms=[DEMO_FORM, {"action": "/search"}, {"data-baton": ""}])
    ours, other, marked = happened["forms"]
    assert other == {}
    assert ours == marked
    assert ours == {
        "anonymous_id": happened["jar"]["baton_id"],
        "submission_id": "",
        "page_url": "https://www.example.com/pricing?utm_source=news&gclid=G1",
        "referrer": "https://search.example/find",
        "utm_source": "news",
        "first_utm_source": "news",
    }


GOOGLES = {
    "_ga": "GA1.1.1234567890.1712345678",
    "_ga_ABC123DEF4": "GS2.1.s1712345678$o3$g1$t1712345999$j60$l0$h0",
    "_ga_XYZ": "GS1.1.1712340000.1.0.1712340001.0.0.0",
}


def test_it_takes_google_analytics_visitor_along_and_what_it_takes_is_understood(visit: Visit) -> None:
    (form,) = visit(forms=[DEMO_FORM], jar=GOOGLES)["forms"]
    assert client_of(form["ga_client_id"]) == "1234567890.1712345678"
    assert session_of(form["ga_session_id"], "G-ABC123DEF4") == "1712345678"
    assert session_of(form["ga_session_id"], "G-XYZ") == "1712340000"
    assert session_of(form["ga_session_id"], "G-OTHER") == ""


def test_google_analytics_visitor_waits_for_consent_and_goes_with_it(visit: Visit) -> None:
    like = {"dataset": {"consent": "required"}, "forms": [DEMO_FORM], "jar": GOOGLES}
    assert visit(**like, steps=[["fire", "submit"]])["forms"] == [{}]
    (given,) = visit(**like, steps=[["consent", True]])["forms"]
    assert given["ga_client_id"] == GOOGLES["_ga"]
    (withdrawn,) = visit(**like, steps=[["consent", True], ["consent", False]])["forms"]
    assert (withdrawn["ga_client_id"], withdrawn["ga_session_id"]) == ("", "")


def test_where_google_analytics_has_named_nobody_nothing_is_said_of_it(visit: Visit) -> None:
    (form,) = visit(forms=[DEMO_FORM], jar={"x_ga": "1", "_gat": "1"})["forms"]
    assert not {"ga_client_id", "ga_session_id"} & form.keys()


def test_it_keeps_the_first_campaign_and_the_newest(visit: Visit) -> None:
    happened = visit(forms=[DEMO_FORM], steps=[["go", "/b?utm_source=ads"], ["go", "/c"]])
    assert happened["forms"][0]["first_utm_source"] == "news"
    assert happened["forms"][0]["utm_source"] == "ads"
    assert json.loads(happened["stored"]["baton_utm"]) == {"utm_source": "ads", "first_utm_source": "news"}
    assert visit(storage=False)["sent"]


def test_it_leaves_the_pages_own_values_alone(visit: Visit) -> None:
    happened = visit(
        forms=[{**DEMO_FORM, "inputs": [{"name": "utm_source", "value": "own"}, {"name": "referrer", "value": ""}]}]
    )
    assert happened["forms"][0]["utm_source"] == "own"
    assert happened["forms"][0]["referrer"] == "https://search.example/find"


def test_a_double_click_is_one_submission(visit: Visit) -> None:
    happened = visit(forms=[DEMO_FORM], steps=[["fire", "submit"], ["note"], ["fire", "submit"], ["note"]])
    first, second = (dict(forms[0])["submission_id"] for forms in happened["fields"])
    assert re.fullmatch(r"[0-9a-f]{32}", first)
    assert first == second
