"""People who may be one: reported, never merged on a guess. Catalogue: B4 (duplicates are reported)."""

import pytest

from app.runtime import Runtime
from tests.feeding import contact, drain, form, visit


def duplicates(runtime: Runtime, email: str) -> list[tuple[str, str]]:
    return [(one["email"], one["why"]) for one in contact(runtime, email=email)["possible_duplicates"]]


def test_people_with_the_same_whole_name_are_reported_to_each_other(runtime: Runtime) -> None:
    for email in ("ann@example.com", "ann@acme.example"):
        form(runtime, email=email, first_name="Ann", last_name="Lee")
    form(runtime, email="annie@example.com", first_name="Ann")
    drain(runtime)
    assert duplicates(runtime, "ann@example.com") == [("ann@acme.example", "has the same name")]
    assert duplicates(runtime, "annie@example.com") == []


@pytest.mark.parametrize(
    ("said", "why"),
    [({"phone": "+12025550123"}, "shares a phone"), ({"visitor_id": "visitor-0000-0001"}, "shares a browser")],
    ids=["phone", "browser"],
)
def test_people_who_share_something_are_reported_and_stay_two(runtime: Runtime, said: dict[str, str], why: str) -> None:
    visit(runtime, "visitor-0000-0001", "/")
    for email in ("ann@example.com", "ben@example.com"):
        form(runtime, email=email, **said)
        drain(runtime)
    assert duplicates(runtime, "ann@example.com") == [("ben@example.com", why)]
    assert contact(runtime, email="ann@example.com")["id"] != contact(runtime, email="ben@example.com")["id"]
