"""Migration scripts run in the sandbox, in the order of their versions, each once."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml

from cultivar.checking.checks import CheckRunner
from cultivar.checking.environments import Environments
from cultivar.checking.makers import HostMaker
from cultivar.errors import UnsafeError, UntrustedError
from cultivar.record import replace
from cultivar.sandbox.base import Limits
from cultivar.sandbox.bubblewrap import Bubblewrap
from cultivar.sandbox.process import PlainProcess
from cultivar.templating.reading.loading import parse_template
from cultivar.testing.migrations import ANSWERS, first_system_of, template_of
from cultivar.testing.repositories import commit, git
from cultivar.tree import Entry, Tree, read_tree, text_entry
from cultivar.upgrade.scripts import ScriptError, refuse_untrusted, run_scripts, scripts_for
from cultivar.upgrade.window import Window
from cultivar.upgrades import ScriptRun

WINDOW = Window(from_version="1.0.0", to_version="3.0.0")
PROJECT = Tree({"old.py": text_entry("a = 1\n"), "kept/b.py": text_entry("b = 2\n")})


@pytest.fixture
def runner(tmp_path: Path) -> CheckRunner:
    """Runs commands behind a real wall."""
    environments = Environments(cache=tmp_path, maker=HostMaker(cache=tmp_path))
    return CheckRunner(sandbox=Bubblewrap(), environments=environments)


def ran(runner: CheckRunner, *migrations: Any, project: Tree = PROJECT) -> tuple[Tree, list[str]]:
    """What the migrations made of the project, and what they printed."""
    template = template_of(*migrations)
    done = run_scripts(scripts_for(template, ANSWERS, WINDOW), project, template, runner)
    return done.tree, [each.output for each in done.runs]


def test_scripts_change_the_project_one_after_the_other(runner: CheckRunner) -> None:
    template = template_of(
        {"version": "2.1.0", "command": "sed -i s/1/2/ new.py && echo done"},
        {"version": "2.0.0", "command": "test -e old.py || exit 0; mv old.py new.py"},
    )
    scripts = scripts_for(template, ANSWERS, WINDOW)
    done = run_scripts(scripts, PROJECT, template, runner)
    assert done.tree == PROJECT.replace({"old.py": None, "new.py": text_entry("a = 2\n")})
    one, two = (replace(run, seconds=0.0) for run in done.runs)
    assert one == ScriptRun(
        script=scripts[0].id,
        version="2.0.0",
        stage="after",
        command="test -e old.py || exit 0; mv old.py new.py",
        succeeded=True,
        idempotent=True,
        changed=("new.py", "old.py"),
    )
    assert (two.script, two.version, two.changed) == (scripts[1].id, "2.1.0", ("new.py",))
    assert (two.output, two.idempotent, done.runs[0].seconds > 0) == ("done", True, True)
    assert done.warnings == ()


@pytest.mark.parametrize("command", ["echo x >> old.py", "mv old.py new.py"])
def test_a_script_that_is_not_idempotent_is_told_and_its_first_run_counts(
    runner: CheckRunner, command: str
) -> None:
    template = template_of({"version": "2.0.0", "command": command})
    done = run_scripts(scripts_for(template, ANSWERS, WINDOW), PROJECT, template, runner)
    changed = {"echo x >> old.py": "a = 1\nx\n", "mv old.py new.py": "a = 1\n"}
    contents = {entry.content.decode() for entry in done.tree.values()}
    assert contents == {changed[command], "b = 2\n"}
    assert [(run.succeeded, run.idempotent) for run in done.runs] == [(True, False)]
    assert [command in warning for warning in done.warnings] == [True]


def test_a_script_that_has_done_its_work_does_not_run_again(runner: CheckRunner) -> None:
    template = template_of({"version": "2.0.0", "command": "rm old.py"}, "echo every time")
    scripts = scripts_for(template, ANSWERS, WINDOW)
    done = run_scripts(scripts, PROJECT, template, runner, frozenset(s.id for s in scripts))
    assert (done.tree, [run.output for run in done.runs]) == (PROJECT, ["every time"])


def test_a_script_that_fails_is_named_with_what_it_said(runner: CheckRunner) -> None:
    template = template_of(
        {"version": "2.0.0", "command": "mv old.py new.py"},
        {"version": "2.1.0", "command": "rm new.py; echo no way >&2; exit 3"},
        {"version": "2.2.0", "command": "echo never"},
    )
    with pytest.raises(ScriptError) as caught:
        run_scripts(scripts_for(template, ANSWERS, WINDOW), PROJECT, template, runner)
    told = str(caught.value)
    assert "rm new.py; echo no way >&2; exit 3" in told
    assert "2.1.0" in told
    assert "no way" in told
    runs = caught.value.runs
    assert [(run.version, run.succeeded) for run in runs] == [("2.0.0", True), ("2.1.0", False)]


def test_a_script_that_failed_survives_pickling(runner: CheckRunner) -> None:
    template = template_of("false")
    with pytest.raises(ScriptError) as caught:
        run_scripts(scripts_for(template, ANSWERS, WINDOW), PROJECT, template, runner)
    revived = pickle.loads(pickle.dumps(caught.value))
    assert (str(revived), revived.runs) == (str(caught.value), caught.value.runs)


def test_variables_are_in_the_environment(runner: CheckRunner) -> None:
    names = "STAGE VERSION_FROM VERSION_TO VERSION_CURRENT VERSION_PEP440_FROM VERSION_PEP440_TO"
    names += " VERSION_PEP440_CURRENT COPIER_OPERATION"
    said = " ".join(f"${name}" for name in names.split())
    template = template_of({"version": "v2.0.0", "command": f"echo {said}"})
    window = Window(from_version="1.0.0", to_version="3.0.0", from_ref="v1.0.0", to_ref="it's 3")
    done = run_scripts(scripts_for(template, ANSWERS, window), PROJECT, template, runner)
    assert done.runs[0].output == "after v1.0.0 it's 3 v2.0.0 1.0.0 3.0.0 2.0.0 update"


def test_a_script_runs_in_the_folder_that_it_names(runner: CheckRunner) -> None:
    migration = {
        "command": "rm b.py; echo {{ _copier_conf.dst_path }}",
        "working_directory": "kept",
    }
    assert ran(runner, {**migration, "version": "2.0.0"})[1] == [".."]


def test_a_folder_that_is_not_there_is_a_script_that_fails(runner: CheckRunner) -> None:
    with pytest.raises(ScriptError, match="missing"):
        ran(runner, {"command": "touch x", "working_directory": "missing"})


MOVE = "for each in *.py; do mv $each moved-$each; done; touch $(dirname $0)/junk\n"


def test_a_script_finds_the_files_of_the_template(runner: CheckRunner) -> None:
    template = template_of(
        {"version": "2.0.0", "command": "sh {{ _copier_conf.src_path }}/scripts/move.sh"},
        {
            "version": "2.1.0",
            "command": ["sh", "{{ _copier_conf.src_path }}/scripts/move.sh"],
            "working_directory": "kept",
        },
        files={"scripts/move.sh": text_entry(MOVE)},
    )
    done = run_scripts(scripts_for(template, ANSWERS, WINDOW), PROJECT, template, runner)
    assert set(done.tree) == {"moved-old.py", "kept/moved-b.py"}


REMOVE = "from pathlib import Path\nPath('old.py').unlink(missing_ok=True)\n"


@pytest.mark.parametrize(
    ("path", "script"),
    [
        ("scripts/before.sh", text_entry("rm -f old.py\n")),
        ("scripts/before", text_entry("rm -f old.py\n")),
        (
            "scripts/before.py",
            text_entry("import os\nos.path.exists('old.py') and os.remove('old.py')\n"),
        ),
        ("do it", text_entry("#!/bin/sh\nrm -f old.py\n", mode="executable")),
    ],
)
def test_a_script_of_the_first_system_may_be_a_file_of_its_template(
    runner: CheckRunner, path: str, script: Entry
) -> None:
    template = first_system_of({"version": "2.0.0", "before": path}, files={path: script})
    done = run_scripts(scripts_for(template, ANSWERS, WINDOW), PROJECT, template, runner)
    assert (list(done.tree), done.runs[0].stage) == (["kept/b.py"], "before")
    assert done.warnings == ()


def test_what_tools_leave_behind_is_not_of_the_project(runner: CheckRunner) -> None:
    command = "mkdir __pycache__; touch __pycache__/x.pyc new"
    assert set(ran(runner, {"version": "2.0.0", "command": command})[0]) == {*PROJECT, "new"}


def test_modes_links_and_bytes_survive(runner: CheckRunner) -> None:
    project = Tree(
        {
            "run": text_entry("#!/bin/sh\n", mode="executable"),
            "latest": Entry(content=b"run", mode="link"),
            "bytes": Entry(content=bytes(range(256))),
        }
    )
    assert ran(runner, "true", project=project)[0] == project


def test_scripts_of_a_template_that_nobody_trusts_are_refused(runner: CheckRunner) -> None:
    template = template_of("touch /tmp/x", trusted=False)
    scripts = scripts_for(template, ANSWERS, WINDOW)
    for refusing in (
        lambda: refuse_untrusted(template, scripts),
        lambda: run_scripts(scripts, PROJECT, template, runner),
    ):
        with pytest.raises(UntrustedError, match=r"touch /tmp/x.*--trust"):
            refusing()


def test_a_template_without_scripts_needs_no_trust(runner: CheckRunner) -> None:
    template = template_of({"version": "9.0.0", "command": "x"}, trusted=False)
    scripts = scripts_for(template, ANSWERS, WINDOW)
    refuse_untrusted(template, scripts)
    assert run_scripts(scripts, PROJECT, template, runner).tree == PROJECT


def test_a_script_reaches_nothing_but_the_project(runner: CheckRunner, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    command = f"cat {outside}; echo theirs > {outside}; git status; echo done"
    _, outputs = ran(runner, command)
    assert outside.read_text() == "mine"
    assert "mine" not in outputs[0]
    assert outputs[0].endswith("done")


def test_a_link_out_of_the_project_is_refused(runner: CheckRunner) -> None:
    with pytest.raises(UnsafeError, match="leads out"):
        ran(runner, "ln -s ../../etc/passwd stolen")


def test_a_script_that_never_ends_is_ended(runner: CheckRunner) -> None:
    short = replace(runner, limits=Limits(wall_seconds=1.0))
    with pytest.raises(ScriptError, match="more than 1 seconds"):
        ran(short, "rm old.py; sleep 60")


def test_a_trusted_template_needs_no_wall(runner: CheckRunner) -> None:
    plain = replace(runner, sandbox=PlainProcess())
    assert ran(plain, {"version": "2.0.0", "command": "rm old.py"})[0].keys() == {"kept/b.py"}


SAYING = (
    'echo "$STAGE $VERSION_FROM $VERSION_TO $VERSION_PEP440_FROM $VERSION_PEP440_TO '
    "$COPIER_OPERATION {{ _stage }} {{ _version_from }} {{ _version_to }} {{ _copier_phase }}"
)
CURRENT = " $VERSION_CURRENT {{ _version_current }} $VERSION_PEP440_CURRENT"
COPIERS = (
    f'{SAYING} a" >> log',
    {"command": f'{SAYING} b" >> ../log', "when": True, "working_directory": "kept"},
    {"command": f'{SAYING} c" >> log', "when": "{{ _stage == 'before' }}"},
    *(
        {"version": version, "command": f'{SAYING}{CURRENT} d" >> log', "when": True}
        for version in ("v1.0.0", "v1.1.0", "1.2.0rc1", "v2", "v2.0.1")
    ),
    {
        "version": "v1.5.0",
        "before": [f'{SAYING}{CURRENT} e" >> log', ["touch", "a b"]],
        "after": [f'{SAYING}{CURRENT} f" >> log'],
    },
)


@pytest.mark.filterwarnings("ignore")  # Copier speaks of dirty templates and of the old style
def test_the_same_scripts_run_as_copier_runs(runner: CheckRunner, tmp_path: Path) -> None:
    source, project = _template_in_git(tmp_path / "template"), tmp_path / "project"
    copier.run_copy(str(source), project, vcs_ref="v1.0.0", **_QUIETLY)
    before = read_tree(project)
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "made")
    copier.run_update(project, vcs_ref="v2.0.0", overwrite=True, **_QUIETLY)

    template = parse_template(read_tree(source), origin=str(source), ref="v2.0.0", trusted=True)
    window = Window(from_version="v1.0.0", to_version="v2.0.0")
    done = run_scripts(scripts_for(template, ANSWERS, window), before, template, runner)

    theirs = (project / "log").read_text().splitlines()
    assert sorted(done.tree.text("log").splitlines()) == sorted(theirs)
    assert ("a b" in done.tree, (project / "a b").is_file()) == (True, True)
    assert len(theirs) == 12


_QUIETLY: Any = {"defaults": True, "unsafe": True, "quiet": True}


def _template_in_git(folder: Path) -> Path:
    """A template at two versions; the newer one has the migrations."""
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "kept").mkdir()
    (folder / "kept/b.py").write_text("b = 2\n")
    (folder / "{{ _copier_conf.answers_file }}.jinja").write_text("{{ _copier_answers|to_yaml }}")
    (folder / "copier.yml").write_text("name: me\n")
    commit(folder, "one", "v1.0.0")
    said = yaml.safe_dump({"name": "me", "_migrations": list(COPIERS)})
    (folder / "copier.yml").write_text(said)
    commit(folder, "two", "v2.0.0")
    return folder
