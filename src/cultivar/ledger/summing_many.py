"""Adds up thousands of generations at once, with NumPy; `summing` says what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from cultivar.ledger.upserts import MICROSECONDS
from cultivar.ledger.uses import LONG_AGO, Columns, Use

if TYPE_CHECKING:
    from numpy.typing import NDArray

_Integers: TypeAlias = "NDArray[np.int64]"
_Amounts: TypeAlias = "NDArray[np.float64]"

_SPARSE: Final = 16
"""So many more possible cells than additions are not laid out in memory."""


def many(order: Sequence[int], strata: Sequence[Sequence[Use]]) -> Columns:
    """The columns of what is added, in the order of their keys.

    Args:
        order: The numbers of what is counted, in the order of their keys.
        strata: The generations, each in the order of time.
    """
    keys, counts = _Uses(order, strata).cells()
    return [each.tolist() for each in (*np.divmod(keys, len(strata)), *counts)]


class _Uses:
    """The generations of a batch, one after the other.

    What is counted of one thing in one stratum is a cell. Its key is the place of the thing, times
    the number of strata, and the stratum.

    Args:
        order: The numbers of the things, in the order of their keys.
        strata: The generations, each in the order of time.
    """

    def __init__(self, order: Sequence[int], strata: Sequence[Sequence[Use]]) -> None:
        self._places = np.zeros(max(order) + 1, np.int64)
        self._places[order] = np.arange(len(order)) * len(strata)
        self._size = len(order) * len(strata)
        self._uses = [use for uses in strata for use in uses]
        self._stratum = np.repeat(np.arange(len(strata)), [len(uses) for uses in strata])
        self._at = np.array([use.at for use in self._uses], np.int64)
        self._newest = np.array([uses[-1].at for uses in strata], np.int64)
        self._weights = _faded(self._newest[self._stratum] - self._at)

    def cells(self) -> tuple[_Integers, Sequence[_Integers | _Amounts]]:
        """The keys of the cells that something is added to, and what: the columns of the counts."""
        use = np.repeat(np.arange(len(self._uses)), [len(each.adds_to) for each in self._uses])
        keys, cell = self._found(use)
        latest = np.full(len(keys), np.iinfo(np.int64).min)
        np.maximum.at(latest, cell, self._at[use])
        given = np.frombuffer(b"".join([each.chosen for each in self._uses]), np.bool_)
        chosen = np.bincount(cell[given], minlength=len(keys))
        (passed, lately), (failed, lately_failed), (rest, lately_rest) = (
            self._outcome(each, use, cell) for each in (True, False, None)
        )
        grown = 1.0 / _faded(self._newest[keys % len(self._newest)] - latest)
        recent = (lately + lately_failed + lately_rest, lately, lately_failed)
        whole = (passed + failed + rest, chosen, passed, failed)
        return keys, (*whole, *(each * grown for each in recent), latest)

    def _found(self, use: _Integers) -> tuple[_Integers, _Integers]:
        """The keys of the cells, each once, and for each addition which of them it goes to."""
        numbers = np.frombuffer(b"".join([each.adds_to for each in self._uses]), np.int64)
        keys, size = self._places[numbers] + self._stratum[use], self._size
        if size > _SPARSE * len(keys):
            return np.unique(keys, return_inverse=True)
        there = np.zeros(size, np.bool_)
        there[keys] = True
        return np.flatnonzero(there), (np.cumsum(there) - 1)[keys]

    def _outcome(
        self, outcome: bool | None, use: _Integers, cell: _Integers
    ) -> tuple[_Integers, _Amounts]:
        """How often each cell is added to with an outcome, and how much of that is recent."""
        of = np.array([each.success is outcome for each in self._uses])[use]
        cells, size = cell[of], int(cell.max()) + 1
        lately = np.bincount(cells, self._weights[use[of]], size)
        return np.bincount(cells, minlength=size), lately.astype(np.float64)


def _faded(microseconds: _Integers) -> _Amounts:
    return np.power(0.5, np.minimum(microseconds, LONG_AGO) / MICROSECONDS)
