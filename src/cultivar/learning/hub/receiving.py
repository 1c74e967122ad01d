"""Works off what instances publish: read, checked, kept, counted; what is no good is set aside.

The invariant: when a batch is done, each of its messages is counted, was counted before, or is a
dead letter that says why.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from cultivar.bus.base import Bus, BusUnavailableError, Delivery, Message
from cultivar.bus.subjects import DEAD_LETTER, GENERATION, sender_of
from cultivar.learning.hub.limits import Limits
from cultivar.learning.hub.metrics import Metrics
from cultivar.learning.hub.store import HubStore, Ingested
from cultivar.learning.telling.messages import GenerationMessage, decoded
from cultivar.ledger.columns import storable

DURABLE: Final = "hub"
"""Under which name the bus remembers what is done."""

_LONGEST: Final = 900
"""Bytes of template, version and instance together: an index takes few more beside the answers."""

_REMEMBERED: Final = 4096
"""Names that are remembered: a batch tells mostly of the same ones."""

_HEARD: Final = 50_000
"""Of so many of the latest messages it is known that they were heard."""

_OLDEST: Final = datetime(2000, 1, 1, tzinfo=UTC)


class _Letter(Exception):  # noqa: N818 (it says where a message goes)
    """A message that is set aside.

    Args:
        why: What is wrong with it.
        counted_as: Under which name it is counted, beside all dead letters.
    """

    def __init__(self, why: str, counted_as: str = "") -> None:
        super().__init__(why)
        self.counted_as = counted_as


class Receiver:
    """The handler of the stream of generations.

    Args:
        bus: Where dead letters go.
        store: Where the rest goes.
        limits: How much of each instance is heard.
        metrics: Where it is counted.
        changed: Is told what became of each batch.
    """

    def __init__(
        self,
        bus: Bus,
        store: HubStore,
        limits: Limits,
        metrics: Metrics,
        changed: Callable[[Ingested], None],
    ) -> None:
        self._bus, self._store, self._limits = bus, store, limits
        self._metrics, self._changed = metrics, changed
        self._heard: dict[int, None] = {}
        self._last: tuple[int, float] = (0, 0.0)

    def lag(self, full: int) -> float:
        """How many seconds lie between the making of the newest message and its counting.

        Args:
            full: How many messages a batch holds at most; after a smaller one nothing waits.
        """
        number, age = self._last
        return age if number >= full else 0.0

    def __call__(self, batch: Sequence[Delivery]) -> None:
        """Work off a batch."""
        began = time.monotonic()
        self._metrics.add(received=len(batch))
        good: list[GenerationMessage] = []
        letters: list[tuple[Message, _Letter]] = []
        for each in batch:
            try:
                good.append(self._read(each))
            except _Letter as letter:
                letters.append((_letter(each, str(letter)), letter))
        ingested = self._store.ingest(good)
        self._bury(letters)
        self._note(ingested, len(batch), good)
        self._metrics.worked(time.monotonic() - began)

    def _read(self, delivery: Delivery) -> GenerationMessage:
        message = delivery.message
        sender = _sender(message.subject)
        try:
            found = decoded(message.data, sender)
        except (ValueError, RecursionError) as error:
            raise _Letter(str(error), "refused" if _is_claim(message, sender) else "") from error
        _refuse_odd(found)
        if self._store.retention.has_forgotten(found):
            raise _Letter("it is older than what the hub keeps", "too_old")
        if not self._hears(delivery.sequence, found.instance_id):
            raise _Letter(f"{found.instance_id!r} sends more than is heard of one", "limited")
        return found

    def _hears(self, sequence: int, instance_id: str) -> bool:
        """Whether a message is heard; one that comes again is no more than it was."""
        if sequence in self._heard:
            return True
        if not self._limits.allow(instance_id):
            return False
        if len(self._heard) >= _HEARD:
            del self._heard[next(iter(self._heard))]
        self._heard[sequence] = None
        return True

    def _bury(self, letters: Sequence[tuple[Message, _Letter]]) -> None:
        if not letters:
            return
        published = self._bus.publish_all([message for message, _ in letters])
        if published.failed:
            raise BusUnavailableError(f"Dead letters were not stored: {published.why}")
        reasons = Counter(why.counted_as for _, why in letters if why.counted_as)
        self._metrics.add(dead_lettered=len(letters), **reasons)

    def _note(self, ingested: Ingested, number: int, good: Sequence[GenerationMessage]) -> None:
        self._metrics.add(counted=ingested.counted, duplicates=ingested.repeated)
        now = datetime.now(UTC)
        ages = [(now - each.generated_at).total_seconds() for each in good if each.generated_at]
        self._last = (number, max(0.0, min(ages, default=0.0)))
        self._changed(ingested)


def _is_claim(message: Message, sender: str) -> bool:
    """Whether all that is wrong with a message is who it says it is from."""
    try:
        decoded(message.data)
    except (ValueError, RecursionError):
        return False
    return bool(sender)


def _refuse_odd(message: GenerationMessage) -> None:
    if not _fits(message.template_id, message.template_version, message.instance_id):
        raise _Letter("its template, version and instance are too long together")
    if message.generated_at is not None and message.generated_at < _OLDEST:
        raise _Letter("its time is before all that is counted")


@lru_cache(_REMEMBERED)
def _fits(*names: str) -> bool:
    return len("".join(map(storable, names)).encode()) <= _LONGEST


@lru_cache(_REMEMBERED)
def _sender(subject: str) -> str:
    return sender_of(GENERATION, subject)


def _letter(delivery: Delivery, why: str) -> Message:
    message = delivery.message
    return Message(
        subject=f"{DEAD_LETTER}.{DURABLE}",
        data=message.data,
        id=f"{DURABLE}-{message.subject}-{delivery.sequence}",
        headers={
            "Cultivar-Subject": message.subject,
            "Cultivar-Id": message.id,
            "Cultivar-Attempts": str(delivery.attempt),
            "Cultivar-Error": " ".join(why.split())[:500],
        },
    )
