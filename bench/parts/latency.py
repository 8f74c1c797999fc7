"""How soon the vendor hears of a webhook, at a fifth of the load that Baton can take.

Requests are due at fixed moments, whether or not earlier ones were answered; what counts is from then until the vendor
has the action.
"""

from collections.abc import Iterator

from bench import w1
from bench.arithmetic import percentile
from bench.parts import webhooks
from bench.report import Figure
from bench.setting import Bench

LOAD = 0.2
MEDIAN_MS, SLOWEST_MS = 20.0, 60.0  # bars


def measure(bench: Bench) -> Iterator[Figure]:
    """Both sizes of requests."""
    for batch, title in webhooks.BATCHES.items():
        if batch not in bench.done_rates:
            bench.done_rates[batch] = webhooks.run(bench, batch, webhooks.events_for(bench, batch)).done
        per_second = LOAD * bench.done_rates[batch] / batch
        seconds = 3 if bench.quick else 20
        notices = w1.make_notices(max(40, int(per_second * seconds)) * batch, bench.people)
        with w1.Vendor() as vendor, bench.hub() as hub:
            w1.set_up(hub, vendor)
            hub.started()
            sent = w1.send(hub, w1.requests_of(notices, batch), per_second)
            hub.rest(w1.PATIENCE_SECONDS)
            due = {notice["eventId"]: sent.due[number // batch] for number, notice in enumerate(notices)}
            waits = [(at - due[event]) * 1000 for event, at in vendor.told()]
            found = w1.faults(hub, vendor, notices)
        yield Figure(f"{title}: load", per_second, "requests/s")
        yield Figure(f"{title}: due to vendor, p50 of {len(waits)}", percentile(waits, 0.5), "ms", bar=MEDIAN_MS)
        yield Figure(f"{title}: due to vendor, p99", percentile(waits, 0.99), "ms", bar=SLOWEST_MS)
        yield from webhooks.no_faults(found, title)
