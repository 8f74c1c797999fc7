"""How answers look, subject by subject."""

from app.api.schemas import access, journeys, mappings, people, privacy, rules, work
from app.api.shapes import Schema

SCHEMAS: dict[str, Schema] = {
    **work.SCHEMAS,
    **access.SCHEMAS,
    **people.SCHEMAS,
    **privacy.SCHEMAS,
    **rules.SCHEMAS,
    **journeys.SCHEMAS,
    **mappings.SCHEMAS,
}
