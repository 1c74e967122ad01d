"""Settings in, provider out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Thread

from cultivar.errors import SettingsError
from cultivar.llm.base import Provider
from cultivar.llm.builtin import NoModel
from cultivar.llm.cassette import CassettePlayer, CassetteRecorder
from cultivar.llm.litellm import LitellmModel
from cultivar.llm.redaction import Redactor
from cultivar.settings import BRIDGE, NO_MODEL, ModelSettings

_CASSETTE = "cassette:"


def choose_provider(
    settings: ModelSettings,
    redactor: Redactor | None = None,
    bridge: Callable[[], Provider] | None = None,
) -> Provider:
    """The provider that `settings` names; nothing heavy is imported, nothing is opened.

    Args:
        settings: `builtin` or `none`, `bridge` or `bridge:NAME`, `cassette:FILE`, or a name of
            litellm's.
        redactor: Knows the secrets that must not be in a cassette that is recorded.
        bridge: Makes the provider that a bridge stands behind; there is none without it.

    Raises:
        SettingsError: The name names nothing, or there is nothing to record.
    """
    provider = bridge() if bridge is not None and _is_bridge(settings) else _named(settings)
    if settings.record is None:
        return provider
    if isinstance(provider, NoModel):
        raise SettingsError(
            f"`model.record` is {str(settings.record)!r}, but no model is there to record.",
            "Set `model.name` to a real model, or unset `model.record`.",
        )
    return CassetteRecorder(provider, settings.record, redactor)


def warm_up(settings: ModelSettings) -> Thread | None:
    """Begin, beside other work, what the first call of the model would have to wait for.

    Returns:
        What does so; None where there is nothing to wait for.
    """
    if _is_bridge(settings):
        return None
    provider = _named(settings)
    return provider.warm() if isinstance(provider, LitellmModel) else None


def _is_bridge(settings: ModelSettings) -> bool:
    return settings.name.strip().partition(":")[0] == BRIDGE


def _named(settings: ModelSettings) -> Provider:
    name = settings.name.strip()
    if name in NO_MODEL:
        return NoModel()
    if _is_bridge(settings):
        raise SettingsError(
            f"The model {name!r} is behind a bridge, and none can be asked from here.",
            "Set `model.name` to `builtin`, `cassette:FILE` or `PROVIDER/NAME`.",
        )
    if name.startswith(_CASSETTE):
        return CassettePlayer(_file(name.removeprefix(_CASSETTE)))
    if not name:
        raise SettingsError(
            "`model.name` is empty.", "Set it to `builtin`, `cassette:FILE` or `PROVIDER/NAME`."
        )
    return LitellmModel(settings)


def _file(name: str) -> Path:
    if not name:
        raise SettingsError(
            "`model.name` is a cassette without a file.", "Write it as `cassette:FILE`."
        )
    return Path(name)
