"""How close to a vendor's rate limit Baton comes while deliveries wait, and that it never goes over.

The simulated vendors take their real counterparts' time to answer, and count each call when it reaches them.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from adapters.sandbox.server import serve
from app.contacts.action import AnyAction, TrackEvent, Unsubscribe
from app.runtime import Runtime
from bench import mass
from bench.arithmetic import fullest_window
from bench.hub import START_SECONDS
from bench.report import Figure
from bench.setting import Bench
from bench.tools import connect, queue

ANSWER_SECONDS = 0.2
LEAST_SHARE = 0.9


@dataclass(frozen=True)
class Limit:
    """What a vendor allows for one kind of call, and for how long to look at it."""

    vendor: str
    calls: int
    seconds: float
    look_seconds: float


# HubSpot: 190 calls in 10 seconds. Klaviyo: 350 events a second, for as long as its 3,500 a minute last
LIMITS = (Limit("hubspot", 190, 10.0, 25.0), Limit("klaviyo", 350, 1.0, 8.0))


def measure(bench: Bench) -> Iterator[Figure]:
    """Each vendor on its own, with more waiting than can leave meanwhile."""
    for limit in LIMITS:
        seconds = min(4.0, limit.look_seconds) if bench.quick else limit.look_seconds
        with serve() as tools, bench.hub() as hub:
            waiting = int(1.2 * seconds * limit.calls / limit.seconds)
            source = hub.connect("hubspot", "source", client_secret="bench", portal_id="4242")  # noqa: S106
            mass.fill(hub.runtime, source, waiting, 1)
            connect(hub, tools)
            target = hub.runtime.connection(limit.vendor)
            assert target is not None
            queue(hub.runtime, target, [_action(limit, hub.runtime)] * waiting)
            tools.vendors[limit.vendor].fault("done_then_slow", share=1.0, seconds=ANSWER_SECONDS)
            hub.start()
            hub.until(lambda: tools.called(limit.vendor), START_SECONDS, "the first call", 0.01)  # noqa: B023
            time.sleep(seconds)
            calls = tools.called(limit.vendor)
        moments = [call.at for call in calls if call.at - calls[0].at < seconds]
        title = f"{limit.vendor}, {limit.calls} in {limit.seconds:g} s"
        share = len(moments) / seconds / (limit.calls / limit.seconds)
        full = fullest_window([call.at for call in calls], limit.seconds)
        refused = sum(call.status == 429 for call in calls)
        yield Figure(f"{title}: used while deliveries wait", share * 100, "%", LEAST_SHARE * 100, at_least=True)
        yield Figure(f"{title}: most calls in any {limit.seconds:g} s", full, bar=limit.calls)
        yield Figure(f"{title}: refused with 429", refused, bar=0)


def _action(limit: Limit, runtime: Runtime) -> AnyAction:
    """Something that takes a call of its own."""
    if limit.vendor == "hubspot":
        return Unsubscribe()
    return TrackEvent(name="bench", occurred_at=runtime.clock())
