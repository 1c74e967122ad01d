"""What is open while Cultivar is used: its services, and the runs of its graphs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, cast

from cultivar.agent import Context
from cultivar.definitions import Definitions
from cultivar.errors import AnswerError, CultivarError
from cultivar.generation.vault import Vault
from cultivar.graph import Graph
from cultivar.ledger.base import Ledger
from cultivar.machine import Halt, Listener, Machine
from cultivar.model import Answer, Json, OpenQuestion
from cultivar.settings import NO_MODEL, Settings, load_settings
from cultivar.templating.template import Template
from cultivar.wiring import Services, line_of

if TYPE_CHECKING:
    from cultivar.learning.telling.publishing import Publisher

_LAST_SECONDS: Final = 0.4
"""How long the end of a run may wait for the bus."""

Ask = Callable[[OpenQuestion], Json]
"""Puts an open question to a person; returns the answer."""


class Opened:
    """Services that are open, and what runs over them.

    Args:
        settings: What was set; read from the current folder where it is not given.
        services: Services that stand in for ours, by the type that they are asked for with.
        listener: Hears the steps of runs.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        services: Mapping[type[Any], object] | None = None,
        listener: Listener | None = None,
    ) -> None:
        self.services = Services(settings or load_settings(), services or {})
        if listener is not None:
            self.listen(listener)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what was opened."""
        self.services.close()

    def listen(self, listener: Listener) -> None:
        """Let `listener` hear the steps of runs from now on."""
        self.services.listeners.append(listener)

    def _machine(self, graph: str) -> tuple[Machine, Graph]:
        build = self.services.need(Definitions).graph(graph)
        return self.services.need(Machine), build(Context(services=self.services))

    def _converse(self, graph_name: str, run_id: str, halt: Halt, ask: Ask | None) -> Halt:
        """Put the run's questions to a person until it ends, or there is nobody to ask."""
        machine, graph = self._machine(graph_name)
        while halt.question is not None and ask is not None:
            answer = ask(halt.question)
            if halt.question.secret and answer is not None:
                self.services.need(Vault).hold(run_id, {halt.question.name: answer})
                answer = None
            halt = machine.reply(graph, run_id, answer)
        return halt

    @contextmanager
    def _publishing(self) -> Generator[None]:
        """Tell others what is recorded meanwhile, where there is a bus; the rest waits its turn."""
        publisher = self._publisher()
        if publisher is not None:
            publisher.prepare()
        yield
        if publisher is not None:
            line = line_of(self.services)
            publisher.publish_pending(0 if line.is_hanging else _LAST_SECONDS)

    def _publisher(self) -> Publisher | None:
        """Who tells others what this ledger records; None where there is no bus."""
        if not self.services.settings.bus.url:
            return None
        from cultivar.learning.telling.publishing import Publisher

        self.services.need(Ledger)
        return self.services.given(Publisher)

    @contextmanager
    def _failing(self, run_id: str) -> Generator[None]:
        try:
            yield
        except CultivarError as error:
            error.run_id = run_id
            self.services.need(Ledger).finish(run_id, "failed", error=str(error))
            raise


def without_secrets(
    template: Template, given: Mapping[str, object], run_id: str, vault: Vault
) -> tuple[Answer, ...]:
    """A user's answers as an order may hold them; the secrets among them go to the vault."""
    open_ones = dict(given)
    secret = {question.name for question in template.questions if question.secret}
    vault.hold(run_id, {name: cast("Json", open_ones.pop(name)) for name in secret & set(given)})
    return tuple(_said(name, value) for name, value in open_ones.items())


def warm_up_model(settings: Settings) -> None:
    """Begin to load the model's library, where there is a model."""
    if settings.model.name.strip() in NO_MODEL:
        return
    from cultivar.llm.choose import warm_up

    warm_up(settings.model)


def _said(name: str, value: object) -> Answer:
    """A user's answer as it was given; it is read by its question later."""
    if not isinstance(value, str | bool | int | float | list | dict | None):
        raise AnswerError(name, value, why=f"{type(value).__name__} is not a value of JSON.")
    return Answer(name=name, value=cast("Json", value), source="user", confidence=1.0)
