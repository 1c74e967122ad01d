from __future__ import annotations

import contextlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cultivar.agent import Toolbox
from cultivar.application.cultivar import Cultivar
from cultivar.evolution.strategies.shadowing import Agreement
from cultivar.evolution.toolbox import Recorder
from cultivar.ledger.base import ContentStore
from cultivar.ledger.improvements import ExperimentStore
from cultivar.lifecycle import Artifact, Candidate, Experiment, ExperimentStatus, GateVerdict
from cultivar.record import Record, replace
from cultivar.settings import ImproveSettings, Settings
from cultivar.testing.lifecycles import experiment_of, opportunity_of
from cultivar.testing.tools import tool_file
from cultivar.tree import Tree, text_entry

ACTS = Artifact(kind="tool", name="acts")
READS = "idempotent=True, side_effects=False"
SHADOW = f"{READS}, safe_for_shadow_testing=True"
CASES = 'Case(input={"a": 6, "b": 3}, expected_output=2), Case(input={"a": 1, "b": 0}),'


class Bench(Record):
    """A workspace with one tool, which agents use."""

    root: Path
    settings: Settings

    @property
    def file(self) -> Path:
        """The tool's."""
        return self.root / "tools" / "acts.py"

    def write(self, like: str, body: str = "return a / b") -> None:
        """Write the tool, with its characteristics."""
        self.file.write_text(_source(like, body))

    def shadowed(
        self, cultivar: Cultivar, body: str = "return a / b", like: str = SHADOW
    ) -> Experiment:
        """An experiment that has just come into the shadow: it guards against `b == 0`."""
        self.write(like, body)
        cultivar.sync([ACTS])
        (version,) = cultivar.versions(ACTS)
        tree = self.keep(cultivar, f"if b == 0:\n    return None\n{body}", like)
        candidate = Candidate(
            artifact=ACTS,
            parent=version.tree_hash,
            tree_hash=tree,
            version="1.0.1",
            operator="guard",
            description="Nothing is divided by zero.",
        )
        passed = GateVerdict(decision="release", sentence="Better.", numbers=Agreement().numbers)
        about = replace(opportunity_of(), artifact=ACTS, tree_hash=version.tree_hash)
        shown = experiment_of("shadowed", candidate=candidate, opportunity=about, verdict=passed)
        made = replace(shown, started_at=datetime.now(UTC))
        cultivar.services.need(ExperimentStore).keep_experiment(made)
        return made

    def keep(self, cultivar: Cultivar, body: str, like: str = SHADOW) -> str:
        """Keep the files of a version; returns their tree hash."""
        entry = text_entry(_source(like, body))
        return cultivar.services.need(ContentStore).put(Tree({"acts.py": entry}))

    def opened(self, **improve: Any) -> Cultivar:
        """Cultivar in it."""
        improve.setdefault("candidates", 1)
        return Cultivar(replace(self.settings, improve=ImproveSettings(**improve)))

    def use(self, cultivar: Cultivar, first: int = 1, number: int = 20, failing: int = 10) -> None:
        """Use the tool with inputs that nobody has used before `first`, as an agent does."""
        numbers = range(first, first + number)
        self.use_with(cultivar, ({"a": n, "b": 0 if n < first + failing else 8} for n in numbers))

    def use_with(self, cultivar: Cultivar, inputs: Iterable[dict[str, Any]]) -> None:
        """Use the tool with each of these inputs."""
        tool = cultivar.services.need(Toolbox)("acts")
        for each in inputs:
            with contextlib.suppress(Exception):
                tool(**each)
        cultivar.services.need(Recorder).flush()


def _source(like: str, body: str) -> str:
    signature = "acts(a: float, b: float) -> float | None"
    return tool_file(body, signature=signature, like=like, cases=CASES)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    root = tmp_path / "workspace"
    (root / "tools").mkdir(parents=True)
    (root / "cultivar.yaml").write_text("template_paths: [templates_data]\n", encoding="utf-8")
    settings = Settings(
        workspace=root, home=root / ".cultivar", cache=tmp_path / "cache", trust=(str(root),)
    )
    return Bench(root=root, settings=settings)


def those(cultivar: Cultivar, status: ExperimentStatus) -> list[Experiment]:
    """The experiments that stand so, the newest first."""
    return [each for each in cultivar.experiments() if each.status == status]
