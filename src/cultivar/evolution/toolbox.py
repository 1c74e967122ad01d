"""Tools that leave a record of each use.

The invariant: a use is recorded as it began, whatever the tool does to what it is given; and no
trouble of the record's is the caller's.
"""

from __future__ import annotations

import hashlib
import inspect
import queue
import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from cultivar.evals.trying.spelling import CUT, STRANGE, spelled
from cultivar.ledger.improvements import ExecutionLog
from cultivar.lifecycle import Artifact, Execution
from cultivar.llm.redaction import Redactor
from cultivar.model import Json
from cultivar.record import Record, replace
from cultivar.templating.shapes import is_mapping
from cultivar.tool import Tool
from cultivar.tree import Tree, read_entry

KEPT: Final = 16 << 10
"""So many bytes of a value are kept; of a longer one, its hash and its beginning."""

_MESSAGE: Final = 2000
_WAITING: Final = 10_000
_LARGE: Final = 1000
"""A value of more parts than this is not copied part by part while a caller waits."""

GiveCanary = Callable[[str, str, str], tuple[Tool[..., Any], str] | None]
"""By a tool's name, its tree hash and the session: another version with its tree hash, or None."""

See = Callable[[Execution], None]
"""Takes note of a use. It must return at once, and raise nothing."""


class Records(Record):
    """Where uses are recorded.

    Args:
        log: The record.
        redactor: Masks the secrets that are known.
        waits: Whether keeping a use takes time, so that it is done beside.
    """

    log: ExecutionLog
    redactor: Redactor
    waits: bool = True


class Recorder:
    """Keeps uses, one after the other, beside whoever makes them.

    Args:
        records: Where.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._waiting: queue.Queue[Execution | None] = queue.Queue(_WAITING)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self.lost = 0
        """How many uses could not be kept."""
        self.trouble = ""
        """Why the last of them could not."""

    def keep(self, execution: Execution) -> None:
        """Keep a use; who calls it goes on at once."""
        if not self._records.waits:
            self._keep(execution)
            return
        self._begin()
        try:
            self._waiting.put_nowait(execution)
        except queue.Full:
            self.lost += 1
            self.trouble = "Uses come faster than they can be kept."

    def flush(self) -> None:
        """Return when all is kept that came until now."""
        if self._thread is not None:
            self._waiting.join()

    def close(self) -> None:
        """Keep what waits, and end."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._waiting.put(None)
            thread.join()

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while (execution := self._waiting.get()) is not None:
            self._keep(execution)
            self._waiting.task_done()
        self._waiting.task_done()

    def _keep(self, execution: Execution) -> None:
        try:
            self._records.log.add_execution(finished(execution, self._records.redactor))
        except Exception as error:  # who uses a tool has nothing to do with its record
            self.lost += 1
            self.trouble = str(error) or type(error).__name__


class RecordedToolbox:
    """The tools by name, each of whose uses is recorded.

    Args:
        load: Loads a tool.
        find: Finds its file.
        recorder: Keeps its uses.
        instance_id: Who we are.
        canary: Gives some sessions another version than that of the file.
    """

    def __init__(
        self,
        load: Callable[[str], Tool[..., Any]],
        find: Callable[[str], Path],
        recorder: Recorder,
        instance_id: str = "",
        canary: GiveCanary | None = None,
    ) -> None:
        self._load, self._find = load, find
        self._recorder, self._instance_id = recorder, instance_id
        self._canary = canary
        self._session = uuid.uuid4().hex
        """Whoever has this toolbox is one session, which sees one version of a tool."""

    def __call__(self, name: str) -> Tool[..., Any]:
        """The tool called `name`; what it returns and raises is as it would be without a record.

        Raises:
            DefinitionError: There is none.
        """
        path = self._find(name)
        tree_hash = Tree({path.name: read_entry(path)}).hash
        given = self._canary(name, tree_hash, self._session) if self._canary else None
        tool, tree_hash = given or (self._load(name), tree_hash)
        began = Execution(
            id=self._session,
            artifact=Artifact(kind="tool", name=name),
            tree_hash=tree_hash,
            inputs={},
            instance_id=self._instance_id,
            executed_at=datetime.now(UTC),
        )
        return replace(tool, call=recorded(tool.call, began, self._recorder.keep))


def recorded(call: Callable[..., Any], began: Execution, keep: See) -> Callable[..., Any]:
    """The function, of whose every call a record is kept.

    Args:
        call: The function.
        began: What is the same for all of its uses; its id is that of the session, or empty.
        keep: Keeps one.
    """
    signature = inspect.signature(call)

    @wraps(call)
    def recording(*args: Any, **kwargs: Any) -> Any:
        inputs = _inputs(signature, args, kwargs)
        if inputs is None:
            return call(*args, **kwargs)  # it raises what Python raises, and is no use
        at, start = datetime.now(UTC), time.perf_counter()
        use = replace(began, id=_use_id(began.id), inputs=inputs, executed_at=at)
        try:
            output = call(*args, **kwargs)
        except BaseException as error:
            seconds = time.perf_counter() - start
            name, message = type(error).__name__, _words(error)
            keep(replace(use, error=name, message=message, seconds=seconds))
            raise
        seconds = time.perf_counter() - start
        keep(replace(use, output=_copied(output), seconds=seconds))
        return output

    return recording


def _use_id(session: str) -> str:
    """A new id, which says by what is after its point to which session the use belongs."""
    return f"{uuid.uuid4()}.{session}" if session else str(uuid.uuid4())


def finished(execution: Execution, redactor: Redactor) -> Execution:
    """The use as it is kept: masked, and what is too large cut."""
    inputs = {name: _kept(value) for name, value in execution.inputs.items()}
    return replace(
        execution,
        inputs=cast("Mapping[str, Json]", redactor.json(inputs)),
        output=redactor.json(_kept(execution.output)),
        message=redactor.text(execution.message)[:_MESSAGE],
    )


def _inputs(
    signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Json] | None:
    """What it is given, by parameter, as it is now; None where its parameters are others."""
    try:
        given = dict(signature.bind(*args, **kwargs).arguments)
    except TypeError:
        return None
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD and name in given:
            given |= given.pop(name)
    return {name: _copied(value) for name, value in given.items()}


def _copied(value: Any) -> Json:
    """The value as it is now, whatever is done to it later."""
    if value is None or type(value) in (bool, int, float, str):
        return cast("Json", value)
    try:
        return cast("Json", _encoded(value) if _is_large(value) else spelled(value))
    except Exception:  # it is somebody's object, and reading it may raise anything
        return {STRANGE: type(value).__qualname__, "repr": "it cannot be read"}


def _is_large(value: Any) -> bool:
    """Whether to copy it part by part would take its user's time."""
    waiting, found = [value], 0
    while waiting and found <= _LARGE:
        parts = _parts(waiting.pop())
        found += len(parts)
        waiting += parts if found <= _LARGE else ()
    return found > _LARGE


def _parts(value: Any) -> Collection[Any]:
    if is_mapping(value):
        return value.values()
    return cast("Collection[Any]", value) if isinstance(value, list | tuple) else ()


def _encoded(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value, enc_hook=repr))


def _kept(value: Any) -> Any:
    """A copied value as it is kept: of a large one, its hash and how it begins."""
    made: Any = value if isinstance(value, msgspec.Raw) else spelled(value)
    text = bytes(made) if isinstance(made, msgspec.Raw) else msgspec.json.encode(made)
    if len(text) > KEPT:
        begins = text[: KEPT // 8].decode(errors="ignore")
        return {CUT: hashlib.sha256(text).hexdigest(), "length": len(text), "begins": begins}
    return spelled(msgspec.json.decode(text)) if isinstance(made, msgspec.Raw) else made


def _words(error: BaseException) -> str:
    try:
        return str(error)[:_MESSAGE]
    except Exception:  # its own words are somebody's code, which may raise anything
        return ""
