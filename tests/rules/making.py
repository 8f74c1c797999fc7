"""What tests of rules share: the shipped policies, changed ones, and a contact that lived through events."""

from collections.abc import Iterable
from typing import Any

from app.contacts.contact import Contact
from app.contacts.event import Event, position
from app.rules.decide import Policies, step
from app.rules.decision import Decision
from app.rules.policy import compile_policies, default_documents, read_document
from app.rules.suppression import SuppressionDocument

NO_SEQUENCES = read_document("kind: sequences\nsequences: []")
SHIPPED = compile_policies({})
# Who is welcomed gets messages: tests of other rules do without
DEFAULT = compile_policies({"sequences": (NO_SEQUENCES.model, "sequences@none")})
UNCAPPED = "kind: frequency\nladder: {new: {}, active: {}, cooling: {}, lapsing: {}}\nquiet: {channels: []}"
SUPPRESSION: SuppressionDocument = default_documents()["suppression"].model


def policies(*texts: str) -> Policies:
    """The shipped policies but for their sequences, with these documents (YAML) in place of theirs."""
    documents = {"sequences": (NO_SEQUENCES.model, "sequences@none")}
    for text in texts:
        document = read_document(text)
        documents[document.kind] = (document.model, f"{document.kind}@1")
    return compile_policies(documents)


def live(events: Iterable[Event], by: Policies = DEFAULT, contact: Contact | None = None) -> tuple[Contact, list]:
    """A contact that these events happened to, in the order in which they occurred, and all that was decided."""
    contact = contact or Contact()
    decisions: list[Decision] = []
    for one in sorted(events, key=position):
        decisions += step(contact, one, by)
    return contact, decisions


def of(decisions: Iterable[Decision], what: str) -> list[Decision]:
    """The decisions of a kind: ``message``, ``handoff``, ``stage``, ``alert``, ``verdict``."""
    return [one for one in decisions if one.what == what]


def gate(decision: Any, name: str) -> Any:
    """A decision's gate."""
    return next(one for one in decision.gates if one.name == name)
