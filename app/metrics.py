"""What ``/metrics`` says, read from the database at each scrape: the same whichever process answers."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from sqlalchemy import Connection as Conn
from sqlalchemy import func, select

from app.contacts.times import EPOCH
from app.runtime import Runtime
from app.store import breakers, deliveries, inbox, latency, notes, polls
from app.store.connections import ACTIVE
from app.store.kept import kept
from app.store.tables import deliveries as deliveries_table
from app.store.tables import events, handoffs
from app.store.tables import inbox as inbox_table


def metrics(runtime: Runtime) -> bytes:
    """The metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Collector(runtime))
    return generate_latest(registry)


class _Collector:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def describe(self) -> list[Metric]:
        """Nothing: what there is depends on what is connected."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All metrics, from one snapshot."""
        with self._runtime.database.read() as conn:
            yield from self._inbox(conn)
            yield from self._deliveries(conn)
            yield from self._connections(conn)
            yield from self._rest(conn)

    def _inbox(self, conn: Conn) -> Iterator[Metric]:
        waiting = GaugeMetricFamily(
            "baton_inbox_rows", "Requests in the inbox that need work or a person", labels=["status"]
        )
        for status in (inbox.PENDING, inbox.PARKED):
            count = conn.execute(
                select(func.count()).select_from(inbox_table).where(inbox_table.c.status == status)
            ).scalar()
            waiting.add_metric([status], count or 0)
        yield waiting
        oldest = inbox.oldest_pending(conn)
        yield GaugeMetricFamily(
            "baton_inbox_oldest_seconds",
            "Age of the oldest request that waits",
            value=0 if oldest is None else max(0.0, (self._runtime.clock() - oldest).total_seconds()),
        )
        decided = GaugeMetricFamily(
            "baton_decided_after_seconds",
            "From the arrival of a request to its decisions, of the newest within an hour",
            labels=["quantile"],
        )
        found = latency.lately(conn, self._runtime.clock())
        if found is not None:
            for quantile, seconds in (("0.5", found.half), ("0.95", found.most), ("1", found.slowest)):
                decided.add_metric([quantile], seconds)
        yield decided
        # Numbers grow by one a row; nothing is ever taken out of the log but by erasure
        newest = conn.execute(select(func.max(events.c.seq))).scalar()
        yield CounterMetricFamily("baton_events", "Events in the log", value=newest or 0)

    def _deliveries(self, conn: Conn) -> Iterator[Metric]:
        rows = GaugeMetricFamily(
            "baton_deliveries", "Deliveries that wait or need a person", labels=["connection", "status"]
        )
        lag = GaugeMetricFamily(
            "baton_deliveries_oldest_due_seconds", "How long the first has been due", labels=["connection"]
        )
        names = {one.id: one.name for one in self._runtime.connections().values()}
        now = self._runtime.clock()
        for connection_id, (count, since) in deliveries.backlog(conn).items():
            name = names.get(connection_id, str(connection_id))
            rows.add_metric([name, deliveries.PENDING], count)
            lag.add_metric([name], max(0.0, (now - since).total_seconds()) if since else 0)
        query = (
            select(deliveries_table.c.connection_id, deliveries_table.c.status, func.count())
            .where(deliveries_table.c.status.in_((deliveries.SENDING, deliveries.UNKNOWN, deliveries.DEAD)))
            .group_by(deliveries_table.c.connection_id, deliveries_table.c.status)
        )
        for connection_id, status, count in kept(conn, "deliveries left", lambda: conn.execute(query).all()):
            rows.add_metric([names.get(connection_id, str(connection_id)), status], count)
        yield rows
        yield lag

    def _connections(self, conn: Conn) -> Iterator[Metric]:
        up = GaugeMetricFamily("baton_connection_active", "1 unless paused or broken", labels=["connection", "kind"])
        resting = GaugeMetricFamily(
            "baton_breaker_open", "1 while a failing vendor is left alone", labels=["connection"]
        )
        refused = CounterMetricFamily(
            "baton_requests_refused", "Requests that could not prove their origin", labels=["connection"]
        )
        marks, refusals = notes.read_marks(conn), notes.refusals_by_connection(conn)
        for one in self._runtime.connections().values():
            up.add_metric([one.name, one.kind], float(one.status == ACTIVE))
            resting.add_metric([one.name], float(breakers.failing(marks, one.id).until is not None))
            refused.add_metric([one.name], refusals.get(one.id, (0, EPOCH, ""))[0])
        yield from (up, resting, refused)
        came = CounterMetricFamily(
            "baton_events_by_way",
            "New events by the way they came: webhook, poll, import",
            labels=["connection", "way"],
        )
        names = {one.id: one.name for one in self._runtime.connections().values()}
        for (connection_id, way), count in polls.totals(conn).items():
            came.add_metric([names.get(connection_id, str(connection_id)), way], count)
        behind = GaugeMetricFamily(
            "baton_poll_behind_seconds",
            "Time since everything of a stream was last read",
            labels=["connection", "stream"],
        )
        for (connection_id, stream), state in polls.load(conn, list(names)).items():
            behind.add_metric([names[connection_id], stream], (self._runtime.clock() - state.upto).total_seconds())
        yield from (came, behind)
        swept = marks.get("swept")
        yield GaugeMetricFamily(
            "baton_sweep_age_seconds",
            "Time since a worker last looked around; a large value means that none runs",
            value=-1 if swept is None else max(0.0, (self._runtime.clock() - swept[1]).total_seconds()),
        )

    def _rest(self, conn: Conn) -> Iterator[Metric]:
        count = select(func.count()).select_from(handoffs)
        now = self._runtime.clock()
        open_now = conn.execute(count.where(handoffs.c.status == "open")).scalar()
        late = conn.execute(count.where(handoffs.c.status == "open", handoffs.c.due_at < now)).scalar()
        yield GaugeMetricFamily(
            "baton_handoffs_open", "Handoffs that nobody has claimed or judged", value=open_now or 0
        )
        yield GaugeMetricFamily("baton_handoffs_overdue", "Open handoffs that are past their time", value=late or 0)
