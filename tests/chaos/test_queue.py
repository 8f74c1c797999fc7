"""Redis may be flushed, empty, absent, frozen, full, read-only or closed to us: work goes on. R4, R5, R27."""

import os
import signal
import statistics
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from redis import Redis

from app.accept import Acceptor
from jobs.queue import Waker
from tests.chaos.conftest import MakeTown
from tests.chaos.forks import SHORT
from tests.chaos.town import Town
from tests.feeding import rows
from tests.process.hub import until
from tests.servers import ValkeyServer
from tests.stopwatch import Stopwatch, TooSlow

pytestmark = pytest.mark.process

ANN = "ann@acme.example"


def work(town: Town, **more: float) -> None:
    for queue in ("ingest", "deliver"):
        town.forks.start("work", {**SHORT, "jobs.sweep.TICK_SECONDS": 2.0, **more}, queue=queue)


def worked_on(town: Town) -> None:
    """Neither worker has ended. One alone would do all the work, and nobody would miss the other."""
    assert len(town.forks.running()) == 2, town.said()


# Workers that look around more often, and are back at Redis as soon as they have nothing to do
AT_REST = {"jobs.sweep.TICK_SECONDS": 0.5, "jobs.ingest.LINGER_SECONDS": 0.0, "jobs.deliver.LINGER_SECONDS": 0.0}


def test_r4_flushed_and_restarted_empty_redis_loses_nothing(make_town: MakeTown, valkey: ValkeyServer) -> None:
    """R4: FLUSHALL 4 times and 2 restarts without persistence, and each time requests whose wake-up got lost: 0 lost;
    the sweep picks them up in 10 s, and both workers stay."""
    town = make_town("sqlite", valkey.url)
    town.arrive(town.sign_up(ANN))
    work(town, **AT_REST)
    town.drained(12)
    for number in range(6):
        town.arrive([town.write(ANN) for _ in range(4)])  # as the database holds them; no worker is told
        if number % 3 == 1:
            valkey.stop(signal.SIGKILL)
            valkey.start()
        else:
            Redis.from_url(valkey.url).flushall()
        town.drained(10)
    town.check()
    worked_on(town)
    until(lambda: len(waiting(valkey)) == 2, 15, "return of both to Redis")


def waiting(valkey: ValkeyServer) -> set[str]:
    """The connections of workers that wait for a wake-up."""
    with Redis.from_url(valkey.url) as client:
        return {one["id"] for one in client.client_list() if "b" in one["flags"]}


def test_r4_a_worker_that_rq_gives_up_comes_back(make_town: MakeTown, valkey: ValkeyServer) -> None:
    """R4: on any error that it does not know RQ ends its loop without a word, as if somebody had asked for it: the
    worker stays, and waits for wake-ups again."""
    town = make_town("sqlite", valkey.url)
    work(town, **AT_REST)
    until(lambda: len(waiting(valkey)) == 2, 15, "two workers")
    before = waiting(valkey)
    with Redis.from_url(valkey.url) as client:
        for one in before:
            client.client_unblock(int(one), error=True)
    until(lambda: len(waiting(valkey) - before) == 2, 15, f"return of both to Redis: {town.said()}")
    worked_on(town)


@contextmanager
def absent(valkey: ValkeyServer) -> Iterator[None]:
    valkey.stop(signal.SIGKILL)
    yield
    valkey.start()


@contextmanager
def frozen(valkey: ValkeyServer) -> Iterator[None]:
    assert valkey.process is not None
    os.kill(valkey.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:  # or it could not be ended
        os.kill(valkey.process.pid, signal.SIGCONT)


@contextmanager
def full(valkey: ValkeyServer) -> Iterator[None]:
    with Redis.from_url(valkey.url) as client:
        client.config_set("maxmemory", 1)
        yield
        client.config_set("maxmemory", 0)


@contextmanager
def read_only(valkey: ValkeyServer) -> Iterator[None]:
    with Redis.from_url(valkey.url) as client:
        client.replicaof("127.0.0.1", 1)
        yield
        client.replicaof("no", "one")


@contextmanager
def closed_to_us(valkey: ValkeyServer) -> Iterator[None]:
    with Redis.from_url(valkey.url) as client:
        client.config_set("requirepass", "another")
        client.execute_command("AUTH", "another")
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        yield
        client.config_set("requirepass", "")


def test_r5_whatever_ails_redis_ingest_is_quick_and_work_goes_on(make_town: MakeTown, valkey: ValkeyServer) -> None:
    """R5: absent, frozen, full, read-only, wrong password: storing takes 300 ms at most (p99), the sweep does the rest
    in 10 s."""
    town = make_town("sqlite", valkey.url)
    people = [f"p{number}@acme.example" for number in range(100)]
    town.arrive(town.sign_up(*people))
    work(town)
    acceptor = Acceptor(town.runtime, Waker(valkey.url))
    for ill in (absent, frozen, full, read_only, closed_to_us):
        with ill(valkey):
            took = []
            for one in people:
                arrival = town.write(one)
                watch = Stopwatch()
                acceptor.store(arrival)  # raises what the sender would be told with 503
                took.append(watch.seconds)
            if (p99 := statistics.quantiles(took, n=100, method="inclusive")[98]) >= 0.3:
                raise TooSlow(f"{ill.__name__}: p99 {p99:.3f} s")
            until(
                lambda: not rows(town.runtime, "inbox", "id", status="pending", kind="form"),
                12,
                ill.__name__,
            )
    town.drained(30)
    town.check()
    worked_on(town)


def test_r27_rq_keeps_what_the_design_relies_on(valkey: ValkeyServer) -> None:
    """R27: on the pinned RQ: a single queue is popped through an intermediate list, a job waits under its name without
    arguments, and results are not kept. An upgrade that changes this has to be looked at."""
    import rq
    from rq import Queue, SimpleWorker
    from rq.serializers import JSONSerializer

    from jobs.queue import DELIVER, JOB_SECONDS, JOBS, push
    from jobs.worker import QuietWorker, WakeUp

    assert rq.__version__ == "3.0.0"
    client = Redis.from_url(valkey.url)
    queue = Queue(DELIVER, connection=client, serializer=JSONSerializer, job_class=WakeUp)
    assert push(client, queue)
    assert not push(client, queue), "one that waits is enough"
    (job,) = queue.get_jobs()
    assert (job.func_name, list(job.args), job.kwargs) == (JOBS[DELIVER], [], {})
    assert (job.timeout, job.result_ttl) == (JOB_SECONDS, 0)
    popped, _ = Queue.dequeue_any([queue], None, connection=client, serializer=JSONSerializer, job_class=WakeUp)
    assert popped.id == job.id
    assert client.lrange(queue.intermediate_queue_key, 0, -1) == [job.id.encode()], "a kill here loses nothing"
    assert issubclass(QuietWorker, SimpleWorker)
    assert callable(QuietWorker.request_stop), "what a SIGTERM calls"
