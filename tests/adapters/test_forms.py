"""Site forms: the rules by which a form becomes an event."""

import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from adapters.contract import BadItem, Unreadable, WebhookRequest
from adapters.forms import ADAPTER
from app.contacts.consent import ConsentState
from app.contacts.contact import Contact
from app.contacts.event import Event
from app.contacts.fold import fold
from mappings.mapping import FieldMapping, default_text, mapping_file, read_mapping

RECEIVED = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
MAPPING = mapping_file(ADAPTER.mapping)
URLENCODED, JSON = "application/x-www-form-urlencoded", "application/json"
MULTIPART = "multipart/form-data; boundary=XX"
VISITOR = "5f0c1b7e9a2d4c63b8e1f07a6d3c2b91"
MIB = 1 << 20


def parse(asked: WebhookRequest, mapping: FieldMapping) -> list[Any]:
    """All that the adapter reads in a request."""
    assert ADAPTER.parse is not None
    return [*ADAPTER.parse(asked, mapping)]


def request(
    body: bytes, content_type: str, form: str = "demo", at: datetime = RECEIVED, **headers: str
) -> WebhookRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return WebhookRequest(
        method="POST",
        url=f"https://baton.example.com/forms/{form}",
        headers={"content-type": content_type, "user-agent": "Mozilla/5.0", **named},
        body=body,
        received_at=at,
        route=form,
    )


def read(body: bytes, content_type: str, mapping: FieldMapping = MAPPING, **more: Any) -> Event:
    """The submission in a body that holds one."""
    events = parse(request(body, content_type, **more), mapping)
    assert isinstance(events[0], Event)
    return events[0]


def post(pairs: dict[str, Any], **more: Any) -> Event:
    return read(urlencode(pairs, doseq=True).encode(), URLENCODED, **more)


def post_json(document: Any, **more: Any) -> Event:
    return read(json.dumps(document).encode(), JSON, **more)


def part(name: str, value: str, more: str = "") -> str:
    return f'--XX\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'


# Encodings ----------------------------------------------------------------------------------------------------------


def test_the_same_answers_mean_the_same_in_every_encoding():
    pairs = {"your-name": "Ada Lovelace", "your-email": "ada@example.com", "newsletter": "on", "topics[]": ["a", "b"]}
    plain = post(pairs)
    multipart = read(
        "".join(
            part(name, value)
            for name, values in pairs.items()
            for value in (values if isinstance(values, list) else [values])
        ).encode()
        + b"--XX--\r\n",
        MULTIPART,
    )
    as_json = post_json({name.removesuffix("[]"): value for name, value in pairs.items()})
    assert plain == multipart
    assert plain == as_json


# Bodies ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        pytest.param("", b"email=ada%40example.com", id="no content type"),
        pytest.param(URLENCODED, b'{"email":"ada@example.com"}', id="JSON that calls itself urlencoded"),
        pytest.param("text/plain;charset=UTF-8", b'{"email":"ada@example.com"}', id="JSON sent as text"),
        pytest.param("text/plain", b"name=Ada\r\nemail=ada@example.com\r\n", id="a form with enctype text/plain"),
        pytest.param("application/vnd.api+json", b'{"email":"ada@example.com"}', id="a kind of JSON"),
        pytest.param(URLENCODED, b"&email=ada@example.com&&=x&y", id="loose ampersands"),
        pytest.param(
            MULTIPART, f"{part('email', 'ada@example.com')}--XX--".replace("\r", "").encode(), id="bare line feeds"
        ),
        pytest.param(
            'multipart/form-data; charset=utf-8; boundary="XX"',
            f"preamble\r\n{part('email', 'ada@example.com')}--XX--\r\nepilogue".encode(),
            id="a quoted boundary, preamble and epilogue",
        ),
        pytest.param(
            MULTIPART,
            (part("email", "ada@example.com") + part("cv", "", '; filename=""') + "--XX--").encode(),
            id="a file input that was left empty",
        ),
        pytest.param(URLENCODED, b'data.json={"email":["ada@example.com"]}&page_name=x', id="a pair that holds JSON"),
    ],
)
def test_body_is_read_whatever_the_header_calls_it(content_type, body):
    assert read(body, content_type).identity("email") == "ada@example.com"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(b"name=M%FCller&email=a@example.com", URLENCODED, id="an old page"),
        pytest.param(
            b"name=M%FCller&email=a@example.com", f"{URLENCODED}; charset=iso-8859-1", id="a declared charset"
        ),
        pytest.param(
            b"name=M%FCller&email=a@example.com", f"{URLENCODED}; charset=unicode_escape", id="a strange charset"
        ),
        pytest.param("name=Müller&email=a@example.com".encode(), URLENCODED, id="raw UTF-8"),
        pytest.param(b"name=Mu%CC%88ller&email=a@example.com", URLENCODED, id="letter and accent apart"),
    ],
)
def test_text_is_utf8_or_what_old_pages_send(body, content_type):
    assert read(body, content_type).fields["full_name"] == "Müller"


@pytest.mark.parametrize(
    ("content_type", "body", "reason"),
    [
        pytest.param(URLENCODED, b"", "empty", id="nothing"),
        pytest.param("application/xml", b"<a/>", "content type", id="XML"),
        pytest.param(JSON, b"email=ada@example.com", "not JSON", id="pairs called JSON"),
        pytest.param(JSON, b'{"email":"a@example.com","email":"b@example.com"}', "same key", id="a duplicate key"),
        pytest.param(JSON, b'"text"', "bare value", id="a bare JSON value"),
        pytest.param(JSON, b"{}", "no answers", id="an empty object"),
        pytest.param(URLENCODED, b"email=a%00@example.com", "NUL", id="a NUL character"),
        pytest.param(URLENCODED, b"a[b][c][d][e][f][g]=1", "deeper than 6", id="seven levels of brackets"),
        pytest.param(JSON, b'{"a":' * 7 + b"1" + b"}" * 7, "deeper than 6", id="seven levels of objects"),
        pytest.param(URLENCODED, b"a=1&" * 500 + b"a=1", "more than 500", id="501 pairs"),
        pytest.param(JSON, json.dumps({"a": ["x"] * 501}).encode(), "more than 500", id="501 values of one field"),
        pytest.param(URLENCODED, b"email=" + b"a" * 65_537, "longer than 64", id="a value beyond 64 KB"),
        pytest.param(MULTIPART, b"--YY\r\n\r\n", "does not hold the boundary", id="another boundary"),
        pytest.param("multipart/form-data", b"--XX\r\n\r\n", "does not say its boundary", id="no boundary"),
        pytest.param(MULTIPART, part("email", "ada@example.com").encode(), "broken off", id="a multipart without end"),
        pytest.param(MULTIPART, b"--XX\r\nX-Any: 1\r\n\r\nx\r\n--XX--", "has no name", id="a part without a name"),
        pytest.param(
            MULTIPART,
            (part("email", "a@example.com") + part("cv", "%PDF", '; filename="cv.pdf"') + "--XX--").encode(),
            "'cv' carries a file",
            id="a file",
        ),
        pytest.param(JSON, json.dumps([{"email": "a@example.com"}] * 51).encode(), "more than 50", id="51 submissions"),
        pytest.param(
            JSON, json.dumps({"x" * 400 + str(n): "v" for n in range(200)}).encode(), "too long", id="long names"
        ),
    ],
)
def test_unreadable_body_is_parked_with_its_reason(content_type, body, reason):
    with pytest.raises(Unreadable, match=reason):
        read(body, content_type)


def test_names_that_mean_something_to_javascript_are_dropped():
    event = post_json({"email": "ada@example.com", "__proto__": {"x": "1"}, "a": {"constructor": "1", "b": "2"}})
    assert event.properties["custom"] == {"a.b": "2"}
    event = post({"email": "ada@example.com", "__proto__[x]": "1", "a[prototype]": "1"})
    assert "custom" not in event.properties


def test_bad_submission_of_a_batch_is_parked_alone():
    good, bad = parse(request(b'[{"email":"ada@example.com"},{"colour":"red"}]', JSON), MAPPING)
    assert isinstance(good, Event)
    assert isinstance(bad, BadItem)
    assert bad.body == b'{"colour":"red"}'
    assert "no e-mail" in bad.reason


HOSTILE = {
    "1 MiB of brackets": (URLENCODED, b"a" + b"[a]" * (MIB // 3)),
    "1 MiB of ampersands": (URLENCODED, b"&" * MIB),
    "1 MiB of escapes": (URLENCODED, b"&".join(b"a=" + b"%41" * 60_000 for _ in range(5))),
    "150,000 escapes": (URLENCODED, b"&".join(b"a=" + b"%C3%A9" * 25_000 for _ in range(3))),
    "499 long names of brackets": (URLENCODED, b"&".join(b"(" * 480 + b"%d=x" % n for n in range(499))),
    "499 long names of accents": (
        URLENCODED,
        b"&".join("\u0315\u0300".encode() * 240 + b"%d=on" % n for n in range(499)),
    ),
    "piles of accents": (URLENCODED, b"a=" + "\u0315\u0300\u05ae".encode() * 20_000),
    "499 addresses": (URLENCODED, b"&".join(b"email%d=a%d@" % (n, n) + b"x." * 120 + b"com" for n in range(499))),
    "499 consents": (URLENCODED, b"&".join(b"consent%d=i+agree+newsletter+" % n + b"x+" * 200 for n in range(499))),
    "10,000 keys": (JSON, json.dumps({f"k{n}": "v" for n in range(10_000)}).encode()),
    "9,900 keys": (JSON, json.dumps({f"k{n}": "v" for n in range(9_900)}).encode()),
    "100,000 levels": (JSON, b"[" * 100_000 + b"]" * 100_000),
    "duplicate keys": (JSON, b"{" + b'"a":1,' * 150_000 + b'"a":1}'),
    "NaN": (JSON, b'{"a":NaN}'),
    "a huge integer": (JSON, b'{"a":' + b"9" * 900_000 + b"}"),
    "UTF-16": (JSON, json.dumps({"email": "a@example.com"}).encode("utf-16")),
    "18,000 parts": (MULTIPART, part("a", "x").encode() * 18_000),
    "1 MiB of part headers": (MULTIPART, b"--XX\r\n" + b"A: b\r\n" * 170_000 + b"\r\n"),
    "1 MiB of line ends": (MULTIPART, part("a", "\r\n" * 500_000).encode()),
    "1 MiB of half boundaries": (MULTIPART, part("a", "\r\n--X" * 200_000).encode()),
}


@pytest.mark.parametrize(("content_type", "body"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_form_costs_less_than_100_milliseconds(content_type, body):
    post({"email": "warm@example.com", "name": "Up First", "phone": "+15005550006"})

    def cost() -> float:
        started = time.process_time()
        with suppress(Unreadable):
            read(body, content_type)
        return time.process_time() - started

    assert min(cost() for _ in range(2)) < 0.1


# Which answer is which field ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "field"),
    [
        ("Email", "email"),
        ("your-email", "email"),
        ("What's your work email address?", "email"),
        ("E-Mail-Adresse *", "email"),
        ("Wie lautet Ihre E-Mail-Adresse?", "email"),
        ("Adresse e-mail professionnelle", "email"),
        ("Zakelijk e-mailadres", "email"),
        ("Correo electrónico", "email"),
        ("Seu melhor e-mail", "email"),
        ("Indirizzo e-mail", "email"),
        ("Adres e-mail", "email"),
        ("Please type the mail we may answer to", "email"),
    ],
)
def test_email_is_found_by_its_label(label, field):
    event = post({label: "ada@example.com", "Other contact's email": "bob@example.com", "c": "carl@example.com"})
    assert event.fields[field] == "ada@example.com"


@pytest.mark.parametrize(
    ("label", "field"),
    [
        ("Phone Number", "phone"),
        ("Telefonnummer (für Rückfragen)", "phone"),
        ("Numéro de téléphone", "phone"),
        ("Móvil", "phone"),
        ("Whatsapp", "phone"),
        ("tel-310", "phone"),
        ("Bevorzugter Kontaktweg", "preferred_channel"),
        ("FNAME", "first_name"),
        ("Vorname", "first_name"),
        ("Prénom", "first_name"),
        ("Voornaam", "first_name"),
        ("Imię", "first_name"),
        ("Nachname", "last_name"),
        ("Apellidos", "last_name"),
        ("Cognome", "last_name"),
        ("Nazwisko", "last_name"),
        ("Company name", "company"),
        ("What is the name of your company?", "company"),
        ("Firma", "company"),
        ("Entreprise", "company"),
        ("Bedrijfsnaam", "company"),
        ("Ragione sociale", "company"),
        ("Nazwa firmy", "company"),
        ("Job title", "job_title"),
        ("Stanowisko", "job_title"),
        ("Number of employees", "company_size"),
        ("Straße und Hausnummer", "street"),
        ("PLZ", "zip"),
        ("Ville", "city"),
        ("País", "country"),
        ("companyWebsite", "website"),
        ("How can we help you?", "message"),
        ("Ihre Nachricht", "message"),
        ("Wiadomość", "message"),
    ],
)
def test_field_is_found_by_its_label(label, field):
    event = post({"email": "ada@example.com", label: "+49 30 901820"})
    assert field in event.fields


@pytest.mark.parametrize(
    "label",
    [
        "Name of your dog",
        "Type of cargo",
        "typeOfBusiness",
        "Website to audit",
        "Product name",
        "Username",
        "Status",
        "Which company do you like?",
        "Email marketing",
        "Date",
        "Title",
    ],
)
def test_what_only_resembles_a_field_is_kept_as_the_forms_own(label):
    event = post({"email": "ada@example.com", label: "Rex"})
    assert event.properties["custom"] == {label: "Rex"}
    assert set(event.fields) == {"email"}


def test_an_objects_own_name_is_not_the_persons():
    event = post_json(
        {
            "contact": {
                "email": "ada@example.com",
                "name": {"first": "Ada", "last": "King"},
                "address": {"city": "London"},
            },
            "company": {"name": "Engines"},
            "product": {"name": "Loom"},
            "owner": {"email": "rep@example.com"},
        }
    )
    assert event.fields == {
        "email": "ada@example.com",
        "first_name": "Ada",
        "last_name": "King",
        "city": "London",
        "company": "Engines",
    }
    assert event.properties["custom"] == {"product.name": "Loom", "owner.email": "rep@example.com"}


def test_declared_type_counts_before_the_label():
    field = {"type": "email", "title": "Where may we write?", "value": "ada@example.com"}
    event = post_json(
        {"form": {"id": "1"}, "fields": {"a": field, "b": {"type": "text", "title": "Mail", "value": "x"}}}
    )
    assert event.identity("email") == "ada@example.com"


def test_lone_address_is_the_persons_even_without_a_label():
    assert post({"q1": "hello", "q2": "ada@example.com"}).identity("email") == "ada@example.com"


@pytest.mark.parametrize(
    "pairs",
    [
        pytest.param({"q1": "ada@example.com", "q2": "bob@example.com"}, id="two addresses without labels"),
        pytest.param({"friends_email": "bob@example.com"}, id="a friend's address"),
        pytest.param({"name": "Ada"}, id="no address at all"),
        pytest.param({"email": "ada@", "name": "Ada"}, id="an invalid address"),
        pytest.param({"phone": "030 901820"}, id="a phone number of no known country"),
    ],
)
def test_form_that_names_nobody_is_parked(pairs):
    with pytest.raises(Unreadable, match="no e-mail, phone or visitor id"):
        post(pairs)


def test_invalid_address_is_noted_and_the_visitor_kept():
    event = post({"email": "ada at example", "anonymous_id": VISITOR})
    assert [identity.kind for identity in event.identities] == ["anonymous"]
    assert "email" not in event.fields
    assert event.properties["problems"] == ["email: ada at example ('ada at example' is not an e-mail address)"]


def test_repeated_address_is_not_kept_twice():
    event = post({"email": "Ada@example.com", "confirm_email": "ada@example.com", "email_2": "ada@example.com"})
    assert event.identity("email") == "ada@example.com"
    assert "custom" not in event.properties


def test_phone_is_an_identity_only_as_an_international_number():
    assert post({"email": "a@example.com", "tel": "030 901820"}).identity("phone") is None
    assert post({"email": "a@example.com", "tel": "030 901820"}).fields["phone"] == "030 901820"
    german = read_mapping(default_text("forms.yaml").replace("title:", "region: DE\ntitle:"), "forms")
    event = post({"email": "a@example.com", "tel": "030 901820"}, mapping=german)
    assert event.identity("phone") == event.fields["phone"] == "+4930901820"


@pytest.mark.parametrize(
    ("pairs", "first", "last"),
    [
        pytest.param({"name": "Ada Lovelace"}, "Ada", "Lovelace", id="a full name is split"),
        pytest.param({"name": "Jan van der Berg"}, "Jan", "van der Berg", id="with its particles"),
        pytest.param({"name": "Lovelace, Ada"}, "Ada", "Lovelace", id="also in the other order"),
        pytest.param({"name": "ada LOVELACE"}, "ada", "LOVELACE", id="as it was typed"),
        pytest.param({"name": "Ada"}, "Ada", None, id="one word is a first name"),
        pytest.param({"Vorname": "Ada", "Name": "Lovelace"}, "Ada", "Lovelace", id="Name beside Vorname is the last"),
        pytest.param({"Prénom": "Ada", "Nom": "Lovelace"}, "Ada", "Lovelace", id="Nom beside Prénom too"),
        pytest.param({"Nome": "Ada", "Cognome": "Byron"}, "Ada", "Byron", id="Nome beside Cognome is the first"),
        pytest.param({"first_name": "Ada", "name": "Ada King"}, "Ada", "King", id="the rest of a full name"),
        pytest.param(
            {"first_name": "A", "last_name": "B", "name": "C D"}, "A", "B", id="given parts are not split anew"
        ),
        pytest.param({"name": "ada@example.com"}, None, None, id="an address is no name"),
        pytest.param({"name": "Demo"}, None, None, id="the form's name is no name"),
        pytest.param({"name": "a " * 200}, None, None, id="an essay is no name"),
    ],
)
def test_names(pairs, first, last):
    event = post({"email": "ada@example.com", **pairs})
    assert (event.fields.get("first_name"), event.fields.get("last_name")) == (first, last)


def test_an_admins_row_wins_over_everything():
    rows = """
  - {contact: company, vendor: "demo:Company"}
  - {contact: custom.budget, vendor: ["Your budget", budget]}
  - {contact: phone, vendor: "6", transform: [phone: US]}
"""
    mapping = read_mapping(default_text("forms.yaml") + rows, "forms", "forms@2")
    pairs = {"email": "a@example.com", "Company": "Own", "Firma": "Other", "budget": "5000", "6": "(212) 555-0147"}
    event = post(pairs, mapping=mapping)
    assert event.fields["company"] == "Own"
    assert event.fields["custom.budget"] == "5000"
    assert event.identity("phone") == "+12125550147"
    assert event.mapping == "forms@2"
    assert "custom" not in event.properties
    assert post(pairs, mapping=mapping, form="other").fields["company"] == "Own"  # by its label, as ever


def test_an_admins_row_can_hear_an_opt_out():
    mapping = read_mapping(default_text("forms.yaml") + "  - {contact: email_opt_out, vendor: stop}\n", "forms")
    assert heard(post({"email": "a@example.com", "stop": "yes"}, mapping=mapping)) == {"email": "withdrawn"}
    assert heard(post({"email": "a@example.com", "stop": "no"}, mapping=mapping)) == {}


def test_a_form_cannot_set_a_stage():
    mapping = read_mapping(default_text("forms.yaml") + "  - {contact: lifecycle_stage, vendor: stage}\n", "forms")
    event = post({"email": "a@example.com", "stage": "customer"}, mapping=mapping)
    assert "lifecycle_stage" not in event.fields
    assert event.properties["problems"] == ["lifecycle_stage: a form cannot set this"]


def test_what_nobody_claims_is_kept_with_its_own_name_and_label():
    event = post_json(
        {"fields": [{"name": "email", "value": "a@example.com"}, {"name": "x_17", "label": "Shoe size", "value": 44}]}
    )
    assert event.properties["custom"] == {"x_17": 44}
    assert event.properties["labels"] == {"x_17": "Shoe size"}


def test_machinery_and_secrets_are_left_out():
    event = post(
        {
            "email": "a@example.com",
            "csrf_token": "1",
            "cf-turnstile-response": "2",
            "Remote IP": "192.0.2.1",
            "IP remoto": "2001:db8::1",
            "Agente": "Mozilla/5.0 (X11)",
            "hubspotutk": "3",
            "submit": "Send",
            "action": "my_form",
            "Password": "hunter2",
        }
    )
    assert "custom" not in event.properties
    assert event.properties["problems"] == ["Password: left out, passwords and card numbers are not kept"]
    assert "hunter2" not in str(event)


# Where they came from -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pairs",
    [
        {"utm_source": "news", "utm_medium": "email"},
        {"utmSource": "news", "UTM Medium": "email"},
        {"utm-source": "news", "last_utm_medium": "email"},
        {"source": "news", "medium": "email"},
        {"page_url": "https://www.example.com/?utm_source=news&utm_medium=email"},
    ],
)
def test_campaign_is_found_under_its_usual_names(pairs):
    properties = post({"email": "a@example.com", **pairs}).properties
    assert (properties["utm_source"], properties["utm_medium"]) == ("news", "email")
    assert "custom" not in properties


def test_a_lone_source_is_an_answer():
    assert post({"email": "a@example.com", "source": "a friend"}).properties["custom"] == {"source": "a friend"}


def test_two_campaigns_are_not_mixed():
    page = "https://www.example.com/?utm_source=ads&utm_medium=cpc&gclid=G1"
    properties = post({"email": "a@example.com", "utm_source": "news", "page_url": page}).properties
    assert properties["utm_source"] == "news"
    assert "utm_medium" not in properties
    assert properties["click_id"] == "G1"


def test_page_of_a_plain_form_is_known_from_its_referer():
    event = post({"email": "a@example.com"}, referer="https://www.example.com/contact?token=1")
    assert event.properties["page_url"] == "https://www.example.com/contact"
    assert "page_url" not in post({"email": "a@example.com"}, referer="https://www.example.com/").properties


def test_first_touch_is_kept_beside_the_last():
    properties = post({"email": "a@example.com", "utm_source": "news", "first_utm_source": "ads"}).properties
    assert (properties["utm_source"], properties["first_utm_source"]) == ("news", "ads")


@pytest.mark.parametrize(
    "value", ["{utm_source}", "{{ utm_source }}", "[utm-source]", "undefined", "null", "x@example.com"]
)
def test_unfilled_placeholder_or_address_is_no_campaign(value):
    assert "utm_source" not in post({"email": "a@example.com", "utm_source": value}).properties


def test_page_loses_what_may_be_personal():
    page = "https://user:pw@www.Example.com/a/ada@example.com?email=ada@example.com&utm_term=x&gclid=G1#top"
    properties = post(
        {"email": "a@example.com", "Page URL": page, "referrer": "https://search.example/?q=ada"}
    ).properties
    assert properties["page_url"] == "https://www.example.com/a/-?utm_term=x"
    assert properties["path"] == "/a/-"
    assert (properties["click_id"], properties["click_id_kind"]) == ("G1", "gclid")
    assert properties["referrer"] == "https://search.example/"


def test_page_of_another_scheme_is_not_a_page():
    properties = post({"email": "a@example.com", "page_url": "javascript:alert(1)"}).properties
    assert "page_url" not in properties


@pytest.mark.parametrize("header", ["sec_gpc", "dnt"])
def test_who_asks_not_to_be_tracked_is_only_who_they_say(header):
    event = post(
        {
            "email": "a@example.com",
            "anonymous_id": VISITOR,
            "utm_source": "news",
            "first_utm_source": "ads",
            "gclid": "G1",
            "referrer": "https://search.example/",
            "page_url": "https://www.example.com/a?utm_term=x",
            "message": "Hello",
        },
        **{header: "1"},
    )
    assert [identity.kind for identity in event.identities] == ["email"]
    assert event.fields["message"] == "Hello"
    assert set(event.properties) == {"form", "builder", "page_url", "path"}
    assert event.properties["page_url"] == "https://www.example.com/a"


def test_an_admins_row_reads_nothing_that_was_not_to_be_tracked():
    mapping = read_mapping(default_text("forms.yaml") + "  - {contact: custom.origin, vendor: utm_source}\n", "forms")
    pairs = {"email": "a@example.com", "utm_source": "news"}
    assert post(pairs, mapping=mapping).fields["custom.origin"] == "news"
    assert "custom.origin" not in post(pairs, mapping=mapping, sec_gpc="1").fields


@pytest.mark.parametrize("name", ["visitor_id", "anonymous_id", "baton_id", "anonymousId"])
def test_visitor_id_ties_the_form_to_earlier_visits(name):
    assert post({"email": "a@example.com", name: VISITOR}).identity("anonymous") == VISITOR


def test_what_is_no_visitor_id_is_noted():
    event = post({"email": "a@example.com", "visitor_id": "x' or 1=1"})
    assert event.identity("anonymous") is None
    assert event.properties["problems"] == ["visitor_id: not the id of a visitor"]


# Consent --------------------------------------------------------------------------------------------------------------


def heard(event: Event) -> dict[str, str]:
    return {said["channel"]: said["state"] for said in event.properties.get("consent", ())}


@pytest.mark.parametrize(
    "name",
    [
        "consent",
        "marketing_consent",
        "newsletter",
        "gdpr",
        "opt_in",
        "marketingOptIn",
        "accepts_marketing",
        "contact[accepts_marketing]",
        "No Label newsletter",
        "Einwilligung",
        "toestemming",
        "subscribe_to_newsletter",
        "I agree to receive marketing emails",
        "Ich möchte den Newsletter erhalten",
        "Je souhaite recevoir la newsletter",
        "Quero receber novidades e ofertas",
    ],
)
def test_explicit_field_is_a_consent(name):
    event = post({"email": "a@example.com", name: "on"})
    assert heard(event) == {"email": "granted"}
    said = event.properties["consent"][0]
    assert said["purpose"] == "marketing"
    assert said["by_person"] is True
    assert said["method"] == "form"
    assert said["proof"]["form"] == "demo"
    assert said["proof"]["field"] == name
    assert said["proof"]["text"]
    assert said["proof"]["at"] == "2026-03-10T09:30:00+00:00"


@pytest.mark.parametrize(
    "value", ["1", "on", "yes", "true", "Ja", "oui", "sí", "tak", "✓", "Yes, please", "newsletter", "I agree"]
)
def test_yes_is_yes_in_any_words(value):
    assert heard(post({"email": "a@example.com", "newsletter": value})) == {"email": "granted"}


@pytest.mark.parametrize("value", ["no", "Nein, danke", "non", "No thanks", "I don't accept", "declined"])
def test_explicit_no_is_a_withdrawal(value):
    assert heard(post({"email": "a@example.com", "newsletter": value})) == {"email": "withdrawn"}


@pytest.mark.parametrize("value", ["false", "0", "off", "", "False", "unchecked", ["0"], ["false", "0"]])
@pytest.mark.parametrize("name", ["newsletter", "gdpr", "Yes, send me your newsletter", "sms_consent"])
def test_box_that_is_not_ticked_says_nothing(name, value):
    """Who asks for a demo and leaves the newsletter's box alone has not unsubscribed."""
    assert heard(post({"email": "a@example.com", name: value})) == {}


@pytest.mark.parametrize("value", [False, 0, None, [], [False], "false"])
def test_box_that_is_not_ticked_says_nothing_in_json_either(value):
    assert heard(post_json({"email": "a@example.com", "newsletter": value})) == {}
    told = {"communications": [{"value": value, "subscriptionTypeId": 9, "text": "Send me news"}]}
    body = {"fields": [{"name": "email", "value": "a@example.com"}], "legalConsentOptions": {"consent": told}}
    assert heard(post_json(body)) == {}


@pytest.mark.parametrize(
    ("kind", "states"),
    [
        pytest.param("yes_no", {"email": "withdrawn"}, id="yes or no"),
        pytest.param("legal", {"email": "withdrawn"}, id="accept or do not accept"),
        pytest.param("dropdown", {"email": "withdrawn"}, id="chosen from a list"),
        pytest.param("checkbox", {}, id="a box"),
    ],
)
def test_no_that_was_asked_for_is_one_however_it_is_written(kind, states):
    """Typeform sends false for a "No" that somebody pressed."""
    field = {"id": "n", "type": kind, "ref": "newsletter"}
    mail = {"type": "email", "email": "a@example.com", "field": {"id": "e", "type": "email", "ref": "email"}}
    answers = [mail, {"type": "boolean", "boolean": False, "field": field}]
    response = {"form_id": "f", "token": "t", "answers": answers, "definition": {"fields": []}}
    assert heard(post_json({"event_type": "form_response", "form_response": response})) == states


def test_box_that_is_not_ticked_leaves_an_earlier_yes_and_an_earlier_no_alone():
    for first, state in (("yes", ConsentState.GRANTED), ("no", ConsentState.WITHDRAWN)):
        contact = Contact()
        for day, answer in ((10, first), (11, "false")):
            at = RECEIVED.replace(day=day)
            contact = fold(contact, post({"email": "a@example.com", "newsletter": answer}, at=at))
        assert contact.consent["email/marketing"].state is state


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("newsletter", "", id="a box left empty"),
        pytest.param("newsletter", "weekly", id="neither yes nor no"),
        pytest.param("terms", "on", id="the terms"),
        pytest.param("privacy_consent", "on", id="the privacy policy"),
        pytest.param("I agree to the privacy policy", "on", id="the privacy policy as a sentence"),
        pytest.param("gdpr", "I have read the privacy policy", id="gdpr, and what was ticked is the privacy policy"),
        pytest.param("acceptance-12", "1", id="an acceptance of nobody knows what"),
        pytest.param("cookie_consent", "on", id="cookies"),
        pytest.param("consent_call", "yes", id="a call, which is no channel"),
        pytest.param("marketing_budget", "0", id="a budget"),
        pytest.param("Email marketing", "on", id="a service that interests them"),
        pytest.param("newsletter_frequency", "1", id="how often"),
        pytest.param("Do you currently send marketing emails?", "yes", id="what they do themselves"),
        pytest.param("Do you want help with email marketing?", "yes", id="help with marketing"),
        pytest.param("I agree to receive updates about my order", "on", id="their own order"),
        pytest.param("message", "Yes, I want to talk about newsletters", id="a message"),
        pytest.param("interests[]", ["Marketing", "Newsletter"], id="topics"),
        pytest.param("opt_out", "0", id="an opt-out that is not ticked"),
    ],
)
def test_consent_is_never_guessed(name, value):
    assert heard(post({"email": "a@example.com", name: value})) == {}


@pytest.mark.parametrize(
    ("pairs", "states"),
    [
        pytest.param({"sms_consent": "1"}, {"sms": "granted"}, id="a channel by name"),
        pytest.param({"consent[]": ["email", "sms"]}, {"email": "granted", "sms": "granted"}, id="channels as choices"),
        pytest.param(
            {"consent[email]": "yes", "consent[sms]": "no"}, {"email": "granted", "sms": "withdrawn"}, id="one each"
        ),
        pytest.param({"newsletter": "on", "gdpr": "no"}, {"email": "granted"}, id="the newsletter's own box counts"),
        pytest.param({"consent": "on", "gdpr": "no"}, {"email": "withdrawn"}, id="else a no counts"),
        pytest.param({"newsletter": ["0", "1"]}, {"email": "granted"}, id="a box with a hidden twin"),
        pytest.param({"unsubscribe": "yes"}, {"email": "withdrawn"}, id="an unsubscription"),
        pytest.param({"I do not want to receive marketing emails": "on"}, {"email": "withdrawn"}, id="a refusal"),
        pytest.param(
            {"I agree to receive offers by email and text message": "1"},
            {"email": "granted", "sms": "granted"},
            id="both",
        ),
    ],
)
def test_consent_is_heard_per_channel(pairs, states):
    assert heard(post({"email": "a@example.com", **pairs})) == states


def test_the_persons_own_yes_can_lift_an_earlier_no():
    contact = Contact()
    for day, answer in ((10, "no"), (11, "yes")):
        at = RECEIVED.replace(day=day)
        contact = fold(contact, post({"email": "a@example.com", "newsletter": answer}, at=at))
    assert contact.consent["email/marketing"].state is ConsentState.GRANTED


# Robots ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "website_url_hp",
        "hp_name",
        "honeypot",
        "_gotcha",
        "bot-field",
        "company_url",
        "wpforms[hp]",
        "b_0123456789abcdef_01234567",
    ],
)
def test_filled_honeypot_is_parked(name):
    with pytest.raises(Unreadable, match="looks like a robot"):
        post({"email": "a@example.com", name: "x"})
    assert post({"email": "a@example.com", name: ""}).properties.get("custom") is None


@pytest.mark.parametrize("name", ["website", "Company URL", "company", "hpv_status"])
def test_real_field_is_no_honeypot(name):
    assert post({"email": "a@example.com", name: "https://www.example.com"})


def test_builders_own_company_url_is_no_honeypot():
    field = {"type": "url", "title": "Company URL", "value": "https://www.example.com"}
    mail = {"type": "email", "title": "E-mail", "value": "a@example.com"}
    assert post_json({"form": {"id": "1"}, "fields": {"company_url": field, "mail": mail}})


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ({"email": "a@example.com\r\nBcc: b@example.com"}, "email holds a line break"),
        ({"email": "a@example.com", "name": "Ada\nBcc: b@example.com"}, "full_name holds a line break"),
        ({"email": "a@example.com", "first_name": "Win at https://spam.example"}, "first_name holds a link"),
        ({"email": "a@example.com", "message": "http://a.example http://b.example www.c.example"}, "more than 2 links"),
    ],
)
def test_attack_or_advertising_is_parked(pairs, reason):
    with pytest.raises(Unreadable, match=reason):
        post(pairs)


def test_two_links_in_a_message_are_fine():
    assert post({"email": "a@example.com", "message": "See https://a.example and https://b.example\nAda"})


# Once, when, and what for ---------------------------------------------------------------------------------------------


def test_double_click_is_one_submission():
    first = post({"email": "a@example.com", "message": "Hi"}, at=RECEIVED.replace(second=1))
    second = post({"message": "Hi", "email": "a@example.com"}, at=RECEIVED.replace(second=5))
    assert first.source_key == second.source_key


@pytest.mark.parametrize(
    ("pairs", "more"),
    [
        pytest.param({"message": "Ho"}, {}, id="another message"),
        pytest.param({}, {"at": RECEIVED.replace(minute=31)}, id="a minute later"),
        pytest.param({}, {"form": "other"}, id="another form"),
    ],
)
def test_another_submission_is_another_event(pairs, more):
    known = {"email": "a@example.com", "message": "Hi"}
    assert post(known).source_key != post({**known, **pairs}, **more).source_key


@pytest.mark.parametrize("name", ["submission_id", "entry_id", "eventId", "responseId"])
def test_senders_own_id_makes_it_the_same_submission_for_ever(name):
    first = post_json({"email": "a@example.com", name: "c4a1", "attempt": 1})
    later = post_json({"email": "a@example.com", name: "c4a1", "attempt": 2}, at=RECEIVED.replace(hour=23))
    assert first.source_key == later.source_key
    assert first.source_key != post_json({"email": "a@example.com", name: "c4a2", "attempt": 1}).source_key


def test_id_from_a_cached_page_does_not_swallow_other_people():
    first, second = (post({"email": f"{name}@example.com", "submission_id": "cached"}) for name in ("a", "b"))
    assert first.source_key != second.source_key


@pytest.mark.parametrize(
    ("said", "occurred"),
    [
        pytest.param("2026-03-10T08:00:00Z", "2026-03-10T08:00:00+00:00", id="in UTC"),
        pytest.param("2026-03-10T09:00:00+01:00", "2026-03-10T08:00:00+00:00", id="with an offset"),
        pytest.param(1773129600000, "2026-03-10T08:00:00+00:00", id="in milliseconds"),
        pytest.param("2026-03-10 08:00:00", "2026-03-10T09:30:00+00:00", id="without a zone: when it arrived"),
        pytest.param("2027-03-10T08:00:00Z", "2026-03-10T09:30:00+00:00", id="in the future: when it arrived"),
        pytest.param("0001-01-01T00:00:00Z", "2026-03-10T09:30:00+00:00", id="in the year 1: when it arrived"),
    ],
)
def test_builders_time_counts_if_it_is_certain(said, occurred):
    assert post_json({"email": "a@example.com", "submittedAt": said}).occurred_at.isoformat() == occurred


def test_time_in_a_browsers_own_post_does_not_count():
    assert post({"email": "a@example.com", "submitted_at": "2020-01-01T00:00:00Z"}).occurred_at == RECEIVED


@pytest.mark.parametrize(
    ("pairs", "about"),
    [
        ({"asset": "Guide", "topic": "Freight"}, {"asset": "Guide", "topic": "Freight", "form": "demo"}),
        ({"whitepaper": "Guide"}, {"asset": "Guide", "topic": "Guide", "form": "demo"}),
        (
            {"download": "yes", "form_name": "Cold chain"},
            {"asset": "Cold chain", "topic": "Cold chain", "form": "demo"},
        ),
    ],
)
def test_asset_form_is_a_download_too(pairs, about):
    body = urlencode({"email": "a@example.com", **pairs}).encode()
    submitted, downloaded = parse(request(body, URLENCODED), MAPPING)
    assert isinstance(submitted, Event)
    assert isinstance(downloaded, Event)
    assert (submitted.type, downloaded.type) == ("form.submitted", "asset.downloaded")
    assert downloaded.properties == about
    assert downloaded.identities == submitted.identities
    assert downloaded.source_key == f"{submitted.source_key}:asset"


# Builders' peculiarities ----------------------------------------------------------------------------------------------


def test_tallys_choices_are_texts_and_come_once():
    field = {
        "key": "q1",
        "label": "Size",
        "type": "MULTIPLE_CHOICE",
        "value": "a",  # a bare id, as in 2021
        "options": [{"id": "a", "text": "Large"}, {"id": "b", "text": "Small"}],
    }
    mail = {"key": "q2", "label": "E-mail", "type": "INPUT_EMAIL", "value": "a@example.com"}
    twin = {"key": "q1_a", "label": "Size (Large)", "type": "CHECKBOXES", "value": True}
    event = post_json({"eventType": "FORM_RESPONSE", "data": {"fields": [field, mail, twin]}})
    assert event.properties["custom"] == {"q1": "Large", "q1_a": True}  # no list, so the yes is an answer of its own
    field["value"] = ["a", "b"]
    event = post_json({"eventType": "FORM_RESPONSE", "data": {"fields": [field, mail, twin]}})
    assert event.properties["custom"] == {"q1": ["Large", "Small"]}


def test_unfinished_typeform_response_is_parked():
    body = {"event_type": "form_response_partial", "form_response": {"submitted_at": "2026-03-10T08:00:00Z"}}
    with pytest.raises(Unreadable, match="unfinished"):
        post_json(body)


def test_jotforms_own_names_are_read_without_a_raw_request_too():
    event = post({"formID": "1", "q3_name[first]": "Ada", "q3_name[last]": "King", "q4_email": "a@example.com"})
    assert event.properties["builder"] == "jotform"
    assert event.fields == {"first_name": "Ada", "last_name": "King", "email": "a@example.com"}


def test_form_that_a_tool_passed_on_with_its_brackets_is_nested_again():
    fields = {"fields[a][type]": "email", "fields[a][title]": "Mail", "fields[a][value]": "a@example.com"}
    event = post_json({"form[id]": "1", "form[name]": "Quote", **fields})
    assert event.properties == {"form": "demo", "builder": "elementor", "form_title": "Quote", "form_id": "1"}
    assert event.fields == {"email": "a@example.com"}


def test_jotforms_pretty_text_is_never_read():
    body = part("pretty", "Email:a@example.com") + part("rawRequest", '{"q3_color":"red"}') + "--XX--"
    with pytest.raises(Unreadable, match="no e-mail"):
        read(body.encode(), MULTIPART)


def test_jotforms_broken_request_is_named():
    with pytest.raises(Unreadable, match="rawRequest: an object in the JSON has the same key twice"):
        read((part("rawRequest", '{"a":1,"a":2}') + "--XX--").encode(), MULTIPART)


def test_wpforms_choices_are_told_apart_by_two_bars():
    event = post_json({"form_id": 1, "entry_id": 2, "email": "a@example.com", "topics": "a||b"})
    assert event.properties["custom"] == {"topics": ["a", "b"]}


def test_gravity_forms_consent_is_its_text():
    entry = {
        "id": "1",
        "form_id": "1",
        "2": "a@example.com",
        "3.1": "1",
        "3.2": "I accept the privacy policy.",
        "3.3": "1",
    }
    assert heard(post_json(entry)) == {}
    assert heard(post_json({**entry, "3.2": "Send me the newsletter."})) == {"email": "granted"}


def test_gravity_forms_checkboxes_are_no_name():
    entry = {"id": "1", "form_id": "1", "2": "a@example.com", "5.1": "Sea", "5.2": "", "5.3": "Road", "5.6": "Rail"}
    event = post_json(entry)
    assert "first_name" not in event.fields
    assert event.properties["custom"] == {"5": ["Sea", "Road", "Rail"]}


def test_form_that_an_automation_passes_on_whole_is_the_form_and_not_its_headers():
    form = {"your-email": "ann@example.com", "Message": "Hello"}
    wrapped = {"headers": {"host": "n8n.example", "cookie": "x"}, "query": {}, "body": form, "executionMode": "test"}
    event = post_json([{"json": wrapped}])
    assert event.identity("email") == "ann@example.com"
    assert "cookie" not in json.dumps(event.properties)
    plain = post_json(form)
    assert (event.fields, event.properties) == (plain.fields, plain.properties)
