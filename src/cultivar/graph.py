"""How a state machine is declared: steps, and what follows which.

A declaration imports nothing. The machine makes LangGraph's `StateGraph` of it where a run has
something to lose (a person's word, a model's paid answer); where all that a run has done can be
done again at no cost, it walks the steps itself, and the library is never loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from cultivar.record import Record

START: Final = "__start__"
"""Where every run begins; the name is LangGraph's."""

END: Final = "__end__"
"""Where it ends."""

State: TypeAlias = "Mapping[str, Any]"
"""What is known at a step."""

Step: TypeAlias = Callable[[Any], Mapping[str, Any]]
"""Takes what is known, returns what it adds; may run twice and do no harm."""


class Choice(Record):
    """What follows a step, where that depends on what is known."""

    decide: Callable[[Any], str]
    among: tuple[str, ...]


class Graph(Record):
    """A state machine: its steps by name, and what follows each."""

    state: type[Any]
    """A `TypedDict` of all that may be known."""
    steps: Mapping[str, Step]
    edges: Mapping[str, str | Choice]
    """From `START` and from every step."""

    def after(self, step: str, state: State) -> str:
        """The step that follows `step` under `state`."""
        edge = self.edges[step]
        return edge.decide(state) if isinstance(edge, Choice) else edge


def graph_of(state: type[Any], *steps: Step, edges: Mapping[str, str | Choice]) -> Graph:
    """A graph whose steps follow each other in their order, but where `edges` says otherwise."""
    names = [step.__name__ for step in steps]
    following = dict(zip([START, *names], [*names, END], strict=True))
    return Graph(
        state=state,
        steps=dict(zip(names, steps, strict=True)),
        edges={**following, **edges},
    )
