"""The mapping editor as an admin uses it; others look.

Catalogue: D1 (grid), D2–D4 (row editor), D5 (preview), D6 (the request), D7 (drift badge), D9 (drafts).
"""

import re
from typing import Any

import pytest

from app import drafts
from app.runtime import Runtime
from app.store import counted
from app.store import drafts as stored
from app.store.counted import day_of
from app.store.drafts import Draft
from jobs import reread
from mappings.writing import rows_of
from tests.app.screens import HOSTILE, Browser, new_app
from tests.feeding import arrive, contact, contacts, drain, form, hubspot, klaviyo, notice
from tests.feeding import rows as rows_in
from tests.telling import told_once

ANN = "ann@acme.example"
ROW = "/admin/mappings/hubspot/row"
VERDICT, CITY = 17, 9  # rows of HubSpot's shipped mapping


def tell(runtime: Runtime) -> None:
    hubspot(runtime)
    klaviyo(runtime, api_key="pk_secret_value")
    now = runtime.clock()
    told = [
        ("email", ANN), ("firstname", "Ann"), ("city", " Bonn "), ("hs_lead_status", "IN_REVIEW"),
        ("role_title", "Chief"), ("odd", HOSTILE), ("score_x", "0"),
    ]  # fmt: skip
    arrive(runtime, "hubspot", [notice(now, 7, name=name, value=value) for name, value in told])
    form(runtime, "callback", Rueckruf="0228 1234")
    drain(runtime)


@pytest.fixture
def known(sqlite_runtime: Runtime) -> Runtime:
    told_once(sqlite_runtime, tell)
    return sqlite_runtime


@pytest.fixture
def admin(known: Runtime) -> Browser:
    return Browser(new_app(known), "admin")


def fields(page: str) -> dict[str, Any]:
    """What the row's form on a page holds, as a browser would send it."""
    body = page[page.index("data-editor") : page.index("</form>", page.index("data-editor"))]
    sent: dict[str, Any] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', body):
        sent[name] = _plain(value)
    for name in ("vendor", "setting", "theirs", "own", "template"):
        sent[name] = [
            _plain(one) for one in re.findall(rf'<input class="[^"]*"[^>]* ?name="{name}" value="([^"]*)"', body)
        ]
    for name in ("step", "ours", "contact"):
        sent[name] = []
        for options in re.findall(rf'<select [^>]*name="{name}"[^>]*>(.*?)</select>', body, re.DOTALL):
            chosen = re.search(r'value="([^"]*)" selected', options)
            sent[name].append(_plain(chosen[1]) if chosen else "")
    for name in ("direction", "blank", "unmapped"):
        found = re.search(rf'name="{name}" value="(\w+)" checked', body)
        sent[name] = found[1] if found else ""
    if not sent["ours"]:
        sent["ours"] = [_plain(one) for one in re.findall(r'name="ours" value="([^"]*)"', body)]
    return sent


def _plain(text: str) -> str:
    from html import unescape

    return unescape(text)


def send(browser: Browser, on: str, do: str = "save", path: str = ROW, **changes: Any) -> Any:
    sent = {**fields(browser.read(on)), "do": do, **changes}
    return browser.client.post(path, base_url="https://hub.example.com", data=sent)


def draft(runtime: Runtime, name: str = "hubspot") -> Draft | None:
    with runtime.database.read() as conn:
        return stored.find(conn, "mapping", name)


def rows(runtime: Runtime) -> list[dict[str, Any]]:
    found = draft(runtime)
    assert found is not None
    return rows_of(found.body)


def test_grid_answers_where_a_field_goes(admin: Browser) -> None:
    page = admin.read("/admin/mappings/")
    line = page[page.index("Job title") :]
    line = line[: line.index("</tr>")]
    assert [words in line for words in ("jobtitle", "title", "job_title")] == [True] * 3
    assert line.count("Baton reads and writes it") == 2
    assert "Look at it" in page  # a value without a place


def test_grid_and_mapping_say_whose_word_stands_where_it_is_not_the_newest(admin: Browser) -> None:
    assert "Whose word:" not in admin.read("/admin/mappings/hubspot/")
    send(admin, f"{ROW}?row={CITY}", authority="owner")
    for path in ("/admin/mappings/", "/admin/mappings/hubspot/"):
        said = re.findall(r"Whose word:</span> ([^<]+)</div>", admin.read(path))
        assert said == ["This tool owns the field"], path


def test_mapping_shows_what_no_row_reads_with_a_suggestion(admin: Browser) -> None:
    page = admin.read("/admin/mappings/hubspot/")
    assert "role_title" in page
    assert "<script>alert" not in page
    assert "1 value has no place in its table" in page
    new = fields(admin.read(f"{ROW}?vendor=role_title&contact=job_title"))
    assert (new["vendor"], new["contact"], new["row"]) == (["role_title"], ["job_title"], "")


def test_row_lands_in_the_draft_and_nowhere_else(admin: Browser, known: Runtime) -> None:
    said = admin.says(send(admin, f"{ROW}?row={CITY}", step=["trim", "upper"], setting=["", ""], blank="clear"))
    assert "Kept in the draft: City" in said
    assert rows(known)[CITY] == {
        "contact": "city", "vendor": "city", "direction": "both", "blank": "clear", "transform": ["trim", "upper"]
    }  # fmt: skip
    kept = draft(known)
    assert kept is not None
    assert "# A rep's verdict on a handoff." in kept.body
    connection = known.connection("hubspot")
    assert connection is not None
    assert known.rulebook().mapping_for(connection).version == "hubspot@default"
    assert f"{CITY}" in admin.read("/admin/mappings/hubspot/")


def test_unknown_value_gets_a_place_with_one_click(admin: Browser, known: Runtime) -> None:
    page = admin.read(f"{ROW}?row={VERDICT}")
    assert "unmapped values seen: 1" in page
    again = send(admin, f"{ROW}?row={VERDICT}", do="place:IN_REVIEW").get_data(as_text=True)
    sent = fields(again)
    assert sent["theirs"][14] == "IN_REVIEW"
    assert "unmapped values seen" not in again
    sent["ours"][14] = "nurture"
    admin.says(admin.client.post(ROW, base_url="https://hub.example.com", data={**sent, "do": "save"}))
    assert rows(known)[VERDICT]["values"]["IN_REVIEW"] == "nurture"
    page = admin.read("/admin/mappings/hubspot/effect")
    assert "Works with the draft" in page


def test_value_is_shown_after_each_step_before_anything_is_kept(admin: Browser, known: Runtime) -> None:
    page = send(admin, f"{ROW}?row={CITY}", do="try", step=["trim", "upper"], setting=["", ""]).get_data(as_text=True)
    assert page.index("<code>Bonn</code>") < page.index("<code>BONN</code>")
    assert "becomes <code>BONN</code>" in page
    assert draft(known) is None


def test_zero_no_empty_and_nothing_are_told_apart(admin: Browser) -> None:
    page = send(admin, f"{ROW}?vendor=score_x", do="try", contact="own", own="x").get_data(as_text=True)
    assert "becomes <code>0</code>" in page


@pytest.mark.parametrize(
    ("changes", "said", "at"),
    [
        pytest.param({"contact": ""}, "Choose the field of ours", "contact", id="no field"),
        pytest.param({"vendor": [""]}, "Name the tool’s field", "vendor-0", id="no source"),
        pytest.param({"contact": "score"}, "its direction can only be", "direction", id="computed"),
        pytest.param({"step": ["split"], "setting": [""]}, "needs a setting", "steps", id="no setting"),
        pytest.param({"vendor": ["a", "b"]}, "names one property", "vendor-0", id="two to write"),
        pytest.param({"theirs": ["A", "A"], "ours": ["x", "y"]}, "stands twice", "values", id="a value twice"),
        pytest.param({"direction": "sideways"}, "in", "direction", id="not a direction"),
    ],
)
def test_what_is_wrong_is_said_at_its_place_and_nothing_is_lost(
    admin: Browser, known: Runtime, changes: dict[str, Any], said: str, at: str
) -> None:
    answer = send(admin, f"{ROW}?row={CITY}", own="typed by hand", **changes)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert f'href="#{at}"' in page
    assert said.replace("’", "&#39;") in page or said in page
    assert "typed by hand" in page
    assert draft(known) is None


def test_row_that_somebody_else_has_changed_is_not_overwritten_unseen(admin: Browser, known: Runtime) -> None:
    page = admin.read(f"{ROW}?row={CITY}")
    mine = {**fields(page), "do": "save", "step": ["lower"], "setting": [""]}
    admin.says(send(admin, f"{ROW}?row={CITY}", blank="skip"))
    refused = admin.client.post(ROW, base_url="https://hub.example.com", data=mine).get_data(as_text=True)
    assert "has changed or removed this row in the meantime" in refused
    assert fields(refused)["step"][0] == "lower"
    assert rows(known)[CITY]["blank"] == "skip"
    admin.says(admin.client.post(ROW, base_url="https://hub.example.com", data={**mine, "over": "yes"}))
    assert rows(known)[CITY]["transform"] == ["lower"]


def test_row_is_found_again_after_another_was_taken_out(admin: Browser, known: Runtime) -> None:
    mine = {**fields(admin.read(f"{ROW}?row={CITY}")), "do": "save", "blank": "clear"}
    first = fields(admin.read(f"{ROW}?row=0"))
    gone = {"csrf_token": first["csrf_token"], "row": "0", "seen": first["seen"]}
    admin.says(admin.client.post("/admin/mappings/hubspot/remove", base_url="https://hub.example.com", data=gone))
    admin.says(admin.client.post(ROW, base_url="https://hub.example.com", data=mine))
    assert rows(known)[CITY - 1] == {"contact": "city", "vendor": "city", "direction": "both", "blank": "clear"}


def test_invalid_draft_says_what_to_mend_with_a_way_there(admin: Browser, known: Runtime) -> None:
    text = "kind: mapping\nname: hubspot\nfields:\n  - {contact: citty, vendor: city}\n"
    drafts.save(known, "bob", "mapping", "hubspot", text, 0)
    page = admin.read("/admin/mappings/hubspot/")
    assert "1 thing to mend" in page
    assert 'href="/admin/mappings/hubspot/row?row=0"' in page
    assert "cannot be used yet" in admin.read("/admin/mappings/hubspot/effect")
    assert "citty" in admin.read(f"{ROW}?row=0")
    drafts.save(known, "bob", "mapping", "hubspot", "no: [yaml", 1)
    assert "Mappings" in admin.read("/admin/mappings/hubspot/")


def test_field_that_comes_no_more_has_its_badge_and_its_new_name(admin: Browser, known: Runtime) -> None:
    connection = known.connection("hubspot")
    assert connection is not None
    today = day_of(known.clock())
    with known.database.write() as conn:
        for day in range(today - 20, today + 1):
            counts = {(connection.id, "", "payload"): 20, (connection.id, "email", "e-mail"): 10}
            if day < today - 5:
                counts[(connection.id, "jobtitle", "text")] = 10
            counted.add(conn, known.database, counts, day)
    page = admin.read("/admin/mappings/hubspot/")
    assert "Gone" in page
    assert "Read “role_title” instead" in page
    assert "comes no more" in admin.read(f"{ROW}?row=4")
    admin.says(send(admin, f"{ROW}?row=4&vendor=role_title"))
    assert rows(known)[4]["vendor"] == "role_title"
    effect = admin.read("/admin/mappings/hubspot/effect")
    assert "Chief" in effect
    assert f"/admin/contacts/{contact(known, hubspot='7')['id']}" in effect


def test_payload_shows_each_row_step_by_step(admin: Browser) -> None:
    page = admin.read("/admin/mappings/hubspot/payload")
    for way in ("Older", "Emptiest", "Largest", "Latest failure"):
        assert way in page
    keys = re.findall(r"payload=(\d+\.\d+)", page)
    assert "stands in no line of the value table" in " ".join(
        admin.read(f"/admin/mappings/hubspot/payload?payload={key}") for key in set(keys)
    )
    assert admin.get("/admin/mappings/hubspot/payload?payload=nonsense").status_code == 200


def test_request_is_shown_without_secrets_and_cannot_be_sent(admin: Browser, known: Runtime) -> None:
    page = admin.read("/admin/mappings/klaviyo/request")
    assert "https://a.klaviyo.com/api/profile-import" in page
    assert ANN in page
    assert "pk_secret_value" not in page
    assert admin.get("/admin/mappings/forms/request").status_code == 404


def test_connection_gets_a_mapping_of_its_own_as_a_draft(known: Runtime) -> None:
    from app.setup import add_connection

    add_connection(known, "hubspot", "eu", {"client_secret": "another-secret"})
    admin = Browser(new_app(known), "admin")
    assert "Begin one for eu" in admin.read("/admin/mappings/eu/")
    assert "alone" in admin.says(admin.post("/admin/mappings/eu/own"))
    mine = draft(known, "hubspot.eu")
    assert mine is not None
    assert "name: hubspot.eu\n" in mine.body
    assert draft(known) is None


@pytest.mark.parametrize(("role", "sees"), [("marketer", True), ("viewer", False), ("sales", None)])
def test_who_only_looks_changes_nothing(known: Runtime, role: str, sees: bool | None) -> None:
    browser = Browser(new_app(known), role)
    if sees is None:
        assert browser.get("/admin/mappings/").status_code == 403
        return
    page = browser.read(f"{ROW}?row={CITY}")
    assert "Keep in the draft" not in page
    assert (" Bonn " in page) is sees
    token = browser.token("/admin/mappings/hubspot/row?row=0")
    answer = browser.client.post(ROW, base_url="https://hub.example.com", data={"csrf_token": token, "do": "save"})
    assert answer.status_code == 403
    assert draft(known) is None
    assert browser.get("/admin/mappings/hubspot/payload").status_code == (200 if sees else 403)


def test_requests_are_read_again_once_their_field_has_a_row(admin: Browser, known: Runtime) -> None:
    with known.database.read() as conn:
        text = drafts.in_force_text(conn, "mapping", "forms")
    text = text.replace("name: forms\n", "name: forms\nregion: DE\n")
    text += "  - {contact: phone, vendor: Rueckruf, transform: [phone]}\n"
    drafts.save(known, "ann", "mapping", "forms", text, 0)
    drafts.publish(known, "ann", "mapping", "forms", 1, "their field for a call back")
    assert contacts(known, phone="+492281234") == []
    page = admin.read("/admin/mappings/forms/again?days=30")
    assert "Also take in 1 parked request" in page
    said = admin.says(admin.post("/admin/mappings/forms/again", {"days": "30", "parked": "yes"}))
    assert "Begun. It goes on in the background" in said
    assert "its payloads are being read again already" in admin.says(
        admin.post("/admin/mappings/forms/again", {"days": "30"})
    )
    reread.go_on(known)
    drain(known)
    assert contact(known, phone="+492281234")["fields"]["phone"] == "+492281234"
    assert "Finished" in admin.read("/admin/mappings/forms/again")


def test_sending_to_one_contact_is_confirmed_by_its_address(admin: Browser, known: Runtime) -> None:
    form(known, email=ANN, consent="yes")  # Klaviyo's mapping creates only those who agreed
    drain(known)
    connection = known.connection("klaviyo")
    assert connection is not None
    mine = {"connection_id": connection.id, "kind": "upsert_contact", "slot": None}
    page = admin.read("/admin/mappings/klaviyo/request")
    sent = dict(re.findall(r'name="(contact|seen)" value="([^"]+)"', page))
    assert "Send exactly this to Klaviyo" in page
    said = admin.says(admin.post("/admin/mappings/klaviyo/send", {**sent, "confirm": "somebody else"}))
    assert "Not sent: type the contact’s address" in said
    assert not rows_in(known, "deliveries", **mine)
    answer = admin.post("/admin/mappings/klaviyo/send", {**sent, "confirm": ANN.upper()})
    (delivery,) = rows_in(known, "deliveries", **mine)
    assert (answer.location, delivery.status) == (f"/admin/deliveries/{delivery.id}", "pending")
    said = admin.says(admin.post("/admin/mappings/klaviyo/send", {**sent, "seen": "0", "confirm": ANN}))
    assert "the request is another one by now" in said


def test_fields_are_found_by_name_and_by_what_they_hold_without_a_script(admin: Browser, known: Runtime) -> None:
    page = admin.read("/admin/mappings/hubspot/?find=role")
    assert ("role_title" in page, 'class="main">odd<' in page) == (True, False)
    assert "No field that came in is called so" in admin.read("/admin/mappings/hubspot/?find=nothing+like+it")
    again = send(admin, f"{ROW}?row={CITY}", do="find", find="chief", step=["trim"], setting=[""]).get_data(
        as_text=True
    )
    picker = again[again.index('id="sources"') : again.index("</ul>", again.index('id="sources"'))]
    assert re.findall(r"<strong>(\w+)</strong>", picker) == ["role_title"]
    assert fields(again)["step"][0] == "trim", "what was typed is still there"
    found = Browser(new_app(known), "viewer").read(f"{ROW}?row={CITY}&find=chief")
    assert "<strong>role_title</strong>" not in found, "who may not see what came in does not find by it either"


def test_publishing_leads_to_reading_again_and_what_it_would_change(admin: Browser, known: Runtime) -> None:
    admin.says(send(admin, f"{ROW}?vendor=role_title&contact=job_title"))
    published = admin.post("/admin/policies/mapping/hubspot/publish", {"revision": "1", "note": "their new name"})
    assert published.location == "/admin/mappings/hubspot/again"
    page = admin.read(published.location)
    assert re.search(r"Of the last 1, <strong>1</strong> says\s+something else", page)
    admin.post(published.location, {"days": "7"})
    reread.go_on(known)
    drain(known)
    assert contact(known, hubspot="7")["fields"]["job_title"] == "Chief"
    page = admin.read(published.location)
    assert re.search(r"Changed, among others: <a href=\"/admin/contacts/\d+\">Ann</a>", page)


@pytest.mark.parametrize("path", ["/admin/mappings/site/", "/admin/mappings/none/", f"{ROW}?row=999"])
def test_what_has_no_mapping_is_not_found(admin: Browser, path: str) -> None:
    assert admin.get(path).status_code == 404
