"""How a released version does in use, against the time before it.

The invariant: it may be asked after every use; a version that is no worse is called worse with a
chance of at most the error, however often one looks. Where there are several instances, none
decides alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, Protocol, TypeVar

from cultivar.evals.comparing.betting import Counts, log_wealth, lowest, mirrored
from cultivar.record import Record

InUse = Literal["worse", "kept", "open"]

ERROR: Final = 0.01
"""How likely one release that is no worse is taken back."""

WINDOW: Final = 200
"""Uses after which a version that was not shown to be worse is kept."""

TOLERATED: Final = 0.05
"""How much less success may be, of what can be excluded, for a version to be kept early."""

NEWEST: Final = 50
"""So many of the newest uses must not be worse by themselves, where a version is kept."""

_FREE: Final = 10
"""So many uses of one instance always count."""

_SEVERAL: Final = 3
"""Instances from which on a drop must be there without any one of them, too."""

_FAIR: Final = 2.0
"""How many times its equal part of the uses an instance may have."""


class Outcome(Record):
    """One verified use."""

    instance: str
    succeeded: bool


class Instanced(Protocol):
    """Something that an instance did."""

    @property
    def instance(self) -> str:
        """Which."""
        ...


Used = TypeVar("Used", bound=Instanced)


class Pair(Record):
    """A use of a version, with one of the version that it is held against."""

    instance: str
    before: float
    """Whether that one succeeded; of several uses together, the share that did."""
    after: float


class Standing(Record):
    """How a version does."""

    state: InUse
    uses: int
    """How many were compared with as many from before."""
    before: float
    """The success rate of those, and of these."""
    after: float
    newest: float | None = None
    """The success rate of the newest ones, where these by themselves are worse."""

    @property
    def sentence(self) -> str:
        """That in words."""
        rates = f"{self.after:.0%} of {self.uses:,} uses succeeded, {self.before:.0%} before"
        if self.state == "worse":
            return f"Worse in use: {rates}; luck alone does this less than once in a hundred times."
        if self.newest is not None:
            rates = f"{rates}; but only {self.newest:.0%} of the newest did"
        return f"{'As good in use' if self.state == 'kept' else 'Still looked after'}: {rates}."


def standing(before: Sequence[Outcome], after: Sequence[Outcome]) -> Standing:
    """How a version does against the one before it.

    Each use is compared with one of the version before, of its own instance where there is one, so
    that who uses it more now than then makes no difference. Where the newest by themselves are
    worse, it is not kept, and more uses are looked at than otherwise.

    Args:
        before: The uses of the version before, the latest first.
        after: The uses since the release, the earliest first.
    """
    fair = [*fairly(after)]
    newest, all_pairs = [*_paired(before, fair[-NEWEST:])], [*_paired(before, fair)]
    fades = is_worse(newest)
    pairs = all_pairs if fades else all_pairs[:WINDOW]
    state = _state(pairs)
    return Standing(
        state="open" if fades and state == "kept" else state,
        uses=len(pairs),
        before=_rate(each.before for each in pairs),
        after=_rate(each.after for each in pairs),
        newest=_rate(each.after for each in newest) if fades else None,
    )


def is_worse(pairs: Sequence[Pair]) -> bool:
    """Whether the later ones do credibly worse, also without any single one of the instances."""
    return all(log_wealth(mirrored(each)) >= -math.log(ERROR) for each in _views(pairs))


def _state(pairs: Sequence[Pair]) -> InUse:
    if is_worse(pairs):
        return "worse"
    if len(pairs) >= WINDOW or (pairs and lowest(changes_of(pairs), ERROR) > -TOLERATED):
        return "kept"
    return "open"


def _views(pairs: Sequence[Pair]) -> Iterator[Counts]:
    """All of it, and where there are several instances what is left without each of them."""
    yield changes_of(pairs)
    instances = {each.instance for each in pairs}
    if len(instances) >= _SEVERAL:
        for name in instances:
            yield changes_of([each for each in pairs if each.instance != name])


def changes_of(pairs: Sequence[Pair]) -> Counts:
    """How often each change was seen."""
    return Counter(each.after - each.before for each in pairs)


def fairly(uses: Sequence[Used]) -> Iterator[Used]:
    """The uses, without those of an instance that has had more than its part already."""
    instances = len({each.instance for each in uses})
    taken: Counter[str] = Counter()
    for use in uses:
        fair = max(_FREE, _FAIR * (taken.total() + 1) / instances)
        if taken[use.instance] < fair:
            taken[use.instance] += 1
            yield use


def _paired(before: Iterable[Outcome], after: Iterable[Outcome]) -> Iterator[Pair]:
    """Each use with one from before, which is used once."""
    own: dict[str, list[Outcome]] = {}
    for use in before:
        own.setdefault(use.instance, []).append(use)
    for use in after:
        partners = own.get(use.instance) or max(own.values(), key=len, default=list[Outcome]())
        if not partners:
            return
        then = partners.pop(0)
        yield Pair(instance=use.instance, before=float(then.succeeded), after=float(use.succeeded))


def _rate(outcomes: Iterable[float]) -> float:
    found = list(outcomes)
    return sum(found) / len(found) if found else 0.0
