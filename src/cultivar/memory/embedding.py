"""The local embedder: texts to vectors without a model, a download or a network.

The invariant: one text gives one vector, in every process and on every platform, for as long as
`HashedEmbedder.id` stays what it is. Whoever changes what a vector depends on changes the id.

Features are hashed into signed buckets (Weinberger et al., "Feature Hashing for Large Scale
Multitask Learning", 2009) in three blocks: structure, words, runs of characters.
Each block is made a unit vector before it is weighted, so that a long output does not drown the
little that says most.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cultivar.record import Record

COPIES = 4
"""Buckets that a word, or a piece of structure, goes to."""

MOST_CHARACTERS = 6_000
"""Of a text; what comes after it is not looked at."""


class Weights(Record):
    """What each block counts. Chosen on the development part of `evals/failures`."""

    structure: float = 1.0
    words: float = 0.7
    characters: float = 0.2


_FIELDS: Mapping[str, float] = {
    "language": 0.2,
    "check": 0.3,
    "tool": 0.5,
    "kind": 1.5,
    "family": 0.7,
    "also": 0.5,
    "symbol": 0.7,
}
"""What a field of a signature's first line counts within the structure."""

_HEAD = re.compile(rf"(?:(?:{'|'.join(_FIELDS)}):\S+ ?)+$")
_PIECES = re.compile(r"<[a-z]+>|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|==|!=|<=|>=|[^\W\d_]+")
_ENDINGS = re.compile(r"(?<=[a-z]{3})(?:ing|ed|es|s|e)$")
_COMMON_WORDS = (
    "a an the is are be to of for in on at it its with that this and or by as from was were has"
    " have been will would can could should may if then than so such which who when where you your"
    " <n> <name> <text> <path>"
)
_COMMON = frozenset(_COMMON_WORDS.split())
"""Words that say little: they count a third."""


class HashedEmbedder:
    """Weighted, signed feature hashing over structure, words and characters.

    Args:
        dimensions: The length of a vector.
        weights: What each block counts.
    """

    def __init__(self, dimensions: int = 512, weights: Weights | None = None) -> None:
        self._dimensions = dimensions
        self._weights = weights or Weights()

    @property
    def id(self) -> str:
        """Names embedder, version and, where they are not the usual, its weights."""
        w = self._weights
        own = f"-{w.structure}-{w.words}-{w.characters}" if w != Weights() else ""
        return f"hashed-1-{self._dimensions}{own}"

    @property
    def dimensions(self) -> int:
        """The length of a vector."""
        return self._dimensions

    def embed(self, texts: list[str]) -> NDArray[np.float32]:
        """One unit vector a text; of all texts without a feature, the same one."""
        vectors = np.zeros((len(texts), self._dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row] = self._vector(text[:MOST_CHARACTERS])
        return vectors

    def _vector(self, text: str) -> NDArray[np.float64]:
        head, body = _split(text)
        blocks = (
            (self._weights.structure, self._hashed(_structure(head))),
            (self._weights.words, self._hashed(_words(body))),
            (self._weights.characters, self._characters(body)),
        )
        vector = np.zeros(self._dimensions)
        for weight, block in blocks:
            vector += weight * _unit(block)
        return _unit(vector if vector.any() else self._hashed({"nothing": 1.0}))

    def _hashed(self, features: Mapping[str, float]) -> NDArray[np.float64]:
        vector = np.zeros(self._dimensions)
        for feature, value in features.items():
            for number in _numbers(feature):
                vector[(number >> 1) % self._dimensions] += value if number & 1 else -value
        return vector

    def _characters(self, text: str) -> NDArray[np.float64]:
        """Runs of three to five bytes, weighted by the logarithm of how often they come."""
        if not text.strip():
            return np.zeros(self._dimensions)
        octets = np.frombuffer(f" {text.lower()} ".encode("utf-8", "replace"), dtype=np.uint8)
        runs = np.concatenate([_runs(octets.astype(np.uint64), size) for size in (3, 4, 5)])
        numbers, counts = np.unique(runs, return_counts=True)
        signs = np.where(numbers & np.uint64(1), 1.0, -1.0)
        buckets = ((numbers >> np.uint64(1)) % np.uint64(self._dimensions)).astype(np.intp)
        values = signs * (1.0 + np.log(counts))
        vector = np.zeros(self._dimensions)
        np.add.at(vector, buckets, values)
        return vector


def _split(text: str) -> tuple[str, str]:
    """A signature's first line and its messages; of any other text, nothing and the text."""
    first, _, rest = text.partition("\n")
    return (first, rest) if _HEAD.match(first) else ("", text)


def _structure(head: str) -> dict[str, float]:
    return {field: _FIELDS[field.partition(":")[0]] for field in head.split()}


def _words(text: str) -> dict[str, float]:
    """The words of `text`: identifiers split, lower case, without endings; weighted."""
    counts = Counter(_ENDINGS.sub("", piece.lower()) for piece in _PIECES.findall(text))
    return {word: _rarity(word) * (1 + math.log(count)) for word, count in counts.items()}


def _rarity(word: str) -> float:
    return 0.33 if word in _COMMON else 1.0


@lru_cache(maxsize=50_000)
def _numbers(feature: str) -> tuple[int, ...]:
    """Several, so that two rules' codes which share one bucket do not share all."""
    digest = hashlib.blake2b(feature.encode("utf-8", "replace"), digest_size=4 * COPIES).digest()
    return tuple(int.from_bytes(digest[at : at + 4], "little") for at in range(0, 4 * COPIES, 4))


def _runs(octets: NDArray[np.uint64], size: int) -> NDArray[np.uint64]:
    """A well-mixed number for each run of `size` bytes (the finalizer of SplitMix64)."""
    count = max(len(octets) - size + 1, 0)
    mixed = np.full(count, size, dtype=np.uint64)
    for place in range(size):
        mixed = mixed * np.uint64(0x100000001B3) + octets[place : place + count]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector
