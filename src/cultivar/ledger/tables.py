"""The tables of the ledger as they are now; how they came to be is in `migrations`.

A test holds the two together on every database.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypedColumns,
    event,
)

from cultivar.ledger.columns import ExactJson, ExactText, Id, QueriedJson, UtcTime

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

_METHOD = "method on PostgreSQL"


@event.listens_for(metadata, "before_create")
def _choose_methods(target: MetaData, connection: Connection, **_: object) -> None:
    """Say it only where it counts: `postgresql_using` would load PostgreSQL's part for a file."""
    if connection.dialect.name != "postgresql":
        return
    for table in target.tables.values():
        for index in table.indexes:
            if _METHOD in index.info:
                index.dialect_options["postgresql"]["using"] = index.info[_METHOD]


class _Blobs(TypedColumns):
    hash = Column(Text, primary_key=True)
    codec = Column(Text, nullable=False)
    size = Column(BigInteger, nullable=False)
    content = Column(LargeBinary, nullable=False)


class _Trees(TypedColumns):
    hash = Column(Text, primary_key=True)
    files = Column(Integer, nullable=False)
    kept_at = Column(UtcTime, nullable=False)


class _TreeFiles(TypedColumns):
    tree_hash = Column(Text, ForeignKey("trees.hash"), primary_key=True)
    path = Column(ExactText, primary_key=True)
    mode = Column(Text, nullable=False)
    blob_hash = Column(Text, ForeignKey("blobs.hash"), nullable=False)


class _Generations(TypedColumns):
    id = Column(Id, primary_key=True)
    template_id = Column(ExactText, nullable=False, index=True)
    template_version = Column(ExactText, nullable=False)
    file_path = Column(ExactText, nullable=False)
    answers = Column(QueriedJson, nullable=False)
    success = Column(Boolean)
    quality_score = Column(Double)
    instance_id = Column(ExactText, nullable=False, index=True)
    generated_at = Column(UtcTime, nullable=False, index=True)
    inserted_at = Column(UtcTime, nullable=False)
    updated_at = Column(UtcTime, nullable=False)
    run_id = Column(ExactText, nullable=False, index=True)
    task = Column(ExactText, nullable=False)
    template_tree = Column(Text, nullable=False)
    template_origin = Column(ExactText, nullable=False)
    template_ref = Column(ExactText, nullable=False)
    template_trusted = Column(Boolean, nullable=False)
    template_language = Column(ExactText, nullable=False)
    answer_records = Column(ExactJson, nullable=False)
    output = Column(ExactText, nullable=False)
    tree_hash = Column(Text, ForeignKey("trees.hash"), nullable=False)
    recalled = Column(ExactJson, nullable=False)
    calls = Column(Integer, nullable=False)
    tokens = Column(BigInteger, nullable=False)
    money = Column(Double, nullable=False)
    model_seconds = Column(Double, nullable=False)
    seconds = Column(Double, nullable=False)


class _Attempts(TypedColumns):
    generation_id = Column(Id, ForeignKey("template_generations.id"), primary_key=True)
    position = Column(Integer, primary_key=True, autoincrement=False)
    number = Column(Integer, nullable=False)
    tree_hash = Column(Text, ForeignKey("trees.hash"), nullable=False)
    sandbox = Column(ExactText, nullable=False)
    draft = Column(ExactJson, nullable=False)
    patterns = Column(ExactJson, nullable=False)


class _CheckResults(TypedColumns):
    generation_id = Column(Id, primary_key=True)
    attempt = Column(Integer, primary_key=True, autoincrement=False)
    position = Column(Integer, primary_key=True, autoincrement=False)
    check_name = Column(ExactText, nullable=False, index=True)
    verdict = Column(Text, nullable=False)
    required = Column(Boolean, nullable=False)
    weight = Column(Double, nullable=False)
    output = Column(ExactText, nullable=False)
    exit_code = Column(BigInteger)
    ended_by = Column(Text, nullable=False)
    wall_seconds = Column(Double, nullable=False)
    cpu_seconds = Column(Double, nullable=False)
    peak_bytes = Column(BigInteger, nullable=False)
    cached = Column(Boolean, nullable=False)


class _Runs(TypedColumns):
    id = Column(ExactText, primary_key=True)
    graph = Column(ExactText, nullable=False)
    order_placed = Column(ExactJson, nullable=False)
    status = Column(Text, nullable=False)
    started_at = Column(UtcTime, nullable=False, index=True)
    updated_at = Column(UtcTime, nullable=False)
    generation_id = Column(ExactText, nullable=False)
    error = Column(ExactText, nullable=False)


class _Verdicts(TypedColumns):
    key = Column(ExactText, primary_key=True)
    result = Column(ExactJson, nullable=False)
    kept_at = Column(UtcTime, nullable=False)


class _ModelCalls(TypedColumns):
    id = Column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    run_id = Column(ExactText, nullable=False)
    request_hash = Column(ExactText, nullable=False)
    purpose = Column(ExactText, nullable=False)
    model = Column(ExactText, nullable=False)
    prompt = Column(ExactJson, nullable=False)
    reply = Column(ExactText, nullable=False)
    prompt_tokens = Column(BigInteger, nullable=False)
    completion_tokens = Column(BigInteger, nullable=False)
    money = Column(Double, nullable=False)
    seconds = Column(Double, nullable=False)
    attempts = Column(Integer, nullable=False)
    error = Column(ExactText, nullable=False)
    called_at = Column(UtcTime, nullable=False)


class _FailurePatterns(TypedColumns):
    id = Column(ExactText, primary_key=True)
    added = Column(BigInteger, nullable=False, unique=True, index=True)
    """The revision that it came with, so that patterns have an order."""
    signature = Column(ExactText, nullable=False)
    check_name = Column(ExactText, nullable=False)
    language = Column(ExactText, nullable=False)
    kind = Column(ExactText, nullable=False)
    example = Column(ExactText, nullable=False)
    seen = Column(BigInteger, nullable=False)
    vector = Column(LargeBinary, nullable=False)
    embedder = Column(ExactText, nullable=False)
    first_seen_at = Column(UtcTime, nullable=False)
    last_seen_at = Column(UtcTime, nullable=False)


class _FailureFixes(TypedColumns):
    pattern_id = Column(ExactText, ForeignKey("failure_patterns.id"), primary_key=True)
    id = Column(ExactText, primary_key=True)
    added = Column(BigInteger, nullable=False)
    position = Column(Integer, nullable=False)
    description = Column(ExactText, nullable=False)
    edits = Column(ExactJson, nullable=False)
    command = Column(ExactText, nullable=False)
    tried = Column(BigInteger, nullable=False)
    worked = Column(BigInteger, nullable=False)


class _Migrations(TypedColumns):
    id = Column(ExactText, primary_key=True)
    template_id = Column(ExactText, nullable=False)
    from_version = Column(ExactText, nullable=False)
    to_version = Column(ExactText, nullable=False)
    output = Column(ExactText, nullable=False)
    answers_file = Column(ExactText, nullable=False)
    generation_before = Column(ExactText, nullable=False)
    generation_after = Column(ExactText, nullable=False)
    outcome = Column(Text, nullable=False)
    instance_id = Column(ExactText, nullable=False)
    migrated_at = Column(UtcTime, nullable=False, index=True)
    inserted_at = Column(UtcTime, nullable=False)
    updated_at = Column(UtcTime, nullable=False)
    changed = Column(Integer, nullable=False)
    conflicts = Column(ExactJson, nullable=False)
    rungs = Column(ExactJson, nullable=False)
    proof = Column(ExactJson, nullable=False)
    seconds = Column(Double, nullable=False)
    error = Column(ExactText, nullable=False)


class _Scripts(TypedColumns):
    migration_id = Column(ExactText, ForeignKey("template_migrations.id"), primary_key=True)
    position = Column(Integer, primary_key=True, autoincrement=False)
    script = Column(ExactText, nullable=False)
    version = Column(ExactText, nullable=False)
    stage = Column(Text, nullable=False)
    command = Column(ExactText, nullable=False)
    succeeded = Column(Boolean, nullable=False)
    idempotent = Column(Boolean, nullable=False)
    changed = Column(ExactJson, nullable=False)
    seconds = Column(Double, nullable=False)
    output = Column(ExactText, nullable=False)


class _AnswerStats(TypedColumns):
    template_id = Column(ExactText, primary_key=True)
    question = Column(ExactText, primary_key=True)
    value = Column(ExactText, primary_key=True)
    """As JSON."""
    template_version = Column(ExactText, primary_key=True)
    instance_id = Column(ExactText, primary_key=True)
    uses = Column(BigInteger, nullable=False)
    chosen = Column(BigInteger, nullable=False)
    succeeded = Column(BigInteger, nullable=False)
    failed = Column(BigInteger, nullable=False)
    recent_uses = Column(Double, nullable=False)
    recent_succeeded = Column(Double, nullable=False)
    recent_failed = Column(Double, nullable=False)
    recent_at = Column(BigInteger, nullable=False)
    """Microseconds since 1970, which every database can subtract."""


class _CombinationStats(TypedColumns):
    questions = Column(ExactText, primary_key=True)
    template_id = Column(ExactText, primary_key=True)
    combination = Column(ExactText, primary_key=True)
    """As JSON: `[["question",value],…]`, by the questions' names."""
    template_version = Column(ExactText, primary_key=True)
    instance_id = Column(ExactText, primary_key=True)
    uses = Column(BigInteger, nullable=False)
    chosen = Column(BigInteger, nullable=False)
    succeeded = Column(BigInteger, nullable=False)
    failed = Column(BigInteger, nullable=False)
    recent_uses = Column(Double, nullable=False)
    recent_succeeded = Column(Double, nullable=False)
    recent_failed = Column(Double, nullable=False)
    recent_at = Column(BigInteger, nullable=False)


class _Judgements(TypedColumns):
    template_id = Column(ExactText, primary_key=True)
    question = Column(ExactText, primary_key=True)
    key = Column(ExactText, primary_key=True)
    """Tells apart what the judgement depends on."""
    body = Column(ExactText, nullable=False)
    """As JSON."""
    uses = Column(BigInteger, nullable=False)
    """How often the template had been used when it was worked out."""


class _Outbox(TypedColumns):
    sequence = Column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    generation_id = Column(Id, nullable=False)
    instance_id = Column(ExactText, nullable=False)
    payload = Column(LargeBinary, nullable=False)
    parked_for = Column(ExactText)
    """Why it cannot be told; NULL while it can."""


class _Revisions(TypedColumns):
    name = Column(Text, primary_key=True)
    number = Column(BigInteger, nullable=False)


blobs = Table("blobs", metadata, _Blobs)
"""Every content once, compressed where that makes it smaller."""

trees = Table("trees", metadata, _Trees)

tree_files = Table("tree_files", metadata, _TreeFiles, Index(None, "blob_hash"))
"""The files of each tree; the view `generation_files` shows them by generation."""

template_generations = Table(
    "template_generations",
    metadata,
    _Generations,
    Index(None, "template_id", "template_version"),
    Index(None, "output", info={_METHOD: "hash"}),
    Index(None, "file_path", info={_METHOD: "hash"}),
    Index(None, "answers", info={_METHOD: "gin"}).ddl_if(dialect="postgresql"),
)
"""Every generation. `answers` is for queries, `answer_records` is the exact record."""

attempts = Table("attempts", metadata, _Attempts)

check_results = Table(
    "check_results",
    metadata,
    _CheckResults,
    ForeignKeyConstraint(
        ["generation_id", "attempt"], ["attempts.generation_id", "attempts.position"]
    ),
)

runs = Table("runs", metadata, _Runs)

verdicts = Table("verdicts", metadata, _Verdicts)

model_calls = Table("model_calls", metadata, _ModelCalls, Index(None, "run_id", "request_hash"))

failure_patterns = Table(
    "failure_patterns",
    metadata,
    _FailurePatterns,
    Index("ix_failure_patterns_embedder", "embedder", "added"),
)
"""The truth about failures, vectors included; the memory's index can be rebuilt from it."""

failure_fixes = Table("failure_fixes", metadata, _FailureFixes)

template_migrations = Table(
    "template_migrations",
    metadata,
    _Migrations,
    Index(None, "output", info={_METHOD: "hash"}),
)
"""Every upgrade; its id is that of its run."""

migration_scripts = Table("migration_scripts", metadata, _Scripts)

answer_stats = Table("answer_stats", metadata, _AnswerStats, sqlite_with_rowid=False)
"""How often each answer was given, and what became of it; the key is the way it is asked for."""

combination_stats = Table("combination_stats", metadata, _CombinationStats, sqlite_with_rowid=False)
"""The same of answers that were given together; `questions` says which combinations they are.

A pair: its two questions, as in `["backend","use_ets"]`. All answers of a generation: `*`. And `[]`
of no answer at all: that is every generation, so there the template as a whole is counted.
"""

judgements = Table("judgements", metadata, _Judgements, sqlite_with_rowid=False)
"""What follows from the counts, kept where it takes long to work out; they hold all of it."""

outbox = Table(
    "outbox",
    metadata,
    _Outbox,
    Index(None, "instance_id", "sequence"),
    sqlite_autoincrement=True,
)
"""What is to be told of generations, until it was; no number is ever given twice."""

revisions = Table("revisions", metadata, _Revisions)
"""Counters by which others see that something changed."""

GENERATION_FILES = (
    "CREATE VIEW generation_files AS "
    "SELECT g.id AS generation_id, f.path, f.mode, f.blob_hash "
    "FROM template_generations g JOIN tree_files f ON f.tree_hash = g.tree_hash"
)
"""What makes the view of the files of each generation."""
