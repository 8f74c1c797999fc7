"""Field mappings: which of a vendor's properties is which of our fields, both ways, and what is said of a wrong one.

Catalogue: D2 (rows), D3 (blanks), D4 (value tables), D10 (defaults).
"""

from typing import Any

import pytest

from adapters.registry import adapters
from app.contacts.action import UpsertContact
from mappings.document import InvalidDocument
from mappings.fields import FIELDS, SIGNALS
from mappings.listening import Listening
from mappings.mapping import FOLDER, FieldMapping, Mapped, default_text, mapping_file, read_mapping


def mapping(*rows: str, head: str = "") -> FieldMapping:
    return read_mapping(f"kind: mapping\nname: m\n{head}\nfields:\n" + "\n".join(f"  - {{{row}}}" for row in rows), "m.yaml")  # noqa: E501  # fmt: skip


def inbound(row: str, head: str = "", **properties: Any) -> Mapped:
    return mapping(row, head=head).inbound(properties)


def problems(*rows: str, head: str = "") -> list[str]:
    with pytest.raises(InvalidDocument) as refused:
        mapping(*rows, head=head)
    return refused.value.problems


# In -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "properties", "fields"),
    [
        pytest.param("contact: city, vendor: town", {"town": "Bonn"}, {"city": "Bonn"}, id="a name for another"),
        pytest.param("contact: city, vendor: town", {"place": "Bonn"}, {}, id="a property that no row reads"),
        pytest.param("contact: city, vendor: town, direction: out", {"town": "Bonn"}, {}, id="a row that only writes"),
        pytest.param("contact: custom.size, vendor: size", {"size": 7}, {"custom.size": "7"}, id="a field of one's own"),  # noqa: E501
        pytest.param("contact: email, vendor: mail", {"mail": " Ann@Example.COM"}, {"email": "ann@example.com"}, id="clean"),  # noqa: E501
        pytest.param("contact: city, vendor: [a, b]", {"a": "", "b": "Bonn"}, {"city": "Bonn"}, id="the first that says something"),  # noqa: E501
        pytest.param("contact: city, vendor: [a, b]", {"b": "Bonn", "a": "Kiel"}, {"city": "Kiel"}, id="in the row's order"),  # noqa: E501
        pytest.param("contact: full_name, vendor: [f, l], template: '{f} {l}'", {"f": "Ann", "l": "Sample"}, {"full_name": "Ann Sample"}, id="two as one text"),  # noqa: E501
        pytest.param("contact: full_name, vendor: [f, l], template: '{f} {l}'", {"f": "Ann", "l": None}, {"full_name": "Ann"}, id="with one missing"),  # noqa: E501
        pytest.param("contact: full_name, vendor: [f, l], template: '{f} {l}'", {"f": "{l}", "l": "x"}, {"full_name": "{l} x"}, id="a value is no template"),  # noqa: E501
        pytest.param("contact: city, vendor: a, transform: [trim, lower, {split: ','}, {pick: -1}]", {"a": " X, Bonn "}, {"city": "bonn"}, id="steps in their order"),  # noqa: E501
        pytest.param("contact: birthday, vendor: b, transform: [{date: '%d.%m.%Y'}]", {"b": "10.03.1990"}, {"birthday": "1990-03-10"}, id="a date"),  # noqa: E501
    ],
)  # fmt: skip
def test_property_becomes_a_field(row, properties, fields):
    assert inbound(row, **properties).fields == fields


@pytest.mark.parametrize("value", ["", None, "  ", []])
@pytest.mark.parametrize(
    ("blank", "fields", "skipped"), [("keep", {}, False), ("clear", {"city": None}, False), ("skip", {}, True)]
)
def test_empty_value_does_what_its_row_says(value, blank, fields, skipped):
    made = inbound(f"contact: city, vendor: town, blank: {blank}", town=value)
    assert (made.fields, bool(made.skip)) == (fields, skipped)


def test_value_in_which_nothing_can_be_seen_says_nothing():
    made = inbound("contact: first_name, vendor: n", n="\u200b\ufeff\x00")
    assert (made.fields, made.held) == ({}, [])


def test_message_keeps_its_lines_and_a_name_has_one():
    made = mapping("contact: message, vendor: m", "contact: first_name, vendor: n").inbound({"m": "a\nb", "n": "a\nb"})
    assert made.fields == {"message": "a\nb", "first_name": "a b"}


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (False, "false"), ("0", "0"), ("false", "false")])
def test_zero_and_no_are_values(value, text):
    assert inbound("contact: city, vendor: town, blank: clear", town=value).fields == {"city": text}


def test_property_that_is_not_there_clears_nothing():
    assert inbound("contact: city, vendor: town, blank: clear", other="").fields == {}


def test_signal_that_is_empty_is_no_signal():
    made = inbound("contact: sales_verdict, vendor: v, blank: clear", v="")
    assert (made.fields, made.signals) == ({}, {})


def test_clear_that_is_left_of_an_answer_goes_to_the_next():
    """What a step or a table makes empty says nothing; it does not clear."""
    assert inbound("contact: city, vendor: a, blank: clear, transform: [{split: ','}, {pick: 3}]", a="x,y").fields == {}


TABLE = "contact: lifecycle_stage, vendor: stage, values: {MarketingQualifiedLead: mql, '2': sql, gone: ''}"


@pytest.mark.parametrize(
    ("value", "signals", "held"),
    [
        pytest.param("MarketingQualifiedLead", {"lifecycle_stage": "mql"}, [], id="a value of the table"),
        pytest.param("marketing qualified lead", {"lifecycle_stage": "mql"}, [], id="by its letters"),
        pytest.param(2, {"lifecycle_stage": "sql"}, [], id="a number"),
        pytest.param("gone", {}, [], id="a value that says nothing"),
        pytest.param("fan", {}, [("stage", "fan", "unmapped")], id="a value that the table lacks is held"),
        pytest.param("x" * 999, {}, [("stage", "x" * 200, "unmapped")], id="in part, if it is long"),
    ],
)
def test_value_goes_through_the_table(value, signals, held):
    made = inbound(TABLE, stage=value)
    assert made.signals == signals
    assert [(one.vendor, one.value, one.reason) for one in made.held] == held


def test_value_that_the_table_lacks_may_pass():
    assert inbound(f"{TABLE}, unmapped: pass", stage="evangelist").signals == {"lifecycle_stage": "evangelist"}


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ("contact: email, vendor: x", "no address"),
        ("contact: birthday, vendor: x", "soon"),
        ("contact: email_opt_out, vendor: x", "perhaps"),
        ("contact: city, vendor: x", {"a": 1}),
        ("contact: city, vendor: x, transform: [number]", "many"),
    ],
)
def test_value_of_the_wrong_kind_is_held_and_the_others_go_on(row, value):
    made = mapping(row, "contact: company, vendor: c").inbound({"x": value, "c": "Acme"})
    assert made.fields == {"company": "Acme"}
    assert [one.reason for one in made.held] == ["mismatch"]


def test_country_of_the_mapping_is_that_of_its_phones():
    row = "contact: phone, vendor: tel, transform: [phone]"
    assert inbound(row, "region: DE", tel="030 12345678").fields == {"phone": "+493012345678"}
    assert inbound(row, tel="030 12345678").fields == {"phone": "030 12345678"}
    assert inbound("contact: phone, vendor: tel, transform: [{phone: US}]", "region: DE", tel="(202) 555-0123").fields == {"phone": "+12025550123"}  # noqa: E501  # fmt: skip


# Out ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "values", "properties"),
    [
        pytest.param("contact: city, vendor: town, direction: both", {"city": "Bonn"}, {"town": "Bonn"}, id="a value"),
        pytest.param("contact: city, vendor: town, direction: out", {"city": "Bonn"}, {"town": "Bonn"}, id="only out"),
        pytest.param("contact: city, vendor: town", {"city": "Bonn"}, {}, id="only in"),
        pytest.param("contact: city, vendor: town, direction: both", {}, {}, id="nothing"),
        pytest.param("contact: city, vendor: town, direction: both", {"city": None}, {}, id="nothing left"),
        pytest.param("contact: city, vendor: town, direction: both, blank: clear", {"city": None}, {"town": ""}, id="nothing left, where that is told"),  # noqa: E501
        pytest.param("contact: city, vendor: town, direction: both, blank: clear", {}, {}, id="nothing known"),
        pytest.param("contact: score, vendor: s, direction: out", {"score": 0}, {"s": 0}, id="zero is told"),
        pytest.param("contact: in_conversation, vendor: c, direction: out", {"in_conversation": False}, {"c": False}, id="no is told"),  # noqa: E501
        pytest.param(f"{TABLE}, direction: both", {"lifecycle_stage": "mql"}, {"stage": "MarketingQualifiedLead"}, id="back through the table"),  # noqa: E501
        pytest.param(f"{TABLE}, direction: both", {"lifecycle_stage": "lead"}, {}, id="what the table lacks"),
        pytest.param(f"{TABLE}, direction: both, unmapped: pass", {"lifecycle_stage": "lead"}, {"stage": "lead"}, id="or passes"),  # noqa: E501
    ],
)  # fmt: skip
def test_field_becomes_a_property(row, values, properties):
    assert mapping(row).outbound(values) == properties


def test_first_of_two_values_with_one_meaning_is_written():
    row = "contact: lifecycle_stage, vendor: s, direction: both, values: {new: lead, fresh: lead}"
    assert mapping(row).outbound({"lifecycle_stage": "lead"}) == {"s": "new"}


def test_mapping_says_what_it_reads_and_writes():
    made = mapping("contact: city, vendor: [a, b]", "contact: score, vendor: s, direction: out", TABLE)
    assert made.sources == ["a", "b", "stage"]
    assert made.targets == [("score", "s")]
    both = mapping(f"{TABLE}, direction: both")
    assert [both.stage(one) for one in ("2", "unheard")] == ["sql", "unheard"]


# Refused --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "why"),
    [
        pytest.param("contact: lifecyle_stage, vendor: x", 'field 1, contact sets "lifecyle_stage", not a contact field; did you mean "lifecycle_stage"?', id="a slip"),  # noqa: E501
        pytest.param("contact: shoe_size, vendor: x", 'a field of your own is written "custom.shoe_size"', id="a field of one's own"),  # noqa: E501
        pytest.param("contact: custom., vendor: x", 'sets "custom.", not a contact field', id="without its name"),
        pytest.param("vendor: x", "field 1, contact is missing", id="no field"),
        pytest.param("contact: city", "field 1, vendor is missing", id="no property"),
        pytest.param("contact: score, vendor: x", '"score" is worked out by Baton: its direction can only be "out"', id="what Baton works out"),  # noqa: E501
        pytest.param("contact: city, vendor: [a, b], direction: both", "names one property, not a list", id="two to write"),  # noqa: E501
        pytest.param("contact: city, vendor: x, transform: [tirm]", 'the transform "tirm", which does not exist; did you mean "trim"?', id="no such step"),  # noqa: E501
        pytest.param("contact: city, vendor: x, transform: [split]", '"split" needs a setting', id="a step without its setting"),  # noqa: E501
        pytest.param("contact: city, vendor: x, transform: [{pick: first}]", "needs a whole number", id="no number"),
        pytest.param("contact: city, vendor: [a], template: '{a} {b}'", '"vendor" does not list b', id="a hole in a template"),  # noqa: E501
        pytest.param("contact: city, vendor: x, blank: forget", "'keep', 'clear' or 'skip'", id="no such blank"),
        pytest.param("contact: city, vendor: x, expression: '1+1'", "is not a setting that belongs here", id="no expressions"),  # noqa: E501
    ],
)  # fmt: skip
def test_row_that_cannot_work_is_refused_with_place_and_mend(row, why):
    (problem,) = problems(row)
    assert problem.startswith("m.yaml: field")
    assert why in problem


def test_two_rows_that_write_the_same_property_are_refused():
    rows = ["contact: city, vendor: x, direction: both", "contact: state, vendor: x, direction: out"]
    assert 'fields 1 and 2 both write "x"; keep one' in problems(*rows)[0]
    assert mapping(rows[0], "contact: state, vendor: x")


def test_country_that_is_none_is_refused():
    (problem,) = problems("contact: city, vendor: x", head="region: Germany")
    assert '"Germany" is not a country code' in problem


def test_all_problems_are_told_at_once():
    assert len(problems("contact: cty, vendor: x", "contact: city, vendor: y, blank: x", head="region: XX")) == 3


# What is shipped ------------------------------------------------------------------------------------------------------

SHIPPED = sorted({adapter.mapping for adapter in adapters().values() if adapter.mapping})


@pytest.mark.parametrize("name", SHIPPED)
def test_every_adapter_ships_a_mapping_that_works(name):
    assert (FOLDER / name).exists(), f"ADAPTER.mapping names mappings/{name}, which is missing"
    made = mapping_file(name)
    assert made.version == f"{name.removesuffix('.yaml')}@default"
    named = {rule.contact for rule in made._rules}
    # Who somebody is is known before, where a tool is only asked for facts or told of decisions
    asked_or_told = {one.mapping for one in adapters().values() if one.pushes and not one.receives}
    assert ("email" in named) is (name not in asked_or_told), "a row for email, except where who it is is known before"
    assert default_text(name).startswith("kind: mapping\n"), "its first line is kind: mapping"


TOLD = sorted({adapter.mapping for adapter in adapters().values() if UpsertContact in adapter.pushes})


@pytest.mark.parametrize("name", TOLD)
def test_what_a_tool_is_told_comes_back_as_it_was(name):
    """Else Baton would argue with itself, or with what it wrote."""
    made = mapping_file(name)
    ours = {
        field: {"email": "ann@example.com", "phone": "+12025550123", "birthday": "1990-03-10"}.get(field, f"a {field}")
        for field in FIELDS
    }
    ours["lifecycle_stage"] = "mql"
    back = made.inbound(made.outbound(ours))
    assert back.held == [], "what is written there has no place when it comes back"
    for field, value in {**back.fields, **back.signals}.items():
        assert value == ours[field], f"{field} comes back as something else than was written"
    assert "first_name" in back.fields, "a row for first_name, in both directions"
    assert set(back.signals) <= set(SIGNALS)


def test_hubspots_default_knows_every_stage_of_ours():
    from app.contacts.contact import LifecycleStage

    made = mapping_file("hubspot.yaml")
    for stage in LifecycleStage:
        (theirs,) = made.outbound({"lifecycle_stage": str(stage)}).values()
        assert made.stage(theirs) == stage


# Step by step ---------------------------------------------------------------------------------------------------------


def test_rows_say_what_a_value_is_after_each_thing_that_is_done_to_it() -> None:
    made = mapping(
        "contact: lifecycle_stage, vendor: [a, b], transform: [trim, {split: ','}, {pick: 0}], values: {x: lead}",
        "contact: city, vendor: town",
        "contact: zip, vendor: zip, direction: out",
    )
    (trace,) = made.trace({"a": "", "b": " x, y ", "zip": "53111"})
    assert trace.number == 0
    assert trace.heard == [
        ("found", ("b", " x, y ")), ("trim", "x, y"), ("split", ["x", "y"]), ("pick", "x"), ("table", "lead"),
        ("type", "lead"),
    ]  # fmt: skip
    assert trace.mapped == made.inbound({"a": "", "b": " x, y "})


def test_where_a_value_stops_is_where_nothing_more_is_said_of_it() -> None:
    made = mapping(
        "contact: email, vendor: a, transform: [trim]", "contact: lifecycle_stage, vendor: a, values: {x: lead}"
    )
    email, stage = made.trace({"a": "nonsense"})
    assert [what for what, _ in email.heard] == ["found", "trim"]
    assert [what for what, _ in stage.heard] == ["found"]
    assert [held.reason for trace in (email, stage) for held in trace.mapped.held] == ["mismatch", "unmapped"]


def test_listening_changes_no_answer() -> None:
    made = mapping("contact: city, vendor: town")
    listening = Listening(made)
    assert listening.inbound({"town": "Bonn", "x": 1}) == made.inbound({"town": "Bonn", "x": 1})
    assert listening.heard == [({"town": "Bonn", "x": 1}, Mapped(fields={"city": "Bonn"}))]
    assert listening.sources == ["town"]
