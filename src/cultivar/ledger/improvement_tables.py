"""The tables of what improves, beside those in `tables`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
    TypedColumns,
)

from cultivar.ledger.columns import ExactJson, ExactText, UtcTime
from cultivar.ledger.tables import metadata

__all__ = [
    "artifact_aliases",
    "artifact_versions",
    "artifacts",
    "execution_logs",
    "experiments",
    "leases",
    "metadata",
    "releases",
    "trial_cases",
    "trials",
]


class _Artifacts(TypedColumns):
    id = Column(ExactText, primary_key=True)
    """Kind and name, like `tool:calculator`."""
    kind = Column(Text, nullable=False)
    name = Column(ExactText, nullable=False)
    created_at = Column(UtcTime, nullable=False)


class _Versions(TypedColumns):
    artifact_id = Column(ExactText, ForeignKey("artifacts.id"), primary_key=True)
    tree_hash = Column(Text, ForeignKey("trees.hash"), primary_key=True)
    position = Column(Integer, nullable=False)
    """Among the artifact's versions, from 1, as they came."""
    version = Column(ExactText, nullable=False)
    parent = Column(Text, nullable=False)
    made_by = Column(ExactText, nullable=False)
    why = Column(ExactText, nullable=False)
    made_at = Column(UtcTime, nullable=False)


class _Aliases(TypedColumns):
    artifact_id = Column(ExactText, primary_key=True)
    alias = Column(Text, primary_key=True)
    tree_hash = Column(Text, nullable=False)
    share = Column(Double, nullable=False)
    since = Column(UtcTime, nullable=False)


class _Experiments(TypedColumns):
    id = Column(ExactText, primary_key=True)
    campaign = Column(ExactText, nullable=False, index=True)
    number = Column(Integer, nullable=False)
    artifact_id = Column(ExactText, nullable=False)
    tree_hash = Column(Text, nullable=False)
    """The candidate's."""
    strategy = Column(Text, nullable=False)
    status = Column(Text, nullable=False, index=True)
    reason = Column(ExactText, nullable=False)
    simulated = Column(Boolean, nullable=False)
    decided_by = Column(ExactText, nullable=False)
    money = Column(Double, nullable=False)
    started_at = Column(UtcTime, nullable=False, index=True)
    updated_at = Column(UtcTime, nullable=False)
    candidate = Column(ExactJson, nullable=False)
    opportunity = Column(ExactJson, nullable=False)
    verdict = Column(ExactJson, nullable=False)


class _Trials(TypedColumns):
    trial_of = Column(ExactText, primary_key=True)
    """An experiment's id, or that of a run of a suite."""
    key = Column(ExactText, primary_key=True, index=True)
    """A hash of all that the result depends on."""
    position = Column(Integer, nullable=False)
    tree_hash = Column(Text, nullable=False)
    case_id = Column(ExactText, nullable=False)
    repeat = Column(Integer, nullable=False)
    verdict = Column(Text, nullable=False)
    score = Column(Double, nullable=False)
    seconds = Column(Double, nullable=False)
    money = Column(Double, nullable=False)
    quality = Column(Double)
    result = Column(ExactJson, nullable=False)
    tried_at = Column(UtcTime, nullable=False)


class _Cases(TypedColumns):
    artifact_id = Column(ExactText, primary_key=True)
    case_id = Column(ExactText, primary_key=True)
    position = Column(Integer, nullable=False)
    origin = Column(Text, nullable=False)
    body = Column(ExactJson, nullable=False)
    kept_at = Column(UtcTime, nullable=False)


class _Releases(TypedColumns):
    id = Column(ExactText, primary_key=True)
    experiment = Column(ExactText, nullable=False, index=True)
    artifact_id = Column(ExactText, nullable=False, index=True)
    tree_before = Column(Text, nullable=False)
    tree_after = Column(Text, nullable=False)
    status = Column(Text, nullable=False)
    share = Column(Double, nullable=False)
    backup = Column(ExactText, nullable=False)
    reason = Column(ExactText, nullable=False)
    released_at = Column(UtcTime, nullable=False, index=True)
    updated_at = Column(UtcTime, nullable=False)


class _Executions(TypedColumns):
    id = Column(ExactText, primary_key=True)
    artifact_kind = Column(Text, nullable=False)
    artifact_name = Column(ExactText, nullable=False)
    tree_hash = Column(Text, nullable=False)
    inputs = Column(ExactJson, nullable=False)
    output = Column(ExactJson, nullable=False)
    error = Column(ExactText, nullable=False)
    message = Column(ExactText, nullable=False)
    seconds = Column(Double, nullable=False)
    money = Column(Double, nullable=False)
    instance_id = Column(ExactText, nullable=False)
    executed_at = Column(UtcTime, nullable=False, index=True)


class _Leases(TypedColumns):
    name = Column(ExactText, primary_key=True)
    holder = Column(ExactText, nullable=False)
    until = Column(BigInteger, nullable=False)
    """Microseconds since 1970, by the clock of the database."""


artifacts = Table("artifacts", metadata, _Artifacts)
"""All that has a version."""

artifact_versions = Table("artifact_versions", metadata, _Versions)
"""Every version there has been; what is in it is in the content store."""

artifact_aliases = Table(
    "artifact_aliases",
    metadata,
    _Aliases,
    ForeignKeyConstraint(
        ["artifact_id", "tree_hash"],
        ["artifact_versions.artifact_id", "artifact_versions.tree_hash"],
    ),
)
"""Which version is used, and which is tried on a share of the uses."""

experiments = Table("experiments", metadata, _Experiments, Index(None, "artifact_id", "tree_hash"))
"""Every candidate, and what became of it."""

trials = Table("trials", metadata, _Trials)
"""What each trial said."""

trial_cases = Table("trial_cases", metadata, _Cases)
"""What versions of an artifact are tried on."""

releases = Table("releases", metadata, _Releases)
"""Every version that was put in the place of another."""

execution_logs = Table(
    "execution_logs",
    metadata,
    _Executions,
    Index(None, "artifact_kind", "artifact_name", "executed_at"),
)
"""Every use of a tool or a prompt."""

leases = Table("leases", metadata, _Leases)
"""Who does what only one may do at a time."""
