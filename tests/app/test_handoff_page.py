"""The page behind a handoff's link: whoever has the link may answer, a visit changes nothing, and nothing leaks."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import update
from werkzeug.test import TestResponse

from app.handoff_links import MAX_AGE_SECONDS, link
from app.handoff_page import FORM_SECONDS
from app.runtime import Runtime
from app.store import tables
from tests.app.screens import HOSTILE, LONG, SITE, Browser, fill, new_app
from tests.feeding import drain, rows

_SIGNED = re.compile(r'name="signed" value="([^"]+)"')


class Rep:
    """A sales person with a link, signed in nowhere."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime, self.ids = runtime, fill(runtime)
        self.app: Flask = new_app(runtime)
        self.client = self.app.test_client()
        self.path = link(runtime.settings, rows(runtime, "handoffs", "key")[0].key).removeprefix(SITE)

    def get(self, path: str = "") -> TestResponse:
        return self.client.get(path or self.path, base_url=SITE)

    def signed(self) -> str:
        found = _SIGNED.search(self.get().text)
        assert found is not None
        return found[1]

    def say(self, verdict: str, **fields: str) -> TestResponse:
        return self.client.post(self.path, base_url=SITE, data={"verdict": verdict, "signed": self.signed(), **fields})

    def handoff(self) -> tuple[str, str | None, str | None]:
        (row,) = rows(self.runtime, "handoffs", "status", "verdict", "verdict_by")
        return row.status, row.verdict, row.verdict_by

    def change(self, **values: object) -> None:
        with self.runtime.database.write() as conn:
            conn.execute(update(tables.handoffs).values(**values))


@pytest.fixture
def rep(sqlite_runtime: Runtime) -> Rep:
    return Rep(sqlite_runtime)


def test_the_page_says_who_why_now_what_they_did_and_how_to_begin(rep: Rep) -> None:
    page = rep.get().text
    for words in ("Ann Archer", "Why now:", "Asked to talk to someone", "How to begin", "Hi Ann", "ann@acme.example",
                  'href="tel:+442071234567"', "+25", "Visited a page", "/pricing", "Not a fit"):  # fmt: skip
        assert words in page, words
    assert "message.sent" not in page
    assert rep.get().headers.getlist("Set-Cookie") == []


def test_a_visit_changes_nothing(rep: Rep) -> None:
    """Mail scanners follow links, also with HEAD."""
    before, waiting = rep.handoff(), len(rows(rep.runtime, "inbox", "id"))
    rep.get()
    rep.client.head(rep.path, base_url=SITE)
    rep.client.get(f"{rep.path}?verdict=won&said=1", base_url=SITE)
    assert rep.handoff() == before
    assert len(rows(rep.runtime, "inbox", "id")) == waiting


@pytest.mark.parametrize("verdict", ["accepted", "not_a_fit", "nurture", "won", "lost"])
def test_a_button_says_how_it_went(rep: Rep, verdict: str) -> None:
    answer = rep.say(verdict, name=" Sam\tSales ", note="called twice")
    assert answer.status_code == 303
    assert rep.handoff() == ("closed", verdict, "Sam Sales")
    page = rep.get(answer.headers["Location"]).text
    assert "Thank you, it is noted:" in page
    assert "by Sam Sales" in page
    assert ("Say how it goes" in page) is (verdict == "accepted")
    drain(rep.runtime)
    event = rows(rep.runtime, "events", "body", type="sales.verdict")[0].body
    assert "called twice" in event


def test_who_accepted_may_come_back_and_say_how_it_ended(rep: Rep) -> None:
    rep.say("accepted")
    assert rep.handoff() == ("closed", "accepted", "whoever has the link")
    assert rep.say("won", name="Sam").status_code == 303
    assert rep.handoff() == ("closed", "won", "Sam")


def test_a_last_word_stays(rep: Rep) -> None:
    signed = rep.signed()
    rep.say("won")
    late = rep.client.post(rep.path, base_url=SITE, data={"verdict": "lost", "signed": signed})
    assert late.status_code == 409
    assert "Not noted: it was judged already: won." in late.text
    assert rep.handoff()[1] == "won"


def test_a_handoff_that_was_taken_back_asks_for_nothing(rep: Rep) -> None:
    signed = rep.signed()
    rep.change(status="withdrawn")
    assert "was taken back" in rep.get().text
    assert "Say how it goes" not in rep.get().text
    assert rep.client.post(rep.path, base_url=SITE, data={"verdict": "won", "signed": signed}).status_code == 409


def test_one_that_somebody_claimed_says_who(rep: Rep) -> None:
    rep.change(status="claimed", claimed_by=HOSTILE, claimed_at=rep.runtime.clock())
    page = rep.get().text
    assert "has taken care of it" in page
    assert "<script>alert" not in page


@pytest.mark.parametrize("signed", ["", "nonsense", HOSTILE, LONG])
def test_a_form_that_the_page_did_not_give_out_counts_for_nothing(rep: Rep, signed: str) -> None:
    answer = rep.say("won", signed=signed)
    assert answer.status_code == 400
    assert "press the button once more" in answer.text
    assert rep.handoff()[1] is None


def test_a_form_that_was_open_for_too_long_asks_to_press_again(rep: Rep) -> None:
    signed = rep.signed()
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=FORM_SECONDS + 5), tick=False):
        answer = rep.client.post(rep.path, base_url=SITE, data={"verdict": "won", "signed": signed})
    assert answer.status_code == 400
    assert rep.handoff()[1] is None


def test_a_verdict_that_there_is_not_is_no_verdict(rep: Rep) -> None:
    assert rep.say("maybe").status_code == 400
    assert rep.handoff()[1] is None


def test_a_name_cannot_break_the_page(rep: Rep) -> None:
    rep.say("accepted", name=f"{HOSTILE}\0\u202e{LONG}", note=LONG)
    assert len(rep.handoff()[2] or "") <= 80
    assert "<script>alert" not in rep.get().text


@pytest.mark.parametrize("token", ["x", "a.b.c", "..%2f..%2fetc", LONG[:3_000], "%00", "%C3%B6"])
def test_a_link_that_we_did_not_make_opens_nothing(rep: Rep, token: str) -> None:
    answer = rep.get(f"/h/{token}")
    assert answer.status_code == 404
    if answer.mimetype == "text/html":
        assert "This link does not open a handoff" in answer.text
        assert "Go to Home" not in answer.text


def test_a_link_that_was_cut_off_opens_nothing(rep: Rep) -> None:
    assert rep.get(rep.path[:-3]).status_code == 404


def test_a_link_for_something_else_opens_nothing(rep: Rep) -> None:
    for key in ("../../admin", "0" * 32, HOSTILE):
        answer = rep.get(link(rep.runtime.settings, key).removeprefix(SITE))
        assert answer.status_code == 404


def test_a_link_ends_after_three_months(rep: Rep) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=MAX_AGE_SECONDS + 5), tick=False):
        answer = rep.get()
    assert answer.status_code == 404
    assert "more than 90 days old" in answer.text


def test_of_somebody_erased_nothing_is_shown(rep: Rep) -> None:
    with rep.runtime.database.write() as conn:
        conn.execute(
            update(tables.contacts)
            .where(tables.contacts.c.id == rep.ids["ann"])
            .values(state='{"erased_at":"2026-11-22T12:00:00Z"}', email=None, name=None)
        )
    page = rep.get().text
    assert "Nothing is known of this person any more" in page
    assert "Ann" not in page


def test_the_link_says_nothing_to_other_sites_and_caches(rep: Rep) -> None:
    headers = rep.get().headers
    assert headers["Referrer-Policy"] == "strict-origin"  # Safari and Firefox then still say which page a form is of
    assert headers["Cache-Control"] == "no-store"
    assert 'name="robots" content="noindex' in rep.get().text


def test_links_cannot_be_tried_for_ever(rep: Rep) -> None:
    statuses = [rep.get("/h/guess").status_code for _ in range(61)]
    assert statuses == [404] * 60 + [429]


def test_a_body_that_is_far_too_large_is_not_read(rep: Rep) -> None:
    assert rep.say("won", note="x" * 20_000).status_code == 413
    assert rep.handoff()[1] is None


def test_the_link_is_no_way_into_the_screens(rep: Rep) -> None:
    rep.say("won")
    assert Browser(rep.app).get("/admin/").status_code == 302
    assert rep.get("/admin/").status_code == 302
