"""Upgrades, with the migration scripts that ran in them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

REAL: sa.Double[float] = sa.Double()
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    _migrations()
    _scripts()


def downgrade() -> None:
    """Refuse: a ledger is not taken back, it is restored from a backup."""
    raise NotImplementedError("A ledger has no way back; restore it from a backup.")


def _text() -> sa.Text:
    """Ordered by code point on every database."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    return sa.Text(collation="C") if on_postgresql else sa.Text()


def _column(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _migrations() -> None:
    table = "template_migrations"
    op.create_table(
        table,
        *(_column(name, _text()) for name in ("id", "template_id", "from_version", "to_version")),
        *(_column(name, _text()) for name in ("output", "answers_file")),
        *(_column(name, _text()) for name in ("generation_before", "generation_after")),
        _column("outcome", sa.Text()),
        _column("instance_id", _text()),
        *(_column(name, TIME) for name in ("migrated_at", "inserted_at", "updated_at")),
        _column("changed", sa.Integer()),
        *(_column(name, sa.Text()) for name in ("conflicts", "rungs", "proof")),
        _column("seconds", REAL),
        _column("error", _text()),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
    )
    op.create_index(f"ix_{table}_migrated_at", table, ["migrated_at"])
    op.create_index(f"ix_{table}_output", table, ["output"], postgresql_using="hash")


def _scripts() -> None:
    table = "migration_scripts"
    op.create_table(
        table,
        _column("migration_id", _text()),
        _column("position", sa.Integer()),
        *(_column(name, _text()) for name in ("script", "version")),
        _column("stage", sa.Text()),
        _column("command", _text()),
        *(_column(name, sa.Boolean()) for name in ("succeeded", "idempotent")),
        _column("changed", sa.Text()),
        _column("seconds", REAL),
        _column("output", _text()),
        sa.PrimaryKeyConstraint("migration_id", "position", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(
            ["migration_id"], ["template_migrations.id"], name=f"fk_{table}_migration_id"
        ),
    )
