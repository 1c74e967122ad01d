"""What was found for one question, and which of several findings holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cultivar.inference.lexicon import CORRECTIONS
from cultivar.inference.reading import Reading
from cultivar.model import Json
from cultivar.record import Record

SURE: Final = 0.6
"""A finding below it is a guess, which nobody is told."""


class Finding(Record):
    """A value that the task's words speak for."""

    value: Json
    confidence: float
    first: int
    last: int
    """The words that it goes by."""
    evidence: str = ""
    """What to say instead of quoting those words."""

    def quoted(self, reading: Reading) -> str:
        """The words that the finding goes by, as they stand in the task."""
        return self.evidence or reading.quote(self.first, self.last)


def corrected(reading: Reading, index: int) -> bool:
    """Whether the words before the word at `index` take back what was said earlier."""
    sentence = reading.words[index].sentence
    begin = index
    while begin and reading.words[begin - 1].sentence == sentence and index - begin < 12:
        begin -= 1
    said = tuple(word.lower for word in reading.words[begin:index])
    return any(said[at : at + len(cue)] == cue for at in range(len(said)) for cue in CORRECTIONS)


def holding(reading: Reading, findings: Iterable[Finding]) -> Finding | None:
    """The finding that holds: the last word on it, unless an earlier one is much surer.

    What comes later corrects what comes before; an aside does not.
    """
    held: Finding | None = None
    for each in sorted(findings, key=lambda found: (found.first, found.last)):
        if each.confidence < SURE:
            continue
        takes_back = held is not None and corrected(reading, each.first)
        if held is None or takes_back or each.confidence >= held.confidence - 0.15:
            held = _joined(held, each)
    return held


def _joined(held: Finding | None, later: Finding) -> Finding:
    if held is None or held.value != later.value or held.confidence <= later.confidence:
        return later
    return held
