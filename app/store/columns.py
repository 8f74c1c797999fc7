"""What columns hold, the same on both databases: ids, names, times as epoch microseconds in UTC, hashes as bytes."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Integer, LargeBinary, String, Text, text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from app.contacts.times import from_us, to_us

BigId = BigInteger().with_variant(Integer, "sqlite")
Code = String(40, collation="C").with_variant(String(40), "sqlite")
Key = Text(collation="C").with_variant(Text(), "sqlite")
# In place of process_bind_param and its like, which take two calls for each of a batch's thousands of values
_Processor = Callable[[Any], Any]


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as epoch microseconds."""

    impl = BigInteger
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> _Processor:
        return lambda value: None if value is None else to_us(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> _Processor:
        return lambda value: None if value is None else from_us(value)


class Hash(TypeDecorator[str]):
    """A hash that code handles as hex digits, kept as bytes: half the size, and that on every index page."""

    impl = LargeBinary
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> _Processor:
        return lambda value: None if value is None else bytes.fromhex(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> _Processor:
        return lambda value: None if value is None else bytes(value).hex()


def where(condition: str) -> dict[str, Any]:
    """The condition of a partial index, for either database."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}
