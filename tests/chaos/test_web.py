"""The web server is killed while it takes requests in: what was answered with 2xx is there, once. R7."""

import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest
import requests
from sqlalchemy import create_engine, text

from tests.process.hub import Hub, descendants, until

pytestmark = pytest.mark.process


def server_process(hub: Hub) -> int:
    """The process that answers: the server's own child."""
    (server,) = hub.children("baton: web")
    (worker,) = [pid for pid in descendants(server) if "resource_tracker" not in command(pid)][:1]
    return worker


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def kill_the_server(folder: Path, kills: int) -> None:
    hub = Hub(folder / "var")
    try:
        hub.start("--no-demo")
        answered: list[str] = []
        over = threading.Event()

        def send(sender: int) -> None:
            number = 0
            while not over.is_set():
                number += 1
                name = f"s{sender}-{number}"
                while True:  # as vendors do: again until it is taken
                    try:
                        form = {"email": f"p{sender}@acme.example", "submission_id": name}
                        answer = requests.post(f"{hub.url}/forms/contact", data=form, timeout=5)
                        if answer.status_code == 202:
                            answered.append(name)
                            break
                    except requests.RequestException:
                        pass
                    if over.wait(0.05):
                        return

        senders = [threading.Thread(target=send, args=(number,)) for number in range(4)]
        for thread in senders:
            thread.start()
        for _ in range(kills):
            time.sleep(random.uniform(0.02, 0.2))
            victim = server_process(hub)
            before = len(answered)
            os.kill(victim, signal.SIGKILL)
            until(lambda before=before: len(answered) > before + 4, 20, "answer after a kill")
        over.set()
        for thread in senders:
            thread.join(10)
        until(lambda: requests.get(f"{hub.url}/readyz", timeout=2).status_code == 200, 15, "answer")
        until(lambda: hub.api("/stats")["inbox"]["pending"] == 0, 30, "empty inbox")
        engine = create_engine(f"sqlite:///{hub.home / 'baton.db'}")
        with engine.connect() as conn:
            bodies = [row[0] for row in conn.execute(text("SELECT body FROM inbox WHERE kind = 'form'"))]
            events = conn.execute(text("SELECT count(*) FROM events WHERE type = 'form.submitted'")).scalar()
        engine.dispose()
        stored = b"\n".join(bodies).decode()
        lost = [name for name in answered if f'"{name}"' not in stored and f"={name}" not in stored]
        assert not lost
        names = set(answered)
        assert len(names) <= events <= len({bytes(body) for body in bodies}), "a repeated request is one event"
    finally:
        hub.end()


def test_r7_what_was_answered_before_the_server_was_killed_is_in_the_inbox_once(tmp_path: Path) -> None:
    """R7: kill -9 of the web process while four clients send and retry, twice: every 2xx is stored, repeats are one
    event."""
    kill_the_server(tmp_path, 2)


@pytest.mark.chaos
def test_r7_two_hundred_kills_of_the_server(tmp_path: Path) -> None:
    """R7 at full size: 200 kills."""
    kill_the_server(tmp_path, 200)
