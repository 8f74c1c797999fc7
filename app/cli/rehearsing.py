"""``baton policy rehearse``: what a policy that is not in force would have done."""

import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.opened import opened

if TYPE_CHECKING:
    from app.rules.difference import Change, Tally
    from app.runtime import Runtime
    from app.store.rehearsals import Rehearsal

_LOOK_SECONDS = 0.3
_DAY = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"])


@click.command("rehearse")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--from", "since", type=_DAY, required=True, help="Where the span begins, in UTC: 2026-11-01")
@click.option("--until", type=_DAY, help="Where it ends; now, where left out.")
@click.option("--segment", default="", help="Only who is in this segment today.")
@click.option("--every", default=1, type=click.IntRange(1), help="Only each so-many-th contact, for a first look.")
@click.option("--details", default=10, type=click.IntRange(0, 500), help="So many of the differences singly.")
def rehearse(
    files: tuple[str, ...], since: datetime, until: datetime | None, segment: str, every: int, details: int
) -> None:
    """Say what policy files, mappings too, would have done over the stored history, held against what is in force.
    Sends nothing.

    Several files are rehearsed as if they came into force together; scoring and lifecycle as if everybody had been
    scored by them from the beginning.
    """
    from app import rehearsal
    from app.store import rehearsals
    from mappings.document import InvalidDocument

    runtime, who = opened(), "command line"
    texts = [(Path(file).name, Path(file).read_text(encoding="utf-8")) for file in files]
    try:
        end = until.replace(tzinfo=UTC) if until else None
        number = rehearsal.ask(runtime, who, texts, since.replace(tzinfo=UTC), end, segment, every)
    except (InvalidDocument, rehearsal.NotRehearsed) as error:
        raise click.ClickException(str(error)) from None
    try:
        found = _work(runtime, number)
    except KeyboardInterrupt:
        rehearsal.cancel(runtime, who, number)
        raise click.ClickException("canceled; nothing was changed") from None
    if found.status != rehearsals.DONE:
        raise click.ClickException(f"the rehearsal ended early: {found.reason or found.status}")
    _tell(runtime, found, details)


def _work(runtime: "Runtime", number: int) -> "Rehearsal":
    """Work on it in this process, unless a worker was first, until it is over."""
    from app.store import lanes, rehearsals
    from jobs import rehearse as job

    stopping = threading.Event()
    holder = lanes.me()
    while True:
        worker = threading.Thread(target=job.work, args=(runtime, holder, stopping), daemon=True)
        worker.start()
        try:
            while True:
                with runtime.database.read() as conn:
                    found = rehearsals.find(conn, number)
                if found is None:
                    raise click.ClickException("somebody threw the rehearsal away")
                if not found.is_open:
                    return found
                if found.payloads and not found.seen:
                    click.echo(f"\r{found.payloads_read:,} of {found.payloads:,} payloads", nl=False, err=True)
                elif found.total:
                    click.echo(f"\r{found.seen:,} of {found.total:,} contacts", nl=False, err=True)
                if not worker.is_alive():
                    break  # a worker elsewhere has it; look again
                time.sleep(_LOOK_SECONDS)
        finally:
            stopping.set()
            worker.join()
            stopping.clear()
        time.sleep(_LOOK_SECONDS)


def _tell(runtime: "Runtime", found: "Rehearsal", details: int) -> None:
    from app.store import rehearsals

    labels = ", ".join(one.label for one in found.texts)
    click.echo(f"\r{labels}, {found.since:%Y-%m-%d %H:%M} to {found.until:%Y-%m-%d %H:%M} UTC:", err=False)
    _tell_reading(found.tally)
    _tell_counts(found.tally)
    if not found.tally.differing:
        click.echo("Nothing would have been different.")
        return
    click.echo(f"Different for {found.tally.differing:,} of {found.tally.contacts:,} contacts. Nothing was sent.")
    with runtime.database.read() as conn:
        some, more = rehearsals.changes_page(conn, found.id, details) if details else ([], None)
    for one in some:
        click.echo(f"  contact {one.contact_id}, {one.change.at:%Y-%m-%d %H:%M}: {_words(one.change)}")
    if more is not None:
        click.echo("  … and more; --details shows up to 500")


def _tell_reading(tally: "Tally") -> None:
    """What a mapping reads otherwise, and which fields differ by it."""
    counts = tally.payloads
    if not counts.read:
        return
    click.echo(f"{counts.read:,} payloads were read again; {counts.otherwise:,} of them say something else.")
    if counts.held_draft or counts.held_now:
        click.echo(f"  with a value that has no place: {counts.held_draft:,} instead of {counts.held_now:,}")
    if counts.lost_draft or counts.lost_now:
        click.echo(f"  of which nothing comes: {counts.lost_draft:,} instead of {counts.lost_now:,}")
    if counts.elsewho:
        click.echo(f"  that name somebody else, or somebody new, which is not tried: {counts.elsewho:,}")
    differing = [(name, one) for found in (tally.ours, tally.told) for name, one in found.items() if one.differing]
    if differing:
        click.echo(f"{'filled for so many contacts':42} {'in force':>9} {'the draft':>9} {'otherwise':>9}")
    for name, one in differing:
        click.echo(f"{name:42} {one.now:>9,} {one.draft:>9,} {one.differing:>9,}")


def _tell_counts(tally: "Tally") -> None:
    from app.rules.difference import ALL

    click.echo(f"{'':32} {'really':>9} {'in force':>9} {'the draft':>9}")
    for effect, rules in sorted(tally.effects.items()):
        count = rules[ALL]
        click.echo(f"{effect:32} {count.really:>9,} {count.now:>9,} {count.draft:>9,}")
    scores = tally.scores
    click.echo(f"{'contacts over the threshold':32} {'':>9} {scores.over_now:>9,} {scores.over_draft:>9,}")


def _words(change: "Change") -> str:
    from app.rules.field_difference import FIELD, TOLD

    if change.effect in (FIELD, TOLD):
        sides = (one.summary if one else "nothing" for one in (change.now, change.draft))
        return f"{change.rule}: {' → '.join(sides)}"
    match change.now, change.draft:
        case None, draft if draft is not None:
            return f"would be new: {draft.summary}"
        case now, None if now is not None:
            return f"would not be: {now.summary}"
        case now, draft if now is not None and draft is not None:
            return f"{now.summary} → {draft.summary}"
    return change.effect
