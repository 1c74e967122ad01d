"""What is to be told of generations; it begins empty, also in a ledger that has some."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "outbox",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("generation_id", _id(), nullable=False),
        sa.Column("instance_id", _text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("parked_for", _text()),
        sa.PrimaryKeyConstraint("sequence", name="pk_outbox"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_instance_id_sequence", "outbox", ["instance_id", "sequence"])


def downgrade() -> None:
    """Refuse: a ledger is not taken back, it is restored from a backup."""
    raise NotImplementedError("A ledger has no way back; restore it from a backup.")


def _text() -> sa.Text:
    """Ordered by code point on every database."""
    return sa.Text(collation="C") if _on_postgresql() else sa.Text()


def _id() -> sa.types.TypeEngine[str]:
    return postgresql.UUID(as_uuid=False) if _on_postgresql() else sa.String(36)


def _on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"
