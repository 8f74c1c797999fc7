"""Every sample of every adapter against its golden: what a vendor sends, and the events that it becomes.

To add a sample is to add a test: put the body into ``adapters/<vendor>/samples/``, run ``make golden`` and read what
was written beside it. A name that ends in ``@…`` was sent to an address with ``?event=…``.

Catalogue: A3 (keys of redelivery), A6 (bad items of a batch), A7 and A8 (forms, visits, commerce), B4 (hygiene), C5
(human or machine), D10 (every adapter has a default mapping that works), M1 and M2 (what comes in).
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.contract import Adapter, BadItem, WebhookRequest
from adapters.registry import adapters
from mappings.mapping import FieldMapping, mapping_file
from mappings.rows import MappingDocument

ROOT = Path(__file__).parents[2] / "adapters"
RECEIVED = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
GOLDEN = ".events.json"
ADDRESSES = {"forms": "forms/demo", "site": "track"}  # the others: webhooks/<name>
READERS = [adapter for adapter in adapters().values() if adapter.parse]


def samples_of(adapter: Adapter) -> list[Path]:
    folder = ROOT / adapter.name / "samples"
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return [file for file in files if file.suffix != ".md" and not file.name.endswith(GOLDEN)]


def golden_of(sample: Path) -> Path:
    return sample.with_name(sample.stem + GOLDEN)


def content_type_of(sample: Path, body: bytes) -> str:
    if sample.suffix == ".multipart":
        return f"multipart/form-data; boundary={body.split(b'--', 1)[1].split()[0].decode()}"
    kinds = {".form": "application/x-www-form-urlencoded", ".json": "application/json", ".xml": "text/xml"}
    return kinds[sample.suffix]


def request(adapter: Adapter, sample: Path, body: bytes, received_at: datetime = RECEIVED) -> WebhookRequest:
    """The sample as it would arrive."""
    address = f"https://baton.example.com/{ADDRESSES.get(adapter.name, f'webhooks/{adapter.name}')}"
    _, _, meaning = sample.stem.partition("@")
    return WebhookRequest(
        method="POST",
        url=f"{address}?event={meaning}" if meaning else address,
        headers={"content-type": content_type_of(sample, body), "user-agent": "Mozilla/5.0 Firefox/140.0"},
        body=body,
        received_at=received_at,
        route="demo" if adapter.name == "forms" else "",
    )


def mapping_of(adapter: Adapter) -> FieldMapping:
    if adapter.mapping:
        return mapping_file(adapter.mapping)
    return FieldMapping(MappingDocument(kind="mapping", name=adapter.name, fields=[]))


def read(adapter: Adapter, sample: Path, received_at: datetime = RECEIVED) -> list[Any]:
    """What the adapter makes of a sample: events, and what it parks."""
    assert adapter.parse is not None
    return list(adapter.parse(request(adapter, sample, sample.read_bytes(), received_at), mapping_of(adapter)))


def written(items: list[Any]) -> bytes:
    """A golden: UTF-8 in which nothing is invisible, so that an editor changes nothing that nobody sees."""
    shown = [
        {"parked": item.body.decode("utf-8", "backslashreplace"), "reason": item.reason}
        if isinstance(item, BadItem)
        else msgspec.to_builtins(item)
        for item in items
    ]
    text = json.dumps(shown, indent=2, ensure_ascii=False) + "\n"
    return "".join(
        letter if letter.isprintable() or letter == "\n" else json.dumps(letter)[1:-1] for letter in text
    ).encode()


ALL = [
    pytest.param(adapter, sample, id=f"{adapter.name}/{sample.name}")
    for adapter in READERS
    for sample in samples_of(adapter)
]


@pytest.mark.parametrize(("adapter", "sample"), ALL)
def test_sample_becomes_its_golden_events(adapter, sample):
    made, golden = written(read(adapter, sample)), golden_of(sample)
    if os.environ.get("BATON_GOLDEN") == "write":
        golden.write_bytes(made)
    assert golden.exists(), f"{golden.name} is missing: run `make golden` and read what it writes"
    assert made.decode() == golden.read_bytes().decode("utf-8", "backslashreplace"), (
        f"{sample.name} becomes other events than its golden says; if these are right, `make golden`, and read the diff"
    )


@pytest.mark.parametrize(("adapter", "sample"), ALL)
def test_sample_that_comes_again_later_is_the_same_events(adapter, sample):
    def keys(hours: int) -> list[str]:
        later = RECEIVED.replace(hour=RECEIVED.hour + hours)
        return [item.source_key for item in read(adapter, sample, later) if not isinstance(item, BadItem)]

    first = keys(0)
    assert len(set(first)) == len(first), "two events of one body have the same key"
    # What has neither an id nor a time of its own is told apart by the minute or day in which it came
    if adapter.name not in ADDRESSES:
        assert keys(2) == first, "the same body two hours later has other keys: the time of its arrival is in them"


@pytest.mark.parametrize("adapter", [pytest.param(adapter, id=adapter.name) for adapter in READERS])
def test_adapter_that_reads_has_samples_and_says_where_they_are_from(adapter):
    samples, readme = samples_of(adapter), ROOT / adapter.name / "samples" / "README.md"
    assert len(samples) >= 3, f"adapters/{adapter.name}/samples has {len(samples)} payloads; three is the least"
    assert readme.exists(), f"adapters/{adapter.name}/samples has no README.md that says where its payloads are from"
    assert "made" in readme.read_text(encoding="utf-8"), "its README.md has to say which payloads were made by hand"


@pytest.mark.parametrize("adapter", [pytest.param(adapter, id=adapter.name) for adapter in READERS])
def test_every_golden_has_its_sample(adapter):
    found = set((ROOT / adapter.name / "samples").glob(f"*{GOLDEN}"))
    samples = samples_of(adapter)
    wanted = {golden_of(sample) for sample in samples}
    assert not found - wanted, f"goldens without a sample: {sorted(one.name for one in found - wanted)}"
    assert not wanted - found, f"`make golden` has not written {sorted(one.name for one in wanted - found)}"
    assert len(wanted) == len(samples), "two samples share a golden"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'\xef\xbb\xbf{"email":"ann@example.com"}', id="a byte order mark"),
        pytest.param('{"email":"ann@example.com","note":"\ufeff\u2028\u200b"}'.encode(), id="invisible letters"),
        pytest.param(b"email=ann@example.com&note=%ff%fe\xff", id="broken UTF-8"),
    ],
)
def test_golden_survives_what_a_sample_holds(tmp_path, monkeypatch, body):
    forms = adapters()["forms"]
    sample = tmp_path / f"odd.{'json' if body[-1:] == b'}' else 'form'}"
    sample.write_bytes(body)
    golden_of(sample).write_bytes(b"\xef\xbb\xbf[\xff] saved by an editor\r\n")
    monkeypatch.setenv("BATON_GOLDEN", "write")
    test_sample_becomes_its_golden_events(forms, sample)
    monkeypatch.delenv("BATON_GOLDEN")
    test_sample_becomes_its_golden_events(forms, sample)
    assert sample.read_bytes() == body
    assert all(byte >= 0x20 or byte == 0x0A for byte in golden_of(sample).read_bytes())
    golden_of(sample).write_bytes(b"\xef\xbb\xbf" + golden_of(sample).read_bytes())
    with pytest.raises(AssertionError):
        test_sample_becomes_its_golden_events(forms, sample)
