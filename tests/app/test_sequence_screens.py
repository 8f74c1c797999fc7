"""The screens for sequences and reviews: what they say, what marketers decide there, and what becomes of mistakes.

Catalogue: H1 (moves with a preview), H6, H7 (reviews), H10.
"""

from html import unescape
from re import sub
from typing import Any

import pytest
from sqlalchemy import update

from app.admin import words
from app.rules.policy import DEFAULTS, read_document
from app.rules.sequences.policy import ExitReason
from app.runtime import Runtime
from app.store import policies, reviews, tables
from tests.app.screens import HOSTILE, Browser, new_app
from tests.feeding import drain, klaviyo, rows, without_sequences
from tests.sequences_story import review_of, tell_of_sequences
from tests.telling import told_once

GUIDE = "/admin/sequences/guide_follow_up"


def tell(runtime: Runtime) -> None:
    klaviyo(runtime, api_key="k")
    tell_of_sequences(runtime, ended=("gus", "gil"), inside=("ivy", "ida", "ira"), goal=("ann",))


@pytest.fixture
def told(sqlite_runtime: Runtime) -> Runtime:
    told_once(sqlite_runtime, tell)
    return sqlite_runtime


@pytest.fixture
def marketer(told: Runtime) -> Browser:
    return Browser(new_app(told), "marketer")


def text(page: str) -> str:
    """What a page says, without its markup."""
    return " ".join(unescape(sub(r"<[^>]+>", " ", page)).split())


def read(browser: Browser, path: str) -> str:
    return text(browser.read(path))


def audit(runtime: Runtime) -> list[tuple[str, str, str]]:
    return [(row.who, row.what, row.on) for row in rows(runtime, "audit", "who", "what", "on")]


def answer(browser: Browser, review: int, **fields: str) -> Any:
    return browser.post(f"/admin/reviews/{review}", fields)


# --- sequences


def test_the_list_says_what_comes_of_each(marketer: Browser) -> None:
    page = read(marketer, "/admin/sequences")
    guide = page[page.index("After the guide") :]
    assert guide.startswith(
        "After the guide Active priority 20 In it now 3 Came in 6 Left 3 Of those, reached the goal"
    )
    assert "33% likely between 6.1% and 79%" in guide
    assert "To decide 2 reviews" in guide
    assert "Post-purchase education Active priority 40 In it now 0 Came in 0 Left 0" in page
    assert "nobody has left" in page


def test_without_sequences_the_list_says_what_comes(sqlite_runtime: Runtime) -> None:
    without_sequences(sqlite_runtime)
    assert "No sequences yet" in Browser(new_app(sqlite_runtime), "viewer").read("/admin/sequences")


def test_a_sequence_that_asks_nobody_at_its_end_says_so(sqlite_runtime: Runtime) -> None:
    page = read(Browser(new_app(sqlite_runtime), "viewer"), "/admin/sequences/welcome")
    assert "To decide not asked of who ends here" in page
    asked = read(Browser(new_app(sqlite_runtime), "viewer"), "/admin/sequences/interest_nurture")
    assert "To decide nothing" in asked


def test_one_is_read_step_by_step_with_its_people(marketer: Browser) -> None:
    page = read(marketer, GUIDE)
    for said in (
        "Wait 2 hours 6 came this far",
        "Send “Guide” by e-mail Left out for who has had enough messages lately 6 came this far",
        "“late”: 67% of the people",
        "Wait 4 days, then until the hour at which this person reads most (9:00 until that is known)",
        "“ready”: if score at least 80 and interest is known",
        "Everybody else",
        "Wait at most 30 days until this happens: clicked in an e-mail or visited a page If it does not: they go on",
        "No more marketing, until they give a sign of life 0 came this far",
        "Goal Filled in a form (form is demo)",
        "Time was over 2",
        "Reached the goal 1",
        "What is better: patience",
        "sequences@2 In force 0 people sequences@1 3 people",
    ):
        assert said in page, said


def test_people_are_found_by_step_and_by_how_they_left(marketer: Browser) -> None:
    page = read(marketer, GUIDE)
    assert all(name in page for name in ("Ivy", "Ida", "Ira"))
    assert "next: in" in page
    gone = read(marketer, f"{GUIDE}?who=over_time")
    assert "Who left: time was over" in gone
    assert "Gus" in gone
    assert "Ivy" not in gone
    assert "Nobody with this" in read(marketer, f"{GUIDE}?step=guide")


def test_long_lists_of_people_have_pages(marketer: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.admin.asked.PAGE", 2)
    first = marketer.read(GUIDE)
    assert "More →" in first
    before = first.split("before=")[1].split("#")[0].split("&")[0]
    second = read(marketer, f"{GUIDE}?before={before}")
    assert "← To the beginning" in second
    names = [{name for name in ("Ivy", "Ida", "Ira") if name in page} for page in (text(first), second)]
    assert sorted(map(len, names)) == [1, 2]
    assert not names[0] & names[1]


def test_every_reason_to_leave_has_words() -> None:
    assert set(words.EXITS) == set(words.EXIT_HELP) == {str(one) for one in ExitReason}


def test_a_sequence_is_paused_with_a_reason_and_resumed(marketer: Browser, told: Runtime) -> None:
    assert "Pause this sequence…" in read(marketer, GUIDE)
    page = text(marketer.says(marketer.post(f"{GUIDE}/pause", {"reason": f"typo {HOSTILE}"})))
    assert "Paused. Nobody goes on and nobody is lost" in page
    assert f"by marketer@team.example: typo {HOSTILE[:10]}" in page
    assert "stands still: the sequence is paused" in page
    assert "Pause this sequence" not in page
    assert "Paused" in read(marketer, "/admin/sequences")
    again = marketer.says(marketer.post(f"{GUIDE}/pause", {"reason": "once more"}))
    assert "Not done: “After the guide” is paused already." in again
    assert "Resumed." in marketer.says(marketer.post(f"{GUIDE}/resume"))
    assert "is not paused" in marketer.says(marketer.post(f"{GUIDE}/resume"))
    assert ("marketer@team.example", "sequence.resumed", "guide_follow_up") in audit(told)
    assert marketer.post("/admin/sequences/none/pause").status_code == 404


def test_all_sequences_are_paused_and_resumed_on_their_list(marketer: Browser, told: Runtime) -> None:
    page = text(marketer.says(marketer.post("/admin/sequences/pause", {"reason": f"typo {HOSTILE}"})))
    assert "All sequences are paused. Nobody goes on and nobody is lost" in page
    assert f"All sequences stand still Paused since a moment ago by marketer@team.example: typo {HOSTILE[:10]}" in page
    assert "Pause all sequences" not in page
    one = read(marketer, GUIDE)
    assert "It stands still All sequences are paused." in one
    assert "Resume all sequences on their list" in one
    assert "stands still: the sequence is paused" in one
    assert "All sequences are paused since a moment ago" in read(marketer, "/admin/")
    marketer.post(f"{GUIDE}/pause", {"reason": "its own"})
    assert "Paused since a moment ago by marketer@team.example: its own." in read(marketer, "/admin/sequences")
    assert "Not done: all sequences are paused already." in marketer.says(marketer.post("/admin/sequences/pause"))
    page = text(marketer.says(marketer.post("/admin/sequences/resume")))
    assert "a sequence paused by itself stays so" in page
    assert "Pause all sequences…" in page
    assert "The sequence “After the guide” is paused" in read(marketer, "/admin/")
    assert ("marketer@team.example", "sequence.resumed", "all sequences") in audit(told)


def test_a_contact_says_which_sequences_they_are_in_and_lets_marketers_change_that(
    marketer: Browser, told: Runtime
) -> None:
    ids = {row.email.partition("@")[0]: row.id for row in rows(told, "contacts", "id", "email")}
    path = f"/admin/contacts/{ids['ivy']}"
    page = read(marketer, path)
    card = page[page.index("Sequences After the guide") :]
    assert "; next: 9 December came in 3 days ago · 2 messages Take them out of After the guide" in card
    assert "Segments New subscribers since" in card
    assert "Let them into a sequence…" in card
    said = marketer.says(marketer.post(f"{path}/sequences/guide_follow_up/stop", {"back": path}))
    assert "They are out of it in a moment." in said
    drain(told)
    page = read(marketer, path)
    assert "After the guide why? After the guide Stopped by hand" in page
    assert "They come in in a moment" in marketer.says(marketer.post(f"{path}/sequences", {"sequence": "welcome"}))
    drain(told)
    assert "Welcome why? Welcome Wait 10 minutes; next: in" in read(marketer, path)
    again = marketer.says(marketer.post(f"{path}/sequences", {"sequence": "welcome", "back": path}))
    assert "Not done: they are in “Welcome” already." in again
    assert ("marketer@team.example", "sequence.stopped", "guide_follow_up") in audit(told)
    assert "Take them out" not in Browser(new_app(told), "viewer").read(path)
    assert "Time was over" in read(marketer, f"/admin/contacts/{ids['gus']}")


def test_viewers_look_and_are_offered_no_button(told: Runtime) -> None:
    viewer = Browser(new_app(told), "viewer")
    for path in ("/admin/sequences", GUIDE, "/admin/reviews", f"/admin/reviews/{review_of(told)}"):
        page = viewer.read(path).split("<main")[1]
        assert 'method="post"' not in page, path
    assert "A marketer or an admin decides." in viewer.read(f"/admin/reviews/{review_of(told)}")


# --- moving


def test_people_are_moved_after_a_look_at_what_would_happen(marketer: Browser, told: Runtime) -> None:
    staying = [row for row in rows(told, "enrolments", "step", "exit") if row.step == "long_wait" and not row.exit]
    moving = 3 - len(staying)
    assert 0 < moving < 3, "some stand at the step that is gone"
    page = read(marketer, f"{GUIDE}/move")
    assert "sequences@2 has no such step: they finish the old version" in page
    assert f"Move {words.plural(moving, 'person', 'people')} to sequences@2" in page
    assert {row.version for row in rows(told, "enrolments")} == {"sequences@1"}
    said = marketer.says(marketer.post(f"{GUIDE}/move", {"to": "", "version": "sequences@2"}))
    assert f"{words.plural(moving, 'person', 'people')} will be moved from “After the guide” in a moment." in said
    drain(told)
    inside = [row.version for row in rows(told, "enrolments", "version", "exit") if row.exit is None]
    assert sorted(inside) == ["sequences@1"] * len(staying) + ["sequences@2"] * moving


def test_a_move_elsewhere_says_that_they_leave(marketer: Browser, told: Runtime) -> None:
    page = read(marketer, f"{GUIDE}/move?to=post_purchase")
    assert "begin “Post-purchase education” from the top" in page
    assert "This cannot be undone." in page
    fields = {"to": "post_purchase", "version": "sequences@2"}
    assert "3 people will be moved" in marketer.says(marketer.post(f"{GUIDE}/move", fields))
    drain(told)
    assert len(rows(told, "enrolments", "id", sequence="guide_follow_up", exit="moved")) == 3


def test_nobody_is_moved_to_what_was_published_after_the_look(marketer: Browser, told: Runtime) -> None:
    document = read_document((DEFAULTS / "sequences.yaml").read_text(encoding="utf-8").replace("days: 14", "days: 13"))
    with told.database.write() as conn:
        policies.publish(conn, document, "test", "", told.clock())
    told.forget()
    late = marketer.post("/admin/sequences/welcome/move", {"to": "", "version": "sequences@2"})
    assert late.status_code == 409
    assert "A newer version was published after you opened this page" in late.text
    assert marketer.post(f"{GUIDE}/move", {"version": "sequences@2"}).status_code == 404


# --- reviews


def test_the_desk_says_who_waits_why_and_what_they_have_in_common(marketer: Browser) -> None:
    page = read(marketer, "/admin/reviews")
    assert "Open (2)" in page
    assert "After the guide : 2 people. Most fall silent after “Case study” (2)." in page
    assert "Most are in the segment “New subscribers” (2)." in page
    assert "The time was over before the goal was reached." in page
    assert "Got 2 messages since" in page
    assert "Gus" in page
    assert "Nothing to decide" in read(marketer, "/admin/reviews?sequence=welcome")
    assert "Reviews to decide 2" in read(marketer, "/admin/")


def test_a_review_says_what_happened(marketer: Browser, told: Runtime) -> None:
    page = read(marketer, f"/admin/reviews/{review_of(told)}")
    for said in (
        "Gus Open “After the guide”: the time was over before the goal was reached.",
        "Entered “After the guide”",
        "Left “After the guide”: its time is over (20 days)",
        "Fell silent after “Case study”",
        "Messages 2",
        "Stood at Wait at most 30 days until this happens",
        "Its goal Filled in a form (form is demo)",
    ):
        assert said in page, said


def test_more_time(marketer: Browser, told: Runtime) -> None:
    review = review_of(told)
    for wrong, reason in (
        ("99", "above 0, up to the sequence's own 20"),
        ("soon", "a number such as 7"),
        ("nan", "above 0"),
    ):
        refused = answer(marketer, review, answer="extend", days=wrong)
        assert refused.status_code == 400
        page = unescape(refused.text)
        assert reason in page
        assert f'value="{wrong}"' in page, "nothing that was filled in is lost"
        assert "Give them this time" in page
    page = marketer.says(answer(marketer, review, answer="extend", days="2,5"))
    assert "They go on where they stood in a moment." in page
    drain(told)
    page = read(marketer, f"/admin/reviews/{review}")
    assert "Was given more time Decided by marketer@team.example" in page
    assert "Goes on in “After the guide” for 2.5 days more" in page
    assert "What is next for them?" not in page
    assert ("marketer@team.example", "review.extended", str(review)) in audit(told)


def test_another_sequence(marketer: Browser, told: Runtime) -> None:
    review = review_of(told)
    assert "choose the sequence" in answer(marketer, review, answer="move").text
    gone = answer(marketer, review, answer="move", sequence="nowhere")
    assert gone.status_code == 409
    assert "there is no such sequence" in gone.text
    assert "come into the other sequence" in marketer.says(
        answer(marketer, review, answer="move", sequence="post_purchase")
    )
    drain(told)
    assert "Entered “Post-purchase education”" in read(marketer, f"/admin/reviews/{review}")
    assert "Gets another sequence" in read(marketer, "/admin/reviews?status=resolved")


def test_no_more_mail(marketer: Browser, told: Runtime) -> None:
    review = review_of(told)
    assert "Nothing more is sent" in marketer.says(answer(marketer, review, answer="suppress", reason="Silent"))
    drain(told)
    (row,) = rows(told, "reviews", "contact_id", "resolution", "resolved_by", id=review)
    assert (row.resolution, row.resolved_by) == ("suppressed", "marketer@team.example")
    assert "Suppressed by hand: Silent" in read(marketer, f"/admin/contacts/{row.contact_id}")


def test_handing_over(marketer: Browser, told: Runtime) -> None:
    review = review_of(told)
    said = marketer.says(answer(marketer, review, answer="hand_over", reason="Asked twice"))
    assert "Sales is told in a moment" in said
    drain(told)
    (handoff,) = rows(told, "handoffs", "reason", rule="by_hand")
    assert "Asked twice" in handoff.reason


def test_what_somebody_else_has_decided_is_not_decided_again(marketer: Browser, told: Runtime) -> None:
    review = review_of(told)
    other = Browser(marketer.app, "admin")
    other.says(answer(other, review, answer="suppress"))
    late = answer(marketer, review, answer="extend", days="3")
    assert late.status_code == 409
    assert "somebody has decided it already" in late.text
    assert "Decided by admin@team.example" in text(late.text)


def test_each_answer_leads_to_the_next_review_until_there_is_none(marketer: Browser, told: Runtime) -> None:
    first, second = sorted(row.id for row in rows(told, "reviews", "id", status="open"))
    assert "/admin/reviews/next?done=0" in marketer.read("/admin/reviews")
    begun = marketer.get("/admin/reviews/next?done=0&skipped=0")
    assert begun.headers["Location"] == f"/admin/reviews/{first}?done=0&skipped=0"
    page = marketer.read(begun.headers["Location"])
    assert "1 of 2 0 decided" in text(page)
    assert "<title>Review 1 of 2: " in page
    wrong = answer(marketer, first, answer="extend", days="99", done="0", skipped="0", name="Gil")
    assert "1 of 2" in text(wrong.text)  # what is to be mended keeps its place
    after = answer(marketer, first, answer="suppress", done="0", skipped="0", name=f"Gil {HOSTILE}")
    assert after.headers["Location"] == f"/admin/reviews/next?after={first}&done=1&skipped=0"
    page = marketer.read(marketer.get(after.headers["Location"]).headers["Location"])
    assert "Nothing more is sent to them." in page
    assert "<script>alert" not in page
    assert "2 of 2 1 decided" in text(page)
    skipped = f"/admin/reviews/next?after={second}&done=1&skipped=1"
    assert skipped.replace("&", "&amp;") in page
    said = marketer.read(marketer.get(skipped).headers["Location"])
    assert "That was the last one. You decided 1 review. 1 review you skipped." in said


def test_a_round_of_one_sequence_leaves_the_others_out(marketer: Browser) -> None:
    none = marketer.read(marketer.get("/admin/reviews/next?done=0&skipped=0&of=welcome").headers["Location"])
    assert "That was the last one. You decided 0 reviews." in none
    page = marketer.read(marketer.get("/admin/reviews/next?done=x&skipped=").headers["Location"])
    assert "1 of 2" in text(page)


def test_who_took_all_steps_is_given_no_more_time(marketer: Browser, told: Runtime) -> None:
    review = review_of(told)
    with told.database.write() as conn:
        conn.execute(update(tables.reviews).values(reason="completed"))
    page = read(marketer, f"/admin/reviews/{review}")
    assert "they took all steps, so there is nothing left to give time for" in page
    assert "Give them more time…" not in page
    assert "nothing left to extend" in answer(marketer, review, answer="extend", days="3").text


def test_a_review_outlives_its_sequence(marketer: Browser, told: Runtime) -> None:
    review = review_of(told)
    document = read_document((DEFAULTS / "sequences.yaml").read_text(encoding="utf-8"))
    with told.database.write() as conn:
        policies.publish(conn, document, "test", "", told.clock())
    told.forget()
    page = marketer.read(f"/admin/reviews/{review}")
    assert "the sequence is not published any more" in page
    assert f'href="{GUIDE}"' not in page
    assert "there is no such sequence" in answer(marketer, review, answer="extend", days="3").text
    assert "After the guide" in marketer.read("/admin/reviews")


def test_an_answer_that_there_is_not_changes_nothing(marketer: Browser, told: Runtime) -> None:
    review = review_of(told)
    assert answer(marketer, review, answer="forgive").status_code == 400
    assert answer(marketer, 9_999, answer="suppress").status_code == 404
    assert rows(told, "reviews", "status", id=review)[0].status == reviews.OPEN


def test_a_review_that_was_withdrawn_says_why(marketer: Browser, told: Runtime) -> None:
    review = review_of(told)
    with told.database.write() as conn:
        reviews.withdraw(conn, [row.key for row in rows(told, "reviews", "key", id=review)])
    assert "News that came late showed that there is nothing to decide." in read(marketer, f"/admin/reviews/{review}")
