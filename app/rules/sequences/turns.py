"""Whose turn it is when several sequences have something to say to one person. Pure."""

from datetime import datetime

from app.contacts.contact import Contact, Enrolment

Rank = tuple[int, datetime, str]


def rank(run: Enrolment) -> Rank:
    """Sorts the ways of one person: the least is the one that sends."""
    return -run.priority, run.entered_at, run.sequence


def owner(contact: Contact, key: str) -> Enrolment | None:
    """The sequence that has the person for itself, seen from a message of the way with this key (none: of a trigger).

    One that stands still, or waits for its own turn, would only keep others back for nothing; and what goes before it
    is not kept back by it.
    """
    mine = next((one for one in contact.enrolments.values() if one.key == key), None)
    owners = (one for one in contact.enrolments.values() if one.owns and one is not mine)
    active = [one for one in owners if not one.paused and one.waiting != "turn"]
    return next((one for one in active if mine is None or rank(one) < rank(mine)), None)
