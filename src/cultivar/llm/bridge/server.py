"""The bridge: models for instances that have no key, over the bus."""

from __future__ import annotations

from contextlib import ExitStack, closing, suppress
from functools import partial
from typing import Final

from msgspec import json

from cultivar.bus.base import Bus, BusUnavailableError, Message
from cultivar.bus.subjects import MODEL_REQUEST
from cultivar.ledger.base import CallRecord
from cultivar.llm.bridge.allowance import Allowances
from cultivar.llm.bridge.answering import BUSY, Answering
from cultivar.llm.bridge.asking import Asking
from cultivar.llm.bridge.models import Models
from cultivar.llm.bridge.protocol import RESPONSE
from cultivar.llm.choose import choose_provider, warm_up
from cultivar.llm.redaction import Redactor
from cultivar.llm.retrying import Retrying
from cultivar.settings import Settings

SUBJECTS: Final = (MODEL_REQUEST, f"{MODEL_REQUEST}.*")
"""Where it is asked."""

_WAITING: Final = 7
"""How many requests may wait for each that is with the provider."""

_SPARE: Final = 4
"""Further threads, which tell who comes when all places are taken."""


class Bridge:
    """Answers model calls, in the background, until it is closed; the bus stays open.

    Args:
        bus: The bus.
        settings: Which models, and how much of them each instance may use.
        record: Where it is kept what instances used.
        redactor: Knows the secrets that nobody is told.

    Raises:
        SettingsError: No model is set that a bridge could ask.
        BusUnavailableError: The bus does not answer.
    """

    def __init__(
        self, bus: Bus, settings: Settings, record: CallRecord, redactor: Redactor
    ) -> None:
        self._models = _models(settings, redactor)
        loading = warm_up(settings.model)
        asking = Asking(
            self._models,
            Allowances(record, settings.bridge),
            concurrent=settings.bridge.concurrent,
            retrying=Retrying(retries=settings.model.retries),
            redactor=redactor,
            longest=settings.model.max_tokens,
        )
        if loading is not None:
            loading.join()
        places = settings.bridge.concurrent * (1 + _WAITING)
        self._answering = Answering(asking.outcome, places, partial(_post, bus))
        busy = json.encode(BUSY)
        with ExitStack() as begun:
            for subject in SUBJECTS:
                activity = bus.serve(subject, self._answering, places + _SPARE, busy)
                begun.enter_context(closing(activity))
            self._begun = begun.pop_all()

    @property
    def models(self) -> tuple[str, ...]:
        """The names of what it offers; the first answers who names none."""
        return self._models.names

    def close(self, grace: float = 10.0) -> None:
        """Answer what is in hand, then end.

        Args:
            grace: Seconds after which what is left is given up, and its callers are told.
        """
        self._answering.close(grace)
        self._begun.close()


def _models(settings: Settings, redactor: Redactor) -> Models:
    choose = partial(choose_provider, redactor=redactor)
    return Models(settings.model, settings.bridge.models, choose)


def _post(bus: Bus, answer: bytes) -> None:
    """Tell an answer to whoever listens; where the bus is gone, nobody does."""
    with suppress(BusUnavailableError):
        bus.send(Message(subject=RESPONSE, data=answer))
