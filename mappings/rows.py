"""What stands in a field mapping's document: its rows, validated all at once, each error with its place and mend."""

import re
from typing import Any, Literal

from phonenumbers import SUPPORTED_REGIONS
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from mappings.document import did_you_mean
from mappings.fields import COMPUTED, CUSTOM, FIELDS, SIGNALS, type_of
from mappings.transforms import TRANSFORMS

NEWEST = "newest"
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")  # in a template, the name of a property
_TARGETS = [*FIELDS, *SIGNALS, *COMPUTED]


class Row(BaseModel):
    """One line of a mapping."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    contact: str = Field(description="Our field")
    vendor: str | list[str] = Field(description="The vendor's property; several: the first that is not empty")
    direction: Literal["in", "out", "both"] = "in"
    blank: Literal["keep", "clear", "skip"] = Field(
        "keep",
        description="What an empty value does: keep what is known, clear the field, or skip the whole record",
    )
    authority: Literal["newest", "owner", "fill", "ask"] = Field(
        "newest",
        description="When tools differ: the newest word stands; this tool owns the field; it only fills what is blank; "
        "or a person is asked",
    )
    transform: list[str | dict[str, Any]] = Field(default_factory=list)
    template: str = Field("", description="Several properties as one text: '{firstname} {lastname}'")
    values: dict[str, str] = Field(default_factory=dict, description="The vendor's value: ours")
    unmapped: Literal["hold", "pass"] = Field(
        "hold", description="A value that the table lacks: hold it, or pass it on"
    )

    @field_validator("contact")
    @classmethod
    def _known(cls, name: str) -> str:
        if type_of(name) is None:
            own = f'; a field of your own is written "{CUSTOM}{name}"'
            raise ValueError(f'sets "{name}", not a contact field' + did_you_mean(name, _TARGETS, own))
        return name

    @field_validator("values", mode="before")
    @classmethod
    def _texts(cls, table: Any) -> Any:
        # YAML reads yes, no and numbers as such; a picklist's values are texts
        if isinstance(table, dict):
            return {as_text(key): as_text(value) for key, value in table.items()}
        return table

    @field_validator("transform")
    @classmethod
    def _steps(cls, steps: list[str | dict[str, Any]]) -> list[str | dict[str, Any]]:
        for name, setting in map(step_of, steps):
            if name not in TRANSFORMS:
                raise ValueError(f'uses the transform "{name}", which does not exist{did_you_mean(name, TRANSFORMS)}')
            if TRANSFORMS[name][0] and setting is None:
                raise ValueError(f'the transform "{name}" needs a setting, as in "{name}: …"')
            if setting is not None:
                _check_setting(name, setting)
        return steps

    @model_validator(mode="after")
    def _directions(self) -> "Row":
        if self.contact in COMPUTED and self.direction != "out":
            raise ValueError(f'"{self.contact}" is worked out by Baton: its direction can only be "out"')
        if self.direction != "in" and isinstance(self.vendor, list):
            raise ValueError("a row that also writes names one property, not a list")
        sources = self.vendor if isinstance(self.vendor, list) else [self.vendor]
        if unknown := [name for name in PLACEHOLDER.findall(self.template) if name not in sources]:
            raise ValueError(f'has "{{{unknown[0]}}}" in its template, but "vendor" does not list {unknown[0]}')
        return self


class MappingDocument(BaseModel):
    """A whole mapping as it stands in YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["mapping"]
    name: str
    title: str = ""
    region: str | None = Field(None, description="Country that phone numbers without a country code are from: DE, US")
    create: Literal["never", "consented", "always"] = Field(
        "consented",
        description="Whether to create contacts in this tool: never, only with consent, or always",
    )
    fields: list[Row]

    @field_validator("region")
    @classmethod
    def _country(cls, code: str | None) -> str | None:
        if code is not None and code not in SUPPORTED_REGIONS:
            raise ValueError(f'"{code}" is not a country code; write two capital letters: DE, US')
        return code

    @model_validator(mode="after")
    def _once(self) -> "MappingDocument":
        seen: dict[str, int] = {}
        for number, row in enumerate(self.fields, 1):
            if row.direction != "in":
                first = seen.setdefault(str(row.vendor), number)
                if first != number:
                    raise ValueError(f'fields {first} and {number} both write "{row.vendor}"; keep one')
        return self


def _check_setting(name: str, setting: Any) -> None:
    """Raise ValueError where a transform cannot work with its setting."""
    if name == "pick":
        if isinstance(setting, bool) or not isinstance(setting, int):
            raise ValueError(
                f'the transform "pick" needs a whole number (0 is the first, -1 the last), not {setting!r}'
            )
    elif not isinstance(setting, str):
        raise ValueError(f'the transform "{name}" needs a text as its setting, not {setting!r}; put it in quotes')
    elif name == "split" and not setting:
        raise ValueError('the transform "split" needs the text that stands between the parts')
    elif name == "phone" and setting not in SUPPORTED_REGIONS:
        raise ValueError(f'"{setting}" is not a country code; write two capital letters: DE, US')
    elif name == "number" and setting not in (".", ","):
        raise ValueError(f'the transform "number" takes "." or "," as the decimal sign, not "{setting}"')


def as_text(value: Any) -> str:
    """A value as value tables have it."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def step_of(step: str | dict[str, Any]) -> tuple[str, Any]:
    """A transform's name, and its setting where it has one."""
    if isinstance(step, str):
        return step, None
    return next(iter(step.items()), ("", None))
