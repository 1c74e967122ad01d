"""Counts of answers and of answers together.

They begin empty; `cultivar.ledger.schema` counts what is recorded once all migrations have run, so
that it is counted by the same rules as what comes after.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

REAL: sa.Double[float] = sa.Double()


def upgrade() -> None:
    """Make the tables."""
    _stats("answer_stats", "template_id", "question", "value")
    _stats("combination_stats", "questions", "template_id", "combination")


def downgrade() -> None:
    """Refuse: a ledger is not taken back, it is restored from a backup."""
    raise NotImplementedError("A ledger has no way back; restore it from a backup.")


def _text() -> sa.Text:
    """Ordered by code point on every database."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    return sa.Text(collation="C") if on_postgresql else sa.Text()


def _column(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _stats(table: str, *asked: str) -> None:
    keys = (*asked, "template_version", "instance_id")
    whole = ("uses", "chosen", "succeeded", "failed")
    recent = ("recent_uses", "recent_succeeded", "recent_failed")
    op.create_table(
        table,
        *(_column(name, _text()) for name in keys),
        *(_column(name, sa.BigInteger()) for name in whole),
        *(_column(name, REAL) for name in recent),
        _column("recent_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint(*keys, name=f"pk_{table}"),
        sqlite_with_rowid=False,
    )
