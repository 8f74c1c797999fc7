"""A sequence through every real part: in by a form, a message, a wait, another message, out by its goal.

Catalogue: H1, H5.
"""

from app.rules.policy import read_document
from app.store import policies
from jobs import sweep
from tests.stories.conftest import Hub

DEE = "dee@hooli.example"
POLICY = """
kind: sequences
sequences:
  - id: welcome
    label: Welcome
    entry: {on: form.submitted, when: {field: event.form, value: newsletter}}
    goal: {on: form.submitted, where: {field: event.form, value: demo}}
    max_days: 5
    steps:
      - send: {name: Welcome, include: [form]}
      - wait: {minutes: 0.02}
      - send: {name: Next steps}
      - wait: {days: 2}
      - send: {name: Never sent}
"""


def _ring(hub: Hub) -> bool:
    sweep.ring(hub.runtime)
    return True


def test_welcome_from_the_first_form_to_its_goal(hub: Hub) -> None:
    with hub.runtime.database.write() as conn:
        policies.publish(conn, read_document(POLICY), "test", "", hub.runtime.clock())
    hub.runtime.forget()
    visitor = "visitor-of-dee-000"
    hub.form("newsletter", visitor, email=DEE, newsletter="yes")

    hub.until(lambda: hub.klaviyo.happened("Baton: Welcome"), "the first message is out")
    hub.until(lambda: _ring(hub) and hub.klaviyo.happened("Baton: Next steps"), "and the second, after a while")
    (inside,) = hub.contact(DEE)["enrolments"]
    assert (inside["sequence"], inside["step"], inside["exit"]) == ("welcome", "4", None)

    hub.form("demo", visitor, email=DEE)
    (outside,) = hub.until(
        lambda: [one for one in hub.contact(DEE)["enrolments"] if one["exit"]], "what she asked for ends it"
    )
    assert outside["exit"] == "goal"
    assert len(hub.klaviyo.happened("Baton: Welcome")) == 1
