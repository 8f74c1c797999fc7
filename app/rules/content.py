"""What messages say: texts with blocks that suit the person, links, and the resources to name next. Pure.

The document as people write it, and its compiled form; ``content_check.py`` says what is wrong with one,
``rendering.py`` makes a message of it for one contact, ``lint.py`` says what could be better.
"""

from collections.abc import Iterable
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from app.contacts.consent import MARKETING
from app.rules.condition import Condition, Test, compile_condition, leaves
from app.rules.template import Template, read_text

TRANSACTIONAL = "transactional"
_ID = r"^[a-z0-9_]{1,40}$"
MAX_BLOCKS = 20


_PROSE: dict[str, Any] = {"format": "prose"}
_WRITTEN = 'Markdown, with tokens: {{ first_name | default: "there" }}, [a link](link:pricing)'


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class VariantDocument(Part):
    """One way to say it, and for whom. What stands beside each other has to hold together."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"start": {"label": "New", "text": "New"}})

    label: str = Field("", description="What people read: asked to talk")
    when: Condition | None = Field(None, title="Condition", description="Only for whom this holds; none: for everybody")
    entry: list[str] = Field(
        default_factory=list, title="How they came", description="How the person first came: form *demo*, google, cpc"
    )
    segment: list[str] = Field(default_factory=list, description="Segments, one of which the person is in")
    knows: list[str] = Field(
        default_factory=list, title="Known", description="Tokens that have to be known, all of them"
    )
    text: str = Field(min_length=1, description=_WRITTEN, json_schema_extra=_PROSE)

    @property
    def is_generic(self) -> bool:
        """Whether it is for everybody."""
        return self.when is None and not (self.entry or self.segment or self.knows)


class BlockDocument(Part):
    """A paragraph or a few: one text, or variants of which the first that fits is taken."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "asks": "What it says",
            "one_of": [
                {"key": "text", "title": "One text for everybody", "start": "New"},
                {
                    "key": "variants",
                    "title": "Variants, of which the first that suits is taken",
                    "start": [{"label": "everybody else", "text": "New"}],
                },
                {"key": "use", "title": "A block that several messages use", "start": "greeting"},
            ],
        },
    )

    id: str = Field("", pattern=r"^[a-z0-9_]{0,40}$", description="Small letters, digits, _")
    use: str = Field("", title="Which block", description="The id of one of the document's blocks")
    text: str = Field("", description=_WRITTEN, json_schema_extra=_PROSE)
    variants: list[VariantDocument] = Field(
        default_factory=list,
        max_length=20,
        description="The first that suits the person is taken; one for everybody comes last",
    )

    @model_validator(mode="after")
    def _one_shape(self) -> "BlockDocument":
        if sum(bool(part) for part in (self.use, self.text, self.variants)) != 1:
            raise ValueError('needs exactly one of "text", "variants" or "use"')
        late = [number for number, one in enumerate(self.variants[:-1], 1) if one.is_generic]
        if late:
            raise ValueError(
                f"has variants that nobody can see: variant {late[0]} is for everybody; move it to the end"
            )
        return self

    @property
    def ways(self) -> list[VariantDocument]:
        """Its variants; one text is a variant for everybody."""
        return self.variants or [VariantDocument(text=self.text)]


class LinkDocument(Part):
    id: str = Field(pattern=_ID, description="What texts call it: small letters, digits, _")
    url: str = Field(title="Address", description="https://…, or a path of the site: /pricing")
    take: str = Field(
        "",
        pattern=r"^(event\.[\w.]{1,60})?$",
        title="Taken from the event",
        description="Event property whose address is taken instead",
    )

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        return _checked_address(url)


class ResourceDocument(Part):
    """Something worth reading, for whom, and how those came whom it suits."""

    id: str = Field(pattern=_ID, description="Small letters, digits, _")
    title: str = Field(min_length=1, max_length=120, description="What people read")
    url: str = Field(title="Address", description="https://…, or a path of the site: /guides/costs")
    topics: list[str] = Field(default_factory=list, description="Interests whom it suits")
    entry_points: list[str] = Field(
        default_factory=list,
        title="For who came by",
        description="How those first came whom it suits: form *demo*, cpc",
    )

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        return _checked_address(url)


def _checked_address(url: str) -> str:
    if any(sign in url for sign in "{}<>\"' \n"):
        raise ValueError(f'"{url}" has a sign that no address has; for an address of the event use "take"')
    if "://" in url and not urlsplit(url).netloc:
        raise ValueError(f'"{url}" is not an address')
    if not url.startswith(("https://", "http://", "/")) or url.startswith("//"):
        raise ValueError(f'"{url}" has to begin with https://, or with / for a page of the site')
    return url


class MessageDocument(Part):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        json_schema_extra={"start": {"label": "New", "subject": "New", "blocks": [{"text": "New"}]}},
    )

    id: str = Field(pattern=_ID, description="What rules call it: small letters, digits, _")
    label: str = Field(description="What people read in lists; nobody gets to see it")
    channel: Literal["email", "sms", "push"] = Field("email", description="How it goes out")
    class_: Literal["marketing", "transactional"] = Field(
        "marketing",
        alias="class",
        title="Kind of message",
        description="transactional: what somebody waits for, as a receipt",
    )
    purpose: str = Field("", description="What consent it needs; unless said, its kind")
    priority: Literal["normal", "high"] = Field(
        "normal", description="high: may go by SMS or push to who prefers these"
    )
    subject: str = Field("", description="E-mail, and the title of a push")
    preview: str = Field("", description="The line beside the subject in an inbox")
    campaign: str = Field("", description="utm_campaign of its links; unless said, its id")
    blocks: list[BlockDocument] = Field(min_length=1, max_length=MAX_BLOCKS, description="What it says, from the top")
    short: str = Field(
        "", description="The same for SMS and push, for people who prefer these", json_schema_extra=_PROSE
    )
    links: list[LinkDocument] = Field(default_factory=list, description="Links of this message alone")
    fallbacks: dict[str, str] = Field(default_factory=dict, description="Token: what stands for it where it is missing")
    needs: list[str] = Field(default_factory=list, description="Tokens without which nobody is enrolled")
    specific: float = Field(
        0.5, ge=0, le=1, description="Share of the blocks with variants that must suit the person; 0: anybody gets it"
    )

    @model_validator(mode="after")
    def _fits(self) -> "MessageDocument":
        if self.channel == "email" and not self.subject.strip():
            raise ValueError("is an e-mail without a subject; add one")
        if (self.class_ == TRANSACTIONAL) != (self.consent == TRANSACTIONAL):
            raise ValueError(f'is {self.class_}, but its purpose is "{self.purpose}"; a transactional one has no other')
        if self.channel == "email" and self.short and self.priority != "high":
            raise ValueError('has a short form, but SMS and push are for priority "high"; set it, or take "short" out')
        return self

    @property
    def consent(self) -> str:
        """The purpose that a contact's consent is looked up by."""
        return self.purpose or (MARKETING if self.class_ == "marketing" else TRANSACTIONAL)

    @property
    def channels(self) -> tuple[str, ...]:
        """What it can go by: its own channel first."""
        more = tuple(one for one in ("sms", "push") if one != self.channel) if self.short else ()
        return (self.channel, *more)


class ContentDocument(Part):
    """The content as it stands in YAML."""

    kind: Literal["content"]
    name: str = "content"
    site: str = Field(pattern=r"^https://[^/?#\s]{3,200}$", description="Where addresses that begin with / are")
    utm_source: str = Field("baton", description="utm_source of all links; none: links stay as they are written")
    blocks: list[BlockDocument] = Field(default_factory=list, description="Blocks that several messages use")
    links: list[LinkDocument] = Field(default_factory=list, description="Links that several messages use")
    resources: list[ResourceDocument] = Field(
        default_factory=list, description="Worth reading next, for messages that name something that suits"
    )
    messages: list[MessageDocument] = Field(description="What triggers and sequences ask for by their id")

    def block(self, block: BlockDocument) -> BlockDocument:
        """The block itself where one of the document is used. Raises KeyError where there is none of that name."""
        return {one.id: one for one in self.blocks}[block.use] if block.use else block


# --- the compiled form


class Link(Struct, frozen=True):
    """Where a link goes, and the event property whose address of the same site is taken instead."""

    id: str
    url: str
    take: str = ""


class Variant(Struct, frozen=True):
    """``needs``: tokens without which this variant is passed over."""

    number: int
    document: VariantDocument
    test: Test
    template: Template
    needs: tuple[str, ...]


class Block(Struct, frozen=True):
    id: str
    variants: tuple[Variant, ...]

    @property
    def varies(self) -> bool:
        """Whether it can say something to one person that it does not say to everybody."""
        return any(not one.document.is_generic for one in self.variants)


class Message(Struct, frozen=True):
    """One message, ready to be rendered. ``names`` are all the tokens that it looks at, ``said`` the properties of the
    event that it may use."""

    id: str
    document: MessageDocument
    subject: Template
    preview: Template
    short: Template
    blocks: tuple[Block, ...]
    links: dict[str, Link]
    names: frozenset[str]
    said: tuple[str, ...]


class Content(Struct, frozen=True):
    """The compiled content. Addresses are whole; they get their UTM when a message is rendered."""

    messages: dict[str, Message]
    resources: tuple[ResourceDocument, ...]
    site: str
    utm_source: str
    version: str


def compile_content(document: ContentDocument, version: str) -> Content:
    """The policy in the form that messages are made from. The document has passed ``check_content``."""
    resources = tuple(one.model_copy(update={"url": absolute(one.url, document.site)}) for one in document.resources)
    messages = {one.id: _compile(one, document) for one in document.messages}
    return Content(messages, resources, document.site, document.utm_source, version)


def _compile(message: MessageDocument, document: ContentDocument) -> Message:
    subject, preview, short = read_text(message.subject), read_text(message.preview), read_text(message.short)
    blocks = tuple(
        Block(
            block.use or block.id or str(number),
            tuple(_variant(at, way, message) for at, way in enumerate(document.block(block).ways, 1)),
        )
        for number, block in enumerate(message.blocks, 1)
    )
    templates = [subject, preview, short, *(variant.template for block in blocks for variant in block.variants)]
    names = {token.name.partition("[]")[0] for template in templates for token in template.tokens}
    names |= {name for block in blocks for variant in block.variants for name in variant.needs}
    names.update(message.needs)
    links = {one.id: one for one in (*document.links, *message.links)}
    return Message(
        message.id,
        message,
        subject,
        preview,
        short,
        blocks,
        {name: Link(name, absolute(link.url, document.site), link.take) for name, link in links.items()},
        frozenset(names),
        _said(names, links.values(), document, message),
    )


def _said(
    names: Iterable[str], links: Iterable[LinkDocument], document: ContentDocument, message: MessageDocument
) -> tuple[str, ...]:
    """The event's properties that tokens, links and conditions look at."""
    ways = (way for block in message.blocks for way in document.block(block).ways)
    asked = (leaf.field or "" for way in ways if way.when for leaf in leaves(way.when))
    paths = (*names, *asked, *(link.take for link in links))
    found = {path.split(".")[1] for path in paths if path.startswith("event.")}
    found |= {"product", "items"} if "product" in names else set()
    return tuple(sorted(found))


def _variant(number: int, way: VariantDocument, message: MessageDocument) -> Variant:
    template = read_text(way.text)
    needs = dict.fromkeys((*way.knows, *(name for name in template.bare if name not in message.fallbacks)))
    return Variant(number, way, compile_condition(way.when), template, tuple(needs))


def absolute(url: str, site: str) -> str:
    """The whole address of a page of the site."""
    return f"{site}{url}" if url.startswith("/") else url


def with_utm(url: str, source: str, medium: str, campaign: str) -> str:
    """The address with the UTM parameters that it lacks; those that stand in it stay. No source: as it is."""
    if not source:
        return url
    parts = urlsplit(url)
    has = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    wanted = {"utm_source": source, "utm_medium": medium, "utm_campaign": campaign}
    more = urlencode({name: value for name, value in wanted.items() if name not in has})
    return parts._replace(query="&".join(part for part in (parts.query, more) if part)).geturl()
