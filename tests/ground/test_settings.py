from __future__ import annotations

import shutil
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cultivar.errors import SettingsError, UntrustedError
from cultivar.record import replace
from cultivar.settings import (
    BudgetSettings,
    ModelSettings,
    Secret,
    Settings,
    load_settings,
)
from cultivar.trusting import LOWERED, PROTECTED, is_trusted
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


def test_a_workspace_chooses_no_model_that_others_are_served_with(tmp_path: Path) -> None:
    root = _write(tmp_path / "w" / "cultivar.yaml", "model: {name: openai/dear}\n")
    assert load_settings(root).model.name == "openai/dear"
    with pytest.raises(UntrustedError, match=r"sets `model\.name`, which only you may do"):
        load_settings(root, serving=True)


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
    with pytest.raises(SettingsError, match=r"`atempts` is no setting\. Did you mean `attempts`\?"):
        load_settings(root)


def test_a_settings_file_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    root = _write(tmp_path / "w" / "cultivar.yaml", "a: [1\n")
    with pytest.raises(SettingsError, match="are wrong"):
        load_settings(root)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a", "cultivar.yaml` holds no mapping"),
        ("5", "cultivar.yaml` holds no mapping"),
        ("5: 6", "`5` is no setting"),
        ("budget: 3", "`budget`: expected is a mapping"),
        ("budget: {cals: 3}", "`budget.cals` is no setting. Did you mean `calls`?"),
        ("model: {temperature: 3}", "`model.temperature`: expected is a number of at least 0 and"),
        ("template_paths: x", "`template_paths`: expected is a list"),
        ("template_paths: [a, 5]", "`template_paths.1`: expected is a path"),
        ("upgrade: {conflicts: x}", "`upgrade.conflicts`: expected is `markers` or `rej`"),
    ],
)
def test_what_a_setting_does_not_take_is_told(text: str, told: str, tmp_path: Path) -> None:
    root = _write(tmp_path / "w" / "cultivar.yaml", text)
    with pytest.raises(SettingsError) as caught:
        load_settings(root)
    assert told in str(caught.value)


@pytest.mark.parametrize("text", ["[tool]\ncultivar = 3", "[[tool.cultivar]]", "tool = 'cultivar'"])
def test_a_project_file_whose_table_is_none_is_told(text: str, tmp_path: Path) -> None:
    root = _write(tmp_path / "pyproject.toml", text)
    with pytest.raises(SettingsError, match=r"pyproject\.toml` holds no mapping"):
        load_settings(root)


def test_a_variable_holds_a_list_or_a_section_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CULTIVAR_TEMPLATE_PATHS", '["a", "b"]')
    monkeypatch.setenv("CULTIVAR_BUDGET", '{"calls": 2, "tokens": null}')
    monkeypatch.setenv("CULTIVAR_BUDGET__CALLS", "7")
    found = load_settings(tmp_path)
    assert found.template_paths == (Path("a"), Path("b"))
    assert found.budget == BudgetSettings(calls=7, tokens=None)


def test_a_variable_that_should_be_json_and_is_not_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CULTIVAR_TRUST", "/home/ada/shop")
    with pytest.raises(SettingsError, match="`CULTIVAR_TRUST`: expected is JSON"):
        load_settings(tmp_path)


def test_a_variable_of_another_name_is_left_alone_but_not_inside_a_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CULTIVAR_COLOUR", "red")
    monkeypatch.setenv("cultivar_attempts", "4")
    assert load_settings(tmp_path).attempts == 4
    monkeypatch.setenv("CULTIVAR_MODEL__COLOUR", "red")
    with pytest.raises(SettingsError, match=r"`model\.colour` is no setting"):
        load_settings(tmp_path)


def test_a_limit_that_is_null_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CULTIVAR_BUDGET__MONEY", "null")
    assert load_settings(tmp_path, budget={"calls": None}).budget == BudgetSettings(
        money=None, calls=None
    )


def test_the_key_of_a_model_is_read_but_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CULTIVAR_MODEL__API_KEY", "sk-0123")
    found = load_settings(tmp_path)
    key = found.model.api_key
    assert key == Secret("sk-0123")
    assert key is not None
    assert key.get_secret_value() == "sk-0123"
    assert "sk-0123" not in f"{found} {found!r} {key}"


def test_a_key_in_the_wrong_place_is_not_shown_either(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path, model={"api_key": ["sk-0123"]})
    assert "sk-0123" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Settings(attempts=0), "`attempts`: expected is a whole number of at least 1"),
        (lambda: replace(Settings(), unsure_below=2), "`unsure_below`: expected is a number of"),
        (lambda: ModelSettings(timeout=0), "`timeout`: expected is a number of more than 0"),
        (lambda: ModelSettings(api_key=cast("Any", "k")), "`api_key`: expected is a secret"),
        (lambda: Settings(model=cast("Any", {"name": "x"})), "`model`: expected is a mapping"),
    ],
)
def test_settings_made_by_hand_are_checked_too(make: Callable[[], object], told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        make()
    assert told in str(caught.value)


def test_settings_made_by_hand_read_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CULTIVAR_ATTEMPTS", "9")
    assert Settings().attempts == 3


NUMBERS = st.none() | st.booleans() | st.integers() | st.floats() | st.binary(max_size=8)
TEXTS = NUMBERS.map(str) | st.sampled_from(["null", "NULL", "1e999", "1_000", "0x1000", "9" * 400])
MARGIN = st.integers(min_value=-3, max_value=3)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(LOWERED),
    value=NUMBERS | TEXTS | st.just(10**400) | st.lists(NUMBERS, max_size=1) | MARGIN,
)
def test_whatever_a_workspace_writes_it_raises_no_limit(name: str, value: object) -> None:
    section, _, key = name.rpartition(".")
    said = {section: {key: value}} if section else {key: value}
    with TemporaryDirectory() as folder:
        (Path(folder) / "cultivar.yaml").write_text(yaml.safe_dump(said), encoding="utf-8")
        try:
            found = load_settings(Path(folder))
        except (SettingsError, UntrustedError):
            return
    limit = attrgetter(name)
    assert limit(found) <= limit(Settings())
