"""The provider of those who have no model: it says what to configure."""

from __future__ import annotations

from typing import NoReturn

from cultivar.errors import ModelUnavailableError
from cultivar.llm.base import ModelRequest, Reply, Turn


class NoModel:
    """Stands where no model is configured. The built-in inferrer does without one."""

    name = "builtin"

    def complete(self, request: ModelRequest) -> NoReturn:
        """Refuse `request`.

        Raises:
            ModelUnavailableError: Always.
        """
        raise _none_for(request.purpose)


class ShutDoor:
    """The door of those who have no model; it spares them what an open one loads."""

    available = False

    def ask(
        self, run_id: str, purpose: str, messages: tuple[Turn, ...], schema: type[Reply]
    ) -> Reply:
        """Refuse to ask.

        Raises:
            ModelUnavailableError: Always.
        """
        raise _none_for(purpose)


def _none_for(purpose: str) -> ModelUnavailableError:
    return ModelUnavailableError(
        f"`{purpose}` needs a model, and none is configured.",
        "Set `model.name` in `cultivar.yaml` or pass `--model`, for example "
        "`--model anthropic/NAME` with `ANTHROPIC_API_KEY` set, or `--model ollama/NAME`.",
    )
