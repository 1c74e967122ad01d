"""A provider that answers what it was told to, for tests and demonstrations."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from pydantic import BaseModel

from cultivar.errors import UsageError
from cultivar.llm.base import ModelReply, ModelRequest
from cultivar.model import Json

Line: TypeAlias = "str | BaseModel | Mapping[str, Json] | Sequence[Json] | ModelReply | Exception"
"""What to answer: a text as it is, a value as JSON, a whole reply, or an exception to raise."""

ScriptLine: TypeAlias = "Line | Callable[[ModelRequest], Line]"
"""A line, or a function that makes it of the request."""


class ScriptedModel:
    """A `Provider` that plays its lines in order, one a request.

    Args:
        lines: What to answer, in order.
        name: The model's name.
    """

    def __init__(self, *lines: ScriptLine, name: str = "scripted") -> None:
        self._name = name
        self._lines: deque[ScriptLine] = deque(lines)
        self._requests: list[ModelRequest] = []
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The model's name."""
        return self._name

    @property
    def requests(self) -> tuple[ModelRequest, ...]:
        """What it was asked so far, in order."""
        with self._lock:
            return tuple(self._requests)

    def enqueue(self, *lines: ScriptLine) -> None:
        """Append to the script."""
        with self._lock:
            self._lines.extend(lines)

    def complete(self, request: ModelRequest) -> ModelReply:
        """Answer `request` with the next line.

        Raises:
            UsageError: The script has run out. It is not "unavailable", which callers may well
                survive without anyone noticing that the script is too short.
        """
        line = self._next(request)
        return self._reply(line(request) if callable(line) else line)

    def _next(self, request: ModelRequest) -> ScriptLine:
        with self._lock:
            self._requests.append(request)
            if not self._lines:
                raise UsageError(
                    f"The script of the model {self._name!r} has no line for request "
                    f"{len(self._requests)}, of `{request.purpose}` for `{request.schema_name}`.",
                    "Enqueue one more, or find out why it is asked more often than expected.",
                )
            return self._lines.popleft()

    def _reply(self, line: Line) -> ModelReply:
        match line:
            case Exception():
                raise line
            case ModelReply():
                return line
            case str():
                return ModelReply(text=line, model=self._name)
            case BaseModel():
                return ModelReply(text=line.model_dump_json(), model=self._name)
            case _:
                return ModelReply(text=json.dumps(line), model=self._name)
