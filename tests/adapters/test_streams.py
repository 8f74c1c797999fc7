"""What every stream has to keep to, whichever tool's it is. Catalogue: A5."""

from datetime import UTC, datetime, timedelta

import pytest

from adapters.contract import Adapter, BadItem, Stream, Unreadable, WebhookRequest
from adapters.registry import adapters
from tests.adapters.test_samples import mapping_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STREAMS = [
    pytest.param(adapter, stream, id=f"{adapter.name}/{stream.name}")
    for adapter in adapters().values()
    for stream in adapter.streams
]


def asked(stream: Stream, body: bytes) -> WebhookRequest:
    return WebhookRequest(method="POST", url="", headers={}, body=body, received_at=NOW, route=stream.name)


@pytest.mark.parametrize(("adapter", "stream"), STREAMS)
def test_stream_is_declared_in_full(adapter: Adapter, stream: Stream) -> None:
    assert adapter.stream(stream.name) is stream, "two streams of one name"
    assert adapter.connect is not None, "nobody could be asked"
    assert set(stream.limits) <= {limit.name for limit in adapter.limits}, "it spends from limits that are not declared"
    assert set(stream.needs) <= {setting.name for setting in adapter.settings}, "it needs settings that nobody can make"
    assert timedelta(0) < stream.overlap <= timedelta(days=1), "more than nothing, and a day at most"
    assert timedelta(minutes=1) <= stream.every <= timedelta(days=1), "a minute at least, and a day at most"
    assert stream.complete.endswith("."), "a sentence for admins: what nothing is missing of"
    assert stream.title, "what admins see of it"
    assert 0 < stream.pages <= 1_000, "a turn ends, so that others have theirs"


@pytest.mark.parametrize("adapter", [one for one in adapters().values() if one.connect], ids=lambda one: one.name)
def test_whoever_is_called_has_limits(adapter: Adapter) -> None:
    """Without one nothing would keep Baton from using up what a team's other tools need, too."""
    known = {limit.name for limit in adapter.limits}
    assert known, "ADAPTER.limits is empty: say how often this vendor may be called"
    assert all(limit.calls > 0 and limit.seconds > 0 for limit in adapter.limits)
    for push in adapter.pushes.values():
        assert push.limits, "a push spends from no limit"
        assert set(push.limits) <= known, "a push spends from limits that are not declared"
        assert push.batch > 0
    assert adapter.lookup is None or set(adapter.read_limits) <= known, "read_limits names limits that are not declared"


@pytest.mark.parametrize(("adapter", "stream"), STREAMS)
@pytest.mark.parametrize("body", [b"", b"{}", b'["a text"]', b"[17]", b"[{}]", b"[[]]", b"no JSON"])
def test_what_cannot_be_read_says_so_and_breaks_nothing(adapter: Adapter, stream: Stream, body: bytes) -> None:
    with pytest.raises(Unreadable):
        list(stream.parse(asked(stream, body), mapping_of(adapter)))


@pytest.mark.parametrize(("adapter", "stream"), STREAMS)
def test_one_bad_item_costs_no_other(adapter: Adapter, stream: Stream) -> None:
    found = list(stream.parse(asked(stream, b'["a text", 17]'), mapping_of(adapter)))
    assert [item.body for item in found if isinstance(item, BadItem)] == [b'["a text"]', b"[17]"]


@pytest.mark.parametrize(("adapter", "stream"), STREAMS)
def test_an_empty_page_is_nothing(adapter: Adapter, stream: Stream) -> None:
    assert list(stream.parse(asked(stream, b"[]"), mapping_of(adapter))) == []
