"""What improves: versions, experiments, trials, cases, releases, executions, leases."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

Type = sa.types.TypeEngine[Any]

REAL: Type = sa.Double()
WHOLE: Type = sa.Integer()
PLAIN: Type = sa.Text()
TIME: Type = sa.DateTime(timezone=True)
FLAG: Type = sa.Boolean()


def upgrade() -> None:
    """Make the tables."""
    _versions()
    _experiments()
    _trials()
    _releases()
    _executions()


def downgrade() -> None:
    """Refuse: a ledger is not taken back, it is restored from a backup."""
    raise NotImplementedError("A ledger has no way back; restore it from a backup.")


def _versions() -> None:
    text = _text()
    _table("artifacts", ["id"], id=text, kind=PLAIN, name=text, created_at=TIME)
    op.create_table(
        "artifact_versions",
        *_columns(artifact_id=text, tree_hash=PLAIN, position=WHOLE, version=text, parent=PLAIN),
        *_columns(made_by=text, why=text, made_at=TIME),
        sa.PrimaryKeyConstraint("artifact_id", "tree_hash", name="pk_artifact_versions"),
        _reference("artifact_versions", ["artifact_id"], ["artifacts.id"]),
        _reference("artifact_versions", ["tree_hash"], ["trees.hash"]),
    )
    op.create_table(
        "artifact_aliases",
        *_columns(artifact_id=text, alias=PLAIN, tree_hash=PLAIN, share=REAL, since=TIME),
        sa.PrimaryKeyConstraint("artifact_id", "alias", name="pk_artifact_aliases"),
        _reference(
            "artifact_aliases",
            ["artifact_id", "tree_hash"],
            ["artifact_versions.artifact_id", "artifact_versions.tree_hash"],
        ),
    )


def _experiments() -> None:
    text = _text()
    op.create_table(
        "experiments",
        *_columns(id=text, campaign=text, number=WHOLE, artifact_id=text, tree_hash=PLAIN),
        *_columns(strategy=PLAIN, status=PLAIN, reason=text, simulated=FLAG, decided_by=text),
        *_columns(money=REAL, started_at=TIME, updated_at=TIME),
        *_columns(candidate=PLAIN, opportunity=PLAIN, verdict=PLAIN),
        sa.PrimaryKeyConstraint("id", name="pk_experiments"),
    )
    _index("experiments", "campaign")
    _index("experiments", "status")
    _index("experiments", "started_at")
    _index("experiments", "artifact_id", "tree_hash")


def _trials() -> None:
    text = _text()
    op.create_table(
        "trials",
        *_columns(trial_of=text, key=text, position=WHOLE, tree_hash=PLAIN, case_id=text),
        *_columns(repeat=WHOLE, verdict=PLAIN, score=REAL, seconds=REAL, money=REAL),
        sa.Column("quality", REAL),
        *_columns(result=PLAIN, tried_at=TIME),
        sa.PrimaryKeyConstraint("trial_of", "key", name="pk_trials"),
    )
    _index("trials", "key")
    _table(
        "trial_cases",
        ["artifact_id", "case_id"],
        artifact_id=text,
        case_id=text,
        position=WHOLE,
        origin=PLAIN,
        body=PLAIN,
        kept_at=TIME,
    )


def _releases() -> None:
    text = _text()
    op.create_table(
        "releases",
        *_columns(id=text, experiment=text, artifact_id=text, tree_before=PLAIN, tree_after=PLAIN),
        *_columns(status=PLAIN, share=REAL, backup=text, reason=text),
        *_columns(released_at=TIME, updated_at=TIME),
        sa.PrimaryKeyConstraint("id", name="pk_releases"),
    )
    _index("releases", "experiment")
    _index("releases", "artifact_id")
    _index("releases", "released_at")


def _executions() -> None:
    text = _text()
    op.create_table(
        "execution_logs",
        *_columns(id=text, artifact_kind=PLAIN, artifact_name=text, tree_hash=PLAIN),
        *_columns(inputs=PLAIN, output=PLAIN, error=text, message=text, seconds=REAL),
        *_columns(money=REAL, instance_id=text, executed_at=TIME),
        sa.PrimaryKeyConstraint("id", name="pk_execution_logs"),
    )
    _index("execution_logs", "executed_at")
    _index("execution_logs", "artifact_kind", "artifact_name", "executed_at")
    _table("leases", ["name"], name=text, holder=text, until=sa.BigInteger())


def _table(name: str, key: list[str], /, **columns: Type) -> None:
    op.create_table(name, *_columns(**columns), sa.PrimaryKeyConstraint(*key, name=f"pk_{name}"))


def _columns(**kinds: Type) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name, kind in kinds.items()]


def _reference(table: str, columns: list[str], to: list[str]) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(columns, to, name=f"fk_{table}_{'_'.join(columns)}")


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def _text() -> Type:
    """Ordered by code point on every database."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    return sa.Text(collation="C") if on_postgresql else sa.Text()
