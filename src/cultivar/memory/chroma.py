"""The index in Chroma: one collection a language, made of the ledger and made anew at will.

The invariant: what is in it is never the only copy. Each vector that is added was computed here
(Chroma would download a model else), and the stamp says up to which of the ledger's revisions the
index goes; it is written last, so that an interrupted update is only repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from cultivar.errors import StoreUnavailableError
from cultivar.ledger.base import PatternStore
from cultivar.memory.base import Embedder
from cultivar.memory.chroma_api import BrokenError, guarded
from cultivar.memory.index import Neighbour, Row, ranked, rows_after
from cultivar.memory.places import Place, Session
from cultivar.record import replace

BATCH = 1_000
"""Vectors that are added at once."""

OVER_FETCH = 8
"""Neighbours that are asked for beyond the limit, so that ties are seen."""

Result = TypeVar("Result")


class ChromaIndex:
    """Vectors in a folder of Chroma, or on its server. Chroma is imported when it is first used.

    Args:
        store: The truth.
        embedder: What made the vectors.
        place: Where the index is.
    """

    def __init__(self, store: PatternStore, embedder: Embedder, place: Place) -> None:
        self._store, self._embedder, self._place = store, embedder, place

    def nearest(
        self, vector: NDArray[np.float32], language: str, limit: int
    ) -> tuple[Neighbour, ...]:
        """The patterns of that language (of all, where it is empty) nearest to `vector`.

        Raises:
            StoreUnavailableError: It cannot be opened, not even when it is made anew.
        """
        if not self._store.revision():
            return ()
        return self._mended(lambda session: _search(session, vector, language, limit))

    def refresh(self) -> None:
        """Take in what the ledger has and the index has not.

        Raises:
            StoreUnavailableError: It cannot be opened, not even when it is made anew.
        """
        if self._store.revision():
            self._mended(lambda session: None)

    def rebuild(self) -> None:
        """Forget all; the next use makes it anew from the ledger."""
        self._place.discard()

    def close(self) -> None:
        """Give back what it holds open; it may be used again."""
        self._place.close()

    def size(self) -> int:
        """How many patterns it holds, as far as that is known without opening it."""
        return self._place.size()

    def _mended(self, work: Callable[[Session], Result]) -> Result:
        """Do `work`; if the index turns out to be broken, make it anew, once, and do it again."""
        try:
            return self._once(work)
        except BrokenError:
            self._place.discard()
        try:
            return self._once(work)
        except BrokenError as error:
            raise StoreUnavailableError(
                f"The memory's index does not work, not even a new one: {error}",
                "The ledger still has all that was learned. See `cultivar doctor`.",
            ) from error

    def _once(self, work: Callable[[Session], Result]) -> Result:
        with self._place.open(self._embedder.id) as session:
            self._catch_up(session)
            return work(session)

    def _catch_up(self, session: Session) -> None:
        revision, stamp = self._store.revision(), session.stamp
        if revision < stamp.revision:
            raise BrokenError("It is newer than the ledger.")
        if revision == stamp.revision:
            return
        rows = rows_after(self._store, self._embedder, stamp.revision)
        counts = dict(stamp.counts)
        for language in sorted({row.language for row in rows}):
            own = [row for row in rows if row.language == language]
            counts[language] = _add(session, language, own)
        session.keep(replace(stamp, revision=revision, counts=counts))


def _add(session: Session, language: str, rows: Sequence[Row]) -> int:
    """Add the rows; returns how many the collection holds then."""
    with guarded():
        collection = session.collection(language)
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            vectors = np.stack([row.vector for row in batch])
            collection.upsert(ids=[row.id for row in batch], embeddings=vectors)
        return collection.count()


def _search(
    session: Session, vector: NDArray[np.float32], language: str, limit: int
) -> tuple[Neighbour, ...]:
    counts = session.stamp.counts
    wanted = [language] if language else list(counts)
    found = [
        neighbour
        for name in wanted
        if counts.get(name)
        for neighbour in _query(session, name, vector, min(limit + OVER_FETCH, counts[name]))
    ]
    return ranked(found, limit)


def _query(
    session: Session, language: str, vector: NDArray[np.float32], number: int
) -> list[Neighbour]:
    with guarded():
        answer = session.collection(language).query(
            query_embeddings=vector[np.newaxis], n_results=number, include=["distances"]
        )
        ids, distances = answer["ids"][0], answer["distances"][0]
    if len(ids) < number:
        raise BrokenError(f"It finds {len(ids)} of {number} neighbours.")
    return [
        Neighbour(id=id, score=1.0 - float(distance))
        for id, distance in zip(ids, distances, strict=True)
    ]
