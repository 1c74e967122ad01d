"""The seats at the table: what each agent takes and what it returns."""

from __future__ import annotations

from typing import Generic, TypeVar

from cultivar.model import Answers, Attempt, Check, Draft, FailurePattern, Proof, TemplateRef
from cultivar.record import Record
from cultivar.upgrades import MergeProposal

In = TypeVar("In")
Out = TypeVar("Out")


class Role(Record, Generic[In, Out], kw_only=False):
    """A typed port. Whoever fills it takes an `In` and returns an `Out`."""

    name: str
    takes: type[In]
    returns: type[Out]


class InferenceOrder(Record):
    """Answer a template's questions from the words of a task."""

    run_id: str
    task: str
    template: TemplateRef
    given: Answers
    """What is answered already and stays so."""


class Inference(Record):
    """An answer to every question, each with its source."""

    answers: Answers


class DraftOrder(Record):
    """Make a tree of a template and its answers."""

    run_id: str
    task: str
    template: TemplateRef
    answers: Answers
    recalled: tuple[FailurePattern, ...]
    """What failed before in cases like this one, with what helped."""
    attempts: tuple[Attempt, ...] = ()
    """What was tried before in this run, and how it failed."""
    folder_name: str = "project"
    """The name of the folder that the result will stand in."""
    unconfined: bool = False
    """Whether the user lets untrusted code run without a wall."""


class ProofOrder(Record):
    """Say whether a tree holds what its template promises."""

    template: TemplateRef
    draft: Draft
    checks: tuple[Check, ...] = ()
    """What it must hold besides, like a project's own tests."""
    unconfined: bool = False


class OpenHunk(Record):
    """A place that both a person and a template changed, each in a way of their own."""

    number: int
    """Which of the file's open places it is, from one."""
    base: str
    ours: str
    theirs: str
    before: str = ""
    """The lines above, which are settled."""
    after: str = ""
    """The lines below."""


class OpenFile(Record):
    """A file that no rule could merge, with every place that is open."""

    path: str
    hunks: tuple[OpenHunk, ...]


class MergeOrder(Record):
    """Say what the open places of an upgrade should become."""

    run_id: str
    template: str
    """The template's id."""
    from_version: str
    to_version: str
    files: tuple[OpenFile, ...]


INFERRER = Role("inferrer", InferenceOrder, Inference)
GENERATOR = Role("generator", DraftOrder, Draft)
SANDBOX_TESTER = Role("sandbox_tester", ProofOrder, Proof)
MIGRATOR = Role("migrator", MergeOrder, MergeProposal)
