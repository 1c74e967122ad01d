"""How a bridge is named in the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from cultivar.errors import SettingsError, UntrustedError
from cultivar.llm.base import Provider
from cultivar.llm.choose import choose_provider, warm_up
from cultivar.llm.scripted import ScriptedModel
from cultivar.settings import ModelSettings, Settings, load_settings
from cultivar.wiring import Services

NAMES = ["bridge", " bridge ", "bridge:openai/some-model"]


@pytest.mark.parametrize("name", NAMES)
def test_who_has_a_bus_asks_a_bridge_by_name(name: str, tmp_path: Path) -> None:
    services = Services(Settings(home=tmp_path, model=ModelSettings(name=name)), {})
    assert services.need(Provider).name == name.strip()
    services.close()


@pytest.mark.parametrize("name", NAMES)
def test_without_a_bus_there_is_no_bridge_to_ask(name: str) -> None:
    with pytest.raises(SettingsError, match="behind a bridge"):
        choose_provider(ModelSettings(name=name))


def test_a_bridge_is_not_loaded_beforehand() -> None:
    assert warm_up(ModelSettings(name="bridge")) is None


def test_a_model_whose_name_only_begins_so_is_none(tmp_path: Path) -> None:
    chosen = choose_provider(ModelSettings(name="bridges/one"), bridge=ScriptedModel)
    assert chosen.name == "bridges/one"


@pytest.mark.parametrize("limit", ["money: 1000", "models: [openai/o3]", "concurrent: 99"])
def test_a_workspace_does_not_say_what_a_bridge_spends(limit: str, tmp_path: Path) -> None:
    (tmp_path / "cultivar.yaml").write_text(f"bridge: {{{limit}}}\n")
    with pytest.raises(UntrustedError, match=r"bridge\."):
        load_settings(tmp_path)
