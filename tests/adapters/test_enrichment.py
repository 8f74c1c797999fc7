"""Providers of facts: a file of companies, Clearbit and ZoomInfo, behind one contract. Catalogue: K2, M6, M7."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.contract import Account, ConnectionRefused, Done, Refused, RetryLater, Unreadable
from adapters.enrichment import flattened
from adapters.http import Http, recording
from adapters.registry import adapters
from app.contacts.action import TrackEvent
from mappings.mapping import mapping_file
from tests.adapters.making import NOW, arrived, client_of, delivery, push

PROVIDERS = ["companies", "clearbit", "zoominfo"]
COMPANIES, CLEARBIT, ZOOMINFO = (adapters()[name] for name in PROVIDERS)
ASK = TrackEvent(name="enrich", occurred_at=NOW)
ANN = "ann@acme.example"


@pytest.mark.parametrize("name", PROVIDERS)
def test_provider_only_fills_what_is_blank_and_is_asked_only_by_name(name):
    adapter = adapters()[name]
    assert {rule.authority for rule in mapping_file(adapter.mapping)._rules} == {"fill"}
    (made,) = adapter.pushes.values()
    assert made.accepts(ASK, {})
    assert not made.accepts(TrackEvent(name="Trial started", occurred_at=NOW), {})
    assert made.batch == 1, "the budget counts people"
    assert "budget" in made.limits


@pytest.mark.parametrize(("settings", "calls"), [({}, 1_000), ({"budget": "50"}, 50)])
def test_budget_is_so_many_calls_in_thirty_days(settings, calls):
    limit = next(one for one in CLEARBIT.limits if one.name == "budget").of(settings)
    assert (limit.calls, limit.seconds) == (calls, 30 * 86_400)


def read(adapter: Any, body: bytes, **settings: str) -> list[Any]:
    return list(adapter.parse(arrived(body, settings=settings), mapping_file(adapter.mapping)))


FOUND = json.dumps({"email": ANN, "found": {"company.name": "Acme"}, "at": "2026-03-10T08:00:00Z"}).encode()


def test_nothing_follows_from_what_is_found_unless_the_connection_says_so():
    assert [event.quiet for event in read(CLEARBIT, FOUND)] == [True]
    assert [event.quiet for event in read(CLEARBIT, FOUND, starts="yes")] == [False]


def test_what_is_found_again_is_the_same_event():
    later = FOUND.replace(b"08:00", b"09:00")
    other = FOUND.replace(b"Acme", b"Bcme")
    keys = [read(CLEARBIT, body)[0].source_key for body in (FOUND, later, other)]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    "said", [{}, {"email": ANN}, {"email": "x", "found": {"a": 1}}, {"email": ANN, "found": {"a": 1}}]
)
def test_what_cannot_be_read_is_parked(said):
    with pytest.raises(Unreadable):
        read(CLEARBIT, json.dumps(said).encode())


def test_facts_are_flat_and_lists_and_blanks_are_left_out():
    assert flattened({"a": {"b": {"c": 1}}, "d": [1], "e": None, "f": "", "g": True}) == {"a.b.c": 1, "g": True}


# --- a file


def companies(path: Path) -> Any:
    return COMPANIES.connect(Account({"file": str(path)}, "", Http()))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "companies.csv"
    path.write_text("\ufeffDomain,Company,Industry\nwww.Acme.example,Acme,Steel\nbig.example,Big,\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("email", "facts"),
    [
        (ANN, {"company": "Acme", "industry": "Steel"}),
        ("bo@mail.eu.BIG.example", {"company": "Big"}),
        ("cy@example", None),
        ("di@other.example", None),
    ],
)
def test_company_is_found_by_the_domain_of_an_address(file, email, facts):
    (outcome,) = push(COMPANIES, companies(file), delivery(ASK, email=email))
    assert isinstance(outcome, Done)
    if facts is None:
        assert outcome == Done(note="nothing is known of them there")
    else:
        found = json.loads(outcome.found)
        assert (found["email"], found["found"]) == (email, facts)
        assert read(COMPANIES, outcome.found)[0].fields["company"] == facts["company"]


def test_file_is_read_anew_when_it_has_changed(file):
    client = companies(file)
    assert COMPANIES.check(client)[0].capability == "File of 2 companies"
    file.write_text("domain,company\nnew.example,New Company\n")
    assert list(client.rows()) == ["new.example"]


@pytest.mark.parametrize("text", ["name,company\nx,y\n", None], ids=["no domains", "no file"])
def test_file_that_cannot_be_used_stops_the_connection_and_a_check_says_why(tmp_path, text):
    path = tmp_path / "companies.csv"
    if text:
        path.write_text(text)
    with pytest.raises(ConnectionRefused, match=r"companies\.csv"):
        push(COMPANIES, companies(path), delivery(ASK, email=ANN))
    (one,) = COMPANIES.check(companies(path))
    assert not one.works


def test_only_whole_paths_of_csv_files_are_taken():
    wrong = COMPANIES.settings[0].wrong
    assert [bool(wrong(text)) for text in ("/srv/companies.csv", "companies.csv", "/etc/passwd")] == [False, True, True]


# --- Clearbit


@pytest.fixture
def account(vendors: Any) -> Any:
    return vendors.vendors["clearbit"]


@pytest.fixture
def clearbit(vendors: Any, account: Any) -> Any:
    return client_of(CLEARBIT, vendors, api_key="sk_clearbit")


def test_person_and_company_are_found_by_address(account, clearbit):
    account.act("know", email=ANN, title="Director", company="Acme", industry="Steel", employees=250)
    (outcome,) = push(CLEARBIT, clearbit, delivery(ASK, email=ANN))
    (event,) = read(CLEARBIT, outcome.found)
    assert event.fields == {"job_title": "Director", "company": "Acme", "industry": "Steel", "company_size": "250"}
    assert outcome.note == "5 facts"


def test_whom_clearbit_does_not_know_is_no_failure(account, clearbit):
    assert push(CLEARBIT, clearbit, delivery(ASK, email=ANN)) == [Done(note="nothing is known of them there")]
    assert CLEARBIT.check(clearbit)[0].works


def test_clearbit_that_is_still_looking_is_asked_again_a_minute_later(account, clearbit):
    account.configure(early=1)
    account.act("know", email=ANN, company="Acme")
    (outcome,) = push(CLEARBIT, clearbit, delivery(ASK, email=ANN))
    assert (type(outcome), outcome.after) == (RetryLater, 60)
    assert push(CLEARBIT, clearbit, delivery(ASK, email=ANN))[0].found


def test_what_clearbit_refuses(account, clearbit):
    assert isinstance(push(CLEARBIT, clearbit, delivery(ASK, email="nobody"))[0], Refused)
    assert isinstance(push(CLEARBIT, clearbit, delivery(ASK))[0], Refused)
    account.configure(api_key="another")
    with pytest.raises(ConnectionRefused):
        push(CLEARBIT, clearbit, delivery(ASK, email=ANN))
    assert "refuses the key" in CLEARBIT.check(clearbit)[0].advice


# --- ZoomInfo


@pytest.fixture
def zoom(vendors: Any) -> Any:
    return client_of(ZOOMINFO, vendors, client_id="app", client_secret="zoominfo-secret")


def test_zoominfo_is_asked_with_a_token_that_is_kept_while_it_lasts_and_nowhere_else(vendors, zoom):
    account = vendors.vendors["zoominfo"]
    account.act("know", email=ANN, firstName="Ann", jobTitle="Director")
    with recording() as calls:
        some = [push(ZOOMINFO, zoom, delivery(ASK, email=email))[0] for email in (ANN, "bo@acme.example")]
    assert json.loads(some[0].found)["found"] == {"firstName": "Ann", "jobTitle": "Director"}
    assert some[1] == Done(note="nothing is known of them there")
    assert account.credits == {ANN}
    assert [call.url.rpartition("/")[2] for call in calls] == ["token", "enrich", "enrich"]
    assert not [token for token in account.tokens if token in repr(calls)]


def test_zoominfo_token_that_was_called_back_is_renewed_once(vendors, zoom):
    account = vendors.vendors["zoominfo"]
    account.act("know", email=ANN, firstName="Ann")
    push(ZOOMINFO, zoom, delivery(ASK, email=ANN))
    account.tokens.clear()
    assert push(ZOOMINFO, zoom, delivery(ASK, email=ANN))[0].found
    account.configure(client_secret="another")
    account.tokens.clear()
    with pytest.raises(ConnectionRefused):
        push(ZOOMINFO, zoom, delivery(ASK, email=ANN))
    assert "refuses the client id" in ZOOMINFO.check(zoom)[0].advice


def test_zoominfo_says_which_field_the_contract_lacks(vendors):
    more = client_of(
        ZOOMINFO, vendors, client_id="app", client_secret="zoominfo-secret", fields="jobTitle, directPhone"
    )
    (outcome,) = push(ZOOMINFO, more, delivery(ASK, email=ANN))
    assert isinstance(outcome, Refused)
    assert "directPhone" in outcome.reason


def test_zoominfo_whose_credits_are_used_up_is_asked_again_another_day(peer):
    peer.answers(b'{"access_token":"t","expires_in":3600,"data":[{"meta":{"matchStatus":"LIMIT_EXCEEDED"}}]}')
    client = ZOOMINFO.connect(Account({"client_id": "app", "client_secret": "s"}, peer.url, Http(allow_private=True)))
    (outcome,) = push(ZOOMINFO, client, delivery(ASK, email=ANN))
    assert (type(outcome), outcome.after) == (RetryLater, 86_400)


def test_check_of_zoominfo_costs_no_credit(vendors, zoom):
    assert ZOOMINFO.check(zoom)[0].works
    assert [call.path for call in vendors.called("zoominfo")] == ["/oauth/v1/token"]
