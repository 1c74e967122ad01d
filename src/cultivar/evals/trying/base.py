"""What is tried, and where: a version of an artifact, and the services that trying it takes."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import TYPE_CHECKING, Final

from cultivar.agent import Context
from cultivar.checking.checks import CheckRunner
from cultivar.generation.workshop import Workshop
from cultivar.ledger.base import CallRecord
from cultivar.lifecycle import Artifact, TrialCase
from cultivar.llm.base import ModelDoor
from cultivar.model import Json, Usage
from cultivar.record import Record, field, replace
from cultivar.templating.reading.loading import parse_template
from cultivar.tree import Tree

if TYPE_CHECKING:
    from cultivar.templating.template import Template


_ORIGIN: Final = "trial"
"""Where every version is said to come from, so that what renders that differs in nothing."""


class Subject(Record):
    """A version that is tried."""

    artifact: Artifact
    tree: Tree
    """Its files."""
    trusted: bool = False
    """Whether its code is as good as ours; else it runs behind a wall or not at all."""

    @property
    def tree_hash(self) -> str:
        """What it is known by."""
        return self.tree.hash


class Place(Record, dict=True):
    """Where versions are tried; it opens what it needs when that is first needed.

    Args:
        context: The services, with the prompts of the inferrer.
        model: The name of the model that takes part; empty: there is none.
        asked_with: What its replies depend on beside its name.
        among: The trials that share results and replies, by a word of theirs; empty: all do.
    """

    context: Context
    model: str = ""
    asked_with: tuple[Json, ...] = ()
    among: str = ""
    _templates: dict[tuple[str, bool], Template] = field(
        default_factory=dict[tuple[str, bool], "Template"]
    )

    @cached_property
    def runner(self) -> CheckRunner:
        """What runs commands; no verdict is remembered, since a trial is to be measured."""
        return replace(self.context.get(CheckRunner), cache=None)

    @property
    def workshop(self) -> Workshop:
        """What renders templates."""
        return self.context.get(Workshop)

    @property
    def door(self) -> ModelDoor:
        """What asks the model."""
        return self.context.get(ModelDoor)

    def template(self, subject: Subject) -> Template:
        """The template that `subject` is, read once.

        Raises:
            TemplateError: It is broken.
        """
        known = subject.tree_hash, subject.trusted
        if known not in self._templates:
            template = parse_template(subject.tree, origin=_ORIGIN, trusted=subject.trusted)
            self._templates[known] = template
        return self._templates[known]

    def run_id(self, subject: Subject, case: TrialCase, repeat: int) -> str:
        """Under which the model's calls of one trial are kept, so that none is paid twice."""
        tried = [subject.tree_hash, case.id, repeat, self.model, self.asked_with, self.among]
        return f"trial-{hashlib.sha256(json.dumps(tried).encode()).hexdigest()[:32]}"

    def usage(self, run_id: str) -> Usage:
        """What the model's calls of one trial took."""
        return self.context.get(CallRecord).usage(run_id) if self.model else Usage()
