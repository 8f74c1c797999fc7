"""Which questions a form asks somebody: the few that help most among those whose answers are not known yet. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from app.contacts.contact import Contact
from mappings.document import did_you_mean
from mappings.fields import CUSTOM, FIELDS

_NEVER_ASKED = frozenset(("email", "owner_id", "owner_email", "external_id"))
_ASKED = [name for name in FIELDS if name not in _NEVER_ASKED]


class QuestionDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    field: str = Field(title="Field", description="The contact field that the answer goes to")
    label: str = Field(min_length=1, max_length=120, title="Question", description="As the visitor reads it")
    options: list[str] = Field(default_factory=list, max_length=50, title="Choices", description="None: a line of text")
    again_days: float | None = Field(
        None, gt=0, le=3650, title="Ask again after days", description="An answer older than this counts as unknown"
    )

    @field_validator("field")
    @classmethod
    def _a_field(cls, name: str) -> str:
        if name in _NEVER_ASKED:
            raise ValueError(f'"{name}" cannot be asked here: a form has its e-mail field anyway, and the rest is ours')
        if name not in FIELDS and not (name.startswith(CUSTOM) and len(name) > len(CUSTOM)):
            raise ValueError(f'there is no contact field "{name}"{did_you_mean(name, _ASKED)}')
        return name


class FormDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    form: str = Field(min_length=1, max_length=64, title="Form", description="Its name, as in /forms/<form>")
    ask: int = Field(3, ge=0, le=5, title="Questions at a time")
    fields: list[str] = Field(
        default_factory=list, max_length=50, title="Only these", description="In this order; none: all, as they stand"
    )


class ProfilingDocument(BaseModel):
    """The profiling policy as it stands in YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["profiling"]
    name: str = "profiling"
    ask: int = Field(3, ge=0, le=5, title="Questions at a time", description="A form asks no more than this")
    questions: list[QuestionDocument] = Field(
        default_factory=list, max_length=50, title="Questions", description="The most useful first"
    )
    forms: list[FormDocument] = Field(
        default_factory=list, max_length=200, title="Forms that differ", description="All others ask what stands above"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> "ProfilingDocument":
        names = [one.field for one in self.questions]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f'"{twice}" is asked twice; one question for each field')
        for form in self.forms:
            if unknown := next((name for name in form.fields if name not in names), None):
                hint = did_you_mean(unknown, names)
                raise ValueError(f'the form "{form.form}" asks for "{unknown}", for which there is no question{hint}')
        return self


def questions_for(
    document: ProfilingDocument, form: str, contact: Contact | None, now: datetime
) -> Sequence[QuestionDocument]:
    """What a form asks this visitor next. Of somebody unknown nothing is known: they get the first ones."""
    own = next((one for one in document.forms if one.form == form), None)
    by_name = {one.field: one for one in document.questions}
    asked = [by_name[name] for name in own.fields] if own and own.fields else document.questions
    open_ones = [one for one in asked if contact is None or not _is_known(contact, one, now)]
    return open_ones[: own.ask if own else document.ask]


def _is_known(contact: Contact, question: QuestionDocument, now: datetime) -> bool:
    held = contact.fields.get(question.field)
    if held is None or held.value in (None, ""):
        return False
    return question.again_days is None or now - held.at < timedelta(days=question.again_days)
