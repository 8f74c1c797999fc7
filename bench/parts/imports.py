"""How fast a file is imported, and with how much memory: 100,000 contacts with consent, a million with --full."""

import resource
import time
from collections.abc import Iterator

from app.imports import acts
from app.runtime import Runtime
from app.store import imports
from bench.report import Figure
from bench.setting import Bench
from jobs import importing, ingest

PROOF = "Double opt-in on www.bench.example since 2023"
PIECE = 5_000  # rows
LARGEST_MIB = 400.0


def measure(bench: Bench) -> Iterator[Figure]:
    """One process does all of it: it stores the file, feeds it and takes it in."""
    rows = 2_000 if bench.quick else 1_000_000 if bench.full else 100_000
    with bench.hub() as hub:
        began = time.monotonic()
        number, preview = acts.store_file(hub.runtime, "people.csv", _file(rows), "bench")
        yield Figure("looking at the file", time.monotonic() - began, "s")
        with hub.runtime.database.read() as conn:
            one = imports.load(conn, number)
        assert one is not None
        acts.begin_file(hub.runtime, one, preview.columns, "bench", acts.Consent(PROOF, "newsletter"))
        began, used = time.monotonic(), time.process_time()
        taken = _run(hub.runtime, number)
        seconds = time.monotonic() - began
        yield Figure(f"contacts of {rows:,} that are missing", rows - taken, "", bar=0, promise=True)
        yield Figure("contacts imported", rows / seconds, "a second")
        yield Figure("CPU", (time.process_time() - used) * 1000 / rows, "ms per contact")
        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        yield Figure("memory of the process at its largest", largest, "MiB", bar=LARGEST_MIB)


def _file(rows: int) -> Iterator[bytes]:
    yield b"email,first_name,last_name,company,city,newsletter\n"
    for start in range(0, rows, PIECE):
        yield "".join(map(_line, range(start, min(rows, start + PIECE)))).encode()


def _line(number: int) -> str:
    company, agreed = number % 5000, "yes" if number % 3 else ""
    return f"p{number}@c{company}.example,First{number},Last{number},Company {company},City {number % 300},{agreed}\n"


def _run(runtime: Runtime, number: int) -> int:
    """Feed the import and work it off; how many rows were done."""
    with runtime.database.read() as conn:
        one = imports.load(conn, number)
    assert one is not None
    lease = importing.take(runtime, one)
    assert lease is not None
    feeder = importing.Feeder(runtime, one, lease)
    while feeder.step():
        with runtime.database.read() as conn:
            one = imports.load(conn, number)
            waits = imports.pending(conn, one.connection_id) if one is not None else 0
        if one is not None and (waits >= importing.MAX_PENDING or one.position == imports.DONE):
            ingest.drain(runtime, 60)
    with runtime.database.read() as conn:
        one = imports.load(conn, number)
    return one.settled - one.skipped if one is not None else 0
