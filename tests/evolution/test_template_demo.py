"""A template with three faults, mended without a model, and a fourth that only a model can mend."""

from __future__ import annotations

import runpy
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cultivar.application.cultivar import Cultivar
from cultivar.application.improving import Improved
from cultivar.definitions import builtin_root
from cultivar.lifecycle import Artifact
from cultivar.llm.base import Provider
from cultivar.llm.scripted import ScriptedModel
from cultivar.settings import load_settings
from cultivar.testing.users import drawn, used

EXAMPLE = builtin_root() / "examples" / "jobs"
JOBS = Artifact(kind="template", name="example:jobs")


class Workspace:
    """The example, in a folder of its own, with what is known of its uses."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "mine"
        shutil.copytree(EXAMPLE, self.root)
        self._homes = iter(folder / f"home-{number}" for number in range(100))
        self.home = next(self._homes)

    def open(self, home: Path, *lines: Any) -> Cultivar:
        settings = load_settings(self.root, home=home, trust=(str(self.root),))
        services: dict[type[Any], object] = {Provider: ScriptedModel(*lines)} if lines else {}
        return Cultivar(settings, services=services)

    def use(self, count: int, seed: int) -> float:
        """The share of users who get what works, of whose uses is known from then on."""
        return self._rate(self.home, count, seed)

    def newcomers(self, seed: int) -> float:
        """That of others, who know nothing."""
        return self._rate(next(self._homes), 40, seed)

    def improve(self, *lines: Any) -> Improved:
        """What a run makes of it, with a model that says these lines, or without one."""
        with self.open(self.home, *lines) as cultivar:
            return cultivar.improve(real=True, automatic=True)

    def _rate(self, home: Path, count: int, seed: int) -> float:
        with self.open(home) as cultivar:
            users = drawn(cultivar.template(JOBS.name), count, seed)
            worked = used(cultivar, JOBS.name, users)
        return sum(worked) / len(worked)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def operators(done: Improved) -> Sequence[str]:
    """What made the versions that were released, each on top of the one before."""
    return [each.candidate.operator for each in done.experiments if each.status == "released"]


def test_faults_of_a_template_are_mended_first_without_a_model_then_with_one(
    workspace: Workspace,
) -> None:
    assert 0.6 < workspace.use(40, seed=1) < 0.8
    done = workspace.improve()
    assert sorted(operators(done)) == ["default", "import", "no-wait"]
    assert [each.status for each in done.releases] == ["watching"]
    assert workspace.newcomers(seed=2) >= 0.95

    templates = workspace.root / "templates_data" / "jobs"
    shutil.copy(workspace.root / "later" / "ordering.py.jinja", templates)
    config = templates / "copier.yml"
    config.write_text(config.read_text().replace("version: 1.0.1", "version: 1.1.0"))
    assert workspace.use(40, seed=3) < 0.95
    assert operators(workspace.improve()) == []
    script = runpy.run_path(str(EXAMPLE / "mend.py"))
    done = workspace.improve(script["REPLY"], *[script["NOTHING_MORE"]] * 12)
    assert operators(done) == []
    (better,) = (each for each in done.experiments if each.status == "waiting")
    with workspace.open(workspace.home) as cultivar:
        cultivar.approve(better.id, by="ada", real=True)
    assert workspace.newcomers(seed=4) >= 0.95
    with workspace.open(workspace.home) as cultivar:
        taken_back = cultivar.rollback(JOBS, by="ada")
    assert "Back to 1.1.0" in taken_back.reason
