"""Messages: what a document may say, what comes of it for a contact, and what never leaves.

Catalogue: J1 (fallbacks), J2 (context, not tokens), J3 (completeness), J4 (render as), J5 (lint), J6 (channels),
H2 (welcome by entry point).
"""
# ruff: noqa: E501  rows of tables are long

import re
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.contacts.contact import Contact, Interest, LifecycleStage, Stage, Touch, Value
from app.rules.content import Content, compile_content
from app.rules.filling import Context, clean, next_resources
from app.rules.lint import lint, samples, sms
from app.rules.policy import default_documents, read_document
from app.rules.rendering import Rendered, Withheld, channel_for, gate, not_ready, payload, render
from app.rules.template import MAX_SOURCE, raw_token
from mappings.document import InvalidDocument
from tests.contacts.making import ANN, KLAVIYO, NOW, ago, event, folded, no, yes
from tests.rules.making import SUPPRESSION

SHIPPED = compile_content(default_documents()["content"].model, "content@default")
NOBODY = Contact()
HEAD = """
kind: content
site: https://shop.test
links: [{id: pricing, url: /pricing}]
resources:
  - {id: a, title: Alpha, url: /a, topics: [scoring]}
  - {id: b, title: Beta, url: /b, topics: [sms], entry_points: ["form *demo*"]}
  - {id: c, title: Gamma, url: "https://else.test/c?x=1"}
"""


def content(messages: str, head: str = HEAD) -> Content:
    """A document with these messages (YAML, one list item each), compiled."""
    return compile_content(read_document(f"{head}messages:\n{messages}").model, "content@1")


def one(body: str, more: str = "") -> Content:
    """A document with one e-mail ``m`` of one block."""
    return content(f"  - {{id: m, label: M, subject: News, {more} blocks: [{body}]}}")


def problems(messages: str, head: str = HEAD) -> list[str]:
    with pytest.raises(InvalidDocument) as refused:
        read_document(f"{head}messages:\n{messages}", "c.yaml")
    return refused.value.problems


def person(**fields) -> Contact:
    return Contact(fields={name: Value(value, NOW) for name, value in fields.items()})


def fan(*topics: str) -> Contact:
    """Somebody with these interests, the strongest first."""
    return Contact(interests={topic: Interest(NOW, NOW, 9 - number) for number, topic in enumerate(topics)})


def made(content: Content, contact: Contact = NOBODY, context: Context | None = None, **more) -> Rendered:
    found = render(content, more.pop("id", "m"), contact, context or Context(), NOW, **more)
    assert isinstance(found, Rendered), found
    return found


# J1: fallbacks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("""{text: 'Hi {{ first_name | default: "there" }}!'}""", id="default"),
        pytest.param("{text: '{% if first_name %}Hi {{ first_name }}!{% else %}Hi there!{% endif %}'}", id="within if"),
        pytest.param("{text: '{% unless first_name %}Hi there!{% else %}Hi {{ first_name }}!{% endunless %}'}", id="unless"),
        pytest.param("{text: '{% case first_name %}{% when \"Ann\" %}Hi {{ first_name }}!{% else %}Hi there!{% endcase %}'}", id="case"),
        pytest.param("{variants: [{knows: [first_name], text: 'Hi {{ first_name }}!'}, {text: 'Hi there!'}]}", id="knows"),
        pytest.param("{variants: [{when: {field: contact.first_name, op: known}, text: 'Hi {{ first_name }}!'}, {text: 'Hi there!'}]}", id="condition"),
        pytest.param("{variants: [{when: {any: [{field: contact.first_name, value: Ann}, {all: [{field: stage, value: lead}, {field: contact.first_name, op: contains, value: n}]}]}, text: 'Hi {{ first_name }}!'}, {text: 'Hi there!'}]}", id="each of any"),
        pytest.param("{variants: [{when: {not: {field: contact.first_name, op: unknown}}, text: 'Hi {{ first_name }}!'}, {text: 'Hi there!'}]}", id="not unknown"),
    ],
)  # fmt: skip
def test_token_with_a_fallback_of_any_kind_is_filled_or_falls_back(body):
    assert made(one(body), person(first_name="Ann")).body_text == "Hi Ann!"
    assert made(one(body)).body_text == "Hi there!"


def test_message_declares_fallbacks_for_all_of_its_texts():
    document = content(
        "  - {id: m, label: M, subject: 'For {{ company }}', preview: '{{ company }}', fallbacks: {company: your team},"
        " blocks: [{text: 'To {{ company }}'}]}"
    )
    found = made(document)
    assert (found.subject, found.preview, found.body_text) == ("For your team", "your team", "To your team")
    assert found.fell_back == ("company",)
    assert made(document, person(company="Acme")).fell_back == ()


UNGUARDED = 'uses {{ first_name }} without a fallback: write {{ first_name | default: "…" }}, or add "first_name" to'


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param("{text: '{{ first_name }}'}", f"message 1 (m), block 1 {UNGUARDED}", id="bare"),
        pytest.param("{id: hello, text: '{{ first_name | upcase }}'}", f"block hello {UNGUARDED}", id="another filter"),
        pytest.param("{text: '{{ custom.plan }}'}", "uses {{ custom.plan }} without a fallback", id="a custom field"),
        pytest.param("{text: '{{ event.a.b }}'}", "uses {{ event.a.b }} without a fallback", id="an event property"),
        pytest.param("{text: '{{ stage }}'}", "uses {{ stage }} without a fallback", id="the stage"),
        pytest.param("{text: '{% if first_name %}x{% else %}{{ first_name }}{% endif %}'}", UNGUARDED, id="in the else"),
        pytest.param("{text: '{% if last_name or first_name %}{{ first_name }}{% endif %}'}", UNGUARDED, id="one of two"),
        pytest.param("{text: '{% if first_name != \"x\" %}{{ first_name }}{% endif %}'}", UNGUARDED, id="not something"),
        pytest.param("{text: '{% unless first_name %}{{ first_name }}{% endunless %}'}", UNGUARDED, id="unless"),
        pytest.param("{variants: [{when: {field: stage, value: lead}, text: '{{ first_name }}'}, {text: x}]}", "variant 1 uses {{ first_name }} without a fallback: write {{ first_name | default: \"…\" }}, or add \"first_name\" to the message's fallbacks, or add it to the variant's knows: [first_name]", id="under another condition"),
        pytest.param("{variants: [{when: {any: [{field: contact.first_name, op: known}, {field: stage, value: lead}]}, text: '{{ first_name }}'}]}", UNGUARDED, id="one of any"),
        pytest.param("{variants: [{when: {field: contact.first_name, op: not_equals, value: x}, text: '{{ first_name }}'}]}", UNGUARDED, id="not equal"),
        pytest.param("{variants: [{when: {field: contact.first_name, op: known}, text: x}, {text: '{{ first_name }}'}]}", f"variant 2 {UNGUARDED}", id="in the fallback"),
        pytest.param("""{text: '{{ first_name | default: "" }}'}""", "no usable fallback for first_name", id="an empty default"),
        pytest.param("{text: '{{ first_name | default }}'}", "no usable fallback for first_name", id="default of nothing"),
        pytest.param("""{text: '{{ first_name | default: "  " }}'}""", "no usable fallback", id="a blank default"),
        pytest.param("""{text: '{{ first_name | upcase | default: "x" }}'}""", "with default first", id="default too late"),
        pytest.param("{text: '{{ first_name | default: last_name }}'}", "another token; it takes a text", id="another token"),
        pytest.param("""{text: '{{ first_name | default: "[NAME]" }}'}""", 'has "[NAME]" in the fallback', id="a token for a fallback"),
        pytest.param("{text: '{{ first_nam | default: \"x\" }}'}", 'uses "first_nam", which is not a token; did you mean "first_name"?', id="a wrong name"),
        pytest.param("{text: '{% if frist_name %}x{% endif %}'}", 'uses "frist_name", which is not a token', id="a wrong name asked about"),
        pytest.param("{text: '{% for one in next_resources %}{{ one.title }}{% endfor %}'}", "walks through next_resources, which may be empty: put it within {% if next_resources %}", id="a list that may be empty"),
        pytest.param("{text: '{% if next_resources %}{% for one in next_resources %}{{ one.name }}{% endfor %}{% endif %}'}", 'uses "next_resources[].name", which is not a token', id="a wrong part"),
        pytest.param("{text: '{% if interests %}{{ interests }}{% endif %}'}", "puts out a list; walk through it", id="a list put out"),
    ],
)  # fmt: skip
def test_token_without_a_fallback_is_refused_with_its_place_and_its_mend(body, why):
    (problem,) = problems(f"  - {{id: m, label: M, subject: News, blocks: [{body}]}}")
    assert problem.startswith("c.yaml: message 1 (m), block ")
    assert why in problem


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("{% include 'x' %}", "unexpected tag 'include'; the tags are if, unless, case, for", id="include"),
        pytest.param("{% render 'x' %}", "unexpected tag 'render'", id="render"),
        pytest.param("{% assign x = 1 %}", "unexpected tag 'assign'", id="assign"),
        pytest.param("{% liquid echo stage %}", "unexpected tag 'liquid'", id="liquid"),
        pytest.param("{% raw %}{{ x }}{% endraw %}", "the tag raw", id="raw"),
        pytest.param("{% if stage > 3 %}x{% endif %}", "More can be asked in the variant's when", id="comparing"),
        pytest.param("{{ stage | default: 'x' | date: '%Y' }}", 'the filter "date", which is not one of default', id="no such filter"),
        pytest.param("{{ stage | default: 'x' | truncate: 'x' }}", "cannot be filled: ", id="a filter's wrong setting"),
        pytest.param("{% for i in (1..9) %}x{% endfor %}", "a token is a name", id="a range"),
        pytest.param("{% for i in stage %}x{% endfor %}", 'a loop walks through interests or next_resources', id="no list"),
        pytest.param("{{ custom[stage] }}", "a token is a name, with dots where needed", id="a name made of another"),
        pytest.param("{% if stage %}x", "cannot be read: ", id="no end"),
        pytest.param("{{ stage", 'says "{{"', id="half a token"),
        pytest.param("Hi [FIRST NAME]", 'says "[FIRST NAME]", which looks like a token of another tool', id="another tool's"),
        pytest.param("Hi *|FNAME|*", 'says "*|FNAME|*"', id="Mailchimp's"),
        pytest.param("[x](nowhere)", 'links to "nowhere", which is not a link', id="no link"),
        pytest.param("[x](pricng)", 'did you mean "pricing"?', id="nearly a link"),
        pytest.param("[x](https://a.test)", "write [words](id)", id="an address for a link"),
        pytest.param("x" * (MAX_SOURCE + 1), "at most 4000 are allowed", id="too long"),
        pytest.param("\\x02x", "has control characters", id="control signs"),
        pytest.param("{% if stage %}" * 9 + "{% endif %}" * 9, "nesting limit", id="too deep"),
    ],
)  # fmt: skip
def test_text_that_could_do_harm_or_cannot_be_read_is_refused(text, why):
    told = problems(f'  - {{id: m, label: M, subject: News, blocks: [{{text: "{text}"}}]}}')
    assert why in told[0]


@pytest.mark.parametrize(
    ("message", "why"),
    [
        pytest.param("{id: m, label: M, blocks: [{text: x}]}", "message 1 is an e-mail without a subject", id="no subject"),
        pytest.param("{id: m, label: M, subject: '{{ city }}', blocks: [{text: x}]}", "(m), subject uses {{ city }}", id="subject"),
        pytest.param("{id: m, label: M, subject: x, preview: '{{ city }}', blocks: [{text: x}]}", "preview uses {{ city }}", id="preview"),
        pytest.param("{id: m, label: M, subject: '[x](pricing)', blocks: [{text: x}]}", "subject cannot have a link", id="link in the subject"),
        pytest.param("{id: m, label: M, subject: x, blocks: []}", "message 1, blocks has too few entries: at least 1", id="no blocks"),
        pytest.param("{id: m, label: M, subject: x, blocks: [{}]}", 'block 1 needs exactly one of "text", "variants"', id="no text"),
        pytest.param("{id: m, label: M, subject: x, blocks: [{use: greting}]}", 'uses "greting", which is not a block', id="no such block"),
        pytest.param("{id: m, label: M, subject: x, blocks: [{variants: [{text: a}, {text: b}]}]}", "variant 1 is for everybody; move it to the end", id="unreachable"),
        pytest.param("{id: m, label: M, subject: x, fallbacks: {city: ''}, blocks: [{text: x}]}", 'the one for "city" is empty', id="empty fallback"),
        pytest.param("{id: m, label: M, subject: x, fallbacks: {ctiy: x}, blocks: [{text: x}]}", 'did you mean "city"?', id="fallback for nothing"),
        pytest.param("{id: m, label: M, subject: x, needs: [intrest], blocks: [{text: x}]}", 'needs uses "intrest"', id="needs nothing"),
        pytest.param("{id: m, label: M, subject: x, class: transactional, purpose: news, blocks: [{text: x}]}", "is transactional, but its purpose", id="purpose"),
        pytest.param("{id: m, label: M, subject: x, purpose: transactional, blocks: [{text: x}]}", "is marketing, but its purpose", id="marketing in disguise"),
        pytest.param("{id: m, label: M, subject: x, short: y, blocks: [{text: x}]}", 'SMS and push are for priority "high"', id="short and not urgent"),
        pytest.param("{id: m, label: M, subject: x, links: [{id: l, url: 'javascript:alert(1)'}], blocks: [{text: x}]}", "link 1, url: \"javascript:alert(1)\" has", id="script"),
        pytest.param("{id: m, label: M, subject: x, links: [{id: l, url: '/a?{{ email }}'}], blocks: [{text: x}]}", 'use "take"', id="token in an address"),
        pytest.param("{id: m, label: M, subject: x, links: [{id: l, url: '//evil.test'}], blocks: [{text: x}]}", "has to begin with https://", id="another site"),
    ],
)  # fmt: skip
def test_message_that_cannot_work_is_refused_with_its_place(message, why):
    told = problems(f"  - {message}")
    assert any(why in problem for problem in told), told


def test_ids_are_unique_and_every_problem_is_told_at_once():
    told = problems(
        "  - {id: m, label: M, subject: '{{ city }}', blocks: [{text: '{{ company }}'}, {id: a, text: x}, {id: a, text: y}]}\n"
        "  - {id: m, label: M, subject: x, blocks: [{use: nothing}]}\n"
    )
    assert len(told) == 5
    assert any('message 2 has the id "m", which another message has' in one for one in told)
    assert any('two blocks called "a"' in one for one in told)


# What comes of it -----------------------------------------------------------------------------------------------------

VARIED = """{id: v, variants: [
  {when: {field: interest, op: in, value: [scoring]}, text: For scorers},
  {entry: ["form *demo*", cpc], text: For those who asked},
  {segment: [vip], text: For the few},
  {when: {field: stage, op: in, value: [customer]}, text: For customers},
  {text: For everybody}]}"""


@pytest.mark.parametrize(
    ("contact", "context", "text", "reason"),
    [
        (NOBODY, Context(), "For everybody", "nothing closer fits"),
        (fan("scoring"), Context(), "For scorers", "interest is one of scoring"),
        (NOBODY, Context(interests={"scoring": 0.4}), "For scorers", "interest is one of scoring"),
        (fan("scoring"), Context(interests={"sms": 1.0}), "For everybody", "nothing closer fits"),
        (
            Contact(touches=[Touch(NOW, "form Demo request")]),
            Context(),
            "For those who asked",
            "came by form demo request",
        ),
        (Contact(touches=[Touch(NOW, "page /", medium="CPC")]), Context(), "For those who asked", "came by page /"),
        (
            Contact(touches=[Touch(NOW, "page /"), Touch(NOW, "form demo")]),
            Context(),
            "For everybody",
            "nothing closer",
        ),
        (NOBODY, Context(segments=frozenset({"vip"})), "For the few", "is in the segment vip"),
        (
            Contact(stage=Stage(LifecycleStage.CUSTOMER, NOW, "rule")),
            Context(),
            "For customers",
            "stage is one of customer",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("For") else "",
)
def test_first_variant_that_fits_is_taken_and_says_why(contact, context, text, reason):
    found = made(one(VARIED), contact, context)
    assert found.body_text == text
    assert reason in found.chosen[0].reason
    assert found.chosen[0].generic is (text == "For everybody")


def test_block_without_a_fallback_is_left_out_and_a_message_of_nothing_is_withheld():
    only = "{id: v, variants: [{segment: [vip], text: For the few}]}"
    found = made(one(f"{{text: First}}, {only}"))
    assert (found.body_text, found.chosen[1].variant) == ("First", 0)
    empty = render(one(only), "m", NOBODY, Context(), NOW)
    assert empty == Withheld("m", "“M” has nothing to say to this contact")


def test_variant_whose_token_cannot_be_used_is_passed_over():
    body = "{variants: [{when: {field: contact.company, op: known}, text: 'At {{ company }}'}, {text: Hello}]}"
    assert made(one(body), person(company="Acme")).body_text == "At Acme"
    assert made(one(body), person(company="{{ company }}")).body_text == "Hello"


def test_html_is_escaped_and_plain_text_is_not():
    body = """{text: 'From {{ company | default: "you" }} & co: [all <plans>](pricing)'}"""
    found = made(one(body), person(company="O'Brien & Söhne"))
    assert found.body_text.startswith("From O'Brien & Söhne & co: all <plans>: https://shop.test/pricing?utm_source=")
    assert found.body_html.startswith('<p>From O&#x27;Brien &amp; Söhne &amp; co: <a href="https://shop.test/pricing?')
    assert "&amp;utm_medium=email" in found.body_html
    assert ">all &lt;plans&gt;</a></p>" in found.body_html


def test_paragraphs_lists_and_lines():
    found = made(one('{text: "One\\ntwo\\n\\n\\n\\n- a\\n- [b](pricing)\\n\\nThree [x](pricing) four"}'))
    assert re.sub(r'"https[^"]*"', '"…"', found.body_html) == (
        '<p>One<br>two</p>\n<ul><li>a</li><li><a href="…">b</a></li></ul>\n<p>Three <a href="…">x</a> four</p>'
    )
    assert "- b: https://shop.test/pricing?" in found.body_text
    assert re.search(r"Three x \(https://\S+\) four", found.body_text)


def test_links_carry_the_utm_that_they_lack():
    document = content(
        "  - {id: spring_news, label: M, subject: x, links: [{id: own, url: 'https://b.test/?q=1&utm_campaign=y#z'}],"
        " blocks: [{text: '[a](pricing) [b](own)'}]}"
    )
    assert made(document, id="spring_news").links == {
        "pricing": "https://shop.test/pricing?utm_source=baton&utm_medium=email&utm_campaign=spring_news",
        "own": "https://b.test/?q=1&utm_campaign=y&utm_source=baton&utm_medium=email#z",
    }


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("https://shop.test/cart/9?k=1", "https://shop.test/cart/9?k=1&utm_source"),
        ("https://SHOP.test/cart", "https://SHOP.test/cart?utm"),
        ("https://evil.test/cart", "https://shop.test/checkout?"),
        ("https://shop.test.evil.test/", "https://shop.test/checkout?"),
        ("https://shop.test@evil.test/", "https://shop.test/checkout?"),
        ("http://shop.test/cart", "https://shop.test/checkout?"),
        ("javascript:alert(1)", "https://shop.test/checkout?"),
        ('https://shop.test/"><b>', "https://shop.test/checkout?"),
        ("https://shop.test/{{ x }}", "https://shop.test/checkout?"),
        ("https://[", "https://shop.test/checkout?"),
        ("https://shop.test/" + "x" * 2000, "https://shop.test/checkout?"),
        (None, "https://shop.test/checkout?"),
        ({"a": 1}, "https://shop.test/checkout?"),
    ],
)
def test_address_of_an_event_is_taken_only_if_it_is_on_the_same_site(said, address):
    document = one("{text: '[Go on](go)'}", "links: [{id: go, url: /checkout, take: event.url}],")
    found = made(document, context=Context(event("checkout.started", url=said)))
    assert found.links["go"].startswith(address)


@pytest.mark.parametrize(
    ("said", "product"),
    [
        ({"product": "Jacket"}, "Jacket"),
        ({"items": [{"name": "Shoes"}, {"name": "Hat"}]}, "Shoes"),
        ({"items": [{"title": "Shoes"}]}, "Shoes"),
        ({"product": "null", "items": [{"name": "Shoes"}]}, "Shoes"),
        ({"items": "Shoes"}, "it"),
        ({"items": []}, "it"),
        ({}, "it"),
    ],
)
def test_product_is_what_the_event_is_about(said, product):
    found = made(
        one("""{text: '{{ product | default: "it" }}'}"""), context=Context(event("order.placed", properties=said))
    )
    assert found.body_text == product


def test_unknown_message_or_channel_is_withheld_with_its_reason():
    assert render(SHIPPED, "nothing", NOBODY, Context(), NOW) == Withheld(
        "nothing", 'there is no message "nothing" in the content'
    )
    found = render(SHIPPED, "welcome", NOBODY, Context(), NOW, "sms")
    assert isinstance(found, Withheld)
    assert "no form for sms" in found.reason


# What never reaches a person ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Hi {{ first_name }}", "Hi {{first_name", "{% if x %}", "Hi [FIRST NAME],", "[First Name]", "[name]", "*|FNAME|*", "%%name%%",
        "%FIRSTNAME%", "Hi {first_name}", "${name}", "#{name}", "<%= name %>", "<<FirstName>>", "Dear None", "for null",
        "is undefined now", "NaN euros", "[object Object]", "Hi ,", "Hello  !", "dear ,", "Dear,", "Thanks ,", "At , we",
        "From Acme , with love", "@{name}",
    ],
)  # fmt: skip
def test_raw_token_is_found(text):
    assert raw_token(text)
    assert raw_token(f"Something before.\n{text}\nand after")


@pytest.mark.parametrize(
    "text",
    [
        "Hi Ann,", "Hi there,", "Hi,", "Hello!", "100% of us, 50%", "None of these", "nullable", "Annullierung", "a [link] b",
        "Bonjour !", "x < y > z", "* | *", "{ }", "https://a.test/?q=%20B%C3%A9&x=1", "Welcome to us", "Dear Ann,", "[1]", "",
    ],
)  # fmt: skip
def test_ordinary_text_is_left_alone(text):
    assert raw_token(text) == ""


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("Ann", "Ann"), ("  Ann\n Lee ", "Ann Lee"), ("O'Neil", "O'Neil"), ("مريم", "مريم"), ("👩‍💻 Zoë", "👩‍💻 Zoë"), (7, "7"), (2.50, "2.5"),
        (["a", None, "b"], "a, b"), ("\u202eevil", "evil"), ("a\x00b\x02c", "abc"), ("Null", "Null"), ("Tom & Co", "Tom & Co"),
        ("{{ x }}", None), ("None", None), ("none", None), ("null", None), ("NULL", None), (":0", None), (", Ann", None), ("N/A", None), ("", None), (" ", None), ("-", None),
        ("👍", None), ("<b>Ann</b>", None), ("see https://evil.test", None), ("www.evil.test", None), ("evil.com/x", None),
        ("x" * 201, None), ("x" * 10_000, None), (True, None), (None, None), ({"a": 1}, None), ([], None), (float("nan"), None),
        (10**5000, None), ("\ud800Ann", "Ann"), ([[["x"]]], None), ("ann@example.com", "ann@example.com"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, int) else repr(value)[:20],
)  # fmt: skip
def test_value_that_no_sentence_can_hold_counts_as_unknown(value, kept):
    assert clean(value) == kept


NASTY = st.sampled_from(
    ["{{ x }}", "{% if x %}", "<script>alert(1)</script>", "[FIRST NAME]", "*|FNAME|*", "%%n%%", "None", "null", "", " ", "x" * 10_000,
     "👩‍👩‍👧" * 50, "שלום", "\u202eabc", "a\x00b", "\x02a\x03pricing\x04", "[x](pricing)", "](pricing)", "a\n\n- b", "' onload='", "&amp;",
     "https://evil.test", "Hi ,", ",", "{first_name}", "\ud800"]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300) | NASTY
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=5), SCALARS, max_size=3)
FIELD_NAMES = st.sampled_from(
    ["email", "first_name", "last_name", "company", "city", "preferred_channel", "custom.plan"]
)


@st.composite
def contacts(draw) -> Contact:
    """Contacts with anything in their fields, topics and arrivals."""
    made = Contact(
        fields={name: Value(value, NOW) for name, value in draw(st.dictionaries(FIELD_NAMES, VALUES)).items()}
    )
    topics = st.sampled_from(["automation", "reporting", "pricing"]) | NASTY | st.text(max_size=30)
    made.interests = {
        topic: Interest(NOW, NOW, number) for number, topic in enumerate(draw(st.lists(topics, max_size=4)))
    }
    made.touches = [Touch(NOW, entry) for entry in draw(st.lists(st.text(max_size=30) | NASTY, max_size=2))]
    if stage := draw(st.none() | st.sampled_from(LifecycleStage)):
        made.stage = Stage(stage, NOW, "rule")
    return made


HOSTILE = content("""
  - id: m
    label: M
    subject: 'For {{ company | default: "you" }}'
    preview: '{{ city | default: "Here" }}'
    short: '{{ first_name | default: "Hello" }}: [go](pricing)'
    priority: high
    fallbacks: {first_name: there, custom.plan: yours}
    blocks:
      - text: |
          Hi {{ first_name }},
          {% if interests %}{% for one in interests %}
          - {{ one | upcase | truncate: 20 }}
          {%- endfor %}{% endif %}
      - variants:
          - {knows: [event.deep.down], text: 'Down: [{{ event.deep.down }}](pricing)'}
          - {when: {field: contact.custom.plan, op: known}, text: 'Plan {{ custom.plan }}'}
          - {text: '{{ product | default: "Things" | capitalize }} {{ interest | default: "and more" }}'}
      - text: '{% if next_resources %}{% for one in next_resources %}[{{ one.title }}]({{ one.url }}) {% endfor %}{% endif %}'
""")  # fmt: skip


@settings(max_examples=300)
@given(
    contacts(), st.dictionaries(st.sampled_from(["product", "url", "items", "review_url", "deep"]), VALUES), st.data()
)
def test_whatever_a_contact_holds_no_raw_token_markup_or_foreign_address_comes_out(contact, said, data):
    from_where = data.draw(st.sampled_from([SHIPPED, HOSTILE]))
    message = from_where.messages[data.draw(st.sampled_from(sorted(from_where.messages)))]
    context = Context(event("custom:x", properties={**said, "deep": {"down": said.get("deep")}}))
    channel = data.draw(st.sampled_from(message.document.channels))
    found = made(from_where, contact, context, id=message.id, channel=channel)
    sent = payload(found, message)
    for text in (found.subject, found.preview, found.body_text, unescape(found.body_html)):
        assert not raw_token(text)
        assert len(text.encode()) < 50_000
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202a-\u202e]", found.body_text + found.body_html + found.subject)
    tags = set(re.findall(r"<[^>]*>", re.sub(r'href="https://[^"<>\s]*"', "href", found.body_html)))
    assert tags <= {"<p>", "</p>", "<br>", "<ul>", "</ul>", "<li>", "</li>", "<a href>", "</a>"}
    assert "evil" not in "".join(found.links.values())
    assert "\n" not in found.subject
    assert len(sent) < 20


def test_long_loops_and_outputs_are_bounded():
    document = one(
        "{text: '" + "{% if interests %}{% for one in interests %}{{ one }} {% endfor %}{% endif %}" * 40 + "'}"
    )
    assert isinstance(render(document, "m", fan("a" * 190, "b" * 190, "c" * 190), Context(), NOW), Withheld)
    assert made(document, fan("a")).body_text


# J3: is there anything to say -----------------------------------------------------------------------------------------


def test_message_that_would_read_generic_is_told_before_somebody_is_enrolled():
    document = one(VARIED + ", {text: x}")
    found = gate(document.messages["m"], NOBODY, Context(), document, NOW)
    assert (found.ok, found.generic) == (False, ("v",))
    assert found.reason == "“M” would read generic: 1 of 1 blocks would say what they say to everybody: v"
    assert gate(document.messages["m"], fan("scoring"), Context(), document, NOW).ok


def test_share_of_blocks_that_has_to_fit_is_the_messages():
    two = VARIED + ", {id: w, variants: [{knows: [company], text: 'At {{ company }}'}, {text: Anywhere}]}"
    for share, one_of_two in ((0, True), (0.5, True), (0.51, False), (1, False)):
        document = one(two, f"specific: {share},")
        assert gate(document.messages["m"], fan("scoring"), Context(), document, NOW).ok is one_of_two
        assert gate(document.messages["m"], NOBODY, Context(), document, NOW).ok is (share == 0)


def test_what_a_message_needs_is_named_where_it_is_missing():
    document = one("{text: x}", "needs: [first_name, event.plan, custom.budget],")
    message = document.messages["m"]
    found = gate(message, person(first_name="{{ x }}"), Context(), document, NOW)
    assert found.missing == ("first_name", "event.plan", "custom.budget")
    assert found.reason == "“M” needs what is not known: first name, the event's plan, budget"
    known = person(first_name="Ann", **{"custom.budget": 5})
    assert gate(message, known, Context(event("custom:x", plan="big")), document, NOW).ok


def test_what_cannot_be_rendered_is_not_complete():
    document = one("{id: v, variants: [{segment: [vip], text: x}]}", "specific: 0,")
    found = gate(document.messages["m"], NOBODY, Context(), document, NOW)
    assert (found.ok, found.reason) == (False, "“M” has nothing to say to this contact")


# J5: lint -------------------------------------------------------------------------------------------------------------


def findings(message: str, head: str = HEAD) -> list[str]:
    return [f"{one.level}: {one}" for one in lint(content(f"  - {message}", head), "m")]


TWO_WAYS = "{variants: [{segment: [vip], text: 'A [x](pricing)'}, {text: B}]}"


def test_message_with_nothing_to_mend_has_no_findings():
    assert findings(f"{{id: m, label: M, subject: News, preview: Read on, blocks: [{TWO_WAYS}]}}") == []


@pytest.mark.parametrize(
    ("message", "level", "said"),
    [
        pytest.param(f"subject: '{'x' * 40}', preview: y, blocks: [{TWO_WAYS}]", "error", "has 40 characters", id="subject"),
        pytest.param(f"subject: 'For your friends at {{{{ company | default: \"home\" }}}}', preview: y, blocks: [{TWO_WAYS}]", "error", "(long names); stay under 40", id="subject once it is filled"),
        pytest.param(f"subject: News, blocks: [{TWO_WAYS}]", "warning", "there is no preview text", id="no preview"),
        pytest.param(f"subject: News today, preview: 'News today!', blocks: [{TWO_WAYS}]", "warning", "repeats the subject", id="preview"),
        pytest.param(f"subject: News, preview: '{'y ' * 80}', blocks: [{TWO_WAYS}]", "warning", "longer than 140", id="long preview"),
        pytest.param("subject: News, preview: y, blocks: [{text: 'Hi {{ city | default: \"you\" }}'}]", "warning", "same body but for tokens", id="same for all"),
        pytest.param("subject: News, preview: y, blocks: [{variants: [{segment: [vip], text: 'Hi {{ city | default: \"x\" }}'}, {text: 'Hi {{ company | default: \"y\" }}'}]}]", "warning", "same body but for tokens", id="variants alike"),
        pytest.param("subject: News, preview: y, blocks: [{variants: [{segment: [vip], text: '<table><tr>'}, {text: B}]}]", "error", "has <table>, which people would see as it is; keep to one column", id="table"),
        pytest.param("subject: News, preview: y, blocks: [{variants: [{segment: [vip], text: '<b>Hi</b>'}, {text: B}]}]", "error", "has <b>", id="markup"),
        pytest.param("subject: News, preview: y, blocks: [{variants: [{segment: [vip], text: 'Price      9 EUR'}, {text: B}]}]", "warning", "is set in columns", id="columns"),
        pytest.param("subject: News, preview: y, links: [{id: l, url: 'http://a.test'}], blocks: [{variants: [{segment: [vip], text: '[x](l)'}, {text: B}]}]", "error", "is not safe; begin it with https://", id="http"),
        pytest.param("subject: News, preview: y, links: [{id: l, url: '/?utm_campaign=Spring'}], blocks: [{variants: [{segment: [vip], text: '[x](l)'}, {text: B}]}]", "warning", 'has "Spring"; write UTM in small letters', id="capitals"),
        pytest.param("subject: News, preview: y, links: [{id: l, url: '/?utm_campaign=spring'}], blocks: [{variants: [{segment: [vip], text: '[x](l) [y](pricing)'}, {text: B}]}]", "warning", "its links name several campaigns", id="two campaigns"),
        pytest.param("subject: News, preview: y, links: [{id: l, url: '/?utm_medium=sms'}], blocks: [{variants: [{segment: [vip], text: '[x](l)'}, {text: B}]}]", "warning", "says the medium sms, but goes by email", id="medium"),
        pytest.param("subject: News, preview: y, links: [{id: l, url: '/?utm_source=news'}], blocks: [{variants: [{segment: [vip], text: '[x](l)'}, {text: B}]}]", "warning", "says the source news, not baton", id="source"),
        pytest.param(f"channel: push, priority: high, blocks: [{{variants: [{{segment: [vip], text: x}}, {{text: '{'y' * 179}'}}]}}]", "error", "has 179 characters as a push", id="push"),
        pytest.param(f"channel: sms, priority: high, blocks: [{{variants: [{{segment: [vip], text: x}}, {{text: '{'y' * 161}'}}]}}]", "warning", "takes 2 SMS: 161 characters in GSM-7", id="SMS"),
        pytest.param(f"channel: sms, priority: high, blocks: [{{variants: [{{segment: [vip], text: x}}, {{text: '{'y' * 70}…'}}]}}]", "warning", "“…” makes it 70 a piece", id="SMS in UCS-2"),
        pytest.param("subject: News, preview: y, specific: 0, blocks: [{variants: [{segment: [vip], text: x}]}]", "error", "has nothing to say to this contact (nobody yet)", id="nothing for some"),
    ],
)  # fmt: skip
def test_lint_names_what_could_be_better_with_its_mend(message, level, said):
    (found,) = findings(f"{{id: m, label: M, {message}}}")
    assert found.startswith(f"{level}: message m")
    assert said in found


def test_links_without_utm_are_told():
    head = HEAD.replace("links:", "utm_source: ''\nlinks:")
    (found,) = findings(f"{{id: m, label: M, subject: News, preview: y, blocks: [{TWO_WAYS}]}}", head)
    assert "link pricing: lacks utm_source, utm_medium, utm_campaign" in found


def test_transactional_message_may_say_the_same_to_everybody():
    assert (
        findings("{id: m, label: M, class: transactional, subject: Receipt, preview: Thank you, blocks: [{text: x}]}")
        == []
    )


@pytest.mark.parametrize(
    ("text", "alphabet", "length", "segments"),
    [
        ("", "GSM-7", 0, 1),
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("ä€", "GSM-7", 3, 1),
        ("€" * 80, "GSM-7", 160, 1),
        ("é" * 70 + "ê" * 0, "GSM-7", 70, 1),
        ("ê" * 70, "UCS-2", 70, 1),
        ("ê" * 71, "UCS-2", 71, 2),
        ("👍" * 35, "UCS-2", 70, 1),
        ("👍" * 36, "UCS-2", 72, 2),
    ],
)
def test_sms_are_counted_as_carriers_do(text, alphabet, length, segments):
    counted = sms(text)
    assert (counted.alphabet, counted.length, counted.segments) == (alphabet, length, segments)


# J6: channels ---------------------------------------------------------------------------------------------------------


def agreed(*channels: str, **fields) -> Contact:
    """Ann, who said yes to these channels."""
    return folded(
        event("contact.updated", ago(days=9), fields={"email": ANN, "phone": "+491701234567", **fields}),
        *(event("consent.changed", ago(days=8), state="granted", channel=one, by_person=True) for one in channels),
    )


CHECKOUT = SHIPPED.messages["abandoned_checkout"]


@pytest.mark.parametrize(
    ("contact", "channel", "reason"),
    [
        pytest.param(agreed("email", "sms"), "email", "the message's own channel", id="own"),
        pytest.param(agreed("email", "sms", preferred_channel="SMS"), "sms", "the contact prefers it", id="preferred"),
        pytest.param(agreed("email", "sms", preferred_channel="Text message"), "sms", "the contact prefers it", id="in people's words"),
        pytest.param(agreed("email", preferred_channel="sms"), "email", "not by sms: no consent for sms marketing", id="no consent for it"),
        pytest.param(agreed("email", "sms", preferred_channel="fax"), "email", "own channel", id="no such channel"),
        pytest.param(agreed("sms"), "sms", "not by email: no consent for email marketing is on record, so by sms", id="the other"),
        pytest.param(agreed(), "", "not by email: no consent", id="nowhere"),
        pytest.param(NOBODY, "", "not by email: no e-mail address is known", id="nobody"),
    ],
)  # fmt: skip
def test_channel_is_the_preferred_one_that_is_allowed(contact, channel, reason):
    found = channel_for(CHECKOUT, contact, SUPPRESSION, NOW)
    assert found.channel == channel
    assert reason in found.reason


def test_no_to_marketing_counts_and_transactional_mail_passes():
    contact = folded(
        event("contact.updated", ago(days=9), fields={"email": ANN}),
        yes(ago(days=8)),
        no(ago(days=1), connection=KLAVIYO),
    )
    found = channel_for(SHIPPED.messages["welcome"], contact, SUPPRESSION, NOW)
    assert (found.channel, "opted out of email" in found.reason) == ("", True)
    receipt = one("{text: x}", "class: transactional,").messages["m"]
    assert channel_for(receipt, contact, SUPPRESSION, NOW).channel == "email"


def test_sms_and_push_are_for_messages_of_high_priority():
    text = "{id: m, label: M, channel: sms, blocks: [{text: x}]}"
    found = channel_for(content(f"  - {text}").messages["m"], agreed("sms"), SUPPRESSION, NOW)
    assert (found.channel, found.reason) == ("", "not by sms: sms is for messages of high priority")
    urgent = content(f"  - {text}".replace("channel", "priority: high, channel")).messages["m"]
    assert channel_for(urgent, agreed("sms"), SUPPRESSION, NOW).channel == "sms"


def test_short_form_goes_by_sms_with_its_address_and_by_push_without():
    texted = made(SHIPPED, id="abandoned_checkout", channel="sms")
    assert texted.body_text.startswith("Your basket is still here. Go on: https://www.example.com/checkout?utm_source=")
    assert "utm_medium=sms" in texted.links["checkout"]
    assert texted.body_html == ""
    assert made(SHIPPED, id="abandoned_checkout", channel="push").body_text == "Your basket is still here. Go on"


# H2: welcome, and what is shipped -------------------------------------------------------------------------------------


def names(contact: Contact, context: Context | None = None) -> list[str]:
    return [one.id for one in next_resources(content("  - {id: m, label: M, subject: x, blocks: [{text: x}]}"), contact, context or Context())]  # fmt: skip


@pytest.mark.parametrize(
    ("contact", "context", "named"),
    [
        pytest.param(NOBODY, Context(), ["a", "b"], id="in order for nobody"),
        pytest.param(fan("sms", "scoring"), Context(), ["b", "a"], id="the strongest interest first"),
        pytest.param(fan("Scoring"), Context(), ["a", "b"], id="capitals aside"),
        pytest.param(NOBODY, Context(interests={"sms": 2, "scoring": 1}), ["b", "a"], id="interests from outside"),
        pytest.param(
            NOBODY, Context(interests={"sms": float("nan"), "scoring": 0}), ["a", "b"], id="that weigh nothing"
        ),
        pytest.param(Contact(touches=[Touch(NOW, "form Demo")]), Context(), ["b", "a"], id="then how they came"),
        pytest.param(NOBODY, Context(downloaded=frozenset({"a"})), ["b", "c"], id="not what they have"),
        pytest.param(NOBODY, Context(downloaded=frozenset({"BETA"})), ["a", "c"], id="by its title"),
        pytest.param(
            NOBODY, Context(event("asset.downloaded", asset="alpha")), ["b", "c"], id="not what they just took"
        ),
        pytest.param(NOBODY, Context(downloaded=frozenset("abc")), [], id="nothing left"),
    ],
)
def test_next_resources_are_the_two_that_suit_best(contact, context, named):
    assert names(contact, context) == named


def test_welcome_knows_how_the_person_came_and_names_the_next_two():
    came = folded(
        event("form.submitted", ago(minutes=5), form="Guide download", fields={"email": ANN, "first_name": "Ann"})
    )
    found = made(SHIPPED, came, id="welcome")
    assert found.body_text.startswith("Hi Ann,\n\nThank you for your interest in our guide.")
    assert [one["title"] for one in found.resources] == [
        "Automate one thing this week",
        "Three numbers to look at on Monday",
    ]
    assert all(one["title"] in found.body_text and one["url"] in found.body_text for one in found.resources)
    assert "utm_campaign=welcome" in found.resources[0]["url"]
    everything = Context(downloaded=frozenset(one.id for one in SHIPPED.resources))
    assert "Worth a look" not in made(SHIPPED, came, everything, id="welcome").body_text


def test_shipped_messages_are_those_of_the_journeys():
    assert set(SHIPPED.messages) == {
        "welcome", "interest_nurture", "pricing_follow_up", "abandoned_checkout", "re_engagement",
        "education_start", "education_habit", "education_more", "review_request",
    }  # fmt: skip
    assert "We have not heard from you in 90 days." in made(SHIPPED, id="re_engagement").body_text


@pytest.mark.parametrize("message", sorted(SHIPPED.messages))
def test_shipped_message_has_no_findings_and_suits_everybody(message):
    assert lint(SHIPPED, message) == []
    for contact in (NOBODY, person(email=ANN), *samples(SHIPPED).values()):
        found = made(SHIPPED, contact, id=message)
        assert found.subject
        assert found.preview
        assert found.body_html
    assert "first_name" in made(SHIPPED, id=message).fell_back


def test_shipped_content_does_not_leave_before_it_has_a_site_of_its_own():
    assert not_ready(SHIPPED) == "the content's site is still https://www.example.com: publish it with your own"
    assert not_ready(one("{text: x}")) == ""


def test_payload_is_small_and_says_what_was_chosen():
    found = made(SHIPPED, fan("automation"), id="interest_nurture")
    sent = payload(found, SHIPPED.messages["interest_nurture"])
    assert sent["subject"] == "More on automation"
    assert sent["variants"] == {"greeting": 1, "idea": 1, "read_next": 1, "sign_off": 1}
    assert set(sent) == {
        "message_id", "message_label", "channel", "purpose", "campaign", "subject", "preview_text",
        "body_text", "body_html", "links", "resources", "variants",
    }  # fmt: skip
