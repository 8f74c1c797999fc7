"""How identities are cleaned at the door, and which of them make two records one person.

Catalogue: B1 (one contact, many ids), B4 (hygiene), B5 (secondary e-mails).
"""

import pytest

from app.contacts.event import Identity
from app.contacts.identity import alias_key, clean_email, clean_phone, is_role, keys_of
from tests.contacts.making import event


@pytest.mark.parametrize(
    ("raw", "address"),
    [
        pytest.param("ann@example.com", "ann@example.com", id="as it should be"),
        pytest.param("  Ann.Smith@Example.COM ", "ann.smith@example.com", id="padded and in capitals"),
        pytest.param("ann+news@example.com", "ann+news@example.com", id="a tag stays: it is another mailbox to a tool"),
        pytest.param("ann@bücher.example", "ann@bücher.example", id="an international domain"),
        pytest.param("ann@xn--bcher-kva.example", "ann@bücher.example", id="the same domain, encoded"),
        pytest.param("o'hara@example.com", "o'hara@example.com", id="an apostrophe"),
    ],
)
def test_address_is_cleaned(raw, address):
    cleaned = clean_email(raw)
    assert cleaned is not None
    assert cleaned.address == address


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("", id="nothing"),
        pytest.param("ann", id="no @"),
        pytest.param("ann@", id="no domain"),
        pytest.param("@example.com", id="no name"),
        pytest.param("ann@example", id="no top level"),
        pytest.param("ann@example..com", id="two dots"),
        pytest.param("ann@example.com, bob@example.com", id="two addresses"),
        pytest.param("Ann <ann@example.com>", id="with a name"),
        pytest.param("ann@example.com\nBcc: bob@example.com", id="a header in disguise"),
        pytest.param("{{ person.email }}", id="an unfilled token"),
        pytest.param("ann@127.0.0.1", id="an address of a machine"),
        pytest.param("a" * 300 + "@example.com", id="longer than addresses are"),
    ],
)
def test_what_is_no_address_is_none(raw):
    assert clean_email(raw) is None


@pytest.mark.parametrize(
    ("raw", "trait"),
    [
        pytest.param("info@acme.example", "role", id="a function's mailbox"),
        pytest.param("Sales+EU@acme.example", "role", id="a function's mailbox with a tag"),
        pytest.param("ann@mailinator.com", "disposable", id="a disposable domain"),
        pytest.param("ann@gmail.com", "free", id="a private mail provider"),
    ],
)
def test_address_shows_its_traits(raw, trait):
    cleaned, plain = clean_email(raw), clean_email("ann@acme.example")
    assert cleaned is not None
    assert plain is not None
    assert getattr(cleaned, trait) is True
    assert getattr(plain, trait) is False


@pytest.mark.parametrize("address", ["information@acme.example", "sally@acme.example", "adminka@acme.example"])
def test_name_that_begins_like_a_function_is_a_person(address):
    assert not is_role(address)


@pytest.mark.parametrize(
    ("raw", "region", "number"),
    [
        pytest.param("+1 202 555 0123", None, "+12025550123", id="with a country code"),
        pytest.param("+49 (0)30 123456-78", None, "+493012345678", id="German punctuation"),
        pytest.param("030 12345678", "DE", "+493012345678", id="without one, in a country that is known"),
        pytest.param("(202) 555-0123", "US", "+12025550123", id="American punctuation"),
        pytest.param("00 49 30 12345678", "DE", "+493012345678", id="the prefix for abroad"),
        pytest.param("tel:+1-202-555-0123", None, "+12025550123", id="a link"),
        pytest.param("030 12345678", None, None, id="without one, nobody knows where"),
        pytest.param("12345", "DE", "+4912345", id="short, but possible there"),
        pytest.param("+1 202", None, None, id="too short"),
        pytest.param("+999 123456789", None, None, id="a country that does not exist"),
        pytest.param("call me", "DE", None, id="words"),
        pytest.param("", "DE", None, id="nothing"),
    ],
)
def test_phone_becomes_e164_or_none(raw, region, number):
    assert clean_phone(raw, region) == number


@pytest.mark.parametrize(
    ("identity", "one", "other", "same"),
    [
        pytest.param(("email", "ann@example.com"), 1, 2, True, id="an address is one everywhere"),
        pytest.param(("external", "7"), 1, 2, True, id="an external id too"),
        pytest.param(("hubspot", "7"), 1, 2, False, id="a vendor's id counts within its connection"),
    ],
)
def test_alias_says_where_an_identity_counts(identity, one, other, same):
    told = Identity(*identity)
    assert (alias_key(told, one) == alias_key(told, other)) is same


@pytest.mark.parametrize(
    ("who", "own", "shared"),
    [
        pytest.param([("email", "ann@a.example")], ["email:ann@a.example"], [], id="an address alone"),
        pytest.param([("hubspot", "7")], ["hubspot:1:7"], [], id="a vendor's id alone"),
        pytest.param([("anonymous", "v1")], [], ["anonymous:v1"], id="a browser alone identifies nobody"),
        pytest.param([("phone", "+1202")], [], ["phone:+1202"], id="a phone alone identifies nobody"),
        pytest.param(
            [("email", "ann@a.example"), ("anonymous", "v1"), ("phone", "+1202")],
            ["email:ann@a.example"],
            ["anonymous:v1", "phone:+1202"],
            id="browser and phone follow the person",
        ),
        pytest.param(
            [("hubspot", "7"), ("email", "ann@a.example"), ("email", "ann@b.example")],
            ["hubspot:1:7", "email:ann@a.example", "email:ann@b.example"],
            [],
            id="a second address is the same person",
        ),
        pytest.param(
            [("email", "info@a.example"), ("anonymous", "v1"), ("phone", "+1202")],
            ["email:info@a.example"],
            [],
            id="a function's mailbox claims no browser and no phone",
        ),
        pytest.param(
            [("email", "ann@a.example"), ("email", "info@a.example"), ("anonymous", "v1")],
            ["email:ann@a.example"],
            ["anonymous:v1"],
            id="a person who also names a function's mailbox does not own it",
        ),
        pytest.param(
            [("hubspot", "7"), ("email", "info@a.example")],
            ["hubspot:1:7", "email:info@a.example"],
            [],
            id="a tool's record of a mailbox is the mailbox",
        ),
        pytest.param([], [], [], id="nobody"),
    ],
)
def test_which_identities_tie_an_event_to_a_person(who, own, shared):
    keys = keys_of(event("form.submitted", who=who))
    assert list(keys.own) == own
    assert list(keys.shared) == shared
