"""What sales said, held against scores: on the screen and by the API.

Catalogue: G7 (verdicts feed calibration).
"""

from html import unescape

from sqlalchemy import update

from app import calibration
from app.runtime import Runtime
from app.store.tables import handoffs
from tests.app.doors import Api
from tests.app.screens import Browser, new_app
from tests.feeding import drain, form, rows


def judge(runtime: Runtime, told: list[tuple[str, float, str]]) -> None:
    """Have these people handed over, and judged: (name, score then, verdict)."""
    for name, _, _ in told:
        form(runtime, "demo", email=f"{name}@acme.example", first_name=name.capitalize())
    drain(runtime)
    people = {row.email: row.id for row in rows(runtime, "contacts", "id", "email")}
    with runtime.database.write() as conn:
        for name, score, verdict in told:
            mine = handoffs.c.contact_id == people[f"{name}@acme.example"]
            conn.execute(update(handoffs).where(mine).values(score=score, verdict=verdict, status="closed"))


def test_it_counts_what_sales_said_and_whose_points_those_were(runtime: Runtime) -> None:
    form(runtime, "trial", email="ann@acme.example")
    judge(
        runtime,
        [
            ("ann", 62, "won"),
            ("bob", 62, "accepted"),
            ("cleo", 51, "not_a_fit"),
            ("dora", 51, "nurture"),
            ("eve", 80, "lost"),
        ],
    )
    form(runtime, "demo", email="finn@acme.example")  # handed over, and not judged yet
    drain(runtime)
    api = Api(runtime)
    found = api.get("/calibration")
    assert (found["judged"], found["ready"], found["threshold"]) == (5, 3, 50)
    assert [(one["low"], one["judged"], one["ready"]) for one in found["bands"]] == [(51, 2, 0), (62, 2, 2), (80, 1, 1)]
    assert {one["points"]: one["judged"] for one in found["thresholds"]}[60] == 3
    assert [
        (one["rule"], one["label"], one["judged"], one["ready"]) for one in found["rules"] if one["rule"] == "trial"
    ] == [("trial", "Started a trial", 1, 1)]
    assert "sales has judged 5 people" in found["doubt"]


def test_the_screen_says_it_in_words(sqlite_runtime: Runtime) -> None:
    viewer = Browser(new_app(sqlite_runtime), "viewer")
    path = "/admin/policies/scoring/scoring/calibration"
    assert "Sales has judged nobody yet" in viewer.read(path)
    judge(sqlite_runtime, [("ann", 62, "won"), ("bob", 51, "not_a_fit")])
    page = unescape(viewer.read(path))
    for words in (
        "50% were ready",
        "Too few to build on.",
        "51",
        "2.0 times",
        "It is 50 now",
        "Sales has judged 2 people",
    ):
        assert words in page, words
    assert viewer.get("/admin/policies/scoring/none/calibration").status_code == 404


def test_of_very_many_the_newest_count(sqlite_runtime: Runtime, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    judge(sqlite_runtime, [("ann", 62, "won"), ("bob", 51, "not_a_fit"), ("cleo", 70, "won")])
    monkeypatch.setattr(calibration, "MOST", 2)
    with sqlite_runtime.database.read() as conn:
        found = calibration.look(sqlite_runtime, conn)
    assert (found.cut, found.found.judged, found.found.ready) == (True, 2, 1)
