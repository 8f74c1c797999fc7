"""`baton run` as a newcomer meets it, and what its supervisor promises. Catalogue: M7 (a run without any account)."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.process.hub import Hub, descendants, until
from tests.servers import ValkeyServer

pytestmark = pytest.mark.process


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A Baton that has not been started yet."""
    made = Hub(tmp_path / "var")
    yield made
    made.end()


def form(hub: Hub, email: str) -> None:
    answer = requests.post(f"{hub.url}/forms/contact", data={"email": email}, timeout=10)
    assert answer.status_code == 202


def known(hub: Hub, email: str) -> bool:
    return bool(hub.api("/contacts", email=email)["items"])


def test_a_first_run_plays_the_story_and_shows_it_in_browser_api_and_simulator(hub: Hub) -> None:
    hub.start()
    story = until(lambda: "✓ Cleo" in hub.said() and hub.said(), 60, "end of the story")
    for said in ("✓ Ann", "✓ Ben", "✓ Dee", "sign in as admin@example.com with"):
        assert said in story
    (handoff,) = hub.api("/handoffs")["items"]
    ann = hub.api(f"/contacts/{handoff['contact_id']}")
    assert ann["score"]["total"] >= 50
    assert ann["suppressions"], "automation rests until the verdict"
    reasons = [one["summary"] for one in hub.api("/decisions", status="withheld")["items"]]
    assert any("conversation" in reason for reason in reasons)
    sandbox = story.split("Sandbox")[1].split()[0]
    calls = requests.get(f"{sandbox}_sandbox/calls", timeout=10).text
    for path in ("unsubscribe-all", "objects/tasks", "objects/notes", "/api/events"):
        assert path in calls, path
    assert requests.get(f"{hub.url}/admin/login", timeout=10).status_code == 200


def test_a_second_start_plays_nothing_and_keeps_everything(hub: Hub) -> None:
    hub.start("--no-demo")
    form(hub, "ann@example.com")
    until(lambda: known(hub, "ann@example.com"), 20, "contact")
    hub.stop()
    hub.start("--no-demo")
    assert known(hub, "ann@example.com")
    assert "story" not in hub.said()


def test_it_stops_within_30_seconds_and_leaves_no_process_behind(hub: Hub) -> None:
    hub.start("--no-demo")
    assert hub.process is not None
    started = descendants(hub.process.pid)
    assert len(started) >= 4
    hub.stop()
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]


@pytest.mark.parametrize("part", ["baton: web", "baton: worker ingest", "baton: worker deliver", "valkey-server"])
def test_what_dies_is_started_again(hub: Hub, part: str) -> None:
    hub.start("--no-demo")
    (victim,) = hub.children(part)
    left = descendants(victim)
    os.kill(victim, signal.SIGKILL)
    until(lambda: [pid for pid in hub.children(part) if pid != victim], 15, f"new {part}")
    until(lambda: requests.get(f"{hub.url}/readyz", timeout=2).status_code == 200, 15, "answer")
    form(hub, "ben@example.com")
    until(lambda: known(hub, "ben@example.com"), 20, "contact")
    assert not [pid for pid in left if Path(f"/proc/{pid}").exists()], "what it had started is gone with it"


def test_the_parts_end_when_their_supervisor_is_killed(hub: Hub) -> None:
    hub.start("--no-demo")
    assert hub.process is not None
    started = descendants(hub.process.pid)
    hub.process.kill()
    hub.process.wait(10)
    until(lambda: not [pid for pid in started if Path(f"/proc/{pid}").exists()], 20, "end of all parts")


def test_work_goes_on_when_redis_is_away_or_frozen(hub: Hub, tmp_path: Path) -> None:
    valkey = ValkeyServer(tmp_path / "valkey")
    valkey.start()
    hub.env["REDIS_URL"] = valkey.url
    hub.start("--no-demo")
    valkey.stop(signal.SIGKILL)
    form(hub, "cleo@example.com")
    until(lambda: known(hub, "cleo@example.com"), 30, "contact while Redis is away")
    valkey.start()
    assert valkey.process is not None
    os.kill(valkey.process.pid, signal.SIGSTOP)
    try:
        form(hub, "dee@example.com")
        until(lambda: known(hub, "dee@example.com"), 30, "contact while Redis is frozen")
    finally:
        os.kill(valkey.process.pid, signal.SIGCONT)
        valkey.stop()


def test_a_port_that_is_taken_is_said_and_ends_the_start(hub: Hub, tmp_path: Path) -> None:
    hub.start("--no-demo")
    second = Hub(tmp_path / "second", BATON_PORT=str(hub.port))
    with pytest.raises(AssertionError, match=f"{hub.port}: another program has it. Set BATON_PORT"):
        second.command("run", "--no-demo")
