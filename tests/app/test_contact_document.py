"""What the API's contact document says of a person beside their fields.

Catalogue: E3 (interests).
"""

from app.runtime import Runtime
from tests.app.doors import Api
from tests.conftest import NOW
from tests.feeding import drain, minutes, visit


def test_contact_shows_what_the_person_cares_for(runtime: Runtime) -> None:
    for minute, path in ((9, "/pricing"), (5, "/plans"), (4, "/integrations"), (3, "/pricing")):
        visit(runtime, "ann", path, NOW - minutes(minute))
    drain(runtime)
    (shown,) = Api(runtime).get("/contacts")["items"]
    assert list(shown["interests"]) == ["pricing"], "one look at the integrations is chance"
    known = shown["interests"]["pricing"]
    assert (known["count"], known["strength"]) == (2, 2.0)
    assert known["until"] > known["last_at"]
