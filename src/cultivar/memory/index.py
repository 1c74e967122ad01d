"""Finds the vectors nearest to another: the seam, and the exact index over the ledger's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cultivar.errors import StoreUnavailableError
from cultivar.ledger.base import PatternStore
from cultivar.memory.base import Embedder
from cultivar.model import FailurePattern
from cultivar.record import Record

EXACT_BELOW = 10_000
"""Up to so many patterns all vectors are compared: less work than it is to import Chroma."""


class Neighbour(Record):
    """A pattern that is near."""

    id: str
    score: float
    """The cosine of the angle between the two vectors."""


class Row(Record):
    """What an index holds of a pattern."""

    id: str
    language: str
    vector: NDArray[np.float32]


class Index(Protocol):
    """Finds patterns by their vectors. It can be thrown away: the ledger has all that is in it."""

    def nearest(
        self, vector: NDArray[np.float32], language: str, limit: int
    ) -> tuple[Neighbour, ...]:
        """The patterns of that language (of all, where it is empty) nearest to `vector`.

        Raises:
            StoreUnavailableError: It cannot be opened, not even when it is made anew.
        """
        ...

    def refresh(self) -> None:
        """Take in what the ledger has and the index has not.

        Raises:
            StoreUnavailableError: It cannot be opened, not even when it is made anew.
        """
        ...

    def rebuild(self) -> None:
        """Forget all; the next use makes it anew from the ledger."""
        ...

    def close(self) -> None:
        """Give back what it holds open; it may be used again."""
        ...


def encoded(vector: NDArray[np.float32]) -> bytes:
    """`vector` as the ledger keeps it: little-endian float32."""
    return vector.astype("<f4").tobytes()


def decoded(data: bytes) -> NDArray[np.float32]:
    """The vector that `encoded` made bytes of."""
    return np.frombuffer(data, dtype="<f4").astype(np.float32)


def rows_after(store: PatternStore, embedder: Embedder, revision: int) -> list[Row]:
    """What an index that is at `revision` still lacks.

    A whole index (`revision` 0) also holds the patterns that another embedder came with: their
    signatures are embedded again.
    """
    known = store.vectors(embedder.id, revision)
    if revision:
        patterns = store.patterns(list(known)) if known else ()
        return [_row(pattern, decoded(known[pattern.id])) for pattern in patterns]
    patterns = store.patterns()
    foreign = [pattern for pattern in patterns if pattern.id not in known]
    anew = embedder.embed([pattern.signature for pattern in foreign])
    own = [_row(p, decoded(known[p.id])) for p in patterns if p.id in known]
    return own + [_row(p, vector) for p, vector in zip(foreign, anew, strict=True)]


def ranked(neighbours: Iterable[Neighbour], limit: int) -> tuple[Neighbour, ...]:
    """The best of them, the best first; what differs by rounding alone goes by its id."""
    return tuple(sorted(neighbours, key=lambda n: (-round(n.score, 4), n.id))[:limit])


def _row(pattern: FailurePattern, vector: NDArray[np.float32]) -> Row:
    return Row(id=pattern.id, language=pattern.language, vector=vector)


class _Shelf:
    """The vectors of one language."""

    def __init__(self, dimensions: int) -> None:
        self._ids: list[str] = []
        self._vectors = np.zeros((0, dimensions), dtype=np.float32)

    def add(self, rows: Sequence[Row]) -> None:
        self._ids += [row.id for row in rows]
        self._vectors = np.concatenate([self._vectors, np.stack([row.vector for row in rows])])

    def nearest(self, vector: NDArray[np.float32], limit: int) -> list[Neighbour]:
        scores = self._vectors @ vector
        some = min(limit + 8, len(scores))  # more than asked for, so that ties are seen
        best = np.argpartition(-scores, some - 1)[:some]
        return [Neighbour(id=self._ids[int(i)], score=float(scores[i])) for i in best]


class ExactIndex:
    """Compares with every vector of the ledger, which it keeps in this process's memory."""

    def __init__(self, store: PatternStore, embedder: Embedder) -> None:
        self._store, self._embedder = store, embedder
        self._revision = 0
        self._shelves: dict[str, _Shelf] = {}

    def nearest(
        self, vector: NDArray[np.float32], language: str, limit: int
    ) -> tuple[Neighbour, ...]:
        """The patterns of that language nearest to `vector`."""
        self.refresh()
        wanted = [language] if language else list(self._shelves)
        shelves = [self._shelves[name] for name in wanted if name in self._shelves]
        return ranked((n for shelf in shelves for n in shelf.nearest(vector, limit)), limit)

    def refresh(self) -> None:
        """Take in what was added since the last time."""
        revision = self._store.revision()
        if revision < self._revision:
            self.rebuild()
        if revision == self._revision:
            return
        rows = rows_after(self._store, self._embedder, self._revision)
        for language in {row.language for row in rows}:
            shelf = self._shelves.setdefault(language, _Shelf(self._embedder.dimensions))
            shelf.add([row for row in rows if row.language == language])
        self._revision = revision

    def rebuild(self) -> None:
        """Forget all."""
        self._revision, self._shelves = 0, {}

    def close(self) -> None:
        """It holds nothing open."""


class Sizeable(Index, Protocol):
    """An index that can say how much it holds without being opened."""

    def size(self) -> int:
        """How many patterns it holds, as far as that is known."""
        ...


class TieredIndex:
    """The exact index while that is quicker, and wherever the large one cannot be opened.

    Args:
        exact: For few patterns.
        large: For many; kept up to date from the first pattern on.
        exact_below: The size of `large` from which on it answers.
    """

    def __init__(self, exact: Index, large: Sizeable, exact_below: int = EXACT_BELOW) -> None:
        self._exact, self._large, self._exact_below = exact, large, exact_below

    def nearest(
        self, vector: NDArray[np.float32], language: str, limit: int
    ) -> tuple[Neighbour, ...]:
        """The patterns of that language nearest to `vector`."""
        if self._large.size() < self._exact_below:
            return self._exact.nearest(vector, language, limit)
        try:
            return self._large.nearest(vector, language, limit)
        except StoreUnavailableError:
            return self._exact.nearest(vector, language, limit)

    def refresh(self) -> None:
        """Bring the large index up to date."""
        self._large.refresh()

    def rebuild(self) -> None:
        """Forget all in both."""
        self._exact.rebuild()
        self._large.rebuild()

    def close(self) -> None:
        """Close both."""
        self._exact.close()
        self._large.close()
