"""The memory of failures: joins each failure to its pattern, and finds patterns again.

The invariant: what was learned is in the ledger before `learn` returns, whatever becomes of the
index.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cultivar.errors import StoreUnavailableError
from cultivar.ledger.base import PatternStore
from cultivar.memory.base import Embedder
from cultivar.memory.signature import Signature, signature_of
from cultivar.model import CheckResult, FailurePattern
from cultivar.record import replace

if TYPE_CHECKING:
    from cultivar.memory.index import Index, Neighbour

JOINS_FROM = 0.9
"""How near a failure is to the pattern that it joins, if its signature is another one.

Chosen on the development part of `evals/failures`: the lowest at which no failure joins the pattern
of another cause.
"""

MOST_EXAMPLE = 4_000
"""Characters of a failure's output that its pattern keeps as its example: the last ones."""

OFTEN = 0.1
"""What ten times as many failures count, where a task is all that there is to go by."""

CANDIDATES = 24
"""Patterns that are looked at to answer one question."""


class PatternMemory:
    """Failure patterns, kept in the ledger and found through an index.

    Args:
        store: The ledger's patterns.
        index: Finds them by their vectors.
        embedder: Makes the vectors.
        joins_from: How near a failure is to the pattern that it joins.
    """

    def __init__(
        self,
        store: PatternStore,
        index: Index,
        embedder: Embedder,
        joins_from: float = JOINS_FROM,
    ) -> None:
        self._store, self._index, self._embedder = store, index, embedder
        self._joins_from = joins_from

    def learn(self, failure: CheckResult, language: str) -> FailurePattern:
        """Join the failure to the pattern that it is near to, or make a new one of it.

        It is counted when the generation that it belongs to is recorded.
        """
        from cultivar.memory.index import encoded

        signature = signature_of(
            failure.output, check=failure.check, language=language, ended_by=failure.ended_by
        )
        near = self._joined(signature)
        if near is None:
            near = _pattern(signature, failure.output)
            vector = encoded(self._embedder.embed([near.signature])[0])
            self._store.add_pattern(near, vector, self._embedder.id)
            with suppress(StoreUnavailableError):  # it will catch up when it is there again
                self._index.refresh()
        return self._store.patterns([near.id])[0]

    def recall(
        self, text: str, *, language: str, check: str = "", limit: int = 3
    ) -> tuple[FailurePattern, ...]:
        """The patterns nearest to `text` (a failing output, or a task), the nearest first.

        Of two that are as near to a task, the one that was seen more often is first.
        """
        if limit < 1 or not self._store.revision():
            return ()
        signature = signature_of(text, check=check, language=language)
        found = self._near(signature, max(limit, CANDIDATES))
        if not signature.tool:
            found = sorted(found, key=lambda pattern: (-_likely(pattern), pattern.id))
        return tuple(found[:limit])

    def refresh(self) -> None:
        """Bring the index up to date with the ledger.

        Raises:
            StoreUnavailableError: It cannot be opened, not even when it is made anew.
        """
        self._index.refresh()

    def close(self) -> None:
        """Give back what the index holds open; the memory may be used again."""
        self._index.close()

    def _joined(self, signature: Signature) -> FailurePattern | None:
        """The pattern that a failure of this signature belongs to."""
        same = self._store.patterns([signature.id])
        if same or not self._store.revision():
            return same[0] if same else None
        alike = (
            pattern
            for pattern in self._near(signature, CANDIDATES)
            if pattern.score >= self._joins_from
            and (pattern.check, pattern.kind) == (signature.check, signature.kind)
            and pattern.language == signature.language
        )
        return next(alike, None)

    def _near(self, signature: Signature, limit: int) -> list[FailurePattern]:
        """The patterns nearest to it, with their scores; its very own is never missed."""
        vector = self._embedder.embed([signature.text])[0]
        neighbours = self._index.nearest(vector, signature.language, limit)
        found = self._scored(signature, neighbours)
        if not {near.id for near in neighbours} <= {pattern.id for pattern in found}:
            with suppress(StoreUnavailableError):
                self._index.rebuild()  # it knows what the ledger does not: it is another ledger's
            neighbours = self._index.nearest(vector, signature.language, limit)
            found = self._scored(signature, neighbours)
        return found[:limit]

    def _scored(
        self, signature: Signature, neighbours: tuple[Neighbour, ...]
    ) -> list[FailurePattern]:
        scores = {signature.id: 1.0} | {near.id: near.score for near in neighbours}
        patterns = self._store.patterns(list(scores))
        return [replace(p, score=min(1.0, max(0.0, scores[p.id]))) for p in patterns]


class SleepingMemory:
    """A memory that is not opened before there is a pattern to find or to keep.

    Args:
        store: The ledger's patterns.
        wake: Opens the memory over them.
    """

    def __init__(self, store: PatternStore, wake: Callable[[], PatternMemory]) -> None:
        self._store, self._wake = store, wake
        self._awake: PatternMemory | None = None

    def learn(self, failure: CheckResult, language: str) -> FailurePattern:
        """Join the failure to the pattern that it is near to, or make a new one of it.

        It is counted when the generation that it belongs to is recorded.
        """
        return self._opened().learn(failure, language)

    def recall(
        self, text: str, *, language: str, check: str = "", limit: int = 3
    ) -> tuple[FailurePattern, ...]:
        """The patterns nearest to `text` (a failing output, or a task), the nearest first."""
        if not self._store.revision():
            return ()
        return self._opened().recall(text, language=language, check=check, limit=limit)

    def refresh(self) -> None:
        """Bring the index up to date with the ledger.

        Raises:
            StoreUnavailableError: It cannot be opened, not even when it is made anew.
        """
        if self._store.revision():
            self._opened().refresh()

    def close(self) -> None:
        """Give back what the index holds open; the memory may be used again."""
        if self._awake is not None:
            self._awake.close()

    def _opened(self) -> PatternMemory:
        if self._awake is None:
            self._awake = self._wake()
        return self._awake


def open_memory(
    store: PatternStore,
    folder: Path,
    *,
    chroma_url: str | None = None,
    embedder: Embedder | None = None,
) -> SleepingMemory:
    """The memory over `store`, with its index in `folder`, or on the server at `chroma_url`.

    Nothing is imported or opened before there is a pattern to find or to keep; Chroma not before
    there is one to keep, or `EXACT_BELOW` of them to search.

    Raises:
        SettingsError: When it wakes: `chroma_url` is no address.
    """
    return SleepingMemory(store, lambda: _wake(store, folder, chroma_url, embedder))


def _wake(
    store: PatternStore, folder: Path, chroma_url: str | None, embedder: Embedder | None
) -> PatternMemory:
    from cultivar.memory.chroma import ChromaIndex
    from cultivar.memory.embedding import HashedEmbedder
    from cultivar.memory.index import ExactIndex, TieredIndex
    from cultivar.memory.places import FolderPlace, ServerPlace

    embedder = embedder or HashedEmbedder()
    place = ServerPlace(chroma_url) if chroma_url else FolderPlace(folder)
    index = TieredIndex(ExactIndex(store, embedder), ChromaIndex(store, embedder, place))
    return PatternMemory(store, index, embedder)


def _pattern(signature: Signature, output: str) -> FailurePattern:
    return FailurePattern(
        id=signature.id,
        signature=signature.text,
        check=signature.check,
        language=signature.language,
        kind=signature.kind,
        example=output[-MOST_EXAMPLE:],
    )


def _likely(pattern: FailurePattern) -> float:
    return pattern.score + OFTEN * math.log10(max(pattern.seen, 1))
