"""Whatever is killed, and whenever: nothing lost, nothing twice, nothing out of order. R1, R2, R3, R17."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.chaos.conftest import MakeTown
from tests.chaos.town import Town
from tests.servers import ValkeyServer

pytestmark = pytest.mark.process


def crowd(town: Town, webhooks: int) -> list[list]:
    """So many requests, in the groups in which they arrive: some people write all the time, others get ready."""
    writers = [f"w{number}@acme.example" for number in range(30)]
    town.arrive(town.sign_up(*writers))
    groups = []
    made = len(writers)
    number = 0
    while made < webhooks:
        group = [town.write(one) for one in random.sample(writers, 18)]
        if number % 2 == 0:
            group += town.get_ready(f"r{number}@acme.example")
        groups.append(group)
        number += 1
        made += len(group)
    return groups


def kill_workers(town: Town, groups: list[list], kills: int, patch: dict | None) -> None:
    """Let requests arrive while workers are killed, each at a random moment of its life, and replaced at once."""
    workers = {queue: [town.forks.start("work", patch, queue=queue)] for queue in ("ingest", "deliver")}
    for number in range(max(kills, len(groups))):
        if number < len(groups):
            town.arrive(groups[number])
        time.sleep(random.uniform(0.02, 0.35))
        if number < kills:
            queue = random.choice(["ingest", "deliver", "deliver"])
            town.forks.kill(workers[queue].pop())
            workers[queue].append(town.forks.start("work", patch, queue=queue))


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_r1_fifty_kills_of_workers_lose_repeat_and_reorder_nothing(
    make_town: MakeTown, valkey: ValkeyServer, database: str
) -> None:
    """R1: 2,000 webhooks, kill -9 at 50 random points: 0 lost, 0 effects twice, 0 out of order; drained in 60 s."""
    town = make_town(database, valkey.url)
    kill_workers(town, crowd(town, 2_000), 50, None)
    took = town.drained(60)
    print(f"R1 {database}: drained {took:.1f} s after the last kill")
    town.check()
