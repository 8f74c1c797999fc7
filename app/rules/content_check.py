"""What is wrong with a content document as a whole: tokens without fallbacks, links and blocks that do not exist. Pure.

Whatever is found here keeps the document from being published.
"""

from collections.abc import Collection, Iterable, Iterator

from app.rules.condition import Condition
from app.rules.content import (
    BlockDocument,
    ContentDocument,
    LinkDocument,
    MessageDocument,
    ResourceDocument,
)
from app.rules.template import LISTS, BadText, read_text, trial, unknown_name
from mappings.document import did_you_mean
from mappings.fields import CUSTOM, FIELDS

# Beside contact fields, custom.<field> and event.<property>
OWN_TOKENS = ("stage", "interest", "product", *LISTS)
TOKENS = (*FIELDS, *OWN_TOKENS)
_LOOP_TOKENS = ("interests[]", "next_resources[].title", "next_resources[].url")


def check_content(document: ContentDocument) -> list[str]:
    """Every problem that only the whole document shows, each with its place and its mend; none: it can be used."""
    problems = list(_twice("message", document.messages)) + list(_twice("resource", document.resources))
    problems += list(_twice("link", document.links)) + list(_twice("block", document.blocks))
    for number, one in enumerate(document.blocks, 1):
        if not one.id or one.use:
            problems.append(f"block {number} needs an id and texts of its own, for messages to use it")
    used = {block.use for message in document.messages for block in message.blocks}
    for block in document.blocks:
        if block.id not in used:  # what no message uses has to be readable all the same
            problems += _block_problems(f"block {block.id}", block, {link.id for link in document.links}, None)
    for number, message in enumerate(document.messages, 1):
        problems += _message_problems(f"message {number} ({message.id})", message, document)
    return list(dict.fromkeys(problems))


def segments_of_variants(document: ContentDocument, segments: Collection[str]) -> list[str]:
    """The segments that variants are for and that do not exist, each with its place and its mend."""
    return [
        f'{place}, variant {number} is for the segment "{name}", which is not one of the segments'
        + (did_you_mean(name, list(segments)) or "; add it to the segments policy, or take it out here")
        for place, block in _own_blocks(document)
        for number, one in enumerate(block.variants, 1)
        for name in one.segment
        if name not in segments
    ]


def _own_blocks(document: ContentDocument) -> Iterator[tuple[str, BlockDocument]]:
    """Every block with its place, once: where messages use one of the document, it is the document's."""
    yield from ((f"content: block {block.id}", block) for block in document.blocks)
    for number, message in enumerate(document.messages, 1):
        for place, block in enumerate(message.blocks, 1):
            yield f"content: message {number} ({message.id}), block {block.id or place}", block


def _twice(
    what: str, parts: Iterable[MessageDocument | ResourceDocument | LinkDocument | BlockDocument]
) -> Iterator[str]:
    seen: set[str] = set()
    for number, part in enumerate(parts, 1):
        if part.id and part.id in seen:
            yield f'{what} {number} has the id "{part.id}", which another {what} has; choose another'
        seen.add(part.id)


def _message_problems(place: str, message: MessageDocument, document: ContentDocument) -> Iterator[str]:
    links = {link.id for link in (*document.links, *message.links)}
    fallbacks = frozenset(message.fallbacks)
    for name, value in message.fallbacks.items():
        if not is_token(name):
            yield f"{place}, fallbacks {unknown_name(name, TOKENS)}"
        elif not value.strip():
            yield f'{place}, fallbacks: the one for "{name}" is empty; write what stands there when it is missing'
    for name in message.needs:
        if not is_token(name):
            yield f"{place}, needs {unknown_name(name, TOKENS)}"
    names = [block.use or block.id for block in message.blocks if block.use or block.id]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f'{place} has two blocks called "{name}"; take one out, or give it another id'
    for part in ("subject", "preview", "short"):
        if text := getattr(message, part):
            yield from _text_problems(f"{place}, {part}", text, links if part == "short" else None, fallbacks, False)
    for number, block in enumerate(message.blocks, 1):
        at = f"{place}, block {block.use or block.id or number}"
        try:
            block = document.block(block)
        except KeyError:
            known = [one.id for one in document.blocks]
            yield f'{at} uses "{block.use}", which is not a block of the document{did_you_mean(block.use, known)}'
            continue
        yield from _block_problems(at, block, links, fallbacks)


def _block_problems(
    place: str, block: BlockDocument, links: set[str], fallbacks: frozenset[str] | None
) -> Iterator[str]:
    for number, way in enumerate(block.ways, 1):
        at = f"{place}, variant {number}" if block.variants else place
        for name in way.knows:
            if not is_token(name):
                yield f"{at}, knows {unknown_name(name, TOKENS)}"
        sure = None if fallbacks is None else fallbacks | guaranteed(way.when) | frozenset(way.knows)
        yield from _text_problems(at, way.text, links, sure, bool(block.variants) and not way.is_generic)


def _text_problems(
    place: str, text: str, links: set[str] | None, sure: frozenset[str] | None, conditioned: bool
) -> Iterator[str]:
    """What is wrong with one text. ``links``: ids that it may link to, None where there are no links. ``sure``: names
    that are known whenever it is used, None where that is not known yet."""
    try:
        template = read_text(text)
    except BadText as problem:
        yield f"{place} {problem}"
        return
    names = dict.fromkeys(token.name for token in template.tokens)
    unknown = [one for one in names if not (is_token(one) or one in _LOOP_TOKENS or one.startswith("forloop."))]
    yield from (f"{place} {unknown_name(name, TOKENS)}" for name in unknown)
    for name in template.bare:
        if sure is not None and is_token(name) and name not in sure:
            yield f"{place} {_unguarded(name, conditioned)}"
    if not unknown and (wrong := trial(template)):
        yield f"{place} cannot be filled: {wrong}"
    for target in template.links:
        if links is None:
            yield f"{place} cannot have a link; take [..]({target}) out"
        elif target not in links:
            yield f'{place} links to "{target}", which is not a link{did_you_mean(target, sorted(links))}'


def _unguarded(name: str, conditioned: bool) -> str:
    if name in LISTS:
        return f"walks through {name}, which may be empty: put it within {{% if {name} %}} … {{% endif %}}"
    also = f", or add it to the variant's knows: [{name}]" if conditioned else ""
    return (
        f'uses {{{{ {name} }}}} without a fallback: write {{{{ {name} | default: "…" }}}}, '
        f'or add "{name}" to the message\'s fallbacks{also}'
    )


def is_token(name: str) -> bool:
    """Whether a text can use a name: a contact field, ``custom.…``, ``event.…`` or one of Baton's own."""
    return name in TOKENS or (name.startswith((CUSTOM, "event.")) and not name.endswith("."))


def guaranteed(condition: Condition | None) -> frozenset[str]:
    """The tokens that are sure to be known wherever a condition holds."""
    if condition is None:
        return frozenset()
    if condition.all is not None:
        return frozenset().union(*(guaranteed(part) for part in condition.all))
    if condition.any is not None:
        found = [guaranteed(part) for part in condition.any]
        return frozenset.intersection(*found) if found else frozenset()
    if condition.not_ is not None:
        return _named(condition.not_.field) if condition.not_.op == "unknown" else frozenset()
    return frozenset() if condition.op in ("unknown", "not_equals", "not_in") else _named(condition.field)


def _named(field: str | None) -> frozenset[str]:
    name = (field or "").removeprefix("contact.")
    return frozenset(("interest", "interests")) if name == "interest" else frozenset((name,))
