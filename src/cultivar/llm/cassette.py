"""Records the replies of a model to a file, and replays them without the model.

A cassette is YAML (or JSON, if its name ends so), keyed by the hash of what was asked.
"""

from __future__ import annotations

import difflib
import json
import os
import tempfile
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cultivar.errors import ModelUnavailableError, SettingsError
from cultivar.llm.base import ModelReply, ModelRequest, Provider
from cultivar.llm.redaction import Redactor
from cultivar.llm.replies import conversation, plain, request_hash, request_json
from cultivar.record import to_builtins

_DIFFERENCE = 40  # lines of a difference that are shown


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    model: str
    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)
    money: float = Field(default=0.0, ge=0)
    seconds: float = Field(default=0.0, ge=0)


class _Take(BaseModel):
    """One request and its reply."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hash: str
    request: dict[str, Any]
    reply: _Reply


class _Tape(BaseModel):
    """All that a cassette holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    takes: list[_Take] = Field(default_factory=list[_Take])


class CassettePlayer:
    """A `Provider` that answers from a cassette.

    What was recorded several times is replayed in that order; the last reply then repeats.

    Args:
        path: The cassette; read when it is first needed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tape: _Tape | None = None
        self._played: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The name as in the settings."""
        return f"cassette:{self._path}"

    def complete(self, request: ModelRequest) -> ModelReply:
        """Answer `request` as it was answered.

        Raises:
            ModelUnavailableError: It was never recorded; says how to, and what is nearest.
            SettingsError: The file is no cassette.
        """
        key = request_hash(request)
        with self._lock:
            tape = self._tape = self._tape or self._read()
            takes = [take for take in tape.takes if take.hash == key]
            turn = min(self._played[key], len(takes) - 1)
            self._played[key] += 1
        if not takes:
            raise self._unknown(request, tape)
        return ModelReply(**takes[turn].reply.model_dump())

    def _read(self) -> _Tape:
        if not self._path.is_file():
            raise ModelUnavailableError(f"There is no cassette `{self._path}`.", self._recording)
        return _read(self._path)

    def _unknown(self, request: ModelRequest, tape: _Tape) -> ModelUnavailableError:
        return ModelUnavailableError(
            f"The cassette `{self._path}` has no reply to this request of `{request.purpose}` "
            f"({request_hash(request)[:12]}).{_nearest(request, tape)}",
            self._recording,
        )

    @property
    def _recording(self) -> str:
        return (
            f"Record it: run again with `CULTIVAR_MODEL__RECORD={self._path}` (or the setting "
            "`model.record`) and `model.name` set to a real model."
        )


class CassetteRecorder:
    """A `Provider` that passes requests on, and records each reply.

    What is asked again by this recorder is appended; what an earlier one recorded of the same
    request is replaced. Failures are not recorded.

    Args:
        provider: Who answers.
        path: The cassette to write.
        redactor: Knows the secrets that must not be in it.
    """

    def __init__(self, provider: Provider, path: Path, redactor: Redactor | None = None) -> None:
        self._provider, self._path = provider, path
        self._redactor = redactor or Redactor()
        self._mine: set[str] = set()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The name of the model that answers."""
        return self._provider.name

    def complete(self, request: ModelRequest) -> ModelReply:
        """Answer `request`, and record how.

        Raises:
            ProviderError: The provider did not answer.
            ModelUnavailableError: It never will, as things are configured.
            SettingsError: The cassette cannot be read or written.
        """
        reply = self._provider.complete(request)
        said = to_builtins(reply) | {"text": self._redactor.text(plain(reply.text))}
        asked = self._redactor.json(request_json(request))
        take = _Take.model_validate(
            {"hash": request_hash(request), "request": asked, "reply": said}
        )
        with self._lock:
            self._add(take)
        return reply

    def _add(self, take: _Take) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._path.with_name(f".{self._path.name}.lock")):
                known = _read(self._path).takes if self._path.is_file() else []
                stale = take.hash not in self._mine
                kept = [each for each in known if not (stale and each.hash == take.hash)]
                _write(self._path, _Tape(takes=[*kept, take]))
        except OSError as error:
            raise SettingsError(
                f"The cassette `{self._path}` cannot be written: {error.strerror}.",
                "Set `model.record` to a file that can.",
            ) from error
        self._mine.add(take.hash)


def _read(path: Path) -> _Tape:
    try:
        return _Tape.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError, UnicodeDecodeError) as error:
        why = str(error).splitlines()[0]
        raise SettingsError(
            f"`{path}` is no cassette: {why}.", "Delete it and record it again."
        ) from error


def _write(path: Path, tape: _Tape) -> None:
    """Replace `path` in one step: a reader sees the old cassette or the new one."""
    data = tape.model_dump()
    text = json.dumps(data, indent=1) if path.suffix == ".json" else _yaml(data)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, so that people can read and review them."""


def _text(_: yaml.SafeDumper, value: str) -> yaml.Node:
    style = "|" if "\n" in value else None
    return yaml.ScalarNode("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def _yaml(data: Mapping[str, Any]) -> str:
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def _nearest(request: ModelRequest, tape: _Tape) -> str:
    """How the recorded request that is most like `request` differs from it."""
    asked = conversation(request_json(request))
    texts = [conversation(take.request) for take in tape.takes]
    if not texts:
        return " It is empty."
    likeness = difflib.SequenceMatcher(b=asked, autojunk=False)

    def score(text: str) -> float:
        likeness.set_seq1(text)
        return likeness.quick_ratio()

    lines = difflib.unified_diff(
        max(texts, key=score).splitlines(),
        asked.splitlines(),
        "recorded",
        "asked",
        lineterm="",
        n=1,
    )
    shown = list(lines)[:_DIFFERENCE]
    return "\nThe nearest recorded request differs:\n" + "\n".join(shown) + "\n"
