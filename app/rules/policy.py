"""Policy documents: which kinds there are, how a text becomes one, and what is wrong with it, all at once."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct
from pydantic import BaseModel, ValidationError

from app.rules.content import ContentDocument, compile_content
from app.rules.content_check import check_content, segments_of_variants
from app.rules.decide import Policies
from app.rules.frequency import FrequencyDocument, compile_frequency
from app.rules.handoff import HandoffDocument, compile_handoff
from app.rules.interests import InterestsDocument, compile_interests
from app.rules.lifecycle import LifecycleDocument, compile_lifecycle
from app.rules.memory import compile_memory
from app.rules.profiling import ProfilingDocument
from app.rules.references import unknown_connections, unknown_segments
from app.rules.scoring import ScoringDocument, compile_scoring
from app.rules.segments import SegmentsDocument, compile_segments
from app.rules.sequences.pauses import Pauses
from app.rules.sequences.policy import Edition, Sequences, SequencesDocument
from app.rules.sequences.steps import messages_in
from app.rules.suppression import SuppressionDocument
from app.rules.triggers import MessageDocument, TriggersDocument, compile_triggers
from mappings.document import InvalidDocument, did_you_mean, load_yaml, paths_of, problems_of
from mappings.rows import MappingDocument

DEFAULTS = Path(__file__).parent / "defaults"

KINDS: dict[str, type[BaseModel]] = {
    "mapping": MappingDocument,
    "scoring": ScoringDocument,
    "lifecycle": LifecycleDocument,
    "suppression": SuppressionDocument,
    "handoff": HandoffDocument,
    "triggers": TriggersDocument,
    "content": ContentDocument,
    "interests": InterestsDocument,
    "segments": SegmentsDocument,
    "frequency": FrequencyDocument,
    "sequences": SequencesDocument,
    "profiling": ProfilingDocument,
}
SINGLE = (
    "scoring",
    "lifecycle",
    "suppression",
    "handoff",
    "triggers",
    "content",
    "interests",
    "segments",
    "frequency",
    "sequences",
    "profiling",
)
# Kinds that name what others define: messages and segments
TOGETHER = frozenset(("triggers", "sequences", "content", "segments", "handoff", "lifecycle", "scoring"))
# What only a whole document shows: its problems, each with its place within the document
CHECKS: dict[str, Callable[[Any], list[str]]] = {"content": check_content}


class Document(Struct, frozen=True):
    """A valid document: its kind and name, its text as written, and the model it was read into."""

    kind: str
    name: str
    text: str
    model: Any


def read_document(text: str, place: str = "document") -> Document:
    """The policy document in a YAML text. Raises InvalidDocument with every problem, its place and its mend."""
    data = load_yaml(text, place)
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise InvalidDocument([f"{place}: kind is {kind!r}; a policy's kind is one of {', '.join(KINDS)}"])
    try:
        model = KINDS[kind].model_validate(data)
    except ValidationError as error:
        raise InvalidDocument(problems_of(error, place), paths_of(error)) from None
    name = str(getattr(model, "name", kind))
    if kind in SINGLE and name != kind:
        raise InvalidDocument([f'{place}: there is one {kind} policy; its name is "{kind}", not "{name}"'])
    if kind in CHECKS and (problems := CHECKS[kind](model)):
        raise InvalidDocument([f"{place}: {problem}" for problem in problems])
    return Document(kind, name, text, model)


def check_together(
    models: Mapping[str, Any], connections: Mapping[str, str] | None = None, tools: Collection[str] = ()
) -> list[str]:
    """What documents, by kind, say of each other that is not so, each with its mend; none: they can be used.

    Also which connections they name that do not exist, where it is known which do: ``connections``, name → kind. Those
    named like one of the ``tools`` may come later.
    """
    content, segments = models.get("content"), models.get("segments")
    problems = _unlike(models, content) if content is not None else []
    if segments is not None:
        known = [one.id for one in segments.segments]
        problems += segments_of_variants(content, known) if content is not None else []
        problems += unknown_segments(models, known)
    if connections is not None:
        problems += unknown_connections(models, connections, tools)
    return problems


def _unlike(models: Mapping[str, Any], content: ContentDocument) -> list[str]:
    """Where a rule asks for a message that the content does not have, or has otherwise."""
    messages = {message.id: message for message in content.messages}
    problems = []
    for place, asked in _asked(models):
        if not asked.content:
            continue
        if (found := messages.get(asked.content)) is None:
            hint = did_you_mean(asked.content, list(messages))
            problems.append(f'{place} names the content "{asked.content}", which is not one of its messages{hint}')
            continue
        for name, meant in (("channel", found.channel), ("purpose", found.consent)):
            if name in asked.model_fields_set and (said := getattr(asked, name)) != meant:
                problems.append(
                    f'{place} says {name} "{said}", but its content {found.id} has "{meant}"; take {name} out'
                )
    return problems


def _asked(models: Mapping[str, Any]) -> Iterator[tuple[str, MessageDocument]]:
    """The messages that rules ask for, each with its place."""
    if (triggers := models.get("triggers")) is not None:
        for number, trigger in enumerate(triggers.triggers, 1):
            if trigger.message is not None:
                yield f"triggers: trigger {number} ({trigger.id})", trigger.message
    if (sequences := models.get("sequences")) is not None:
        for number, sequence in enumerate(sequences.sequences, 1):
            for message in messages_in(sequence.steps):
                yield f"sequences: sequence {number} ({sequence.id}), message “{message.name}”", message


@cache
def default_documents() -> Mapping[str, Document]:
    """The shipped policies by kind."""
    found = [
        read_document(file.read_text(encoding="utf-8"), f"defaults/{file.name}")
        for file in sorted(DEFAULTS.glob("*.yaml"))
    ]
    return {document.kind: document for document in found}


def compile_policies(
    documents: Mapping[str, tuple[Any, str]],
    number: int = 0,
    editions: Sequence[Edition] = (),
    pauses: Pauses | None = None,
) -> Policies:
    """The policies that ingest uses, from (model, version) by kind; what is missing is the default. ``editions`` are
    all versions of the sequences, the oldest first; without them the one in ``documents`` has always been in force."""
    chosen = {kind: (document.model, f"{kind}@default") for kind, document in default_documents().items()}
    chosen.update(documents)
    return Policies(
        scoring=compile_scoring(*chosen["scoring"]),
        lifecycle=compile_lifecycle(*chosen["lifecycle"]),
        suppression=chosen["suppression"][0],
        handoff=compile_handoff(*chosen["handoff"]),
        triggers=compile_triggers(*chosen["triggers"]),
        interests=compile_interests(*chosen["interests"]),
        # Who is pinned to an older version of a sequence needs what that asks of the past
        memory=compile_memory(*(model for model, _ in chosen.values()), *(one.document for one in editions[:-1])),
        segments=compile_segments(*chosen["segments"]),
        content=compile_content(*chosen["content"]),
        frequency=compile_frequency(*chosen["frequency"]),
        sequences=Sequences(editions or [Edition(*chosen["sequences"])], pauses),
        number=number,
    )
