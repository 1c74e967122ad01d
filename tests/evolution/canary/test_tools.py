"""Which version of a tool a session gets while a canary of it runs."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from cultivar.agent import Toolbox
from cultivar.application.opened import Opened
from cultivar.definitions import builtin_root, load_tool
from cultivar.evolution.canary.choosing import receives
from cultivar.evolution.canary.evidence import unit_of
from cultivar.evolution.canary.tools import ToolCanaries
from cultivar.evolution.toolbox import Recorder
from cultivar.ledger.improvements import ExecutionLog, ExecutionQuery
from cultivar.lifecycle import CANARY, Artifact, ArtifactVersion, Release
from cultivar.record import replace
from cultivar.settings import Settings
from cultivar.testing.artifacts import CALCULATOR, MENDED
from cultivar.testing.lifecycles import pointer_to
from cultivar.tree import Tree, read_entry
from tests.evolution.canary.conftest import BEGAN, Room

MOST = 60


@pytest.fixture
def canary(room: Room) -> Release:
    return room.started()


@pytest.fixture
def folder(room: Room) -> Path:
    return room.world.home / "canary"


@pytest.fixture
def canaries(room: Room, folder: Path) -> ToolCanaries:
    ledger = room.ledger
    return ToolCanaries(
        artifacts=ledger.artifacts,
        experiments=ledger.experiments,
        content=ledger.content,
        folder=folder,
        load=load_tool,
    )


@pytest.fixture
def lucky(canary: Release) -> str:
    """A session that gets the canary."""
    return next(_sessions(canary, due=True))


def _sessions(canary: Release, *, due: bool) -> Iterator[str]:
    names = (f"session {number}" for number in range(1000))
    return (each for each in names if receives(CALCULATOR, each, canary.share, canary.after) is due)


def _opened(room: Room, *, trusted: bool = True) -> Opened:
    world = room.world
    trust = (str(world.workspace),) if trusted else ()
    return Opened(
        Settings(workspace=world.workspace, home=world.home, cache=world.root / "c", trust=trust)
    )


def test_a_session_sees_one_version_and_the_record_says_which(room: Room, canary: Release) -> None:
    seen: dict[str, bool] = {}
    for _ in range(MOST):
        with _opened(room) as opened:
            tool = opened.services.need(Toolbox)("calculator")
            errors = {_error(opened, tool) for _ in range(3)}
            opened.services.need(Recorder).flush()
            log = opened.services.need(ExecutionLog)
            uses = log.executions(ExecutionQuery(artifact=CALCULATOR, limit=3))
        (session,) = {unit_of(each.id) for each in uses}
        (version,) = {each.tree_hash for each in uses}
        due = receives(CALCULATOR, session, canary.share, canary.after)
        assert errors == {"ValueError" if due else "ZeroDivisionError"}
        assert version == (canary.after if due else canary.before)
        seen[version] = due
        if len(seen) == 2:
            return
    raise AssertionError(seen)


def _error(opened: Opened, tool: object) -> str:
    again = opened.services.need(Toolbox)("calculator")
    try:
        again(a=1, b=0)
    except ArithmeticError as error:
        return type(error).__name__
    except ValueError as error:
        return type(error).__name__
    return ""


def test_its_file_is_in_a_folder_that_only_its_owner_enters(
    canaries: ToolCanaries, canary: Release, lucky: str, folder: Path
) -> None:
    given = canaries("calculator", canary.before, lucky)
    assert given is not None
    assert given[1] == canary.after
    for each in (folder, folder / canary.after):
        assert stat.S_IMODE(each.stat().st_mode) == 0o700
    (file,) = (folder / canary.after).iterdir()
    assert (file.name, file.read_text()) == ("calculator.py", MENDED)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_folder_that_others_may_enter_is_closed_to_them(
    canaries: ToolCanaries, canary: Release, lucky: str, folder: Path
) -> None:
    folder.mkdir(mode=0o755)
    assert canaries("calculator", canary.before, lucky) is not None
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_leads_elsewhere_is_not_used(
    canaries: ToolCanaries, canary: Release, lucky: str, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    assert canaries("calculator", canary.before, lucky) is None
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("planted", ["raise SystemExit\n", ""])
def test_a_file_that_somebody_changed_is_never_loaded(
    canaries: ToolCanaries, canary: Release, lucky: str, folder: Path, planted: str
) -> None:
    file = folder / canary.after / "calculator.py"
    file.parent.mkdir(parents=True)
    file.write_text(planted)
    assert canaries("calculator", canary.before, lucky) is not None
    assert file.read_text() == MENDED


def test_a_file_that_is_a_link_is_replaced(
    canaries: ToolCanaries, canary: Release, lucky: str, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.py"
    other.write_text("kept\n")
    file = folder / canary.after / "calculator.py"
    file.parent.mkdir(parents=True)
    file.symlink_to(other)
    assert canaries("calculator", canary.before, lucky) is not None
    assert (other.read_text(), file.is_symlink()) == ("kept\n", False)


def test_other_sessions_have_the_version_on_the_disk(
    canaries: ToolCanaries, canary: Release, folder: Path
) -> None:
    assert canaries("calculator", canary.before, next(_sessions(canary, due=False))) is None
    assert not folder.exists()


def test_a_tool_that_was_edited_has_no_canary(
    canaries: ToolCanaries, canary: Release, lucky: str
) -> None:
    assert canaries("calculator", "0" * 64, lucky) is None


def test_a_canary_that_has_ended_is_given_to_nobody(
    room: Room, canaries: ToolCanaries, canary: Release, lucky: str
) -> None:
    room.canaries().take_back(CALCULATOR, by="ada")
    assert canaries("calculator", canary.before, lucky) is None


def test_a_canary_that_cannot_be_loaded_is_no_trouble_of_the_tools_user(
    canaries: ToolCanaries, canary: Release, lucky: str
) -> None:
    def fail(path: Path, name: str) -> None:
        raise SystemError(f"{path} {name}")

    broken = replace(canaries, load=fail)
    assert broken("calculator", canary.before, lucky) is None


def test_a_record_that_is_down_costs_a_tools_user_nothing(
    room: Room, canaries: ToolCanaries, canary: Release, lucky: str
) -> None:
    room.ledger.close()
    (room.world.home / "ledger.db").unlink()
    (room.world.home / "ledger.db").mkdir()
    assert canaries("calculator", canary.before, lucky) is None


def test_a_workspace_that_is_not_trusted_gets_no_canary_of_ours(room: Room) -> None:
    ours = Artifact(kind="tool", name="failing_lines")
    entry = read_entry(builtin_root() / "tools" / "failing_lines.py")
    before = Tree({"failing_lines.py": entry})
    after = Tree({"failing_lines.py": replace(entry, content=entry.content + b"# another\n")})
    room.ledger.content.put(after)
    version = ArtifactVersion(artifact=ours, tree_hash=after.hash, version="2", made_at=BEGAN)
    room.ledger.artifacts.keep(version)
    room.ledger.artifacts.point(ours, pointer_to(version, alias=CANARY, share=0.99))
    running = replace(room.started(), id="ours", artifact=ours, share=0.99)
    room.ledger.experiments.keep_release(replace(running, before=before.hash, after=after.hash))
    used = {trusted: _used(room, trusted=trusted) for trusted in (True, False)}
    assert used == {True: {after.hash}, False: {before.hash}}


def _used(room: Room, *, trusted: bool) -> set[str]:
    """The versions of our tool that two sessions used."""
    log = room.ledger.executions
    query = ExecutionQuery(artifact=Artifact(kind="tool", name="failing_lines"))
    known = {each.id for each in log.executions(query)}
    for _ in range(2):
        with _opened(room, trusted=trusted) as opened:
            opened.services.need(Toolbox)("failing_lines")("", {})
    return {each.tree_hash for each in log.executions(query) if each.id not in known}


def test_without_a_canary_a_session_asks_the_record_once(
    room: Room, canaries: ToolCanaries
) -> None:
    assert canaries("calculator", "0" * 64, "session") is None
    room.ledger.close()
    (room.world.home / "ledger.db").unlink()
    assert canaries("calculator", "0" * 64, "session") is None
    assert not (room.world.home / "ledger.db").exists()
