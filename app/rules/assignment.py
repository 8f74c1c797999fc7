"""Who gets a handoff: whoever owns the contact, else somebody who is there, takes such contacts, and is next. Pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from hashlib import blake2b

from msgspec import Struct

from app.contacts.contact import Contact
from app.rules.condition import Condition, Facts, compile_condition
from app.rules.handoff import HandoffDocument, PersonDocument


class Owner(Struct, frozen=True, kw_only=True):
    """Who is to have a handoff and why; without id and address nobody could be found."""

    id: str = ""
    email: str = ""
    name: str = ""
    why: str


def owner_of(contact: Contact, document: HandoffDocument, today: date) -> Owner | None:
    """Who owns the contact already. None if nobody does, or that person is known to be away."""
    owner_id, email = str(contact.get("owner_id") or ""), str(contact.get("owner_email") or "")
    if not owner_id and not email:
        return None
    known = next(
        (p for p in document.people if (owner_id and p.hubspot_owner_id == owner_id) or p.email == email), None
    )
    if known is None:
        return Owner(id=owner_id, email=email, why="owns the contact")
    if not is_present(known, today):
        return None
    return Owner(
        id=owner_id or known.hubspot_owner_id,
        email=email or str(known.email),
        name=known.name,
        why="owns the contact",
    )


def candidates(document: HandoffDocument, facts: Facts, today: date) -> tuple[list[PersonDocument], str]:
    """Who could have it, and why these: the people present whose territory the contact is in, else those who take
    everybody."""
    present = [person for person in document.people if is_present(person, today)]
    local = [person for person in present if person.takes is not None and _holds(person.takes, facts)]
    if local:
        return local, "territory"
    return [person for person in present if person.takes is None], ""


def choose(
    document: HandoffDocument,
    facts: Facts,
    today: date,
    turn: Callable[[str], int],
    open_handoffs: Callable[[Sequence[str]], Mapping[str, int]],
) -> Owner:
    """Somebody for a contact that nobody owns.

    ``turn`` counts up for a group of people and is asked at most once; ``open_handoffs`` tells how many each of these
    addresses has.
    """
    people, territory = candidates(document, facts, today)
    if not people:
        return Owner(why="nobody in the handoff policy takes this contact, or all are away")
    if document.assign == "least_busy":
        busy = open_handoffs([str(person.email) for person in people])
        chosen = min(people, key=lambda person: busy.get(str(person.email), 0))
        why = "has the fewest open handoffs"
    else:
        chosen = people[turn(_group(people)) % len(people)]
        why = "round robin"
    return Owner(
        id=chosen.hubspot_owner_id,
        email=str(chosen.email),
        name=chosen.name,
        why=f"{territory}, {why}" if territory else why,
    )


def _group(people: Sequence[PersonDocument]) -> str:
    """The name of these people's rotation. Each group takes turns by itself, so that one does not skew another's."""
    return "handoff " + blake2b(",".join(str(person.email) for person in people).encode(), digest_size=8).hexdigest()


def _holds(condition: Condition, facts: Facts) -> bool:
    return compile_condition(condition)(facts)


def is_present(person: PersonDocument, today: date) -> bool:
    """Whether someone takes handoffs today."""
    return person.active and (person.absent_until is None or person.absent_until <= today)
