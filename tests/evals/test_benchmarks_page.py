"""The page of all benchmarks, written from the results that are kept."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2] / "evals" / "benchmarks"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A copy of the benchmarks that was measured once, with a page of its own."""
    shutil.copytree(HERE, tmp_path / "evals" / "benchmarks")
    (tmp_path / "docs").mkdir()
    tool = {
        "equal_core": 700,
        "core": 764,
        "conflict": 50,
        "wrong_clean": 0,
        "lost_hard_lines": 0,
        "failed": 0,
        "score_k5": 0.9,
        "median_seconds": 1.0,
    }
    rival = {**tool, "equal_core": 600, "median_seconds": 5.0}
    tools = {"cultivar": tool, "cultivar-warm": tool, "copier": rival, "git": rival}
    kept = {"date": "2001-02-03", "transitions": 55, "projects": 10, "tools": tools}
    (tmp_path / "evals/benchmarks/results/upgrade.json").write_text(json.dumps(kept))
    return tmp_path


def _bench(workspace: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "evals.benchmarks.run", "upgrade"]
    return subprocess.run(command, cwd=workspace, capture_output=True, text=True, check=False)


def test_what_cannot_be_measured_keeps_its_rows_with_their_date(workspace: Path) -> None:
    done = _bench(workspace)
    assert "git clone --mirror https://github.com/" in done.stderr
    page = (workspace / "docs" / "benchmarks.md").read_text()
    row = "| 55 updates of 10 projects (2001-02-03): files equal to the maintainer's "
    assert f"{row}| at least 660 of 764 | 700 of 764 (Copier 600, plain git 600) | yes |" in page


def test_the_page_says_how_updates_are_measured(workspace: Path) -> None:
    _bench(workspace)
    page = (workspace / "docs" / "benchmarks.md").read_text()
    assert "## How updates are measured" in page
