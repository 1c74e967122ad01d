"""What the hub counts of its own work, in the text format of Prometheus."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Final

_HELP: Final = {
    "received": "Messages that were handed over; a message may be handed over again.",
    "counted": "Generations that were kept and counted.",
    "duplicates": "Messages about generations that were known.",
    "dead_lettered": "Messages that went to the dead letters.",
    "refused": "Of these, those that claimed another instance's id.",
    "limited": "Of these, those of instances that sent too many.",
    "too_old": "Of these, those of generations that are older than what is kept.",
    "insights": "Insights that were published.",
    "requests": "Requests that were answered.",
    "request_errors": "Of these, those that were answered with an error.",
    "batches": "Batches that were worked off.",
    "batch_seconds": "Seconds that batches took.",
}


class Metrics:
    """Counters that only grow; safe to use from several threads.

    What is counted at once is read at once: nobody finds the whole without its parts.
    """

    def __init__(self) -> None:
        self._counts = Counter[str]()
        self._seconds = 0.0
        self._lock = threading.Lock()

    def add(self, **numbers: int) -> None:
        """Count so many more under each of some names."""
        with self._lock:
            self._counts.update(numbers)

    def worked(self, seconds: float) -> None:
        """Count a batch that took so long."""
        with self._lock:
            self._counts["batches"] += 1
            self._seconds += seconds

    def __getitem__(self, name: str) -> float:
        """What was counted under a name."""
        return self._read()[name]

    def text(self) -> str:
        """All counters, as Prometheus reads them."""
        read = self._read()
        return "".join(
            f"# HELP cultivar_hub_{name}_total {meaning}\n"
            f"# TYPE cultivar_hub_{name}_total counter\n"
            f"cultivar_hub_{name}_total {read[name]:.12g}\n"
            for name, meaning in _HELP.items()
        )

    def _read(self) -> Mapping[str, float]:
        with self._lock:
            counts: dict[str, float] = {name: self._counts[name] for name in _HELP}
            return counts | {"batch_seconds": self._seconds}
