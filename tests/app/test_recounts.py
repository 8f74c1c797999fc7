"""How far everybody has been scored by new rules is seen on the policy's page, by API and by the doctor.

Catalogue: F6.
"""

from typing import Any

from app import health
from app.health import Finding
from app.runtime import Runtime
from app.store import recounts
from app.store.recounts import Recount
from jobs import rescore
from tests.app.doors import Api
from tests.app.screens import Browser, new_app
from tests.conftest import NOW
from tests.feeding import drain, form, without_sequences
from tests.jobs.test_rescore import publish, scoring, visits


def of_scores(runtime: Runtime) -> Finding:
    (found,) = (one for one in health.examine(runtime) if one.part == health.SCORES)
    return found


def page(browser: Browser, what: str) -> str:
    return browser.read(f"/admin/policies/{what}/{what}/")


def test_new_rules_are_seen_to_reach_everybody(runtime: Runtime) -> None:
    without_sequences(runtime)
    publish(runtime, scoring(5))
    visits(runtime, "ann", 4)
    form(runtime, email="ben@acme.example", at=NOW)
    drain(runtime)
    publish(runtime, scoring(20))
    api, browser = Api(runtime), Browser(new_app(runtime), "admin")

    def seen() -> dict[str, Any]:
        return api.get("/policies/scoring/scoring")["rescoring"]  # type: ignore[no-any-return]

    assert (seen()["status"], seen()["share"]) == ("waiting", 0)
    assert "it begins in a few seconds" in page(browser, "scoring")
    with runtime.database.write() as conn:
        by = runtime.rulebook().policies.scored_by
        recounts.write(conn, runtime.database, Recount(by, NOW, last=1, seen=1), NOW)
    assert (seen()["status"], seen()["share"]) == ("running", 0.5)
    assert "about 50 % so far" in page(browser, "scoring")
    assert "about 50 % so far" in page(browser, "lifecycle"), "what moves stages counts in scores"
    assert "so far" not in page(browser, "handoff")
    assert api.get("/policies/handoff/handoff")["rescoring"] is None
    assert "about 50 % so far" in of_scores(runtime).title
    with runtime.database.write() as conn:
        recounts.write(conn, runtime.database, Recount(by, NOW), NOW)
    rescore.work(runtime, "test")
    assert {name: seen()[name] for name in ("status", "share", "seen", "changed", "rose", "fell", "failed")} == {
        "status": "done", "share": 1, "seen": 2, "changed": 1, "rose": 1, "fell": 0, "failed": 0,
    }  # fmt: skip
    text = page(browser, "scoring")
    assert "1 other score than before" in text
    assert 'href="/admin/decisions?what=rescore">1 person</a> came over the threshold' in text
    assert of_scores(runtime).fine
    listed = browser.read("/admin/decisions?what=rescore")
    assert "by new rules alone, over 50" in listed


def test_whom_baton_could_not_score_is_said(sqlite_runtime: Runtime) -> None:
    by = sqlite_runtime.rulebook().policies.scored_by
    with sqlite_runtime.database.write() as conn:
        recounts.write(conn, sqlite_runtime.database, Recount(by, NOW, seen=9, failed=2, ended_at=NOW), NOW)
    found = of_scores(sqlite_runtime)
    assert (found.fine, found.grave) == (False, False)
    assert found.title == "2 contacts could not be scored by new rules"
    assert "Baton stumbled over 2 contacts" in page(Browser(new_app(sqlite_runtime), "admin"), "scoring")
