"""A ledger in a process of its own, so that its libraries load while this one does other work.

`LedgerProcess` starts it, and stands for it; `python -m cultivar.ledger.served` is the other end.
The invariant: calls are done in the order in which they are made, and each one that has an answer
has returned only when all before it is done too, or has failed as it would have failed here.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from cultivar.errors import CultivarError, NotKnownError, StoreUnavailableError
from cultivar.pipe import receive, send

if TYPE_CHECKING:
    from cultivar.ledger.outgoing import Outbox, Telling
    from cultivar.ledger.sql import SqlLedger
    from cultivar.lifecycle import Execution
    from cultivar.tree import Tree
    from cultivar.upgrades import Migration

_STORES: Final = frozenset({"verdicts", "patterns", "calls", "artifacts", "experiments"})
_SHARED: Final = frozenset({"tallies", "leases"})
"""Those that threads of their own may ask, too."""

_FILE: Final = "sqlite:///"

_KEEPING: Final = frozenset({"start", "record", "record_migration"})
"""What only keeps something, and has no answer."""

_FILLING: Final = frozenset({"record", "record_migration"})

_NOTHING: Final[Mapping[str, object]] = {
    "generations": (),
    "latest_at": None,
    "maker_of": None,
    "scripts_done": frozenset[str](),
}
"""What a ledger says that has no generation yet: a file that was not there needs no asking."""


def pays() -> bool:
    """Whether a second process gains anything: on one processor it would only be in the way."""
    return len(os.sched_getaffinity(0)) > 1


class LedgerProcess:
    """A ledger that another process opens; its methods are those of `SqlLedger`.

    It begins to load at once, and waits to be told its address. It ends with this process,
    whatever ends that. Nobody waits for it who needs no answer: what is only to be kept is handed
    over, and what went wrong with it is raised by the next call, `flush` and `close` included, but
    for calls of the tallies, the leases and the outbox, which threads of their own may make.
    """

    def __init__(self) -> None:
        # -P: nothing that lies in the current folder is taken for a module.
        command = [sys.executable, "-P", "-m", __name__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._line = ThreadPoolExecutor(max_workers=1)
        """One call after the other, in the order in which they are made."""
        self._handed_over: list[Future[object]] = []
        self._is_empty = False

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def content(self) -> _Content:
        """All trees."""
        return _Content(self)

    @property
    def outbox(self) -> Outbox:
        """What others are still to be told of generations."""
        return cast("Outbox", _Beside(self, "outbox"))

    @property
    def executions(self) -> _Executions:
        """Uses of tools and prompts."""
        return _Executions(self)

    def open(self, url: str, telling: Telling | None = None) -> LedgerProcess:
        """Open the ledger at SQLAlchemy's address `url`; a file is open when it is first needed.

        Args:
            url: The address.
            telling: Makes what others are told of each generation; a function of a module, or a
                `partial` of one, for it is the other process that calls it.

        Raises:
            SettingsError: The address is none.
            StoreUnavailableError: The database cannot be used.
        """
        if not url.startswith(_FILE):
            self.call("", "open", url, telling)
            return self
        self._is_empty = not Path(url.removeprefix(_FILE)).exists()
        self.hand_over("", "open", url, telling)
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in _STORES:
            return _Store(self, name)
        if name in _SHARED:
            return _Beside(self, name)
        if name in _KEEPING:
            return partial(self.hand_over, "", name)
        if self._is_empty and name in _NOTHING:
            return partial(_nothing, name)
        return partial(self.call, "", name)

    def migration(self, run_id: str) -> Migration:
        """The upgrade of that run, or of which it is the only prefix.

        Raises:
            NotKnownError: There is none, or more than one.
        """
        if self._is_empty:
            raise NotKnownError("upgrade", run_id)
        found: Migration = self.call("", "migration", run_id)
        return found

    def close(self) -> None:
        """Let the process end, once it has done what it was asked; nobody waits for its end.

        Raises:
            StoreUnavailableError: Some of it could not be kept.
        """
        self._line.shutdown()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        threading.Thread(target=self._process.wait, daemon=True).start()
        self._raise_failed()

    def wait(self) -> None:
        """Wait until the process has ended."""
        self._process.wait()

    def call(self, store: str, method: str, *arguments: Any, **named: Any) -> Any:
        """What a method of the ledger, or of one of its stores, returns or raises."""
        asked = self._line.submit(self._ask, (store, method, arguments, named))
        asked.exception()
        self._raise_failed()
        return asked.result()

    def call_beside(self, store: str, method: str, *arguments: Any, **named: Any) -> Any:
        """The same, for a thread to which nothing is told that others have handed over."""
        try:
            asked = self._line.submit(self._ask, (store, method, arguments, named))
        except RuntimeError as closed:
            raise StoreUnavailableError("The ledger is closed.", "Open it again.") from closed
        return asked.result()

    def hand_over(self, store: str, method: str, *arguments: Any, **named: Any) -> None:
        """Have a method do what it is to do, without waiting for it."""
        self._is_empty = self._is_empty and method not in _FILLING
        asked = self._line.submit(self._ask, (store, method, arguments, named))
        self._handed_over.append(asked)

    def _raise_failed(self) -> None:
        """Raise what went wrong first, of all that was handed over and is done."""
        done, self._handed_over = self._handed_over, []
        for each in done:
            each.result()

    def _ask(self, message: tuple[str, str, tuple[Any, ...], dict[str, Any]]) -> object:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            send(stdin, message)
            result, error = receive(stdout)
        except (OSError, EOFError, ValueError) as gone:
            raise StoreUnavailableError(
                "The process that keeps the ledger has ended.", "Run the command again."
            ) from gone
        if error is not None:
            raise error
        return result


class _Store:
    """One of the stores that share the ledger's database."""

    def __init__(self, process: LedgerProcess, name: str) -> None:
        self._process, self._name = process, name

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return partial(self._process.call, self._name, method)


class _Content(_Store):
    """The content store."""

    def __init__(self, process: LedgerProcess) -> None:
        super().__init__(process, "content")

    def put(self, tree: Tree) -> str:
        """Keep `tree`; returns its hash. Keeping it again changes nothing."""
        self._process.hand_over(self._name, "put", tree)
        return tree.hash


class _Executions(_Store):
    """The record of executions; nobody waits for it who only adds to it."""

    def __init__(self, process: LedgerProcess) -> None:
        super().__init__(process, "executions")

    def add_execution(self, execution: Execution) -> None:
        """Keep a use; a known id stays as it is."""
        self._process.hand_over(self._name, "add_execution", execution)


class _Beside(_Store):
    """A store that threads of their own ask."""

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return partial(self._process.call_beside, self._name, method)


def _nothing(method: str, *asked: object, **named: object) -> object:
    """What the method of an empty ledger returns, whatever it is asked for."""
    return _NOTHING[method]


def serve() -> None:
    """Answer calls on standard input until it ends."""
    gc.set_threshold(100_000, 50, 100)  # as the command line does, for the same reason
    # Ctrl-C is for whoever started us: they end us when they are done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from cultivar.ledger import sql

    ledger: SqlLedger | None = None
    with contextlib.suppress(EOFError, BrokenPipeError), contextlib.ExitStack() as stack:
        while True:
            store, method, arguments, named = receive(sys.stdin.buffer)
            if method == "open":
                result, error = _tried(sql.open_ledger, arguments, named)
                ledger = stack.enter_context(result) if error is None else None
                result = None
            else:
                target = getattr(ledger, store) if store else ledger
                result, error = _tried(getattr(target, method), arguments, named)
            send(sys.stdout.buffer, (result, error))


def _tried(
    call: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]
) -> tuple[Any, Exception | None]:
    try:
        return call(*arguments, **named), None
    except CultivarError as error:
        return None, error
    except Exception as error:  # it is raised where it was asked for
        return None, StoreUnavailableError(
            f"The ledger failed: {type(error).__name__}: {error}", "See `cultivar doctor`."
        )


if __name__ == "__main__":
    serve()
