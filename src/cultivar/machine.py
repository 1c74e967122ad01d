"""Compile and run a graph: checkpoints after every step, events while it runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast, get_args, get_origin, get_type_hints

from cultivar import model
from cultivar.errors import StoreUnavailableError, UsageError
from cultivar.graph import END, START, Choice, Graph
from cultivar.model import OpenQuestion
from cultivar.ownership import make_private
from cultivar.record import Record

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
    from langgraph.graph import StateGraph


class StepStarted(Record):
    """A step of a run began."""

    run_id: str
    step: str


class StepFinished(Record):
    """A step of a run ended, and its checkpoint is kept."""

    run_id: str
    step: str
    seconds: float


_MOST_STEPS: Final = 10_000
"""Of one run: a graph without end stops here; trials take some hundreds."""

Event: TypeAlias = StepStarted | StepFinished
"""What a listener hears."""

Listener: TypeAlias = Callable[[Event], None]
"""Hears the events of runs, in their order, in the thread that runs them."""


OpenCheckpointer: TypeAlias = "Callable[[], BaseCheckpointSaver[Any]]"
"""Opens where checkpoints are kept, or hands out what is open."""


class Halt(Record):
    """Where a run stopped: at its end, or at a question to a person."""

    values: Mapping[str, Any]
    """The state's values."""
    question: OpenQuestion | None = None
    """What must be answered before it goes on."""


class Machine:
    """Runs graphs, so that a run that was killed anywhere goes on where it was.

    Durability is synchronous: a step's checkpoint is on the disk before the next step begins. The
    step that was interrupted runs again, so steps are idempotent.
    """

    def __init__(self, checkpointer: OpenCheckpointer, listener: Listener) -> None:
        self._open = checkpointer
        self._listener = listener

    def open(self) -> None:
        """Open where checkpoints are kept, as the first run would.

        Raises:
            StoreUnavailableError: It cannot be opened.
        """
        self._open()

    def start(
        self, graph: Graph, run_id: str, values: Mapping[str, Any], *, durable: bool = True
    ) -> Halt:
        """Run `graph` from its start, with `values` as its first state.

        Args:
            graph: What to run.
            run_id: What it is known by.
            values: Its first state.
            durable: Whether it can be resumed where it was. One that cannot is not slowed by
                checkpoints; it must neither ask a person nor do what costs to do again.
        """
        return self._run(graph, run_id, values) if durable else self._walk(graph, run_id, values)

    def resume(self, graph: Graph, run_id: str) -> Halt:
        """Go on with an interrupted run; one that ended stays as it is.

        Of a run that was interrupted before its first checkpoint, there are no values.

        Raises:
            UsageError: Another version of Cultivar kept it in another form.
        """
        return self._run(graph, run_id, None) if self._kept(graph, run_id) else Halt(values={})

    def change(self, graph: Graph, run_id: str, values: Mapping[str, Any]) -> None:
        """Change the state of a run that was interrupted, before it goes on.

        One without a state, which has to start anew, is left alone.

        Raises:
            UsageError: Another version of Cultivar kept it in another form.
        """
        if self._kept(graph, run_id):
            config: Any = {"configurable": {"thread_id": run_id}}
            self._compiled(graph).update_state(config, dict(values))

    def reply(self, graph: Graph, run_id: str, answer: model.Json) -> Halt:
        """Go on with a run that waits, with `answer` to its question."""
        from langgraph.types import Command

        return self._run(graph, run_id, Command(resume={"answer": answer}))

    def forget(self, run_id: str) -> None:
        """Drop the checkpoints of a run whose end is recorded: it is never resumed."""
        with _explained():
            self._open().delete_thread(run_id)

    def _kept(self, graph: Graph, run_id: str) -> Mapping[str, Any]:
        """The values of a run's checkpoint; none where it has none."""
        config: Any = {"configurable": {"thread_id": run_id}}
        with _explained():
            values: Mapping[str, Any] = self._compiled(graph).get_state(config).values
        hints = get_type_hints(graph.state)
        if all(_is_of(hints[name], values[name]) for name in values.keys() & hints.keys()):
            return values
        raise UsageError(
            f"Another version of Cultivar kept the run {run_id!r}, in another form.",
            "Resume it with the version that began it, or begin it anew.",
        )

    def _compiled(self, graph: Graph) -> Any:
        made: Any = state_graph(graph)
        with _explained():
            return made.compile(checkpointer=self._open())

    def _run(self, graph: Graph, run_id: str, given: Any) -> Halt:
        compiled = self._compiled(graph)
        config: Any = {"configurable": {"thread_id": run_id}, "recursion_limit": _MOST_STEPS}
        begun: dict[str, float] = {}
        with _explained():
            for event in compiled.stream(given, config, stream_mode="tasks", durability="sync"):
                self._tell(run_id, cast("dict[str, Any]", event), begun)
            return self._halt(compiled, config)

    def _walk(self, graph: Graph, run_id: str, values: Mapping[str, Any]) -> Halt:
        state, step = dict(values), graph.after(START, values)
        while step != END:
            self._listener(StepStarted(run_id=run_id, step=step))
            begun = time.perf_counter()
            state.update(graph.steps[step](state))
            seconds = time.perf_counter() - begun
            self._listener(StepFinished(run_id=run_id, step=step, seconds=seconds))
            step = graph.after(step, state)
        return Halt(values=state)

    def _tell(self, run_id: str, event: dict[str, Any], begun: dict[str, float]) -> None:
        key, step = event["id"], event["name"]
        if "input" in event:
            begun[key] = time.perf_counter()
            self._listener(StepStarted(run_id=run_id, step=step))
        elif not event.get("interrupts"):
            seconds = time.perf_counter() - begun.get(key, time.perf_counter())
            self._listener(StepFinished(run_id=run_id, step=step, seconds=seconds))

    def _halt(self, compiled: Any, config: Any) -> Halt:
        snapshot = compiled.get_state(config)
        open_ones = [interrupt.value for task in snapshot.tasks for interrupt in task.interrupts]
        return Halt(values=snapshot.values, question=open_ones[0] if open_ones else None)


def state_graph(graph: Graph) -> StateGraph[Any]:
    """LangGraph's form of `graph`, not compiled yet."""
    from langgraph.graph import StateGraph

    made: Any = StateGraph(graph.state)
    for name, step in graph.steps.items():
        made.add_node(name, step)
    for name, edge in graph.edges.items():
        if isinstance(edge, Choice):
            made.add_conditional_edges(name, edge.decide, list(edge.among))
        else:
            made.add_edge(name, edge)
    return cast("StateGraph[Any]", made)


@contextmanager
def open_checkpointer(home: Path, database_url: str) -> Generator[BaseCheckpointSaver[Any]]:
    """Open the checkpoints: beside a SQLite ledger, or in the ledger's PostgreSQL.

    Args:
        home: The folder where `checkpoints.db` is.
        database_url: SQLAlchemy's address of the ledger.

    Raises:
        StoreUnavailableError: They cannot be opened.
    """
    if database_url.startswith("postgresql"):
        with _open_postgres(database_url) as saver:
            yield saver
        return
    import sqlite3

    from langgraph.checkpoint.sqlite import SqliteSaver

    try:
        make_private(home / "checkpoints.db")
        connection = sqlite3.connect(home / "checkpoints.db", check_same_thread=False, timeout=30)
    except (OSError, sqlite3.Error) as error:
        raise StoreUnavailableError(
            f"The checkpoints in `{home}` cannot be opened: {error}.",
            "Make the folder writable, or set another `home`.",
        ) from error
    try:
        saver = SqliteSaver(connection, serde=_serializer())
        saver.setup()
    except sqlite3.Error as error:
        connection.close()
        raise StoreUnavailableError(
            f"`{home / 'checkpoints.db'}` is damaged: {error}.",
            "Move it away; runs that were interrupted cannot be resumed then.",
        ) from error
    try:
        yield saver
    finally:
        connection.close()


@contextmanager
def _open_postgres(database_url: str) -> Generator[BaseCheckpointSaver[Any]]:
    try:
        from langgraph.checkpoint.postgres import PostgresSaver
    except ImportError as error:
        raise StoreUnavailableError(
            "PostgreSQL needs more packages.", "Run `pip install 'cultivar[postgres]'`."
        ) from error
    address = database_url.replace("postgresql+psycopg://", "postgresql://", 1)
    with PostgresSaver.from_conn_string(address) as saver:
        saver.serde = _serializer()
        saver.setup()
        yield saver


@contextmanager
def _explained() -> Generator[None]:
    """Turn the errors of where checkpoints are kept into ours."""
    import sqlite3

    broken: tuple[type[Exception], ...] = (sqlite3.Error,)
    if (server := sys.modules.get("psycopg")) is not None:  # a file does without
        broken = (*broken, server.Error)
    try:
        yield
    except broken as error:
        raise StoreUnavailableError(
            f"The checkpoints cannot be used: {error}.",
            "See that they are there, that nobody holds them, and that the disk has room; then "
            "`cultivar resume` the run.",
        ) from error


def _is_of(hint: Any, value: object) -> bool:
    """Whether a value came back as the record that it was.

    The serializer makes a dictionary of one that it does not know.
    """
    if get_origin(hint) is tuple:
        return all(_is_of(get_args(hint)[0], each) for each in cast("tuple[object, ...]", value))
    return not (isinstance(value, dict) and isinstance(hint, type) and issubclass(hint, Record))


def _serializer() -> JsonPlusSerializer:
    """A serializer that brings back our types and no others."""
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

    from cultivar import lifecycle, upgrades

    ours = [
        (kind.__module__, kind.__qualname__)
        for room in (model, lifecycle, upgrades)
        for kind in vars(room).values()
        if isinstance(kind, type) and issubclass(kind, Record) and kind.__module__ == room.__name__
    ]
    return JsonPlusSerializer(allowed_msgpack_modules=ours)
