"""A mapping as people look at it: what is in force, the draft, each row and how it does, and what no row reads."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from sqlalchemy import Connection as Conn

from app.drafts import in_force_text
from app.mapping.captures import Capture, captures
from app.mapping.drift import GONE, RETYPED, Drift, Figures, History, drift_of, histories, listed_drift
from app.mapping.found import Found, fields_found, successor
from app.runtime import Runtime
from app.store import captured, counted, drafts, policies, schemas
from app.store.captured import HeldValue
from app.store.connections import Connection
from app.store.drafts import Draft
from app.store.schemas import Schema
from jobs.schemas import has_schema
from mappings.document import InvalidDocument
from mappings.fields import COMPUTED, FIELDS, SIGNALS, type_of
from mappings.kinds import BLANK
from mappings.mapping import FieldMapping, read_mapping, shipped_text
from mappings.rows import NEWEST
from mappings.schema import Listed
from mappings.writing import rows_of, set_name

MAPPING = "mapping"
RATES_OVER, SERIES = 30, 14  # days
_ROW = re.compile(r"(?:^|[\s,:])fields? (\d+)\b")
FINE, BAD, QUIET = "fine", "bad", "quiet"


class Subject(Struct, kw_only=True):
    """A mapping with its connections. ``name`` is the policy's; ``version`` is None while the shipped one is used."""

    name: str
    vendor: str
    connections: list[Connection]
    in_force: str
    version: int | None
    draft: Draft | None
    text: str  # the draft's, else what is in force
    problems: list[str] = field(default_factory=list)
    mapping: FieldMapping | None = None  # as the text reads; None where it cannot be used

    @property
    def of_one(self) -> bool:
        """Whether it is the mapping of one connection, and not of all of its tool."""
        return "." in self.name

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows as they stand in the text."""
        return rows_of(self.text)

    def problems_of(self, number: int) -> list[str]:
        """What is wrong with one row, in words without its place."""
        return [_without_place(one) for one in self.problems if number in rows_named(one)]


def subject(runtime: Runtime, conn: Conn, connection: Connection) -> Subject:
    """The mapping that a connection goes by."""
    own = f"{connection.kind}.{connection.name}"
    has_own = policies.in_force(conn, MAPPING, own) or drafts.find(conn, MAPPING, own)
    name = own if has_own else connection.kind
    version, draft = policies.in_force(conn, MAPPING, name), drafts.find(conn, MAPPING, name)
    shared = [one for one in runtime.connections().values() if one.kind == connection.kind] if name != own else []
    in_force = (
        version.body if version else own_text(conn, connection) if name == own else in_force_text(conn, MAPPING, name)
    )
    found = Subject(
        name=name,
        vendor=runtime.adapter(connection).title,
        connections=sorted(shared, key=lambda one: one.name) or [connection],
        in_force=in_force,
        version=version.version if version else None,
        draft=draft,
        text=draft.body if draft else in_force,
    )
    try:
        found.mapping = as_written(found.text)
    except InvalidDocument as invalid:
        found.problems = invalid.problems
    return found


def as_written(text: str) -> FieldMapping:
    """A text as a mapping that is to be tried. Raises InvalidDocument."""
    return read_mapping(text, MAPPING, "draft")


def own_text(conn: Conn, connection: Connection) -> str:
    """What a mapping of this connection alone would begin with: what it goes by now."""
    return set_name(in_force_text(conn, MAPPING, connection.kind), f"{connection.kind}.{connection.name}")


def mapped_connections(runtime: Runtime) -> list[Connection]:
    """The connections whose tool has a mapping, by name."""
    found = [one for one in runtime.connections().values() if runtime.adapter(one).mapping]
    return sorted(found, key=lambda one: (runtime.adapter(one).title, one.name))


def rows_named(problem: str) -> list[int]:
    """The numbers, from 0, of the rows that a problem names."""
    numbers = [int(number) - 1 for number in _ROW.findall(problem)]
    also = re.search(r"fields (\d+) and (\d+)", problem)
    return sorted({*numbers, *(int(number) - 1 for number in also.groups())} if also else set(numbers))


def _without_place(problem: str) -> str:
    said = problem.split(": ", 1)[-1] if problem.startswith(f"{MAPPING}:") else problem
    said = re.sub(r"^fields?, field \d+,? ?|^field \d+,? ?", "", said).lstrip(": ")
    return said[:1].upper() + said[1:]


def has_list(runtime: Runtime, connection: Connection) -> bool:
    """Whether a connection's tool can be asked for the fields of its contacts."""
    return has_schema(runtime, connection)


def connection_of(runtime: Runtime, name: str) -> Connection | None:
    """A connection that a mapping is for, by the mapping's name; None where there is none."""
    kind, _, alone = name.partition(".")
    mine = [one for one in mapped_connections(runtime) if one.kind == kind and alone in ("", one.name)]
    return mine[0] if mine else None


# --- how well a row does


class RowState(Struct, kw_only=True):
    """One row with its figures. ``state`` is fine, bad, or quiet where nothing came; ``says`` why it is not fine."""

    number: int
    contact: str
    sources: list[str]
    direction: str
    blank: str
    authority: str
    steps: int
    values: int
    state: str = FINE
    says: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    drift: Drift | None = None
    drifted: str = ""  # the vendor's field whose drift it is
    successor: Found | None = None  # what a field that is gone may be called by now
    figures: Figures = Figures()
    series: list[tuple[Any, Figures]] = field(default_factory=list)
    held: list[HeldValue] = field(default_factory=list)
    without_place: list[str] = field(default_factory=list)  # options that the tool lists and the table lacks

    @property
    def reads(self) -> bool:
        """Whether the tool's value becomes ours."""
        return self.direction != "out"


class Traffic(Struct):
    """What came in through a mapping's connections: counts by field, values without a place, the last payloads."""

    histories: dict[str, History] = field(default_factory=dict)
    held: list[HeldValue] = field(default_factory=list)
    captures: list[Capture] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    today: int = 0
    schema: Schema | None = None  # the tool's own list of fields

    @property
    def listed(self) -> dict[str, Listed]:
        """The tool's fields as it lists them itself."""
        return self.schema.fields if self.schema else {}


def traffic(runtime: Runtime, conn: Conn, about: Subject, connection: Connection | None = None) -> Traffic:
    """What came in lately; with a connection also its last payloads and the fields in them."""
    today = counted.day_of(runtime.clock())
    days = [one for mine in about.connections for one in counted.load(conn, mine.id, today - counted.KEPT.days)]
    held = [one for mine in about.connections for one in captured.held(conn, mine.id)]
    lists = schemas.load(conn, [one.id for one in about.connections])
    of = connection if connection is not None and connection.id in lists else None
    schema = lists[of.id] if of else next(iter(lists.values()), None)
    found = Traffic(histories(_summed(days)), held, today=today, schema=schema)
    if connection is not None:
        in_force = runtime.rulebook().mapping_for(connection)
        found.captures = captures(runtime, conn, connection, in_force)
        shipped = read_mapping(shipped_text(connection.kind), MAPPING)
        found.found = fields_found(found.captures, about.mapping or in_force, shipped)
    return found


def _summed(days: Sequence[counted.Day]) -> list[counted.Day]:
    """Several connections' counts as one."""
    sums: dict[tuple[str, int, str], int] = {}
    for one in days:
        key = (one.vendor, one.day, one.kind)
        sums[key] = sums.get(key, 0) + one.count
    return [counted.Day(vendor, day, kind, count) for (vendor, day, kind), count in sums.items()]


def row_states(about: Subject, lately: Traffic) -> list[RowState]:
    """Each row with how well it does."""
    return [_state(about, number, row, lately) for number, row in enumerate(about.rows)]


def sources_of(row: Mapping[str, Any]) -> list[str]:
    """The vendor's fields that a row names, whatever stands there."""
    vendor = row.get("vendor", "")
    return [str(one) for one in (vendor if isinstance(vendor, list) else [vendor]) if one not in ("", None)]


def _state(about: Subject, number: int, row: Mapping[str, Any], lately: Traffic) -> RowState:
    sources = sources_of(row)
    state = RowState(
        number=number,
        contact=str(row.get("contact", "")),
        sources=sources,
        direction=str(row.get("direction", "in")),
        blank=str(row.get("blank", "keep")),
        authority=str(row.get("authority", NEWEST)),
        steps=len(row.get("transform") or ()),
        values=len(row.get("values") or ()),
        problems=about.problems_of(number),
    )
    known = [lately.histories[one] for one in sources if one in lately.histories]
    together = [one.figures(lately.today - RATES_OVER) for one in known]
    state.figures = Figures(
        sum(one.seen for one in together), sum(one.filled for one in together), sum(one.held for one in together)
    )
    if len(known) == 1:
        state.series = known[0].by_day(lately.today - SERIES + 1, lately.today)
    if state.reads:
        state.held = [one for one in lately.held if one.vendor in sources and _still_held(row, one)]
        _look_for_drift(state, known, lately)
        _look_into_list(state, row, about.vendor, lately)
    _judge(state)
    return state


def _still_held(row: Mapping[str, Any], held: HeldValue) -> bool:
    values = row.get("values")
    return held.reason != "unmapped" or not isinstance(values, dict) or held.value not in map(str, values)


def _look_for_drift(state: RowState, known: Sequence[History], lately: Traffic) -> None:
    for history in known:
        drift = drift_of(history, lately.today)
        if drift is None or drift.what not in (GONE, RETYPED):
            continue
        state.drift, state.drifted = drift, history.name
        if drift.what == GONE:
            state.successor = successor(history.name, state.contact, lately.found, history.usual or BLANK)
        return


def _look_into_list(state: RowState, row: Mapping[str, Any], vendor: str, lately: Traffic) -> None:
    """What the tool's own list of fields says of a row. That a field never stood there says nothing: events have fields
    of their own, and a mapping may name one that is still to be made."""
    for name in state.sources:
        listed = lately.listed.get(name)
        if listed is None:
            continue
        drift = listed_drift(listed, vendor, lately.today)
        if drift is not None and state.drift is None:
            state.drift, state.drifted = drift, name
            if drift.what == GONE:
                state.successor = successor(name, state.contact, lately.found, listed.kind)
        values = row.get("values")
        if isinstance(values, dict) and values and row.get("unmapped", "hold") == "hold":
            missing = listed.without_place([str(one) for one in values])
            state.without_place += missing
            if fresh := [one for one in listed.fresh() if one in missing]:
                options = "a new option" if len(fresh) == 1 else f"{len(fresh)} new options"
                state.says.append(f"“{name}” has {options} without a place in its table: {', '.join(fresh[:5])}")


def _judge(state: RowState) -> None:
    if state.drift is not None:
        state.says.insert(0, f"“{state.drifted}” {state.drift.says}")
    unmapped = [one for one in state.held if one.reason == "unmapped"]
    if unmapped:
        count = len(unmapped)
        state.says.append(f"{count} {'value has' if count == 1 else 'values have'} no place in its table")
    if misfits := sum(one.count for one in state.held if one.reason == "mismatch"):
        state.says.append(f"{misfits:,} {'value' if misfits == 1 else 'values'} could not be converted")
    if state.problems or state.says:
        state.state = BAD
    elif state.reads and not state.figures.seen:
        state.state = QUIET


# --- the grid


class Cell(Struct):
    """What one mapping does with one of our fields."""

    subject: str
    rows: list[RowState]


class Line(Struct):
    """One of our fields, and each mapping's cell in the order of the subjects."""

    contact: str
    kind: str
    cells: list[list[RowState]]


class Grid(Struct):
    """Our fields down, mappings across."""

    subjects: list[Subject]
    lines: list[Line]


def grid(runtime: Runtime, conn: Conn) -> Grid:
    """Where each field comes from and goes to, with how well each row does."""
    subjects: dict[str, Subject] = {}
    for connection in mapped_connections(runtime):
        found = subject(runtime, conn, connection)
        subjects.setdefault(found.name, found)
    states = {name: row_states(one, traffic(runtime, conn, one)) for name, one in subjects.items()}
    used = {state.contact for rows in states.values() for state in rows if state.contact}
    order = [*FIELDS, *SIGNALS, *COMPUTED]
    names = [name for name in order if name in used] + sorted(used - set(order))
    lines = [
        Line(name, str(type_of(name) or ""), [[row for row in rows if row.contact == name] for rows in states.values()])
        for name in names
    ]
    return Grid(list(subjects.values()), lines)


# --- which payload


def around(found: Sequence[Capture], key: str) -> dict[str, str]:
    """The keys of payloads worth going to from one: its neighbours in time, the emptiest, the largest, the latest that
    failed. What there is none of is left out."""
    if not found:
        return {}
    keys = [one.key for one in found]
    at = keys.index(key) if key in keys else 0
    ways = {
        "newer": keys[at - 1] if at > 0 else "",
        "older": keys[at + 1] if at + 1 < len(keys) else "",
        "emptiest": min(found, key=_filled).key,
        "largest": max(found, key=lambda one: len(str(one.all_properties))).key,
        "failure": next((one.key for one in found if one.failed), ""),
    }
    return {name: to for name, to in ways.items() if to}


def _filled(capture: Capture) -> int:
    return sum(1 for value in capture.properties.values() if value not in (None, "", [], {}))
