"""A sandbox for the tests of a module: simulated vendors that the real SDKs talk to."""

from collections.abc import Iterator

import pytest

from adapters.sandbox.server import Server, serve
from tests.adapters.making import Peer


@pytest.fixture(scope="module")
def serving() -> Iterator[Server]:
    with serve() as server:
        yield server


@pytest.fixture
def vendors(serving: Server) -> Server:
    """Simulated vendors that hold nothing yet; what a vendor does later, it does at once."""
    serving.reset()
    serving.klaviyo.configure(job_seconds=0)
    return serving


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    yield made
    made.stop()
