from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cultivar.errors import SettingsError, UntrustedError
from cultivar.settings import PROTECTED, is_trusted, load_settings
from cultivar.workspace import make_workspace


@pytest.fixture(autouse=True)
def _own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("CULTIVAR_HOME", raising=False)


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path.parent


def test_a_workspace_is_found_from_a_folder_in_it(tmp_path: Path) -> None:
    root = _write(tmp_path / "w" / "cultivar.yaml", "attempts: 2\n")
    (root / "deep" / "down").mkdir(parents=True)
    found = load_settings(root / "deep" / "down")
    assert (found.workspace, found.attempts) == (root, 2)


def test_a_project_file_is_read_too(tmp_path: Path) -> None:
    root = _write(tmp_path / "w" / "pyproject.toml", "[tool.cultivar]\nattempts = 2\n")
    assert load_settings(root).attempts == 2


def test_the_environment_comes_before_the_workspace_and_that_before_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "config" / "cultivar" / "cultivar.yaml", "attempts: 7\nunsure_below: 0.1\n")
    root = _write(tmp_path / "w" / "cultivar.yaml", "attempts: 2\nbudget: {calls: 3}\n")
    monkeypatch.setenv("CULTIVAR_BUDGET__MONEY", "0.5")
    found = load_settings(root)
    assert (found.attempts, found.unsure_below) == (2, 0.1)
    assert (found.budget.calls, found.budget.money) == (3, 0.5)
    monkeypatch.setenv("CULTIVAR_ATTEMPTS", "9")
    assert load_settings(root).attempts == 9


def test_an_argument_changes_one_setting_of_its_section(tmp_path: Path) -> None:
    root = _write(tmp_path / "w" / "cultivar.yaml", "model: {temperature: 0.5}\n")
    found = load_settings(root, model={"name": "x"}).model
    assert (found.name, found.temperature) == ("x", 0.5)


@pytest.mark.parametrize("name", PROTECTED)
def test_a_workspace_may_not_set_what_could_turn_against_its_user(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section, _, key = name.rpartition(".")
    line = f"{section}: {{{key}: auto}}\n" if section else f"{key}: [auto]\n"
    root = _write(tmp_path / "w" / "cultivar.yaml", line)
    with pytest.raises(UntrustedError, match=f"sets `{name}`, which only you may do"):
        load_settings(root)


@pytest.mark.parametrize(
    "line",
    ["attempts: 4", "budget: {money: 1.5}", "budget: {calls: null}", "sandbox: {disk_mb: 9999}"],
)
def test_a_workspace_may_lower_a_limit_but_not_raise_it(line: str, tmp_path: Path) -> None:
    root = _write(tmp_path / "w" / "cultivar.yaml", line)
    with pytest.raises(UntrustedError, match=r"raises `.*`, which only you may do"):
        load_settings(root)


def test_a_workspace_may_not_raise_what_the_user_has_lowered(tmp_path: Path) -> None:
    _write(tmp_path / "config" / "cultivar" / "cultivar.yaml", "budget: {calls: 2}\n")
    root = _write(tmp_path / "w" / "cultivar.yaml", "budget: {calls: 3}\n")
    with pytest.raises(UntrustedError, match=r"raises `budget\.calls`"):
        load_settings(root)


def test_a_workspace_may_name_a_model_but_not_an_address(tmp_path: Path) -> None:
    root = _write(tmp_path / "w" / "cultivar.yaml", "model: {name: openai/some}\n")
    assert load_settings(root).model.name == "openai/some"
    _write(root / "cultivar.yaml", "model: {name: 'oobabooga/http://127.0.0.1:1/x'}\n")
    with pytest.raises(UntrustedError, match=r"puts an address into `model\.name`"):
        load_settings(root)


def test_the_ledger_of_a_workspace_is_in_it_only_where_this_user_made_it_one(
    tmp_path: Path,
) -> None:
    cloned = _write(tmp_path / "cloned" / "cultivar.yaml", "attempts: 2\n")
    (cloned / ".cultivar").mkdir()
    (cloned / ".cultivar" / "mark").write_text("forged 0123\n")
    make_workspace(cloned)
    made = tmp_path / "made"
    make_workspace(made)
    assert load_settings(made).home == made / ".cultivar"
    assert not load_settings(cloned).home.is_relative_to(cloned)
    shutil.copy(made / ".cultivar" / "mark", cloned / ".cultivar" / "mark")
    assert not load_settings(cloned).home.is_relative_to(cloned)


def test_a_trusted_workspace_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = _write(tmp_path / "w" / "cultivar.yaml", "sandbox: {use: process}\n")
    monkeypatch.setenv("CULTIVAR_TRUST", f'["{root}"]')
    assert load_settings(root).sandbox.use == "process"


def test_trust_does_not_reach_to_a_folder_of_a_longer_name() -> None:
    assert is_trusted("/a/b/c", ("/a/b/",))
    assert not is_trusted("/a/bc", ("/a/b",))
    assert not is_trusted("/a", ("",))


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    root = _write(tmp_path / "w" / "cultivar.yaml", "atempts: 5\n")
    with pytest.raises(SettingsError, match="`atempts`: Extra inputs are not permitted"):
        load_settings(root)


def test_a_settings_file_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    root = _write(tmp_path / "w" / "cultivar.yaml", "a: [1\n")
    with pytest.raises(SettingsError, match="are wrong"):
        load_settings(root)
