"""What is wrong, as the screens show it: the findings of :mod:`app.health`, each with the screen to see it on."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from app import health
from app.health import Finding

# Part → the screen that shows it, with its filter
_SCREENS: Mapping[str, tuple[str, Mapping[str, str], str]] = {
    health.INBOX: ("inbox", {"status": "pending"}, "See what waits"),
    health.PARKED: ("inbox", {"status": "parked"}, "See them"),
    health.DEAD: ("deliveries", {"status": "dead"}, "See them"),
    health.CONTENT: ("messages", {}, "See the messages"),
    health.SEQUENCES: ("sequences", {}, "See the sequences"),
    health.SCORES: ("policy", {"kind": "scoring", "name": "scoring"}, "See the scoring"),
    health.UNKNOWN: ("deliveries", {"status": "unknown"}, "See them"),
}


class Trouble(Struct, frozen=True):
    """A finding, and where a click leads from it: a route of the screens, its arguments, and the words to click on."""

    finding: Finding
    route: str = ""
    arguments: Mapping[str, str] = {}
    link: str = ""


def of_all(findings: Iterable[Finding]) -> list[Trouble]:
    """What is wrong among the findings, the gravest first. That all is paused is left out: the screens say it apart."""
    wrong = [found for found in findings if not found.fine and found.part != health.SENDING]
    return [_trouble(found) for found in sorted(wrong, key=lambda found: not found.grave)]


def _trouble(found: Finding) -> Trouble:
    if found.part == health.CONNECTION:
        return Trouble(found, "connection", {"name": found.name}, f"Open {found.name}")
    if found.part == health.SEQUENCES and found.name:
        return Trouble(found, "sequence", {"name": found.name}, "Open it")
    return Trouble(found, *_SCREENS.get(found.part, ()))
