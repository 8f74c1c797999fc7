"""Waking workers through RQ. A wake-up carries no data and may be lost: the sweep finds the work by its state.

Redis is never waited for: short time-outs, no retries, and a failure is only counted. Before a request is answered
nothing here is called.
"""

import threading
import time

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

INGEST, DELIVER, REHEARSE = "ingest", "deliver", "rehearse"
RESCORE = "rescore"  # nobody is woken for it: the sweep finds it
# What a job may be, and nothing else: see jobs.worker. Whoever has nothing else to do takes the last kind
JOBS = {INGEST: "jobs.ingest.ingest", DELIVER: "jobs.deliver.deliver", REHEARSE: "jobs.rehearse.rehearse"}
GUARD_SECONDS = 5
JOB_SECONDS = 180


def connect(url: str, timeout: float = 0.2) -> Redis:
    """A Redis client that gives up at once."""
    return Redis.from_url(
        url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0), retry_on_timeout=False
    )


class Waker:
    """Wakes the workers of a queue from a thread of its own, so that nobody waits for Redis.

    Any number of calls while a wake-up is under way make one more; one that still waits in the queue is enough.
    """

    def __init__(self, redis_url: str) -> None:
        self._url = redis_url
        self._wanted: set[str] = set()
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self.failures = 0

    def wake(self, *queues: str) -> None:
        """Ask for these queues' workers; returns at once."""
        if not self._url:
            return
        with self._change:
            self._wanted.update(queues)
            if self._thread is None or not self._thread.is_alive():  # also after the server forked
                self._thread = threading.Thread(target=self._run, name="waker", daemon=True)
                self._thread.start()
            self._change.notify()

    def _run(self) -> None:
        client = connect(self._url)
        queues = {name: Queue(name, connection=client, serializer=JSONSerializer) for name in JOBS}
        while True:
            with self._change:
                while not self._wanted:
                    self._change.wait()
                wanted, self._wanted = self._wanted, set()
            for name in wanted:
                try:
                    push(client, queues[name])
                except RedisError:
                    self.failures += 1
                    time.sleep(0.05)


def push(client: Redis, queue: Queue) -> bool:
    """Put one wake-up in a queue unless one waits there already. Raises RedisError."""
    # The guard falls when a worker takes the wake-up, and by itself if that one was lost
    if not client.set(guard_key(queue.name), 1, nx=True, ex=GUARD_SECONDS):
        return False
    queue.enqueue(
        JOBS[queue.name], result_ttl=0, failure_ttl=3600, ttl=600, job_timeout=JOB_SECONDS, description=queue.name
    )
    return True


def guard_key(queue: str) -> str:
    """The key that is set while a wake-up waits in a queue."""
    return f"baton:wake:{queue}"
