"""Policies as people look at them: what each is for, what is in force, what is being written, and what differs."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection

from adapters.registry import acting
from app import drafts as acts
from app import small_model
from app.rules import changes
from app.rules.policy import SINGLE
from app.rules.references import later_connections
from app.runtime import Runtime
from app.small_model import Warned
from app.store import connections, drafts, policies
from app.store.drafts import Draft
from app.store.policies import Version
from mappings.document import InvalidDocument
from mappings.lines import Problem
from mappings.mapping import SHIPPED

# kind → what screens call it, and what it is for
KINDS = {
    "scoring": ("Scoring", "How many points people get for what they do and who they are, and from which score on "
                "somebody counts as ready for sales."),
    "lifecycle": ("Lifecycle stages", "What makes somebody a lead, an MQL or a customer, and what sales' word "
                  "changes."),
    "handoff": ("Handoffs to sales", "When somebody is passed to sales, to whom, and how long that person has to "
                "answer."),
    "suppression": ("Who is left alone", "To whom nothing is sent: no consent, bounces, a conversation with sales, "
                    "a long silence."),
    "frequency": ("How often, and when", "How many messages a person gets at most, and the hours at which none "
                  "is sent."),
    "triggers": ("Triggers", "One message, or one act in a tool, when something happens."),
    "sequences": ("Sequences", "Several messages over days, with waits, branches and ways out."),
    "segments": ("Segments", "Groups of people who have something in common now. Other rules ask for them."),
    "content": ("Messages", "What messages say, block by block, and to whom which wording."),
    "interests": ("Interests", "Which pages tell what somebody is interested in, and for how long that counts."),
    "profiling": ("What forms ask", "Which questions forms ask, a few at a time, and never what is known already."),
    "mapping": ("Field mapping", "Which field of a tool is which of ours, and in which direction it goes."),
}  # fmt: skip


class Standing(Struct, frozen=True, kw_only=True):
    """A policy with what is in force and what is being written; None: the text that Baton ships, or no draft."""

    kind: str
    name: str
    title: str
    about: str
    in_force: Version | None
    text: str  # what is in force, also where it is the shipped one
    draft: Draft | None

    @property
    def version(self) -> int | None:
        """The number of the version in force."""
        return self.in_force.version if self.in_force else None

    @property
    def stale(self) -> bool:
        """Whether something was published since the draft was begun."""
        return self.draft is not None and self.draft.base != self.version

    @property
    def newest(self) -> str:
        """The text of the draft, else what is in force."""
        return self.draft.body if self.draft else self.text


def title_of(kind: str, name: str) -> str:
    """What screens call a policy."""
    title, _ = KINDS[kind]
    return f"{title}: {name}" if kind == "mapping" else title


def standing(conn: Connection, kind: str, name: str) -> Standing | None:
    """One policy, or None for one that cannot be, or of a tool that has no mapping."""
    try:
        acts.check_name(kind, name)
    except acts.Unknown:
        return None
    in_force, draft = policies.in_force(conn, kind, name), drafts.find(conn, kind, name)
    text = acts.in_force_text(conn, kind, name)
    return None if not text and draft is None else _standing(kind, name, in_force, draft, text)


def listed(conn: Connection) -> list[Standing]:
    """All policies, the rules before the mappings."""
    in_force = {(one.kind, one.name): one for one in policies.published(conn)}
    open_drafts = {(one.kind, one.name): one for one in drafts.listed(conn)}
    mappings = sorted({name for kind, name in {*in_force, *open_drafts} if kind == "mapping"} | set(SHIPPED))
    keys = [*((kind, kind) for kind in KINDS if kind in SINGLE), *(("mapping", name) for name in mappings)]
    return [
        _standing(*key, version, open_drafts.get(key), version.body if version else acts.in_force_text(conn, *key))
        for key in keys
        if (version := in_force.get(key)) or key in open_drafts or key[0] == "mapping"
    ]


def _standing(kind: str, name: str, in_force: Version | None, draft: Draft | None, text: str) -> Standing:
    about = KINDS[kind][1]
    return Standing(
        kind=kind, name=name, title=title_of(kind, name), about=about, in_force=in_force, text=text, draft=draft
    )


def problems(runtime: Runtime, conn: Connection, found: Standing) -> list[Problem]:
    """What keeps the draft from being published; without a draft, what is wrong with what is in force."""
    return list(_problems(runtime, conn, found))


def _problems(runtime: Runtime, conn: Connection, found: Standing) -> Iterable[Problem]:
    if found.draft is not None:
        yield from acts.problems(conn, found.kind, found.name, found.draft.body)
    elif found.in_force is not None:
        yield from (Problem(one) for one in runtime.rulebook().problems if one.startswith(f"{found.kind}:"))


class Difference(Struct, frozen=True):
    """What differs between two texts: in words (None: one cannot be read), and line by line."""

    words: list[str] | None
    lines: list[changes.Line]
    added: int
    removed: int

    @property
    def same(self) -> bool:
        """Whether the texts are the same, to the letter."""
        return not self.added and not self.removed


@lru_cache(64)
def difference(before: str, after: str) -> Difference:
    """What differs between two texts."""
    found = changes.lines(before, after)
    signs = [line.sign for line in found]
    return Difference(changes.in_words(before, after), found, signs.count("new"), signs.count("gone"))


def doubts(conn: Connection, found: Standing) -> list[Warned]:
    """What is worth a second look: in a scoring model, that is being written or in force; and which tools a draft wants
    that are not connected yet. Once it is in force, that is among the problems."""
    if found.kind != "scoring" and found.draft is None:
        return []
    try:
        document = acts.read_as(found.kind, found.name, found.newest)
    except InvalidDocument:
        return []
    if found.kind == "scoring":
        return small_model.warnings(conn, document.model)
    later = later_connections({found.kind: document.model}, connections.kinds(conn), acting())
    return [Warned("", f"{said[:1].upper()}{said[1:]}.") for said in later]


def shown(found: Standing, problems: list[Problem] | None = None) -> dict[str, Any]:
    """A policy as plain data, without its texts."""
    version, draft = found.in_force, found.draft
    return {
        "kind": found.kind,
        "name": found.name,
        "title": found.title,
        "about": found.about,
        "version": version and shown_version(version),
        "draft": draft
        and {
            "revision": draft.revision,
            "base": draft.base,
            "author": draft.author,
            "updated_at": draft.updated_at,
            "stale": found.stale,
            **({} if problems is None else {"problems": [shown_problem(one) for one in problems]}),
        },
    }


def shown_version(version: Version) -> dict[str, Any]:
    """A version as plain data, without its text."""
    return {
        "version": version.version,
        "status": version.status,
        "author": version.author,
        "note": version.note,
        "published_at": version.published_at,
    }


def shown_problem(problem: Problem) -> dict[str, Any]:
    """A problem as plain data."""
    return {"text": problem.text, "line": problem.line}
