"""The shipped triggers of a shop: abandoned checkout, viewed product, review request.

Catalogue: E6, E2 (masked per checkout, product, order).
"""

import pytest

from tests.contacts.making import ANN, ago, event, yes
from tests.rules.making import DEFAULT, live, of

KNOWN = [event("contact.updated", ago(days=99), fields={"email": ANN}), yes(ago(days=99))]


def checkout(hours: float, order: str | None = "c1"):
    said = {"order": order} if order else {}
    return event("checkout.started", ago(hours=hours), value=10, items=[{"name": "Lamp"}], **said)


def product(hours: float, name: str = "Lamp"):
    return event("product.viewed", ago(hours=hours), product=name)


def order(hours: float, kind: str = "placed", id: str = "o1"):
    return event(f"order.{kind}", ago(hours=hours), order=id, value=10)


def tick(hours: float = 0):
    return event("timer.due", ago(hours=hours), timer="waiting")


def became(rule: str, *events) -> list[str]:
    return [str(one.outcome) for one in of(live([*KNOWN, *events], DEFAULT)[1], "message") if one.rule == rule]


@pytest.mark.parametrize(
    ("events", "outcomes"),
    [
        pytest.param([checkout(3), tick()], [], id="three hours ago"),
        pytest.param([checkout(4), tick()], ["taken"], id="four hours ago"),
        pytest.param([checkout(6), order(3), tick()], ["withheld"], id="ordered"),
        pytest.param([checkout(6), order(1), tick()], ["taken"], id="ordered later"),
        pytest.param([checkout(9), checkout(8.5), tick()], ["taken"], id="the same checkout, twice"),
        pytest.param([checkout(9), checkout(4), tick()], ["taken", "withheld"], id="the same checkout, later"),
        pytest.param([checkout(9), checkout(4, "c2"), tick()], ["taken", "taken"], id="another checkout"),
        pytest.param([checkout(9, None), checkout(4, None), tick()], ["taken", "withheld"], id="without a number"),
    ],
)
def test_abandoned_checkout(events, outcomes):
    assert became("abandoned_checkout", *events) == outcomes


def test_it_says_what_was_in_the_cart():
    made = of(live([*KNOWN, checkout(9), tick()])[1], "message")[0]
    assert made.send is not None
    assert made.send.properties == {"order": "c1", "value": 10, "items": [{"name": "Lamp"}]}


@pytest.mark.parametrize(
    ("events", "outcomes"),
    [
        pytest.param([product(30), tick()], [], id="once"),
        pytest.param([product(40), product(30), tick()], ["taken"], id="twice"),
        pytest.param([product(40), product(30, "Chair"), tick()], [], id="two products"),
        pytest.param([product(240), product(30), tick()], [], id="ten days apart"),
        pytest.param([product(40), product(30), checkout(20), tick()], ["withheld"], id="on the way to buy it"),
        pytest.param([product(99), product(90), product(60), product(30), tick()], ["taken", "withheld", "withheld"], id="masked per product"),  # noqa: E501
        pytest.param([product(99), product(90), product(60, "B"), product(30, "b"), tick()], ["taken", "taken"], id="another product"),  # noqa: E501
    ],
)  # fmt: skip
def test_viewed_product(events, outcomes):
    assert became("product_follow_up", *events) == outcomes


@pytest.mark.parametrize(
    ("events", "outcomes"),
    [
        pytest.param([order(15 * 24, "fulfilled"), tick(20)], ["taken"], id="after two weeks"),
        pytest.param([order(13 * 24, "fulfilled"), tick()], [], id="not yet"),
        pytest.param([order(15 * 24, "fulfilled"), order(90, "refunded"), tick()], ["withheld"], id="sent back"),
        pytest.param(
            [order(20 * 24, "fulfilled"), order(15 * 24, "fulfilled", "o2"), tick()],
            ["taken", "taken"],
            id="each order",
        ),
    ],
)
def test_review_request(events, outcomes):
    assert became("review_request", *events) == outcomes


def test_many_products_are_not_all_remembered():
    contact, _ = live([*KNOWN, *(product(99 - n / 10, f"p{n}") for n in range(500))])
    assert len([key for key in contact.seen if "|" in key]) == 20
    assert max(at for times in contact.seen.values() for at in times) == ago(hours=99 - 49.9)
