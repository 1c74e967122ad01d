from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from cultivar.application.workbench import registry_of
from cultivar.ledger.base import Ledger
from cultivar.ledger.improvements import ExperimentQuery, ExperimentStore
from cultivar.ledger.sql import open_ledger
from cultivar.testing.toolrooms import BUGGY, RATIO, Workspace


def _environment(workspace: Workspace) -> Mapping[str, str]:
    settings = workspace.settings
    return {
        **os.environ,
        "CULTIVAR_TRUST": f'["{workspace.root}"]',
        "CULTIVAR_HOME": str(settings.home),
        "CULTIVAR_CACHE": str(settings.cache),
    }


def _started(workspace: Workspace, *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "cultivar", "improve", *options],
        cwd=workspace.root,
        env=dict(_environment(workspace)),
        stdout=subprocess.DEVNULL,
    )


def _trials(workspace: Workspace) -> int:
    """How many results are kept by now."""
    with open_ledger(workspace.settings.ledger_url) as ledger:
        store: ExperimentStore = ledger.experiments
        tried = store.experiments(ExperimentQuery(limit=50))
        return sum(len(store.results(each.id)) for each in tried)


def _kill_after(process: subprocess.Popen[bytes], workspace: Workspace, trials: int) -> None:
    deadline = time.monotonic() + 120
    while _trials(workspace) < trials and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("trials", [1, 200])
def test_a_run_that_was_killed_goes_on_and_tries_nothing_twice(
    workspace: Workspace, trials: int
) -> None:
    with workspace.opened() as cultivar:
        workspace.used(cultivar, 40, failing=20)
    _kill_after(_started(workspace), workspace, trials)
    assert workspace.file.read_text() == BUGGY
    with workspace.opened() as cultivar:
        run = next(
            each for each in cultivar.services.need(Ledger).runs() if each.graph == "improve"
        )
        known = _trials(workspace)
        done = cultivar.improve_on(run.id)
        assert done.experiments[0].status == "waiting"
        store = cultivar.services.need(ExperimentStore)
        results = store.results(done.experiments[0].id)
        keys = [(each.tree_hash, each.case_id, each.repeat) for each in results]
        assert len(keys) == len(set(keys)) >= known


def test_a_run_that_is_killed_in_its_release_leaves_the_old_or_the_new_version_whole(
    workspace: Workspace,
) -> None:
    with workspace.opened() as cultivar:
        workspace.used(cultivar, 40, failing=20)
    process = _started(workspace, "--real", "--automatic")
    backup = workspace.file.parent
    deadline = time.monotonic() + 120
    while not _backups(backup) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with workspace.opened(real=True, automatic=True) as cultivar:
        run = next(
            each for each in cultivar.services.need(Ledger).runs() if each.graph == "improve"
        )
        if run.status != "done":
            cultivar.improve_on(run.id)
        registry = registry_of(cultivar.services)
        registry.recover()
        (status,) = registry.status([RATIO])
        assert status.state == "in_sync"
        assert workspace.file.read_text() == BUGGY or "b == 0" in workspace.file.read_text()
        assert cultivar.experiments()[-1].status in {"released", "rolled_back", "waiting"}


def _backups(folder: Path) -> list[Path]:
    return list(folder.glob("*.backup-*"))
