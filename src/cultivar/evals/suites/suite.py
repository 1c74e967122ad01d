"""A suite: an artifact, and the cases that every version of it is tried on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

from cultivar.lifecycle import Kind, TrialCase
from cultivar.model import Json
from cultivar.record import Record, field, replace, to_builtins


class CasePlan(Record):
    """A case as a suite has it: one, or with a matrix as many as its values are combined."""

    case: TrialCase
    """With what is the same in all of them; it has no id yet."""
    matrix: Mapping[str, tuple[Json, ...]] = field(default_factory=dict[str, tuple[Json, ...]])
    """The values of more inputs, by name; empty: it is one case."""
    every_closed: bool = False
    """Whether the matrix is that of all questions that are yes or no, or offer choices."""
    pairwise: bool = False
    """Whether every two values are to stand together once; else all are combined with all."""
    line: int = 0
    """Where it begins in the file, counted from 1."""


class Suite(Record):
    """What a suite's file says."""

    name: str
    file: str
    kind: Kind
    reference: str
    """Of a template an id, a folder or a git address; of a tool its name; `AGENT/PROMPT`."""
    versions: tuple[str, ...] = ()
    """The versions that are tried where nobody says others; empty: the current one."""
    plans: tuple[CasePlan, ...]
    min_pass_rate: float = 1.0
    """The share of trials that each version must pass, 0 to 1."""
    noisy: bool | None = None
    """Whether results vary from one time to another; None: the repeats show it."""
    line: int = 0
    """Where the reference stands."""


def identified(case: TrialCase) -> TrialCase:
    """`case` with the id of its content: what is tried and what must come of it.

    Its name, its slice, where it came from and how often it is tried are not part of that.
    """
    bare = to_builtins(replace(case, id="", name="", slice="", origin="suite", repeats=1))
    del bare["recorded_from"]
    content = json.dumps(bare, sort_keys=True, separators=(",", ":"))
    return replace(case, id=hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:16])


def distinct(cases: Iterable[TrialCase]) -> tuple[TrialCase, ...]:
    """`cases` without those whose content came before."""
    return tuple({case.id: case for case in reversed(tuple(cases))}.values())[::-1]
