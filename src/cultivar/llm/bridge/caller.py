"""The caller's side: a model that is behind a bridge, with no key here.

The invariant: whatever becomes of bridge, bus and provider, an attempt ends: a bridge that gives no
sign of life for a few seconds is taken for dead, and one that does for `model.timeout`.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable
from contextlib import closing
from typing import Final, cast

from msgspec import json

from cultivar.bus.base import BusDeniedError, BusUnavailableError, Message, RemoteError
from cultivar.bus.opening import Line
from cultivar.bus.subjects import MODEL_REQUEST, subject_of
from cultivar.errors import CultivarError, ModelUnavailableError
from cultivar.llm.base import ModelReply, ModelRequest, ProviderError, Tell
from cultivar.llm.bridge.protocol import (
    LARGEST,
    PATIENCE,
    Alive,
    Answer,
    Asked,
    BridgeBudgetSpentError,
    Piece,
    Refusal,
    read_part,
)
from cultivar.record import replace
from cultivar.settings import BRIDGE, Settings

_GRACE: Final = 2.0
"""Seconds beyond `model.timeout`, in which the bridge says what kept it."""

_LONGEST: Final = 4_000_000
"""Characters of one reply."""

_SHOWN: Final = 1000
"""Characters of what a bridge says of itself."""


class BridgeProvider:
    """A `Provider` whose model a bridge asks.

    Args:
        settings: `model.name` is `bridge`, or `bridge:NAME` for one of several models.
        line: The bus.
        patience: Seconds without a sign of life after which a bridge is taken for dead.
    """

    def __init__(self, settings: Settings, line: Line, patience: float = PATIENCE) -> None:
        self._settings, self._line, self._patience = settings, line, patience
        self._has_heard = False
        self._subject = subject_of(MODEL_REQUEST, settings.instance_id)

    @property
    def name(self) -> str:
        """The model's name, as in the settings."""
        return self._settings.model.name.strip()

    def complete(self, request: ModelRequest) -> ModelReply:
        """Answer `request`.

        Raises:
            ProviderError: No bridge answered, or its provider did not; says whether trying again
                may help.
            ModelUnavailableError: It never will, as things are.
            BudgetSpentError: The bridge pays for no more calls of this instance just now.
        """
        return self._answer(self._asked(request), _nobody)

    def stream(self, request: ModelRequest, tell: Tell) -> ModelReply:
        """Answer `request`, and tell each piece of the text when it comes.

        Raises:
            ProviderError: As of `complete`, also after some pieces.
            ModelUnavailableError: As of `complete`.
            BudgetSpentError: As of `complete`.
        """
        return self._answer(replace(self._asked(request), stream=True), tell)

    def _answer(self, asked: Asked, tell: Tell) -> ModelReply:
        message = Message(subject=self._subject, data=_encoded(asked))
        hearing = _Hearing(self._settings.model.timeout, tell)
        try:
            answering = cast("Generator[bytes]", self._line.bus().stream(message, self._patience))
            with closing(answering):
                return hearing.reply(answering)
        except BusDeniedError as error:
            raise ModelUnavailableError(error.what, error.remedy) from error
        except RemoteError as error:
            raise ProviderError(f"The bridge failed: {error.what}", retry=True) from error
        except BusUnavailableError as error:
            raise self._silence(error, hearing) from error
        finally:
            self._has_heard = self._has_heard or hearing.has_begun

    def _asked(self, request: ModelRequest) -> Asked:
        return Asked(
            messages=request.messages,
            model=self.name.removeprefix(BRIDGE).removeprefix(":") or None,
            schema=dict(request.schema),
            schema_name=request.schema_name,
            purpose=request.purpose,
            timeout=self._settings.model.timeout,
            retries=0,  # the door asks again
            alive=True,
        )

    def _silence(self, error: BusUnavailableError, hearing: _Hearing) -> Exception:
        if hearing.has_begun:
            why = "The bridge fell silent in the middle of its answer"
            return ProviderError(f"{why}: {error.what}", retry=True)
        what = f"No bridge answers: {error.what}"
        remedy = "Start one with `cultivar bridge`, where the model's key is"
        if self._is_local and not self._has_heard:  # one that was there may well come back
            return ModelUnavailableError(
                what, f"{remedy}, or set `bus.url`; then `cultivar resume` the run."
            )
        return ProviderError(f"{what} {remedy}.", retry=True)

    @property
    def _is_local(self) -> bool:
        url = self._settings.bus.url
        return not url or url.startswith("file:")


class _Hearing:
    def __init__(self, timeout: float, tell: Tell) -> None:
        self._timeout, self._tell = timeout, tell
        self._began = time.monotonic()
        self.has_begun = False
        """Whether the bridge gave a sign of life."""

    def reply(self, parts: Iterable[bytes]) -> ModelReply:
        """The reply that comes in parts."""
        pieces: list[str] = []
        length = 0
        for data in parts:
            self.has_begun = True
            match read_part(data):
                case Piece(text=text):
                    pieces.append(text)
                    self._tell(text)
                    length += len(text)
                case Answer() as answer:
                    if answer.content:
                        self._tell(answer.content)
                    return self._whole("".join((*pieces, answer.content)), answer)
                case Refusal() as refusal:
                    raise error_of(refusal)
                case Alive():
                    pass
            self._check(length)
        raise ProviderError("The bridge's answer ended before its end.", retry=True)

    def _check(self, length: int) -> None:
        if time.monotonic() - self._began > self._timeout + _GRACE:
            why = f"No answer within {self._timeout:g} seconds; `model.timeout` says how many."
            raise ProviderError(why, retry=True)
        if length > _LONGEST:
            raise ProviderError(f"The answer has over {_LONGEST} characters.", retry=False)

    def _whole(self, text: str, answer: Answer) -> ModelReply:
        return ModelReply(
            text=text,
            model=answer.model,
            prompt_tokens=answer.usage.prompt_tokens,
            completion_tokens=answer.usage.completion_tokens,
            money=answer.usage.money,
            seconds=time.monotonic() - self._began,
        )


def _encoded(asked: Asked) -> bytes:
    data = json.encode(asked)
    if len(data) > LARGEST:
        why = f"The request has {len(data)} bytes; a bridge takes up to {LARGEST}."
        raise ProviderError(why, retry=False)
    return data


def _nobody(piece: str) -> None:
    """Hears nothing."""


def error_of(refusal: Refusal) -> CultivarError | ProviderError:
    """What a refusal means to who asked."""
    said, remedy = refusal.error[:_SHOWN], refusal.remedy[:_SHOWN]
    if refusal.reason == "budget" and refusal.budget is not None:
        return BridgeBudgetSpentError(refusal.budget)
    if refusal.reason == "model":
        there = f"Where the bridge runs: {remedy}" if remedy else ""
        return ModelUnavailableError(f"The bridge cannot ask its model: {said}", there)
    why = f"The bridge did not answer: {said} {remedy}".strip()
    return ProviderError(why, retry=refusal.retry, after=refusal.after)
