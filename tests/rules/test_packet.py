"""What sales gets with a handoff: who, why now, the score, what they did, how to begin.

Catalogue: G2 (the packet).
"""

from datetime import timedelta

import pytest

from app.contacts.contact import Contact
from app.rules.packet import Packet, describe, opening, packet
from app.rules.score import Reading, read_score
from tests.contacts.making import ANN, NOW, ago, event, folded
from tests.rules.making import DEFAULT, live

EVENTS = [
    event("contact.updated", ago(days=9), fields={
        "email": ANN, "first_name": "Ann", "last_name": "Sample", "company": "Acme & Sons", "job_title": "Director",
        "phone": "+12025550123",
    }),
    event("page.viewed", ago(days=3), path="/pricing", utm_source="newsletter", utm_medium="email"),
    event("form.submitted", ago(hours=1), form="demo"),
]  # fmt: skip
LINK, MARK = "https://hub.example.com/h/abc", "baton-0123456789abcdef"


def made(contact: Contact | None = None, events=None, score: Reading | None = None, reason: str = "Asked") -> Packet:
    contact = contact if contact is not None else live(EVENTS)[0]
    score = score or read_score(contact.score, DEFAULT.scoring.read, NOW)
    newest_first = (EVENTS if events is None else events)[::-1]
    return packet(contact, reason, NOW + timedelta(minutes=30), score, newest_first, LINK, MARK)


def test_packet_says_who_why_now_what_they_did_and_how_to_begin():
    text = made(reason="Asked to talk to someone").text
    assert text.splitlines()[:8] == [
        "Who",
        "- Ann Sample",
        "- Director",
        "- Acme & Sons",
        "- E-mail: ann@example.com",
        "- Phone: +12025550123",
        "- First seen 2026-11-19: page /pricing via newsletter / email",
        "",
    ]
    for part in (
        "Why now\n- Asked to talk to someone\n- Please get in touch by 2026-11-22 12:30 UTC",
        "Score 56\n- +25 Asked for a demo or to be contacted (demo, 2026-11-22)\n",
        "- 2026-11-22 11:00 filled in the form demo\n- 2026-11-19 12:00 visited /pricing",
        "How to begin\n- Hi Ann, thank you for writing to us.",
        f"Say how it went\n- {LINK}",
    ):
        assert part in text
    assert text.endswith(f"\n\n{MARK}"), "by which it is found again"


def test_subject_is_one_line_of_bearable_length():
    assert made(reason="On the pricing page").subject == "Call Ann Sample (Acme & Sons): on the pricing page"
    long = folded(event("contact.updated", fields={"first_name": "x" * 500}))
    assert len(made(long).subject) == 200


def test_packet_of_somebody_of_whom_nothing_is_known_is_still_one():
    empty = made(Contact(), [])
    assert empty.subject == "Call Unknown visitor: asked"
    assert "None" not in empty.text + empty.html
    assert "Hi there, what are you working on" in empty.text


def test_markup_that_a_visitor_enters_stays_text():
    evil = folded(
        event("contact.updated", fields={"first_name": "<script>alert(1)</script>", "company": '"><img src=x>'})
    )
    html = made(evil, [event("form.submitted", form="<b>x</b>")], reason="<i>now</i>").html
    assert "<script" not in html
    assert "<img" not in html
    assert "<b>" not in html
    assert "<i>" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("path", "linked"),
    [("https://evil.example/\"onclick='x'", False), ("javascript:alert(1)", False)],
)
def test_only_whole_addresses_become_links(path, linked):
    html = made(folded(event("contact.updated", fields={"first_name": path})), []).html
    assert html.count("<a href=") == (2 if path.startswith("https") else 1)
    assert "'x'" not in html
    assert 'href="javascript' not in html


def test_long_histories_are_shown_in_part():
    many = [event("page.viewed", ago(minutes=n), path=f"/p{n}") for n in range(100, 0, -1)]
    text = made(events=many).text
    assert text.count("visited /p") == 25
    assert "visited /p1\n" in text, "the newest ones"


@pytest.mark.parametrize(
    ("happened", "text"),
    [
        (event("page.viewed", path="/a"), "2026-11-22 12:00 visited /a"),
        (event("email.opened", subject="News", machine="opened by a mail privacy proxy"),
         "2026-11-22 12:00 opened News (opened by a mail privacy proxy)"),
        (event("custom:trial_started"), "2026-11-22 12:00 trial started"),
        (event("deal.stage_changed", stage="won"), "2026-11-22 12:00 deal stage changed won"),
        (event("asset.downloaded", asset="x" * 300), ("2026-11-22 12:00 downloaded " + "x" * 300)[:200]),
    ],
)  # fmt: skip
def test_event_is_told_in_words(happened, text):
    assert describe(happened) == text


@pytest.mark.parametrize(
    ("newest", "begins"),
    [
        (event("form.submitted", form="x"), "Hi Ann, thank you for writing"),
        (event("asset.downloaded", topic="freight"), "Hi Ann, what made freight interesting"),
        (event("page.viewed", path="/pricing"), "Hi Ann, are you comparing options"),
        (event("checkout.started"), "Hi Ann, is there anything left to clear up"),
        (event("email.opened"), "Hi Ann, what are you working on"),
        (event("page.viewed"), "Hi Ann, what are you working on"),
    ],
)
def test_opening_starts_from_what_they_last_cared_about(newest, begins):
    assert opening(live(EVENTS)[0], [newest]).startswith(begins)
