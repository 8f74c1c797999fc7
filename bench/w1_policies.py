"""The policies that make Baton do W1 ("webhook to action"), for the outside harness and for `baton bench` alike."""

from collections.abc import Mapping


def w1_policies(shipped: str, points: Mapping[str, int], action: str) -> dict[str, str]:
    """File name → policy, in addition to what Baton ships with: a scoring rule for each property, and a trigger that
    tells the connection ``vendor`` of each change of the property ``action``. ``shipped`` is the scoring policy."""
    rules = "".join(
        f"  - {{id: w1_{name}, label: {name}, group: w1, on: [contact.updated], "
        f"when: {{field: event.property, value: {name}}}, points: {worth}}}\n"
        for name, worth in points.items()
    )
    scoring = shipped.replace("groups:\n", "groups:\n  w1: {}\n", 1).rstrip("\n") + "\n" + rules
    triggers = (
        "kind: triggers\nname: triggers\ntriggers:\n"
        "  - id: w1_action\n    label: Asked for a demo\n    on: [contact.updated]\n"
        f"    when: {{field: event.property, value: {action}}}\n"
        "    once_in_days: 0\n    too_old_hours: 1000000\n"
        "    track: {name: demo, through: vendor, include: [event]}\n"
    )
    return {"scoring.yaml": scoring, "triggers.yaml": triggers}
