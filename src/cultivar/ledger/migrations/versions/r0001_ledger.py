"""The first schema: generations, trees, checks, runs, model calls, failure patterns."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

HASH = sa.Text()
REAL: sa.Double[float] = sa.Double()
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    _trees()
    _generations()
    _attempts()
    _runs()
    _patterns()


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


def _column(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _trees() -> None:
    op.create_table(
        "blobs",
        sa.Column("hash", HASH, nullable=False),
        _column("codec", sa.Text()),
        _column("size", sa.BigInteger()),
        _column("content", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("hash", name="pk_blobs"),
    )
    op.create_table(
        "trees",
        _column("hash", HASH),
        _column("files", sa.Integer()),
        _column("kept_at", TIME),
        sa.PrimaryKeyConstraint("hash", name="pk_trees"),
    )
    op.create_table(
        "tree_files",
        _column("tree_hash", HASH),
        _column("path", _text()),
        _column("mode", sa.Text()),
        _column("blob_hash", HASH),
        sa.PrimaryKeyConstraint("tree_hash", "path", name="pk_tree_files"),
        sa.ForeignKeyConstraint(["tree_hash"], ["trees.hash"], name="fk_tree_files_tree_hash"),
        sa.ForeignKeyConstraint(["blob_hash"], ["blobs.hash"], name="fk_tree_files_blob_hash"),
    )
    op.create_index("ix_tree_files_blob_hash", "tree_files", ["blob_hash"])


def _generations() -> None:
    table = "template_generations"
    op.create_table(
        table,
        _column("id", _id()),
        _column("template_id", _text()),
        _column("template_version", _text()),
        _column("file_path", _text()),
        _column("answers", postgresql.JSONB() if _on_postgresql() else sa.JSON()),
        sa.Column("success", sa.Boolean()),
        sa.Column("quality_score", REAL),
        _column("instance_id", _text()),
        *(_column(name, TIME) for name in ("generated_at", "inserted_at", "updated_at")),
        _column("run_id", _text()),
        _column("task", _text()),
        _column("template_tree", HASH),
        _column("template_origin", _text()),
        _column("template_ref", _text()),
        _column("template_trusted", sa.Boolean()),
        _column("template_language", _text()),
        _column("answer_records", sa.Text()),
        _column("output", _text()),
        _column("tree_hash", HASH),
        _column("recalled", sa.Text()),
        _column("calls", sa.Integer()),
        _column("tokens", sa.BigInteger()),
        *(_column(name, REAL) for name in ("money", "model_seconds", "seconds")),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(["tree_hash"], ["trees.hash"], name=f"fk_{table}_tree_hash"),
    )
    for name in ("template_id", "instance_id", "generated_at", "run_id"):
        op.create_index(f"ix_{table}_{name}", table, [name])
    op.create_index(
        f"ix_{table}_template_id_template_version", table, ["template_id", "template_version"]
    )
    for name in ("output", "file_path"):
        op.create_index(f"ix_{table}_{name}", table, [name], postgresql_using="hash")
    if _on_postgresql():
        op.create_index(f"ix_{table}_answers", table, ["answers"], postgresql_using="gin")
    op.execute(
        "CREATE VIEW generation_files AS "
        "SELECT g.id AS generation_id, f.path, f.mode, f.blob_hash "
        "FROM template_generations g JOIN tree_files f ON f.tree_hash = g.tree_hash"
    )


def _attempts() -> None:
    op.create_table(
        "attempts",
        _column("generation_id", _id()),
        _column("position", sa.Integer()),
        _column("number", sa.Integer()),
        _column("tree_hash", HASH),
        _column("sandbox", _text()),
        _column("draft", sa.Text()),
        _column("patterns", sa.Text()),
        sa.PrimaryKeyConstraint("generation_id", "position", name="pk_attempts"),
        sa.ForeignKeyConstraint(
            ["generation_id"], ["template_generations.id"], name="fk_attempts_generation_id"
        ),
        sa.ForeignKeyConstraint(["tree_hash"], ["trees.hash"], name="fk_attempts_tree_hash"),
    )
    op.create_table(
        "check_results",
        _column("generation_id", _id()),
        _column("attempt", sa.Integer()),
        _column("position", sa.Integer()),
        _column("check_name", _text()),
        _column("verdict", sa.Text()),
        _column("required", sa.Boolean()),
        _column("weight", REAL),
        _column("output", _text()),
        sa.Column("exit_code", sa.BigInteger()),
        _column("ended_by", sa.Text()),
        *(_column(name, REAL) for name in ("wall_seconds", "cpu_seconds")),
        _column("peak_bytes", sa.BigInteger()),
        _column("cached", sa.Boolean()),
        sa.PrimaryKeyConstraint("generation_id", "attempt", "position", name="pk_check_results"),
        sa.ForeignKeyConstraint(
            ["generation_id", "attempt"],
            ["attempts.generation_id", "attempts.position"],
            name="fk_check_results_generation_id_attempt",
        ),
    )
    op.create_index("ix_check_results_check_name", "check_results", ["check_name"])


def _runs() -> None:
    op.create_table(
        "runs",
        _column("id", _text()),
        _column("graph", _text()),
        _column("order_placed", sa.Text()),
        _column("status", sa.Text()),
        *(_column(name, TIME) for name in ("started_at", "updated_at")),
        *(_column(name, _text()) for name in ("generation_id", "error")),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_index("ix_runs_started_at", "runs", ["started_at"])
    op.create_table(
        "verdicts",
        _column("key", _text()),
        _column("result", sa.Text()),
        _column("kept_at", TIME),
        sa.PrimaryKeyConstraint("key", name="pk_verdicts"),
    )
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "model_calls",
        sa.Column("id", number, nullable=False),
        *(_column(name, _text()) for name in ("run_id", "request_hash", "purpose", "model")),
        _column("prompt", sa.Text()),
        _column("reply", _text()),
        *(_column(name, sa.BigInteger()) for name in ("prompt_tokens", "completion_tokens")),
        *(_column(name, REAL) for name in ("money", "seconds")),
        _column("attempts", sa.Integer()),
        _column("error", _text()),
        _column("called_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_model_calls"),
    )
    op.create_index("ix_model_calls_run_id_request_hash", "model_calls", ["run_id", "request_hash"])


def _patterns() -> None:
    op.create_table(
        "failure_patterns",
        _column("id", _text()),
        _column("added", sa.BigInteger()),
        *(
            _column(name, _text())
            for name in ("signature", "check_name", "language", "kind", "example")
        ),
        _column("seen", sa.BigInteger()),
        _column("vector", sa.LargeBinary()),
        _column("embedder", _text()),
        *(_column(name, TIME) for name in ("first_seen_at", "last_seen_at")),
        sa.PrimaryKeyConstraint("id", name="pk_failure_patterns"),
    )
    op.create_index("ix_failure_patterns_added", "failure_patterns", ["added"], unique=True)
    op.create_index("ix_failure_patterns_embedder", "failure_patterns", ["embedder", "added"])
    op.create_table(
        "failure_fixes",
        *(_column(name, _text()) for name in ("pattern_id", "id")),
        _column("added", sa.BigInteger()),
        _column("position", sa.Integer()),
        _column("description", _text()),
        _column("edits", sa.Text()),
        _column("command", _text()),
        *(_column(name, sa.BigInteger()) for name in ("tried", "worked")),
        sa.PrimaryKeyConstraint("pattern_id", "id", name="pk_failure_fixes"),
        sa.ForeignKeyConstraint(
            ["pattern_id"], ["failure_patterns.id"], name="fk_failure_fixes_pattern_id"
        ),
    )
    op.create_table(
        "revisions",
        sa.Column("name", sa.Text(), nullable=False),
        _column("number", sa.BigInteger()),
        sa.PrimaryKeyConstraint("name", name="pk_revisions"),
    )
    op.execute("INSERT INTO revisions (name, number) VALUES ('patterns', 0)")
