"""The walk through all pages finds each of them, and each can be shown."""

from app.runtime import Runtime
from app.setup import add_connection
from bench import crowd, mass
from bench.parts.pages import Walk


def crowded(runtime: Runtime) -> dict[str, int]:
    """An installation with something of everything; how many rows of each."""
    source = add_connection(runtime, "hubspot", "hubspot", {"client_secret": "secret", "portal_id": "4242"})
    mass.fill(runtime, source, 50, 2)
    mass.multiply(runtime, 2)
    crowd.surround(runtime, source.id, runtime.clock())
    return crowd.sizes(runtime)


def test_what_years_leave_is_written_by_the_database_itself(runtime: Runtime) -> None:
    rows = crowded(runtime)
    assert (rows["contacts"], rows["events"], rows["deliveries"], rows["decisions"]) == (100, 200, 200, 300)
    assert min(rows.values()) > 0


def test_every_page_is_looked_at(sqlite_runtime: Runtime) -> None:
    crowded(sqlite_runtime)
    walk = Walk(sqlite_runtime)
    addresses = walk.addresses()
    assert {"/admin/", "/admin/contacts/{contact_id}", "/admin/deliveries?status=dead", "/api/v1/stats"} < {*addresses}
    assert len(addresses) > 100
    for address in addresses[::4]:  # a part of them, for the time it takes
        walk.times(address, 0)
    assert walk.wrong == set()
