"""A scoring model that people can follow: how many rules it has, and which never give points.

Whether a rule ever fires is told from few rows, whatever the database holds: whether its kind of event ever came, and
the newest people with such an event.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from app.rules.scoring import RuleDocument, ScoringDocument
from app.store import fired

MOST = 10
LOOKED_AT = 100
LEAST = 20  # of fewer people nothing can be said


class Warned(Struct, frozen=True):
    """Something about the model that is worth a second look."""

    rule: str  # "" for the model as a whole
    text: str
    number: int = 0  # of the rule, from 1


class _Scored(Struct):
    """The part of a contact's state that says which rules have given points."""

    score: dict[str, Any] = {}


_read = msgspec.json.Decoder(_Scored).decode


def warnings(conn: Connection, document: ScoringDocument) -> list[Warned]:
    """What is worth a second look, the model first."""
    found = []
    if len(document.rules) > MOST:
        found.append(
            Warned(
                "",
                f"There are {len(document.rules)} rules. Past {MOST}, nobody can tell any more why a score is what it "
                "is: take out those that hardly change who is handed over.",
            )
        )
    return found + list(_silent(conn, document))


def _silent(conn: Connection, document: ScoringDocument) -> Iterable[Warned]:
    kinds = {kind for rule in document.rules for kind in rule.on}
    people = {kind: fired.people_with(conn, kind, LOOKED_AT) for kind in sorted(kinds)}
    newest = fired.newest_people(conn, LOOKED_AT)
    if len(newest) < LEAST:
        return
    states = fired.states(conn, {one for some in (*people.values(), newest) for one in some})
    scored = {contact: rules_in(state) for contact, state in states.items()}
    for number, rule in enumerate(document.rules, 1):
        if said := _silence(rule, people, newest, scored):
            yield Warned(rule.id, said, number)


def rules_in(state: str) -> frozenset[str]:
    """The rules that have given or taken points, by a contact's packed state."""
    return frozenset(_read(state).score.get("rules", ()))


def _silence(
    rule: RuleDocument, people: dict[str, list[int]], newest: list[int], scored: dict[int, frozenset[str]]
) -> str:
    """Why a rule seems never to give points, or an empty text."""
    if not rule.on:
        known = [one for one in newest if one in scored]
        if any(rule.id in scored[one] for one in known):
            return ""
        return f"“{rule.label}” holds for none of the {len(known)} newest people."
    with_event = {one for kind in rule.on for one in people[kind] if one in scored}
    if not with_event:
        return f"“{rule.label}” has never given points: nothing of the kind {' or '.join(rule.on)} has come yet."
    count = len(with_event)
    if count < LEAST or any(rule.id in scored[one] for one in with_event):
        return ""
    return f"“{rule.label}” has given points to none of the {count} newest people with {' or '.join(rule.on)}."
