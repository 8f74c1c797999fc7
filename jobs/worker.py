"""A worker process: RQ brings it wake-ups, and nothing but wake-ups; a ticker makes up for those that get lost."""

import gc
import os
import signal
import time
from typing import Any

import structlog
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

from app.runtime import Runtime
from app.settings import Settings
from app.store import lanes
from jobs import context, watch
from jobs.context import JobContext, enter
from jobs.queue import JOBS, REHEARSE, Waker, connect, guard_key
from jobs.sweep import Ticker

log = structlog.get_logger("baton.worker")

WORKER_TTL, MAINTENANCE_SECONDS, RETRY_REDIS_SECONDS = 30, 60, 2.0


class NotAWakeUp(Exception):
    """A job that is none of ours. Whoever writes to Redis could name any function; only ours are ever called."""


class WakeUp(Job):
    """A job as Baton takes it: a listed name without arguments. Callbacks and webhooks in it are dropped."""

    def restore(self, raw_data: Any) -> Any:
        """Read the job from Redis, leaving out whatever could call something else."""
        restored = super().restore(raw_data)
        self._success_callback_name = self._failure_callback_name = self._stopped_callback_name = None
        self.webhooks = []
        return restored

    @property
    def func(self) -> Any:
        """The listed function. Raises NotAWakeUp for any other."""
        if self.func_name not in JOBS.values() or self.args or self.kwargs or self.instance:
            log.error("foreign_job", name=str(self.func_name)[:100])
            raise NotAWakeUp("a job in our queue that is not a wake-up; who else writes to this Redis?")
        return super().func


class QuietWorker(SimpleWorker):
    """Runs jobs in this process: no fork for each wake-up. The supervisor restarts it should it fall."""

    job_class = WakeUp
    log_job_description = False
    log_result_lifespan = False
    asked_to_stop = False

    def procline(self, message: str) -> None:
        """Leave the process the title that the supervisor gave it; RQ would change it with every wake-up."""

    def request_stop(self, signum: Any, frame: Any) -> None:
        """Remember that it was a person who asked: RQ ends its loop in the same way when Redis goes away."""
        self.asked_to_stop = True
        context.stopping.set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


def work(settings: Settings, queue: str) -> None:
    """Work one queue until asked to stop. Comes back from everything that Redis does."""
    runtime = Runtime(settings)
    waker = Waker(settings.redis_url)
    took = _guard(settings)
    enter(JobContext(runtime, waker.wake, took))
    ticker = Ticker(runtime, waker.wake, lanes.me())
    ticker.start()
    watch.start()
    stopping = context.stopping
    # A batch makes some hundred thousand objects and lets them all go at its end: looking for cycles among them as
    # often as Python does by default took a sixth of the time
    gc.freeze()
    gc.set_threshold(50_000, 25, 25)
    log.info("started", queue=queue, pid=os.getpid())
    waker.wake(queue)  # for what waits already
    try:
        while not stopping.is_set():
            for number in (signal.SIGTERM, signal.SIGINT):  # RQ sets its own while it works, and leaves them behind
                signal.signal(number, lambda *_: stopping.set())
            if not settings.redis_url:
                stopping.wait(1.0)
                continue
            try:
                if _work_queue(settings, queue):
                    break
            except (RedisError, OSError) as error:
                log.warning("redis_away", error=type(error).__name__)
            stopping.wait(RETRY_REDIS_SECONDS)
    finally:
        ticker.stop()
        runtime.close()
        log.info("stopped", queue=queue, pid=os.getpid())


def _work_queue(settings: Settings, queue: str) -> bool:
    """Take wake-ups until Redis fails; True when the worker was asked to stop."""
    client = connect(settings.redis_url, timeout=5.0)
    worker = QuietWorker(
        # The first that holds something is taken from: its own one before what every worker can do
        [Queue(name, connection=client, serializer=JSONSerializer, job_class=WakeUp) for name in (queue, REHEARSE)],
        connection=client,
        serializer=JSONSerializer,
        job_class=WakeUp,
        worker_ttl=WORKER_TTL,
        maintenance_interval=MAINTENANCE_SECONDS,
        log_job_description=False,
    )
    worker.work(logging_level="WARNING", with_scheduler=False)
    return worker.asked_to_stop


def _guard(settings: Settings) -> Any:
    """What lets the next wake-up through once one has been taken."""
    if not settings.redis_url:
        return lambda queue: None
    client = connect(settings.redis_url)

    def took(queue: str) -> None:
        try:
            client.delete(guard_key(queue))
        except RedisError:
            time.sleep(0)  # it falls by itself in a few seconds

    return took
