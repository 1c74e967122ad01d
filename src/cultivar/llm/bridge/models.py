"""The models that a bridge offers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from cultivar.errors import SettingsError
from cultivar.llm.base import Provider
from cultivar.llm.bridge.protocol import Refusal, RefusedRequestError
from cultivar.record import replace
from cultivar.settings import BRIDGE, NO_MODEL, ModelSettings

Choose: TypeAlias = Callable[[ModelSettings], Provider]
"""Makes the provider that settings name."""


class Models:
    """Providers by the names under which callers ask for them.

    Args:
        settings: The model that answers who names none.
        more: The names of further ones.
        choose: Makes a provider; it opens and asks nothing yet.

    Raises:
        SettingsError: One of them is no model that a bridge could ask.
    """

    def __init__(self, settings: ModelSettings, more: tuple[str, ...], choose: Choose) -> None:
        offered = {each.name.strip(): each for each in _offered(settings, more)}
        for name in offered:
            _check(name)
        self._providers: Mapping[str, Provider] = {
            name: choose(each) for name, each in offered.items()
        }

    @property
    def names(self) -> tuple[str, ...]:
        """All names; the first is whose provider answers who names none."""
        return tuple(self._providers)

    def provider(self, name: str | None) -> Provider:
        """Who answers under a name.

        Raises:
            RefusedRequestError: Nobody does.
        """
        found = self._providers.get(name or self.names[0])
        if found is None:
            raise RefusedRequestError(
                Refusal(
                    reason="model",
                    error=f"It does not offer {name!r}, but {', '.join(map(repr, self.names))}.",
                    remedy="`bridge.models` lists what it offers beside `model.name`.",
                )
            )
        return found


def _offered(settings: ModelSettings, more: tuple[str, ...]) -> tuple[ModelSettings, ...]:
    """Settings for each; the key and the address of one service are not given to another."""
    service = settings.name.strip().partition("/")[0]
    others = [
        replace(
            settings,
            name=name,
            record=None,
            **({} if name.partition("/")[0] == service else {"api_base": None, "api_key": None}),
        )
        for name in more
    ]
    return (settings, *others)


def _check(name: str) -> None:
    if name in NO_MODEL:
        raise SettingsError(
            "The bridge has no model: `model.name` is `builtin`.",
            "Set `model.name` (or `CULTIVAR_MODEL__NAME`) to a model that litellm knows.",
        )
    if name.partition(":")[0] == BRIDGE:
        raise SettingsError(
            f"A bridge cannot ask {name!r}, which is a bridge.",
            "Set `model.name` to a model that litellm knows, where the bridge runs.",
        )
