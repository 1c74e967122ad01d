"""What follows from the counts; it begins empty, and is worked out as it is asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "judgements",
        *(sa.Column(name, _text(), nullable=False) for name in ("template_id", "question", "key")),
        sa.Column("body", _text(), nullable=False),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("template_id", "question", "key", name="pk_judgements"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Refuse: a ledger is not taken back, it is restored from a backup."""
    raise NotImplementedError("A ledger has no way back; restore it from a backup.")


def _text() -> sa.Text:
    """Ordered by code point on every database."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    return sa.Text(collation="C") if on_postgresql else sa.Text()
