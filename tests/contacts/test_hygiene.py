"""What is odd about a contact's data. Catalogue: B4 (hygiene)."""

import pytest

from app.contacts.hygiene import remarks
from tests.contacts.making import ANN, event, folded


@pytest.mark.parametrize(
    ("fields", "odd"),
    [
        pytest.param({"email": ANN, "last_name": "O'Neill-Smith", "phone": "+12025550123"}, [], id="fine"),
        pytest.param({"first_name": "Søren", "last_name": "da Silva Jr."}, [], id="names of the world"),
        pytest.param({"company": "500 Startups"}, [], id="a company with a number"),
        pytest.param({"email": "ann@mailinator.com"}, ["email"], id="a throw-away address"),
        pytest.param({"email": "info@example.com"}, ["email"], id="a function's address"),
        pytest.param({"phone": "030 1234"}, ["phone"], id="a phone without country code"),
        pytest.param({"phone": "+123"}, ["phone"], id="a phone that cannot be"),
        pytest.param({"first_name": "https://spam.example"}, ["first_name"], id="a link for a name"),
        pytest.param({"last_name": "Lee 0171234567"}, ["last_name"], id="a number for a name"),
        pytest.param({"first_name": "Test"}, ["first_name"], id="a placeholder"),
        pytest.param({}, [], id="nothing known"),
    ],
)  # fmt: skip
def test_odd_values_are_remarked_on(fields, odd):
    contact = folded(event("contact.updated", fields=fields))
    assert [remark.field for remark in remarks(contact)] == odd


def test_a_remark_changes_nothing():
    contact = folded(event("contact.updated", fields={"email": "ann@mailinator.com"}))
    assert remarks(contact)[0].says == "mailinator.com gives out throw-away addresses"
    assert contact.email == "ann@mailinator.com"
