"""What a batch means for the rows of enrolments and reviews: they say what the contacts' states say.

A contact whose history was folded again may never have been in a sequence, or have left it otherwise; the rows follow.
A review that somebody has decided stays as it is.
"""

from collections.abc import Callable, Mapping

from sqlalchemy import Connection as Conn

from app.contacts.contact import Enrolment
from app.contacts.resolve import Person
from app.rules.decision import ReviewPlan
from app.store import enrolments, reviews
from app.store.engine import Database
from app.store.enrolments import Row
from app.store.reviews import RESOLVED, Known
from jobs.unit import Work, place_of


class Rolls:
    """Collects what is to be written of a batch, then writes it."""

    def __init__(self) -> None:
        self._known: dict[Person, dict[str, Row]] = {}
        self._known_reviews: dict[Person, dict[str, Known]] = {}
        self._runs: list[tuple[Person, Enrolment]] = []
        self._gone: list[str] = []
        self._opened: list[tuple[Person, ReviewPlan]] = []
        self._amended: list[ReviewPlan] = []
        self._withdrawn: list[str] = []

    def look(self, conn: Conn, sources: Mapping[int, Person]) -> None:
        """Read the rows of contacts that were folded again; ``sources`` are stored contacts and whose they are now."""
        for source, rows in enrolments.of_contacts(conn, list(sources)).items():
            self._known.setdefault(sources[source], {}).update(rows)
        for source, known in reviews.of_contacts(conn, list(sources)).items():
            self._known_reviews.setdefault(sources[source], {}).update(known)

    def plan(self, person: Person, work: Work) -> None:
        """Work out what is to be written for one contact."""
        ended = {run.key: run for decision in work.decisions if (run := decision.ended) is not None}
        running = {run.key: run for run in work.state.enrolments.values()}
        again = work.refold_from is not None
        changed = [run for run in running.values() if again or work.places.get(run.key) != place_of(run)]
        self._runs += [(person, run) for run in (*ended.values(), *changed)]
        plans = {plan.key: plan for decision in work.decisions if (plan := decision.review) is not None}
        known = self._known_reviews.get(person, {})
        self._opened += [(person, plan) for key, plan in plans.items() if key not in known]
        if work.refold_from is None:
            return
        since = work.refold_from.occurred_at
        rows = self._known.get(person, {}).values()
        self._gone += [row.key for row in rows if row.entered_at >= since and row.key not in {**ended, **running}]
        self._amended += [plan for key, plan in plans.items() if key in known and known[key].status != RESOLVED]
        self._withdrawn += [one.key for one in known.values() if one.opened_at >= since and one.key not in plans]

    def write(self, conn: Conn, database: Database, at_home: Callable[[Person], int]) -> None:
        """Write it. ``at_home`` gives a person's id."""
        enrolments.forget(conn, self._gone)
        enrolments.save(conn, database, [(at_home(person), run) for person, run in self._runs])
        reviews.withdraw(conn, self._withdrawn)
        reviews.amend(conn, self._amended)
        reviews.add(conn, [(at_home(person), plan) for person, plan in self._opened])
