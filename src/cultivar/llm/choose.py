"""Settings in, provider out."""

from __future__ import annotations

from pathlib import Path

from cultivar.errors import SettingsError
from cultivar.llm.base import Provider
from cultivar.llm.builtin import NoModel
from cultivar.llm.cassette import CassettePlayer, CassetteRecorder
from cultivar.llm.litellm import LitellmModel
from cultivar.llm.redaction import Redactor
from cultivar.settings import NO_MODEL, ModelSettings

_CASSETTE = "cassette:"


def choose_provider(settings: ModelSettings, redactor: Redactor | None = None) -> Provider:
    """The provider that `settings` names; nothing heavy is imported, nothing is opened.

    Args:
        settings: `builtin` or `none`, `cassette:FILE`, or a name of litellm's.
        redactor: Knows the secrets that must not be in a cassette that is recorded.

    Raises:
        SettingsError: The name names nothing, or there is nothing to record.
    """
    provider = _named(settings)
    if settings.record is None:
        return provider
    if isinstance(provider, NoModel):
        raise SettingsError(
            f"`model.record` is {str(settings.record)!r}, but no model is there to record.",
            "Set `model.name` to a real model, or unset `model.record`.",
        )
    return CassetteRecorder(provider, settings.record, redactor)


def warm_up(settings: ModelSettings) -> None:
    """Begin, beside other work, what the first call of the model would have to wait for."""
    provider = _named(settings)
    if isinstance(provider, LitellmModel):
        provider.warm()


def _named(settings: ModelSettings) -> Provider:
    name = settings.name.strip()
    if name in NO_MODEL:
        return NoModel()
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
