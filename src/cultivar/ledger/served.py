"""A ledger in a process of its own, so that its libraries load while this one does other work.

`LedgerProcess` starts it, and stands for it; `python -m cultivar.ledger.served` is the other end.
The invariant: a call has returned only when what it asked for is done, or has failed as it would
have failed here.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Final

from cultivar.errors import CultivarError, StoreUnavailableError

if TYPE_CHECKING:
    from cultivar.ledger.sql import SqlLedger

_LENGTH: Final = struct.Struct("<Q")
_STORES: Final = frozenset({"content", "verdicts", "patterns", "calls"})


def pays() -> bool:
    """Whether a second process gains anything: on one processor it would only be in the way."""
    return len(os.sched_getaffinity(0)) > 1


class LedgerProcess:
    """A ledger that another process opens; its methods are those of `SqlLedger`.

    It begins to load at once, and waits to be told its address. It ends with this process,
    whatever ends that.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # -P: nothing that lies in the current folder is taken for a module.
        command = [sys.executable, "-P", "-m", __name__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def open(self, url: str) -> LedgerProcess:
        """Open the ledger at SQLAlchemy's address `url`.

        Raises:
            SettingsError: The address is none.
            StoreUnavailableError: The database cannot be used.
        """
        self._call("", "open", url)
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return _Store(self._call, name) if name in _STORES else partial(self._call, "", name)

    def close(self) -> None:
        """Let the process end; it has done what it was asked, and nobody waits for it."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        threading.Thread(target=self._process.wait, daemon=True).start()

    def wait(self) -> None:
        """Wait until the process has ended."""
        self._process.wait()

    def _call(self, store: str, method: str, *arguments: Any, **named: Any) -> Any:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with self._lock:
            try:
                _send(stdin, (store, method, arguments, named))
                result, error = _receive(stdout)
            except (OSError, EOFError, ValueError) as gone:
                raise StoreUnavailableError(
                    "The process that keeps the ledger has ended.", "Run the command again."
                ) from gone
        if error is not None:
            raise error
        return result


class _Store:
    """One of the stores that share the ledger's database."""

    def __init__(self, call: Callable[..., Any], name: str) -> None:
        self._call, self._name = call, name

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return partial(self._call, self._name, method)


def _send(pipe: IO[bytes], message: object) -> None:
    content = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.write(_LENGTH.pack(len(content)) + content)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:
    """The next message; only our own process is at the other end."""
    (length,) = _LENGTH.unpack(_exactly(pipe, _LENGTH.size))
    return pickle.loads(_exactly(pipe, length))


def _exactly(pipe: IO[bytes], length: int) -> bytes:
    content = pipe.read(length)
    if len(content) < length:
        raise EOFError
    return content


def serve() -> None:
    """Answer calls on standard input until it ends."""
    # Ctrl-C is for whoever started us: they end us when they are done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from cultivar.ledger import sql

    ledger: SqlLedger | None = None
    with contextlib.suppress(EOFError, BrokenPipeError), contextlib.ExitStack() as stack:
        while True:
            store, method, arguments, named = _receive(sys.stdin.buffer)
            if method == "open":
                result, error = _tried(sql.open_ledger, arguments, named)
                ledger = stack.enter_context(result) if error is None else None
                result = None
            else:
                target = getattr(ledger, store) if store else ledger
                result, error = _tried(getattr(target, method), arguments, named)
            _send(sys.stdout.buffer, (result, error))


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
