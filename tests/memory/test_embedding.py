"""The local embedder."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.memory.embedding import HashedEmbedder, Weights
from cultivar.memory.index import decoded, encoded

EMBEDDER = HashedEmbedder()
TEXT = "language:python check:lint tool:ruff kind:F401 family:F\n`<name>` imported but unused"


def likeness(first: str, second: str) -> float:
    one, two = EMBEDDER.embed([first, second])
    return float(one @ two)


@given(st.lists(st.text(max_size=300), min_size=1, max_size=5))
def test_every_vector_is_a_unit_vector(texts: list[str]) -> None:
    vectors = EMBEDDER.embed(texts)
    assert vectors.shape == (len(texts), EMBEDDER.dimensions)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


@given(st.text(max_size=300), st.text(max_size=300))
def test_a_vector_does_not_depend_on_its_neighbours(text: str, other: str) -> None:
    assert np.array_equal(EMBEDDER.embed([other, text])[1], EMBEDDER.embed([text])[0])


def test_no_texts_have_no_vectors() -> None:
    assert EMBEDDER.embed([]).shape == (0, EMBEDDER.dimensions)


def test_another_process_makes_the_same_vector() -> None:
    script = f"""
import sys
from cultivar.memory.embedding import HashedEmbedder
sys.stdout.write(HashedEmbedder().embed([{TEXT!r}])[0].tobytes().hex())
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert bytes.fromhex(done.stdout) == EMBEDDER.embed([TEXT])[0].tobytes()


def test_a_known_text_has_the_vector_that_it_always_had() -> None:
    """Whoever breaks this gives the embedder a new id, and this test a new vector."""
    vector = EMBEDDER.embed([TEXT])[0]
    largest = np.argsort(-np.abs(vector), kind="stable")[:4]
    assert EMBEDDER.id == "hashed-1-512"
    assert sorted((int(i), round(float(vector[i]), 3)) for i in largest) == KNOWN


KNOWN = [(45, 0.329), (280, 0.348), (285, 0.348), (443, 0.348)]


def test_the_same_rule_is_nearer_than_the_same_words() -> None:
    same_rule = "tool:ruff kind:F401 family:F\n`<name>` is never used here"
    same_words = "tool:ruff kind:E999 family:E\n`<name>` imported but unused"
    assert likeness(TEXT, same_rule) > likeness(TEXT, same_words)


def test_identifiers_are_split() -> None:
    assert likeness("circuitBreaker", "circuit_breaker") > likeness("circuitBreaker", "rateLimiter")


def test_prose_is_likened_by_its_words() -> None:
    task = "a cache whose entries expire"
    assert likeness(task, "the cache entry expired") > likeness(task, "a queue of jobs")


@pytest.mark.parametrize(
    "other", [HashedEmbedder(dimensions=384), HashedEmbedder(weights=Weights(words=0.1))]
)
def test_another_way_to_embed_has_another_id(other: HashedEmbedder) -> None:
    assert other.id != EMBEDDER.id


def test_a_vector_survives_the_ledger() -> None:
    vector = EMBEDDER.embed([TEXT])[0]
    assert np.array_equal(decoded(encoded(vector)), vector)
