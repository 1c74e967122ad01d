"""Whether what is true of a simulated world is found by who only sees its generations."""

from __future__ import annotations

from cultivar.evals.truths import Effect
from cultivar.evals.worlds import Planted
from cultivar.learning.defaults.suggesting import default_for
from cultivar.learning.defaults.suggestion import AskedFor
from cultivar.learning.findings.combining import best_combinations
from cultivar.learning.findings.drifting import drift
from cultivar.ledger.tallying import TallyStore
from cultivar.record import Record


class Recognised(Record):
    """What was found of what was planted."""

    best: bool
    """Whether the combination that succeeds most leads the others."""
    matters: tuple[bool, ...]
    """Whether it is the default, since it succeeds more; of each answer that does."""
    ceases: bool | None
    """Whether it is told that an answer fails more of late; None where none does."""


def recognised(planted: Planted, store: TallyStore) -> Recognised:
    """What learning finds of what was planted.

    Args:
        planted: The truth.
        store: What was counted.
    """
    found = best_combinations(store, planted.template_id, limit=1)
    return Recognised(
        best=[each.answers for each in found] == [planted.best],
        matters=tuple(_is_default(each, planted, store) for each in planted.matters),
        ceases=None if planted.ceases is None else _is_told(planted.ceases, planted, store),
    )


def _is_default(effect: Effect, planted: Planted, store: TallyStore) -> bool:
    found = default_for(AskedFor(name=effect.question), {}, store, planted.template_id)
    return found is not None and (found.value, found.reason) == (effect.value, "success")


def _is_told(effect: Effect, planted: Planted, store: TallyStore) -> bool:
    told = (each for each in drift(store, planted.template_id) if each.what == "success")
    return any(
        each.answer == {effect.question: effect.value} and each.direction == "down" for each in told
    )
