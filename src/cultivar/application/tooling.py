"""Look at tools, and use them as agents do."""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from cultivar.agent import Toolbox
from cultivar.application.opened import Opened
from cultivar.definitions import Definitions
from cultivar.errors import CultivarError, NotKnownError, UsageError
from cultivar.evals.trying.spelling import spelled
from cultivar.evolution.toolbox import Recorder
from cultivar.ledger.improvements import ArtifactStore, ExecutionLog, ExecutionQuery
from cultivar.lifecycle import Artifact
from cultivar.model import Json
from cultivar.record import Record
from cultivar.tool import Case, Characteristics
from cultivar.tree import Tree, read_entry

if TYPE_CHECKING:
    from cultivar.evolution.strategies.choosing import Plan

_LATEST = 1000
"""So many of the latest uses are counted."""


class ToolFacts(Record):
    """A tool, and how it does."""

    name: str
    file: str = ""
    """Absolute."""
    tree_hash: str = ""
    """Of the version that is on the disk."""
    version: str = ""
    """What people call it; empty where it was never kept."""
    versions: tuple[str, ...] = ()
    """All that are kept, the newest first."""
    characteristics: Characteristics | None = None
    cases: tuple[Case, ...] = ()
    uses: int = 0
    """How many of the latest uses were of the version on the disk."""
    succeeded: int = 0
    errors: Mapping[str, int] = {}
    """How often each exception ended one."""
    plan: Plan | None = None
    """How a new version would be tried."""
    trouble: str = ""
    """Why it cannot be loaded; empty where it can."""


class Used(Record):
    """What came of one use of a tool."""

    inputs: Mapping[str, Json]
    output: Json = None
    error: str = ""
    """The exception's class; empty where there was none."""
    message: str = ""
    seconds: float = 0.0


class Tooling(Opened):
    """Tells of tools, and uses them."""

    def tools(self) -> tuple[ToolFacts, ...]:
        """All tools, by name."""
        return tuple(self.tool(name) for name in self.services.need(Definitions).tools())

    def tool(self, name: str) -> ToolFacts:
        """One tool, and how it does.

        Raises:
            NotKnownError: There is none of that name; with the nearest.
        """
        self._refuse_unknown(name)
        definitions = self.services.need(Definitions)
        try:
            path, tool = definitions.tool_file(name), definitions.tool(name)
        except CultivarError as error:
            return ToolFacts(name=name, trouble=str(error))
        tree_hash = Tree({path.name: read_entry(path)}).hash
        known = {
            each.tree_hash: each.version
            for each in self.services.need(ArtifactStore).versions(_artifact(name))
        }
        facts = self._counted(name, tree_hash)
        return ToolFacts(
            name=name,
            file=str(path),
            tree_hash=tree_hash,
            version=known.get(tree_hash, ""),
            versions=tuple(known.values()),
            characteristics=tool.characteristics,
            cases=tool.cases,
            plan=_plan(tool.characteristics, facts["uses"], len(tool.cases)),
            **facts,
        )

    def use_tool(self, name: str, inputs: Mapping[str, Json]) -> Used:
        """Use a tool as an agent would; the use is recorded.

        Args:
            name: The tool's.
            inputs: Its arguments, by parameter.

        Returns:
            What it gave, or what it raised.

        Raises:
            NotKnownError: There is no tool of that name.
            UsageError: It has other parameters.
            UntrustedError: It is of a workspace that is not trusted.
        """
        self._refuse_unknown(name)
        tool = self.services.need(Toolbox)(name)
        _refuse_misfit(name, inspect.signature(tool.call), inputs)
        began = time.perf_counter()
        try:
            output = tool(**inputs)
        except Exception as error:  # whatever it raises is what came of it
            seconds = time.perf_counter() - began
            kind = type(error).__name__
            return Used(inputs=inputs, error=kind, message=str(error), seconds=seconds)
        seconds = time.perf_counter() - began
        return Used(inputs=inputs, output=spelled(output), seconds=seconds)

    def _counted(self, name: str, tree_hash: str) -> Mapping[str, Any]:
        """How the latest uses of a version went."""
        self.services.need(Recorder).flush()
        query = ExecutionQuery(artifact=_artifact(name), tree_hash=tree_hash, limit=_LATEST)
        found = self.services.need(ExecutionLog).executions(query)
        errors = [each.error for each in found if not each.succeeded]
        return {
            "uses": len(found),
            "succeeded": len(found) - len(errors),
            "errors": {error: errors.count(error) for error in sorted(set(errors))},
        }

    def _refuse_unknown(self, name: str) -> None:
        known = self.services.need(Definitions).tools()
        if name not in known:
            near = tuple(get_close_matches(name, known))
            raise NotKnownError("tool", name, near, "`cultivar tools` lists all.")


def _artifact(name: str) -> Artifact:
    return Artifact(kind="tool", name=name)


def _plan(like: Characteristics, uses: int, cases: int) -> Plan:
    from cultivar.evolution.strategies.choosing import plan_for

    return plan_for(like, uses=uses, cases=cases)


def _refuse_misfit(name: str, signature: inspect.Signature, inputs: Mapping[str, Json]) -> None:
    try:
        signature.bind(**inputs)
    except TypeError as error:
        takes = ", ".join(f"`{each}`" for each in signature.parameters) or "nothing"
        raise UsageError(
            f"The tool {name!r} does not take that: {error}.", f"It takes {takes}."
        ) from error
