"""The seam to the memory of failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cultivar.model import CheckResult, FailurePattern

if TYPE_CHECKING:  # most runs have nothing to remember yet, and need not wait for it
    import numpy as np
    from numpy.typing import NDArray


class Embedder(Protocol):
    """Turns text into vectors on this machine."""

    @property
    def id(self) -> str:
        """Names embedder and version; stored with every vector."""
        ...

    @property
    def dimensions(self) -> int:
        """The length of a vector."""
        ...

    def embed(self, texts: list[str]) -> NDArray[np.float32]:
        """One unit vector a text, of shape (len(texts), dimensions)."""
        ...


class Memory(Protocol):
    """What failures have in common, found again by likeness."""

    def learn(self, failure: CheckResult, language: str) -> FailurePattern:
        """Join the failure to the pattern that it is near to, or make a new one of it.

        It is counted when the generation that it belongs to is recorded.
        """
        ...

    def recall(
        self, text: str, *, language: str, check: str = "", limit: int = 3
    ) -> tuple[FailurePattern, ...]:
        """The patterns nearest to `text` (a failing output, or a task), the nearest first."""
        ...
