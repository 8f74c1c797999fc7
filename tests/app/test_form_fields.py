"""Forms that ask only what is not known, and tell nobody what is. Catalogue: K1."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.rules.policy import default_documents, read_document
from app.runtime import Runtime
from app.store import policies
from mappings.document import InvalidDocument
from tests.app.doors import client
from tests.conftest import Clock
from tests.feeding import drain, form

VISITOR = "a-visitor-of-forms"


@pytest.fixture
def web(sqlite_runtime: Runtime) -> FlaskClient:
    return client(sqlite_runtime)


def asked(web: FlaskClient, name: str = "guide", visitor: str = VISITOR, **headers: str) -> list[str]:
    answer = web.get(f"/forms/{name}/fields?visitor={visitor}", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.json is not None
    return [one["name"] for one in answer.json["fields"]]


def fill_in(runtime: Runtime, **answers: Any) -> None:
    form(runtime, "guide", email="ann@acme.example", anonymous_id=VISITOR, **answers)
    drain(runtime)


def test_somebody_new_is_asked_the_most_useful_three(web: FlaskClient) -> None:
    assert asked(web) == ["company", "job_title", "company_size"]
    assert asked(web, visitor="") == ["company", "job_title", "company_size"]


def test_a_visitor_that_no_database_can_hold_is_asked_like_somebody_new(runtime: Runtime) -> None:
    assert asked(client(runtime), visitor="a%00b") == ["company", "job_title", "company_size"]


def test_what_was_answered_is_asked_no_more_until_it_is_old(
    sqlite_runtime: Runtime, web: FlaskClient, clock: Clock
) -> None:
    fill_in(sqlite_runtime, company="Acme", job_title="CMO")
    assert asked(web) == ["company_size", "industry", "country"]
    assert asked(web, visitor="somebody-else-entirely") == ["company", "job_title", "company_size"]
    clock.now += timedelta(days=731)
    assert asked(web) == ["job_title", "company_size", "industry"], "roles change, companies hardly"


def test_no_answer_of_theirs_leaves_the_house(sqlite_runtime: Runtime, web: FlaskClient) -> None:
    fill_in(sqlite_runtime, company="Secret Corporation", job_title="CMO")
    answer = web.get(f"/forms/guide/fields?visitor={VISITOR}").text
    assert "Secret" not in answer
    assert "ann@" not in answer


def test_who_wants_not_to_be_followed_is_asked_like_somebody_new(sqlite_runtime: Runtime, web: FlaskClient) -> None:
    fill_in(sqlite_runtime, company="Acme")
    for refusal in ({"DNT": "1"}, {"Sec-GPC": "1"}):
        assert asked(web, **refusal)[0] == "company"


def test_a_browser_that_several_people_use_says_nothing_about_any(sqlite_runtime: Runtime, web: FlaskClient) -> None:
    fill_in(sqlite_runtime, company="Acme")
    form(sqlite_runtime, "guide", email="bob@globex.example", anonymous_id=VISITOR)
    drain(sqlite_runtime)
    assert asked(web)[0] == "company"


def test_a_form_can_ask_less_or_otherwise(sqlite_runtime: Runtime, web: FlaskClient) -> None:
    assert asked(web, "newsletter") == []
    assert asked(web, "demo") == ["company", "job_title"]
    text = default_documents()["profiling"].text.replace("ask: 3 ", "ask: 1 ")
    with sqlite_runtime.database.write() as conn:
        policies.publish(conn, read_document(text), "ann", "shorter", sqlite_runtime.clock())
    sqlite_runtime.forget()
    assert asked(web) == ["company"]


def test_each_question_says_what_it_takes(web: FlaskClient) -> None:
    answer = web.get("/forms/guide/fields").json
    assert answer is not None
    by_name = {one["name"]: one for one in answer["fields"]}
    assert by_name["company"] == {"name": "company", "label": "Company", "type": "text", "options": []}
    assert by_name["company_size"]["type"] == "select"
    assert "11 to 50" in by_name["company_size"]["options"]
    assert web.get("/forms/so%20odd/fields").status_code == 404


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("questions: [{field: compny, label: x}]", 'did you mean "company"'),
        ("questions: [{field: email, label: x}]", "cannot be asked"),
        ("questions: [{field: city, label: x}, {field: city, label: y}]", "asked twice"),
        ("forms: [{form: demo, fields: [city]}]", "no question"),
        ("ask: 9", "ask"),
    ],
)
def test_a_policy_that_cannot_be_asked_is_refused_with_its_mend(line: str, says: str) -> None:
    with pytest.raises(InvalidDocument) as refusal:
        read_document(f"kind: profiling\n{line}\n")
    assert says in str(refusal.value)
