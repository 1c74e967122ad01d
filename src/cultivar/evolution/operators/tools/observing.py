"""What is known of a tool's uses: which failed, and by what classes of inputs they are told apart.

The invariant: a guard holds for no input that is known to work.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import Final

from cultivar.evals.trying.spelling import is_whole
from cultivar.evals.trying.tool_uses import Inputs
from cultivar.evolution.operators.tools.copying import own_constants
from cultivar.evolution.operators.tools.traits import Trait, modes_of, traits_of
from cultivar.ledger.encoding import SECRET
from cultivar.ledger.masking import names_secret
from cultivar.lifecycle import Execution
from cultivar.llm.redaction import MASK
from cultivar.model import Json
from cultivar.record import Record
from cultivar.tool import Case

_MOST: Final = 3
"""So many guards are looked for in the failures of one kind."""


class Observation(Record):
    """One use of a tool, as far as its inputs are known."""

    inputs: Inputs
    output: Json = None
    error: str = ""
    """The exception's class; empty where there was none."""
    pattern: str = ""
    """The id of the failure pattern that it joined, where that is known."""


class Guard(Record):
    """A class of inputs that fail, and none of which is known to work."""

    traits: tuple[Trait, ...]
    """All of which hold."""
    error: str
    """The exception's class that they fail with."""
    failures: int
    """How many of the observed uses are of it."""

    def holds(self, inputs: Inputs) -> bool:
        """Whether the inputs are of the class."""
        return all(each.holds(inputs) for each in self.traits)

    def test(self, uses: Sequence[Inputs]) -> str:
        """The expression of Python that is true of the class; `uses` say what types to expect."""
        return " and ".join(each.test(uses) for each in self.traits)

    @property
    def words(self) -> str:
        """The class in words."""
        return " and ".join(each.words for each in self.traits)


def observations(
    executions: Iterable[Execution], pattern_of: Callable[[Execution], str] | None = None
) -> tuple[Observation, ...]:
    """The uses whose inputs are all known: not cut, not masked, and values of JSON.

    Args:
        executions: The uses.
        pattern_of: Says which failure pattern one that failed has joined.
    """
    return tuple(
        Observation(
            inputs=each.inputs,
            output=each.output,
            error=each.error,
            pattern=pattern_of(each) if pattern_of and each.error else "",
        )
        for each in executions
        if can_be_used_again(each.inputs)
    )


def can_be_used_again(inputs: Inputs) -> bool:
    """Whether recorded inputs are what the tool was given."""
    shown = repr(inputs)
    secret = any(names_secret(name) for name in inputs) or SECRET in shown or MASK in shown
    return not secret and is_whole(inputs)


def guards_of(observed: Sequence[Observation], source: str = "") -> tuple[Guard, ...]:
    """Find the classes of inputs by which failures are told from successes.

    Args:
        observed: What is known; where nothing succeeded, nothing can be told.
        source: Of the tool: words of its own code may stand in a guard.

    Returns:
        The guards, those of the most failures first.
    """
    succeeded = [each.inputs for each in observed if not each.error]
    if not succeeded:
        return ()
    modes = modes_of(_words(source), [each.inputs for each in observed])
    errors = dict.fromkeys(each.error for each in observed if each.error)
    found = [
        guard
        for error in errors
        for guard in _guards(
            error, [each.inputs for each in observed if each.error == error], succeeded, modes
        )
    ]
    return tuple(sorted(found, key=lambda each: -each.failures))


def _words(source: str) -> frozenset[str]:
    """The texts in the tool's code, but for its cases'; none where it does not parse."""
    try:
        found = own_constants(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()
    return frozenset(each for each in found if isinstance(each, str))


def _guards(
    error: str, failed: Sequence[Inputs], succeeded: Sequence[Inputs], modes: Sequence[Trait]
) -> Iterator[Guard]:
    """Those of one error: each explains as many of the failures that are left as one can."""
    left = list(failed)
    for _ in range(_MOST):
        choices = [*_pure(left, succeeded, modes)]
        if not choices:
            return
        best = max(choices, key=lambda traits: _count(traits, left))  # of equals, the first
        yield Guard(traits=best, error=error, failures=_count(best, failed))
        left = [inputs for inputs in left if not _hold(best, inputs)]


def _pure(
    failed: Sequence[Inputs], succeeded: Sequence[Inputs], modes: Sequence[Trait]
) -> Iterator[tuple[Trait, ...]]:
    """The classes of which no success is; a word that chooses a way only together with another."""
    traits = traits_of(failed, succeeded)
    alone = [(trait,) for trait in traits if not _count((trait,), succeeded)]
    yield from alone
    known = {trait for (trait,) in alone}
    for mode, trait in product(modes, traits):
        both = (mode, trait)
        is_new = trait not in known and mode.parameter != trait.parameter
        if is_new and _count(both, failed) and not _count(both, succeeded):
            yield both


def _count(traits: tuple[Trait, ...], uses: Sequence[Inputs]) -> int:
    return sum(_hold(traits, inputs) for inputs in uses)


def _hold(traits: tuple[Trait, ...], inputs: Inputs) -> bool:
    return all(trait.holds(inputs) for trait in traits)


def declared_within(guard: Guard, cases: Iterable[Case]) -> tuple[Case, ...]:
    """The declared cases that are of a guard's class: they say what is wanted there."""
    return tuple(case for case in cases if guard.holds(case.input))


def is_wanted(guard: Guard, cases: Iterable[Case]) -> bool:
    """Whether the tool's own cases say that inputs of this class are to fail as they do."""
    wanted = {case.should_raise for case in declared_within(guard, cases)}
    return wanted == {guard.error}
