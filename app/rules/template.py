"""Texts with tokens in them: a small part of Liquid, read once, and what each token needs. Pure.

Only the tags and filters listed here exist; nothing is included, loaded or assigned, and what a text may produce is
bounded. ``raw_token`` finds what must never reach a person: a token that nobody filled, or the word for no value.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from liquid import Environment, FalsyStrictUndefined
from liquid.ast import BlockNode, ConditionalBlockNode, Node
from liquid.builtin.content import Literal
from liquid.builtin.expressions import BooleanExpression, FilteredExpression, Path, StringLiteral
from liquid.builtin.expressions.filtered import Filter
from liquid.builtin.expressions.logical import (
    EqExpression,
    LogicalAndExpression,
    LogicalOrExpression,
    NeExpression,
)
from liquid.builtin.illegal import Illegal
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.exceptions import LiquidError
from liquid.expression import Expression
from liquid.template import BoundTemplate
from msgspec import Struct

from mappings.document import did_you_mean

TAGS = ("if", "unless", "case", "for")
FILTERS = ("default", "upcase", "downcase", "capitalize", "strip", "truncate", "truncatewords", "join")
LISTS = ("interests", "next_resources")  # what a loop can walk through
MAX_SOURCE, MAX_OUTPUT = 4_000, 16 * 1024  # characters that may be written, bytes that may come of them
# A link is written [words](target); until the end it stands between marks that no value can contain
LINK_START, LINK_MIDDLE, LINK_END = "\x02", "\x03", "\x04"
_LINK = re.compile(r"\[([^\[\]\n]{1,200})\]\((\w{1,40}|\{\{[^{}]{1,80}\}\})\)")
_LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_RAW_TAG = re.compile(r"\{%-?\s*raw\b")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class BadText(ValueError):
    """A text cannot be used; the message says why and what to write instead."""


class Token(Struct, frozen=True):
    """One name in a text. ``printed``: it is put out, not only asked about. ``default``: it has a fallback of its own.
    ``guarded``: it stands where it is sure to be known."""

    name: str
    printed: bool = True
    default: bool = False
    guarded: bool = False


class Template(Struct, frozen=True):
    """A text, ready to be filled, with its tokens in the order in which they stand and the links that it names."""

    source: str
    tokens: tuple[Token, ...]
    links: tuple[str, ...]
    bound: BoundTemplate

    @property
    def bare(self) -> tuple[str, ...]:
        """The names that are put out though nothing in the text provides for their being missing."""
        bare = (one.name for one in self.tokens if one.printed and not one.default and not one.guarded)
        return tuple(dict.fromkeys(bare))

    @property
    def words(self) -> str:
        """The text without its tokens: what stands in it for everybody."""
        return _LIQUID.sub("\N{HORIZONTAL ELLIPSIS}", self.source)

    def fill(self, scope: Mapping[str, Any]) -> str:
        """The text with its tokens filled. Raises BadText where one is missing or the text grows too long."""
        try:
            return self.bound.render(**scope)
        except LiquidError as error:
            raise BadText(str(error.message)) from None
        except (ArithmeticError, ValueError) as error:  # a filter's number that no text can have
            raise BadText(str(error)) from None


class _Liquid(Environment):
    block_nesting_limit = 6
    context_depth_limit = 8
    loop_iteration_limit = 50
    local_namespace_limit = 10_000
    output_stream_limit = MAX_OUTPUT

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """Keep what is listed, and the three that stand for plain text, output, and what is refused."""
        super().setup_tags_and_filters(extra=False)
        kept = (*TAGS, Literal.name, Output.name, Illegal.name)
        self.tags = {name: self.tags[name] for name in kept}
        self.filters = {name: self.filters[name] for name in FILTERS}


@cache
def _liquid() -> _Liquid:
    return _Liquid(undefined=FalsyStrictUndefined)


def read_text(source: str) -> Template:
    """The text as a template. Raises BadText with what cannot stand in it."""
    if len(source) > MAX_SOURCE:
        raise BadText(f"has {len(source)} characters; at most {MAX_SOURCE} are allowed")
    if _CONTROL.search(source):
        raise BadText("has control characters in it; write it anew without them")
    marked = _LINK.sub(lambda found: f"{LINK_START}{found[1]}{LINK_MIDDLE}{found[2]}{LINK_END}", source)
    if "](" in marked:
        raise BadText("has a link that cannot be read; write [words](id), with the id of one of the links")
    if _RAW_TAG.search(source):
        raise BadText("uses the tag raw, which would leave tokens as they are; take it out")
    if hit := raw_token(_LIQUID.sub("x", marked)):
        raise BadText(f'says "{hit}", which looks like a token of another tool or like no value; say it otherwise')
    try:
        bound = _liquid().from_string(marked)
        tokens = tuple(_tokens(bound.nodes, frozenset(), {}))
    except LiquidError as error:
        raise BadText(f"cannot be read: {_said(error)}") from None
    links = tuple(target for _, target in _LINK.findall(source) if not target.startswith("{"))
    return Template(source, tokens, links, bound)


def _said(error: LiquidError) -> str:
    message = str(error.message)
    if message.startswith("unexpected tag"):
        return f"{message}; the tags are {', '.join(TAGS)}"
    return message


# --- which names a text uses


def _tokens(nodes: Iterable[Node], known: frozenset[str], loops: Mapping[str, str]) -> Iterator[Token]:
    """The tokens of a parse tree. ``known``: names that an enclosing ``if`` has made sure of. ``loops``: the list that
    each loop's name walks through."""
    for node in nodes:
        match node:
            case OutputNode():
                yield from _output(node, known, loops)
            case IfNode() | UnlessNode():
                yield from _branches(node, known, loops)
            case CaseNode():
                name = _name(node.expression, loops)
                yield Token(name, printed=False)
                for block in node.blocks:
                    if isinstance(block, MultiExpressionBlockNode):
                        yield from _tokens([block.block], known | {name}, loops)
                    else:
                        yield from _tokens([block], known, loops)
            case ForNode():
                listed = _name(node.expression.iterable, loops)
                if listed not in LISTS:
                    raise BadText(f'walks through "{listed}"; a loop walks through {" or ".join(LISTS)}')
                yield Token(listed, guarded=listed in known)
                inside = {**loops, node.expression.identifier: f"{listed}[]"}
                yield from _tokens([node.block], known, inside)
            case BlockNode():
                yield from _tokens(node.nodes, known, loops)


def _branches(node: IfNode | UnlessNode, known: frozenset[str], loops: Mapping[str, str]) -> Iterator[Token]:
    names, sure = _asked(node.condition, loops)
    yield from (Token(name, printed=False) for name in names)
    turned = isinstance(node, UnlessNode)
    yield from _tokens([node.consequence], known if turned else known | sure, loops)
    for other in node.alternatives:
        assert isinstance(other, ConditionalBlockNode)
        names, also = _asked(other.expression, loops)
        yield from (Token(name, printed=False) for name in names)
        yield from _tokens([other.block], known | also, loops)
    if node.default is not None:
        yield from _tokens([node.default], known | sure if turned else known, loops)


def _output(node: OutputNode, known: frozenset[str], loops: Mapping[str, str]) -> Iterator[Token]:
    expression = node.expression
    assert isinstance(expression, FilteredExpression)
    if not isinstance(expression.left, Path):
        raise BadText(f"puts out {expression.left} as a token; write it as plain text")
    name = _name(expression.left, loops)
    filters = expression.filters or []
    if name in LISTS and not any(one.name == "join" for one in filters):
        raise BadText(f"puts out a list; walk through it: {{% for one in {name} %}}")
    for one in filters:
        if one.name not in FILTERS:
            raise BadText(f'uses the filter "{one.name}", which is not one of {", ".join(FILTERS)}')
        if any(isinstance(arg.value, Path) for arg in one.args):
            raise BadText(f'gives the filter "{one.name}" another token; it takes a text or a number')
    in_loop = bool(loops) and ("[]" in name or name.startswith("forloop."))
    yield Token(name, default=_has_default(name, filters), guarded=in_loop or name in known)


def _has_default(name: str, filters: Sequence[Filter]) -> bool:
    """Whether a token has a fallback; it has to come first, because other filters cannot work on nothing."""
    number = next((number for number, one in enumerate(filters) if one.name == "default"), None)
    if number is None:
        return False
    value = filters[number].args[0].value if filters[number].args else None
    if number or not isinstance(value, StringLiteral) or not value.value.strip():
        raise BadText(f'has no usable fallback for {name}: write {{{{ {name} | default: "…" }}}}, with default first')
    if hit := raw_token(value.value):
        raise BadText(f'has "{hit}" in the fallback for {name}; write what people should read')
    return True


def _name(expression: Expression, loops: Mapping[str, str]) -> str:
    """A path as it is written, ``event.product``; what a loop walks through is ``next_resources[].title``."""
    if not isinstance(expression, Path) or not all(isinstance(step, str) for step in expression.path):
        raise BadText(f'looks at "{expression}"; a token is a name, with dots where needed')
    head, *rest = (str(step) for step in expression.path)
    return ".".join((loops.get(head, head), *rest))


def _asked(expression: Expression, loops: Mapping[str, str]) -> tuple[list[str], frozenset[str]]:
    """The names that a condition asks about, and those that are sure to be known where it holds."""
    match expression:
        case BooleanExpression():
            return _asked(expression.expression, loops)
        case Path():
            name = _name(expression, loops)
            return [name], frozenset((name,))
        case LogicalAndExpression() | LogicalOrExpression():
            (left, one), (right, other) = _asked(expression.left, loops), _asked(expression.right, loops)
            return [*left, *right], one | other if isinstance(expression, LogicalAndExpression) else one & other
        case EqExpression() | NeExpression():
            if isinstance(expression.left, Path) and isinstance(expression.right, StringLiteral):
                name = _name(expression.left, loops)
                sure = isinstance(expression, EqExpression) and bool(expression.right.value.strip())
                return [name], frozenset((name,)) if sure else frozenset()
    raise BadText(
        f'asks "{expression}"; within a text there are names, == and != with a text in quotes, "and" and "or". '
        "More can be asked in the variant's when"
    )


def put(scope: dict[str, Any], name: str, value: Any) -> None:
    """Set a name, which may have dots, in what a text is filled from."""
    *path, last = name.split(".")
    for step in path:
        below = scope.setdefault(step, {})
        if not isinstance(below, dict):  # somebody uses event.a and event.a.b
            return
        scope = below
    scope[last] = value


def trial(template: Template) -> str:
    """What goes wrong when a text is filled with a word for each token; empty where nothing does."""
    scope: dict[str, Any] = {}
    for token in template.tokens:
        if "[]" not in token.name and not token.name.startswith("forloop."):
            word = [{"title": "word", "url": "https://word"}] if token.name == "next_resources" else "word"
            put(scope, token.name, ["word"] if token.name == "interests" else word)
    try:
        template.fill(scope)
    except BadText as problem:
        return str(problem)
    return ""


def unknown_name(name: str, known: Iterable[str]) -> str:
    """What to say of a name that no token can have."""
    return f'uses "{name}", which is not a token' + did_you_mean(name, list(known))


# --- what must never reach a person

_RAW = re.compile(
    "|".join(
        (
            r"\{\{|\}\}|\{%|%\}",  # Liquid, Jinja, Django, Handlebars
            r"[$#@]\{|<%|%>",
            r"\*\|[^|\n]{0,60}\|\*",  # Mailchimp
            r"%%[^%\s]{0,60}%%",  # Marketing Cloud
            r"%[A-Z][A-Z0-9_-]{2,40}%",  # ActiveCampaign
            r"\[\s{0,3}(?:[A-Z][A-Z0-9_ -]{1,40}|(?i:(?:first|last|full|your|contact|company|customer)[ _-]?\w{0,20}|"
            r"name))\s{0,3}\]",
            r"(?<!\w)\{\s{0,3}[A-Za-z_][\w. ]{0,40}\}",
            r"<<[^<>\n]{1,40}>>|\[object \w{1,20}\]",
            r"\b(?:None|null|undefined|NaN)\b(?! of\b)",
            r"(?i:\b(?:hi|hello|hey|dear|thanks|welcome)[ \t]{1,5}[,!.:;]|\bdear,)",
            r"(?<=[^\s,])[ \t]{1,5},",  # a blank before a comma: a name is missing
        )
    )
)


def raw_token(text: str) -> str:
    """The first thing in a text that looks like a token nobody filled, or like no value; empty where there is none."""
    found = _RAW.search(text)
    return "" if found is None else found[0].strip() or found[0]


def holds_token(value: Any) -> bool:
    """Whether any text in a value, however deep, looks like a token nobody filled."""
    if isinstance(value, str):
        return bool(raw_token(value))
    if isinstance(value, Mapping):
        return any(holds_token(inner) for pair in value.items() for inner in pair)
    return isinstance(value, list | tuple) and any(holds_token(inner) for inner in value)
