"""Column types that give back exactly what was put in, on SQLite and on PostgreSQL alike.

The invariant: no text is refused or changed. PostgreSQL takes no NUL and neither database takes
half a surrogate pair; both do occur in what tools print, so they are escaped on their way in.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, TEXT, DateTime, Dialect, String, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from cultivar.errors import StoreUnavailableError, UsageError
from cultivar.record import asdict

_ESCAPE = "\U0010fffd"
"""The last character for private use: nothing that people or tools write holds it."""

_UNSTORABLE = re.compile(f"[\0\ud800-\udfff{_ESCAPE}]")
_ESCAPED = re.compile(f"{_ESCAPE}([0-9a-f]{{6}})")


def storable(text: str) -> str:
    """`text` in characters that every database takes; `restored` is its inverse."""
    if text.isascii() and "\0" not in text:
        return text  # as nearly all are
    return _UNSTORABLE.sub(lambda found: f"{_ESCAPE}{ord(found[0]):06x}", text)


def restored(text: str) -> str:
    """The text that `storable` was given."""
    if _ESCAPE not in text:
        return text
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


class ExactText(TypeDecorator[str]):
    """Text of any characters; its order is that of its code points."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """PostgreSQL would order by the language of its host."""
        return TEXT(collation="C") if dialect.name == "postgresql" else TEXT()

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Escape what no database takes."""
        return None if value is None else storable(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:
        """Take the escapes back."""
        return None if value is None else restored(value)


class ExactJson(TypeDecorator[Any]):
    """JSON as text; unlike JSONB it keeps `1e16` a float, the order of keys and any character.

    Dataclasses are written as objects of their fields.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        """Write JSON in ASCII, which no database minds."""
        return json.dumps(value, default=asdict, separators=(",", ":"))

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Any:
        """Read the JSON.

        Raises:
            StoreUnavailableError: It is none: somebody else wrote it, or the database is damaged.
        """
        try:
            return None if value is None else json.loads(value)
        except (ValueError, RecursionError) as error:
            raise StoreUnavailableError(
                f"The ledger holds a value that is no JSON: {str(value)[:60]!r}.",
                "Take that row away, or restore the database from a backup.",
            ) from error


class QueriedJson(TypeDecorator[Any]):
    """JSON for queries, as the database itself understands it."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """PostgreSQL's JSONB, which has indexes, else JSON."""
        if dialect.name == "postgresql":
            from sqlalchemy.dialects.postgresql import JSONB  # slow to load

            return dialect.type_descriptor(JSONB())
        return dialect.type_descriptor(JSON())


class Id(TypeDecorator[str]):
    """A UUID, in Python its usual text; native where the database has the type."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """PostgreSQL's own type, else 36 characters."""
        if dialect.name == "postgresql":
            from sqlalchemy.dialects.postgresql import UUID as NATIVE  # slow to load

            return dialect.type_descriptor(NATIVE(as_uuid=False))
        return dialect.type_descriptor(String(36))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Refuse what is no UUID."""
        if value is None:
            return None
        try:
            return str(UUID(value))
        except ValueError as error:
            raise UsageError(f"The id {value!r} is no UUID.", "Use `uuid.uuid4()`.") from error


class UtcTime(TypeDecorator[datetime]):
    """A moment; aware, and in UTC when it comes back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a time without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise UsageError(
                f"The time {value.isoformat()!r} has no time zone.", "Use `datetime.now(UTC)`."
            )
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """SQLite keeps no zone, PostgreSQL gives its own."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
