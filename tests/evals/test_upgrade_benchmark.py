"""The benchmark of updates, on one transition whose every file is known, with known damage."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from cultivar.testing.repositories import commit, git
from evals.benchmarks.upgrade.git import Git
from evals.benchmarks.upgrade.measuring import MIRRORS, Plan, measure, run
from evals.benchmarks.upgrade.mirrors import Mirrors, MissingMirrorsError
from evals.benchmarks.upgrade.replay import Row
from evals.benchmarks.upgrade.running import TIMED_OUT, Desk
from evals.benchmarks.upgrade.scene import Means
from evals.benchmarks.upgrade.serving import served
from evals.benchmarks.upgrade.surroundings import github_stub, homeless
from evals.benchmarks.upgrade.tools import CommandTool, Tool, known_tools
from evals.benchmarks.upgrade.transitions import load_transitions

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
KNOWN = known_tools(BIN / "copier", BIN / "cultivar")
WARM = (
    'test ! -e "$HOME/seen" && test -e "$XDG_CACHE_HOME/seen" && echo yes > warm.txt; '
    'touch "$HOME/seen" "$XDG_CACHE_HOME/seen"'
)
COMMANDS = {
    "damages": "printf 'x\\n' > keep.txt; echo n > new.txt; git rm -q gone.txt; "
    "printf 'q\\n' > conf.txt.rej",
    "breaks": "echo what happened; exit 3",
    "half": "echo n > new.txt; exit 3",
    "moves": "git mv keep.txt kept.txt",
    "marks": "printf '<<<<<<< a\\n=======\\n>>>>>>> b\\n' >> keep.txt",
    "hides": "printf 'cache\\nnew.txt\\n' > .git/info/exclude; echo n > cache; echo n > new.txt",
    "told": "[ {old}:{new}:{answers_path}:{src_url} = "
    "v1.0.0:v2.0.0:.copier-answers.yml:https://github.com/o/template.git ] && "
    '[ {project_dir} = "$PWD" ] && grep -qx "name: x" {answers_file}',
    "reaches": "git ls-remote --exit-code {src_url} v2.0.0 && git -C {template_git} log v2.0.0",
    "leaves": 'touch "$HOME/left" "$XDG_CACHE_HOME/left" left',
    "finds": '! find "$HOME" "$XDG_CACHE_HOME" . -name left | grep .',
    "cold": WARM,
}
"""Tools whose damage is known, and such that tell what they find."""


@pytest.fixture(scope="module")
def rows(corpus: Path) -> Mapping[str, Row]:
    """What the benchmark says of each tool; all of them in one replay."""
    real = [KNOWN[name] for name in ("copier", "git", "cultivar", "overwrite", "nothing", "oracle")]
    commands = [CommandTool(name=name, line=line) for name, line in COMMANDS.items()]
    warm = CommandTool(name="warm", line=WARM, rehearsals=1)
    return {row.tool: row for row in _run(corpus, [*real, *commands, warm])}


def _run(corpus: Path, tools: Sequence[Tool]) -> list[Row]:
    means = Means(mirrors=Mirrors(corpus / "mirrors"), copier=BIN / "copier")
    transitions = load_transitions(corpus / "projects.json")
    return run(Plan(transitions=transitions, tools=tools, means=means), lambda row: None)


def _counts(row: Row, *names: str) -> dict[str, int]:
    assert not row.problem
    return {name: getattr(row.counts, name) for name in names}


def test_the_maintainers_own_commit_is_exact(rows: Mapping[str, Row]) -> None:
    row = rows["oracle"]
    assert (row.counts.exact, row.answers_equal) == (True, True)
    assert _counts(row, "core", "equal_core") == {"core": 4, "equal_core": 4}


def test_doing_nothing_misses_the_template_and_loses_nothing(rows: Mapping[str, Row]) -> None:
    names = ("scored", "equal", "human_only", "wrong_clean", "human_extra")
    assert _counts(rows["nothing"], *names, "missed_lines", "stale_lines", "lost_lines") == {
        "scored": 4,
        "equal": 1,
        "human_only": 1,
        "wrong_clean": 2,
        "human_extra": 1,
        "missed_lines": 2,
        "stale_lines": 1,
        "lost_lines": 0,
    }


def test_overwriting_loses_a_persons_lines_and_brings_back_others(rows: Mapping[str, Row]) -> None:
    names = ("equal", "conflict", "wrong_clean", "lost_lines", "resurrected_lines")
    assert _counts(rows["overwrite"], *names) == {
        "equal": 1,
        "conflict": 0,
        "wrong_clean": 2,
        "lost_lines": 2,
        "resurrected_lines": 1,
    }


def test_git_leaves_both_its_conflicts_in_the_index(rows: Mapping[str, Row]) -> None:
    assert _counts(rows["git"], "equal", "conflict", "wrong_clean", "lost_lines") == {
        "equal": 2,
        "conflict": 2,
        "wrong_clean": 0,
        "lost_lines": 0,
    }


def test_copier_settles_all_but_the_line_that_both_changed(rows: Mapping[str, Row]) -> None:
    row = rows["copier"]
    assert row.answers_equal
    assert _counts(row, "equal", "conflict", "wrong_clean", "lost_lines") == {
        "equal": 3,
        "conflict": 1,
        "wrong_clean": 0,
        "lost_lines": 0,
    }


def test_cultivar_is_called_as_it_wants_to_be(rows: Mapping[str, Row]) -> None:
    row = rows["cultivar"]
    assert row.exit_code in {0, 3}, row.output
    assert _counts(row, "wrong_clean", "lost_lines") == {"wrong_clean": 0, "lost_lines": 0}


def test_planted_damage_is_found_file_by_file(rows: Mapping[str, Row]) -> None:
    row = rows["damages"]
    assert {verdict.path: verdict.kind for verdict in row.files} == {
        "conf.txt": "conflict",
        "gone.txt": "human_extra",
        "keep.txt": "wrong_clean",
    }
    assert _counts(row, "lost_lines", "lost_hard_lines", "off_core_bad", "equal") == {
        "lost_lines": 2,
        "lost_hard_lines": 2,
        "off_core_bad": 1,
        "equal": 2,
    }


def test_lines_that_moved_with_their_file_are_not_lost_for_good(rows: Mapping[str, Row]) -> None:
    assert _counts(rows["moves"], "lost_lines", "lost_hard_lines") == {
        "lost_lines": 2,
        "lost_hard_lines": 0,
    }


def test_markers_that_a_tool_leaves_are_a_conflict(rows: Mapping[str, Row]) -> None:
    assert {"keep.txt": "conflict"}.items() <= {
        verdict.path: verdict.kind for verdict in rows["marks"].files
    }.items()


def test_a_tool_that_failed_is_not_blamed_file_by_file(rows: Mapping[str, Row]) -> None:
    row = rows["breaks"]
    assert (row.failed, row.exit_code, row.output) == (True, 3, "what happened\n")
    assert _counts(row, "failed_files", "wrong_clean", "equal") == {
        "failed_files": 3,
        "wrong_clean": 0,
        "equal": 1,
    }


def test_an_exit_code_alone_is_no_failure(rows: Mapping[str, Row]) -> None:
    assert not rows["half"].failed
    assert _counts(rows["half"], "equal") == {"equal": 2}


def test_what_git_ignores_counts_only_if_the_maintainer_has_it(rows: Mapping[str, Row]) -> None:
    assert _counts(rows["hides"], "equal", "off_core") == {"equal": 2, "off_core": 0}


@pytest.mark.parametrize("tool", ["told", "reaches", "finds"])
def test_a_tool_finds(rows: Mapping[str, Row], tool: str) -> None:
    """What it needs, the mirrors under the template's address, and nothing of the others."""
    assert rows[tool].exit_code == 0


def test_a_rehearsal_leaves_the_cache_and_nothing_else(rows: Mapping[str, Row]) -> None:
    assert [rows[tool].counts.off_core for tool in ("cold", "warm")] == [0, 1]


def test_git_waits_for_both_renders(rows: Mapping[str, Row]) -> None:
    assert rows["git"].seconds > rows["oracle"].seconds == 0.0


def test_a_version_that_cannot_be_rendered_is_nobodys_fault(corpus: Path, tmp_path: Path) -> None:
    (transition,) = json.loads((corpus / "projects.json").read_text())
    (tmp_path / "projects.json").write_text(json.dumps([{**transition, "new": "v9.9.9"}]))
    (tmp_path / "mirrors").symlink_to(corpus / "mirrors")
    (row,) = _run(tmp_path, [KNOWN["nothing"]])
    assert "Copier cannot render 'v9.9.9'" in row.problem


def test_files_that_a_mirror_lacks_do_not_count(corpus: Path, tmp_path: Path) -> None:
    shutil.copytree(corpus, tmp_path / "corpus")
    mirror = tmp_path / "corpus" / "mirrors" / "o+project.git"
    blob = git(mirror, "rev-parse", "main:src.py")
    (mirror / "objects" / blob[:2] / blob[2:]).unlink()
    (row,) = _run(tmp_path / "corpus", [KNOWN["nothing"]])
    assert _counts(row, "scored", "human_only") == {"scored": 4, "human_only": 0}


def test_served_mirrors_are_fetched_from_their_address(corpus: Path) -> None:
    with served(Mirrors(corpus / "mirrors")) as mirrors:
        assert mirrors.address("o/template").startswith("git://")
        assert "v2.0.0" in git(corpus, "ls-remote", "--tags", mirrors.address("o/template"))


def test_the_ids_that_templates_ask_github_for_are_those_of_the_maintainer(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    page = '<script data-repo-id="R_1" data-category-id="C_2" data-x="{{ no }}">'
    script = github_stub(Git(folder=tmp_path, environment=homeless()), commit(tmp_path, page))
    asked = (["sh", "-c", script, "gh", *words] for words in (["api", "x"], ["api", "graphql"]))
    said = [subprocess.run(each, capture_output=True, check=True).stdout for each in asked]
    assert said == [b"R_1\n", b"C_2\n"]


def test_a_command_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    desk = Desk(folder=tmp_path, environment=dict(os.environ), timeout=0.3)
    began = time.monotonic()
    ran = desk.run(["bash", "-c", "sleep 30 & wait"])
    assert (ran.exit_code, ran.seconds) == (TIMED_OUT, 0.3)
    assert time.monotonic() - began < 10


def test_without_mirrors_it_says_what_to_bring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MIRRORS, raising=False)
    with pytest.raises(MissingMirrorsError) as caught:
        measure()
    brought = f"${MIRRORS}/scipp+tof.git"
    assert f"git clone --mirror https://github.com/scipp/tof.git {brought}" in str(caught.value)


def test_the_repositories_that_are_missing_are_named(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "o+project.git").symlink_to(corpus / "mirrors" / "o+project.git")
    done = _command("--mirrors", str(tmp_path), "--projects", str(corpus / "projects.json"))
    assert done.returncode == 6
    assert "o/template" in done.stderr
    assert "o/project" not in done.stderr


def test_the_command_line_writes_rows_and_a_table(corpus: Path, tmp_path: Path) -> None:
    done = _command(
        *("--mirrors", str(corpus / "mirrors"), "--projects", str(corpus / "projects.json")),
        *("--tools", "mine,oracle", "--command", "mine=exit 3", "--out", str(tmp_path / "out")),
    )
    found = json.loads((tmp_path / "out").read_text())
    assert {row["tool"]: row["failed"] for row in found["rows"]} == {"mine": True, "oracle": False}
    assert found["tools"]["oracle"]["score_k5"] == 1.0
    assert "| mine | 1 of 1 | 1 of 4 | 0 | 0 | 0 | 1 |" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tools", "copper"], "There is no tool 'copper'"),
        (["--projects", "/nonexistent"], "is no list of transitions"),
    ],
)
def test_bad_input_is_named(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = _command("--mirrors", str(tmp_path), *arguments)
    assert done.returncode == 2
    assert said in done.stderr


def _command(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "evals.benchmarks.upgrade", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
