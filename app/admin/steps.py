"""Sequences in the words of a marketer: each step, who comes in and what lets out, what somebody waits for."""

from collections.abc import Iterable

from app.admin import words
from app.rules.condition import Happening
from app.rules.condition_words import in_line
from app.rules.event_words import event_names
from app.rules.sequences.outline import Line, outline
from app.rules.sequences.policy import Flow, SequenceDocument
from app.rules.sequences.steps import ActDocument, SendDocument, StepDocument, WaitDocument

_ON_CAP = {
    "skip": "Left out for who has had enough messages lately",
    "hold": "Waits for who has had enough messages lately, until there is room",
    "advance": "Left out for who has had enough messages lately, together with the wait after it",
}


def line_words(line: Line) -> str:
    """A line of the outline: what the step does, or who takes this way."""
    if not line.way:
        return step_words(line.document)
    if line.share:
        return f"“{line.way}”: {line.share:.0%} of the people"
    if line.when is None:
        return "Everybody else"
    return f"“{line.way}”: if {in_line(line.when)}"


def step_words(step: StepDocument) -> str:
    """What a step does."""
    if step.wait is not None:
        return _wait(step.wait)
    if step.send is not None:
        return f"Send “{step.send.name}” by {channel(step.send.channel)}"
    if step.branch is not None:
        return "Go the first way that fits"
    if step.split is not None:
        return "Split by chance, to see what is better"
    if step.act is not None:
        return _act(step.act)
    return "Leave here, with the goal reached" if step.exit == "goal" else "Leave here"


def remark(step: StepDocument) -> str:
    """What else an admin would ask about a step, or an empty text."""
    if isinstance(step.send, SendDocument):
        return _ON_CAP[step.send.on_cap]
    if step.wait is not None and step.wait.for_ is not None:
        return f"If it does not: they {'leave' if step.wait.for_.otherwise == 'exit' else 'go on'}"
    return ""


def names_of(flow: Flow | None) -> dict[str, str]:
    """step → what it does."""
    lines = outline(flow.document.steps) if flow is not None else []
    return {line.step: step_words(line.document) for line in lines if not line.way}


def goal_words(flow: Flow | None) -> str:
    """What a sequence is for, or an empty text."""
    goal = flow.document.goal if flow is not None else None
    return happening_words(goal) if goal else ""


def channel(name: str) -> str:
    """A channel within a sentence."""
    said = words.say(words.CHANNELS, name)
    return said if said == "SMS" else said.lower()


def _wait(wait: WaitDocument) -> str:
    if wait.for_ is not None:
        answer = happening_words(wait.for_)
        return f"Wait at most {_days(wait.for_.at_most_days)} until this happens: {answer[:1].lower()}{answer[1:]}"
    spans = ((wait.days, "day"), (wait.hours, "hour"), (wait.minutes, "minute"))
    said = words.listed([_count(value, unit) for value, unit in spans if value])
    if wait.personal_hour:
        hour = "the hour at which this person reads most"
        if wait.until_hour is not None:
            hour += f" ({wait.until_hour}:00 until that is known)"
    else:
        hour = f"{wait.until_hour}:00 where the person lives" if wait.until_hour is not None else ""
    if not hour:
        return f"Wait {said}"
    return f"Wait {said}, then until {hour}" if said else f"Wait until {hour}"


def _act(act: ActDocument) -> str:
    if act.alert is not None:
        return f"Alert people: “{act.alert}”"
    if act.track is not None:
        return f"Tell {act.track.through} about it: “{act.track.name}”"
    if act.join is not None:
        return f"Add to the list {act.join.list} of {act.join.through}"
    if act.leave is not None:
        return f"Take off the list {act.leave.list} of {act.leave.through}"
    return "No more marketing, until they give a sign of life"


def _count(value: float, unit: str) -> str:
    return f"{value:g} {unit if value == 1 else unit + 's'}"


def _days(value: float) -> str:
    return _count(value, "day")


def happening_words(asked: Happening) -> str:
    """Which events."""
    return _events(asked.on) + (f" ({in_line(asked.where)})" if asked.where else "")


def _events(types: Iterable[str]) -> str:
    said = event_names(types)
    return said[:1].upper() + said[1:]


def frame(document: SequenceDocument) -> list[tuple[str, str]]:
    """Who comes in, what lets out, and for how long, as names and values."""
    entry = document.entry
    who = _events(entry.on)
    if entry.segment:
        who += f", who is in the segment {entry.segment.replace('_', ' ')}"
    if entry.when is not None:
        who += f", if {in_line(entry.when)}"
    again = document.reentry
    found = [
        ("Who comes in", who),
        ("A second time", "Never" if again == "never" else f"After {_days(again.after_days)} at the earliest"),
        ("Again at once", happening_words(document.restart) if document.restart else ""),
        ("Goal", happening_words(document.goal) if document.goal else "None"),
        ("Also a success", "; ".join(map(happening_words, document.conversion))),
        ("Lets out as well", "; ".join(map(happening_words, document.exits))),
        ("Longest time", _days(document.max_days) + (", also if it is paused" if document.hard_stop else "")),
        ("Priority", f"{document.priority}: of several sequences of a person, the one with the highest sends"),
        ("Others meanwhile", "No other marketing message, but for what has more priority" if document.owns else ""),
        ("Without the goal", "Who comes to the end is shown on the review desk" if document.review else ""),
    ]
    return [(name, said) for name, said in found if said]
