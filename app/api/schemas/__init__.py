"""How answers look that several operations share, subject by subject. What one module's operations alone answer with is
described there."""

from app.api.schemas import access, journeys, mappings, people, rules, work
from app.api.shapes import Schema

SCHEMAS: dict[str, Schema] = {
    **work.SCHEMAS,
    **access.SCHEMAS,
    **people.SCHEMAS,
    **rules.SCHEMAS,
    **journeys.SCHEMAS,
    **mappings.SCHEMAS,
}
