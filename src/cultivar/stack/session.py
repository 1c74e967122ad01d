"""One stack in one home: a lock, and files that say who runs it, and how one joins it."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any, Final

from filelock import FileLock, Timeout
from msgspec import DecodeError, json

from cultivar.errors import UnavailableError, UsageError, WriteError
from cultivar.stack.nats import write_private

_OWN_NAME: Final = "CULTIVAR_INSTANCE_ID"

_HEAD: Final = """\
# How a program joins the stack of `cultivar up`; written at its start, removed at its end.
# Read it into a shell with:  . {path}
"""


class Session:
    """The files of the stack of a home.

    Args:
        home: The folder.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self.log = home / "up.log"
        """What its parts say."""
        self.state = home / "up.json"
        """Who runs it, and where its parts are."""
        self.environment = home / "up.env"
        """How one joins it, for a shell to read; readable by its owner alone."""

    def tell(self, facts: Mapping[str, Any], joining: Mapping[str, str]) -> None:
        """Write down that it is ready.

        Args:
            facts: What there is to know of it.
            joining: The variables by which a program joins it.

        Raises:
            WriteError: `home` cannot be written to.
        """
        lines = [_exported(name, value) for name, value in joining.items()]
        head = _HEAD.format(path=quote(_on_one_line(str(self.environment))))
        with _explained(self._home):
            write_private(self.environment, head + "".join(lines))
        self.begin(facts)

    def begin(self, facts: Mapping[str, Any]) -> None:
        """Write down who runs it.

        Raises:
            WriteError: `home` cannot be written to.
        """
        with _explained(self._home):
            write_private(self.state, json.encode({"pid": os.getpid(), **facts}).decode())

    def forget(self) -> None:
        """Remove what is only true while it runs."""
        for each in (self.state, self.environment):
            each.unlink(missing_ok=True)


def _on_one_line(text: str) -> str:
    """`text` as a comment can hold it: what followed a line's end would be run."""
    return "".join(each if each.isprintable() else "?" for each in text)


def _exported(name: str, value: str) -> str:
    """The lines of a shell that set a variable; who has a name already keeps it."""
    if name == _OWN_NAME:
        return f'[ -n "${{{name}:-}}" ] || {name}={quote(value)}\nexport {name}\n'
    return f"export {name}={quote(value)}\n"


@contextmanager
def session(home: Path) -> Generator[Session]:
    """Be the one stack of a home, for as long as the block lasts, or this process.

    Args:
        home: The folder; it is made where it is missing.

    Raises:
        UsageError: Another one runs there.
        WriteError: The folder cannot be written to.
    """
    ours = Session(home)
    with _explained(home):
        lock = _locked(home)
    if lock is None:
        raise UsageError(
            f"`cultivar up` runs in `{home}` already{_by_whom(ours)}.",
            "Stop that one, or set `CULTIVAR_HOME` to another folder.",
        )
    try:
        ours.forget()
        ours.begin({})
        yield ours
    finally:
        ours.forget()
        lock.release()


def environment_of(home: Path) -> str:
    """What joins the stack that runs in a home, for a shell to read.

    Raises:
        UnavailableError: None runs there, or it is not ready yet.
    """
    if not _is_locked(home):
        raise UnavailableError(
            f"No stack runs in `{home}`.",
            "Start one with `cultivar up`, or join one of another home with `. HOME/up.env`.",
        )
    try:
        return Session(home).environment.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UnavailableError("The stack is not ready yet.", "Try again in a moment.") from error


@contextmanager
def _explained(home: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise WriteError(
            f"`{home}` cannot be written to: {error.strerror}.",
            "Make it writable, or set `CULTIVAR_HOME` to another folder.",
        ) from error


def _by_whom(ours: Session) -> str:
    try:
        pid = json.decode(ours.state.read_bytes(), type=dict[str, Any])["pid"]
    except (OSError, DecodeError, KeyError):
        return ""
    return f", as process {pid}"


def _is_locked(home: Path) -> bool:
    if not home.is_dir():
        return False
    with _explained(home):
        lock = _locked(home)
    if lock is not None:
        lock.release()
    return lock is None


def _locked(home: Path) -> FileLock | None:
    """The lock of a home, if nobody has it."""
    home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home / "up.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    return lock
