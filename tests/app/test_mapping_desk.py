"""What came in, what it holds, and what a draft of a mapping would change of it: by the functions that run live.

Catalogue: D2 (sources from captured payloads), D5 (before and after), D10 (suggestions).
"""

import pytest

from app.mapping.captures import Capture, captures
from app.mapping.effect import counted, effects, problem_of
from app.mapping.found import Found, fields_found, slug, successor, suggestion
from app.runtime import Runtime
from mappings.kinds import kind_of
from mappings.mapping import FieldMapping, mapping_file, read_mapping
from tests.feeding import arrive, contact, drain, form, hubspot, minutes, notice

ANN = "ann@acme.example"


def of(runtime: Runtime, name: str, mapping: FieldMapping | None = None, most: int = 200) -> list[Capture]:
    connection = runtime.connection(name)
    assert connection is not None
    with runtime.database.read() as conn:
        return captures(runtime, conn, connection, mapping or runtime.rulebook().mapping_for(connection), most)


def own(file: str, *rows: str) -> FieldMapping:
    """The shipped mapping with some rows more."""
    from mappings.mapping import default_text

    return read_mapping(default_text(file) + "".join(f"  - {{{row}}}\n" for row in rows), file)


def test_payloads_are_what_the_adapter_reads_each_with_its_contact(runtime: Runtime) -> None:
    hubspot(runtime)
    now = runtime.clock()
    arrive(
        runtime, "hubspot",
        [notice(now, 7, name="email", value=ANN), notice(now, 7, name="jobtitle", value=""),
         notice(now, 7, name="hs_lead_status", value="ODD"), notice(now, 7, "creation")],
    )  # fmt: skip
    arrive(runtime, "hubspot", b"nonsense", at=now + minutes(1))
    drain(runtime)
    bad, *found = of(runtime, "hubspot")
    assert bad.parked
    assert bad.failed
    assert [one.properties for one in found] == [{"email": ANN}, {"jobtitle": ""}, {"hs_lead_status": "ODD"}]
    ann = contact(runtime, hubspot="7")["id"]
    assert {one.contact_id for one in found} == {ann}
    assert [one.failed for one in found] == [False, False, True]
    assert problem_of(found[2]) == '"ODD" in hs_lead_status stands in no value table'


def test_form_shows_its_own_names_and_labels_also_when_nothing_came_of_it(sqlite_runtime: Runtime) -> None:
    form(sqlite_runtime, "demo", email=ANN, Budget="10000")
    form(sqlite_runtime, "demo", Rueckruf="0228 1234")
    drain(sqlite_runtime)
    parked, read = of(sqlite_runtime, "forms")
    assert (read.properties, read.rest) == ({"email": ANN}, {"Budget": "10000"})
    assert (parked.error[:24], parked.all_properties) == ("no e-mail, phone or visi", {"Rueckruf": "0228 1234"})


def test_several_submissions_in_one_post_are_told_apart(sqlite_runtime: Runtime) -> None:
    arrive(sqlite_runtime, "forms", [{"email": ANN}, {"x": "y"}, {"email": "bob@shop.example"}], "form", "demo")
    drain(sqlite_runtime)
    bad, *found = of(sqlite_runtime, "forms")
    assert (bad.parked, bad.rest) == (True, {"x": "y"})
    assert {one.properties["email"]: one.contact_id for one in found} == {
        email: contact(sqlite_runtime, email=email)["id"] for email in (ANN, "bob@shop.example")
    }


def test_as_many_are_looked_at_as_were_asked_for(sqlite_runtime: Runtime) -> None:
    hubspot(sqlite_runtime)
    now = sqlite_runtime.clock()
    arrive(sqlite_runtime, "hubspot", [notice(now, number, name="city", value="Bonn") for number in range(50)])
    assert len(of(sqlite_runtime, "hubspot", most=20)) == 20


def test_fields_say_how_often_how_full_what_kind_and_who_reads_them(sqlite_runtime: Runtime) -> None:
    hubspot(sqlite_runtime)
    now = sqlite_runtime.clock()
    told = [("city", "Bonn"), ("city", ""), ("city", "Köln"), ("annualrevenue", "12000"), ("renewal", "2026-05-01")]
    arrive(sqlite_runtime, "hubspot", [notice(now, 7, name=name, value=value) for name, value in told])
    mapping = mapping_file("hubspot.yaml")
    found = {one.name: one for one in fields_found(of(sqlite_runtime, "hubspot"), mapping, mapping)}
    city = found["city"]
    assert (city.seen, city.filled, city.kind, city.samples) == (3, 2, "text", ["Bonn", "Köln"])
    assert [(row, rows_contact(mapping, row)) for row in city.rows] == [(9, "city")]
    assert (found["annualrevenue"].kind, found["renewal"].kind) == ("number", "date")
    assert (found["annualrevenue"].rows, found["annualrevenue"].suggestion) == ([], "custom.annualrevenue")


def rows_contact(mapping: FieldMapping, number: int) -> str:
    return [contact for contact, _ in mapping.pairs][number]


@pytest.mark.parametrize(
    ("name", "label", "kind", "ours"),
    [
        pytest.param("hs_language", "", "text", "language", id="as the shipped mapping has it"),
        pytest.param("mobilephone", "", "text", "phone", id="by its name"),
        pytest.param("q12", "Ihre Postleitzahl", "number", "zip", id="by its label, in another language"),
        pytest.param("location.city", "", "text", "city", id="within a group"),
        pytest.param("q1", "E-mail", "date", "custom.q1", id="not what it cannot be"),
        pytest.param("Your budget (EUR)", "", "number", "custom.your_budget_eur", id="a field of one's own"),
        pytest.param("???", "", "text", "custom.field", id="a name without letters"),
    ],
)
def test_suggestion_for_a_field_that_no_row_reads(name: str, label: str, kind: str, ours: str) -> None:
    one = Found(name, label=label, seen=3, filled=3)
    one.kinds[kind] = 3
    assert suggestion(one, {source: field for field, source in mapping_file("hubspot.yaml").pairs}) == ours


def test_new_name_of_a_field_that_comes_no_more_is_found() -> None:
    found = [
        Found("favourite_colour", seen=9, filled=9),
        Found("job_title_v2", seen=9, filled=9, suggestion="job_title"),
    ]
    assert successor("jobtitle", "job_title", found) is found[1]
    assert successor("country", "country", found) is None
    assert slug("Größe (cm)") == "größe_cm"


def test_draft_is_held_against_what_is_in_force_payload_by_payload(runtime: Runtime) -> None:
    hubspot(runtime)
    now = runtime.clock()
    told = [("city", "Bonn"), ("budget", "12"), ("hs_lead_status", "ODD"), ("renewal", "soon")]
    arrive(runtime, "hubspot", [notice(now, 7, name=name, value=value) for name, value in told])
    drain(runtime)
    draft = own(
        "hubspot.yaml", "contact: custom.budget, vendor: budget", "contact: birthday, vendor: renewal",
        "contact: custom.status, vendor: hs_lead_status",
    )  # fmt: skip
    found = effects(of(runtime, "hubspot"), {one.key: one for one in of(runtime, "hubspot", draft)})
    by_name = {next(iter(one.before.properties)): one for one in found}
    assert counted(found) == {"fails": 2, "changed": 1, "unchanged": 1}
    assert [(d.field, d.before, d.after, d.before_set) for d in by_name["budget"].differences] == [
        ("custom.budget", None, "12", False)
    ]
    assert by_name["renewal"].newly
    assert not by_name["hs_lead_status"].newly
    assert by_name["budget"].before.contact_id == contact(runtime, hubspot="7")["id"]


@pytest.mark.parametrize(
    ("value", "kind"),
    [("", "blank"), (None, "blank"), (0, "number"), (False, "yes or no"), ("0", "number"), ("TRUE", "yes or no"),
     ("1,5", "number"), ("2026-01-31", "date"), ("a@b.example", "e-mail"), (["a"], "list"), ({"a": 1}, "group"),
     ("x" * 10_000, "text"), ("Bonn", "text")],
)  # fmt: skip
def test_kind_of_a_value(value: object, kind: str) -> None:
    assert kind_of(value) == kind
