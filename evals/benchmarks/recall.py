"""How well failures are found again, and how quickly.

Recall: each real failure of `evals/failures` is asked of a memory that has learned all the others
of its part (leave one out). It is found if one of the first patterns was founded by a failure of
the same kind. Beside it, in the same run: three ways to search that know nothing of failures.

Speed: `recall` among many patterns, over a SQLite ledger and Chroma on disk, in one process.

```text
python evals/benchmarks/recall.py [--patterns 100000]
```
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import tempfile
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

import numpy as np

from cultivar.ledger.base import PatternStore
from cultivar.ledger.sql import open_ledger
from cultivar.memory.chroma import ChromaIndex
from cultivar.memory.embedding import HashedEmbedder
from cultivar.memory.index import ExactIndex, Index, encoded
from cultivar.memory.memory import PatternMemory, open_memory
from cultivar.memory.places import FolderPlace
from cultivar.memory.signature import signature_of
from cultivar.model import CheckResult, FailurePattern
from cultivar.testing.patterns import MemoryPatternStore

CORPUS = Path(__file__).parents[1] / "failures/corpus.jsonl"
PATTERNS = 100_000
QUERIES = 1_000
EMBEDDER = HashedEmbedder()


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A line of the corpus."""

    id: str
    kind: str
    part: str
    tool: str
    language: str
    check: str
    output: str

    @property
    def result(self) -> CheckResult:
        """The check's result."""
        return CheckResult(
            check=self.check, verdict="failed", required=True, weight=1.0, output=self.output
        )


Search: TypeAlias = Callable[[Failure, Sequence[Failure]], Sequence[str]]
"""The kinds of what is found for a failure among others, the nearest first."""


def measure(patterns: int = PATTERNS) -> dict[str, object]:
    """Recall on both parts of the corpus, and the time of `recall` among so many patterns."""
    corpus = read_corpus()
    parts = {name: [f for f in corpus if f.part == name] for name in ("development", "sealed")}
    return {
        "failures": len(corpus),
        "kinds": len({failure.kind for failure in corpus}),
        "leave_one_out": {name: _compared(failures) for name, failures in parts.items()},
        "sealed_after_development": {
            "exact": _carried_over(parts["development"], parts["sealed"], chroma=False),
            "chroma": _carried_over(parts["development"], parts["sealed"], chroma=True),
        },
        "speed": _speed(corpus, patterns),
    }


def read_corpus() -> list[Failure]:
    """All real failures."""
    return [Failure(**json.loads(line)) for line in CORPUS.read_text().splitlines()]


def _compared(failures: Sequence[Failure]) -> dict[str, object]:
    searches: Mapping[str, Search] = {
        "memory": by_memory,
        "tfidf": by_tfidf,
        "bm25": by_bm25,
        "hashing_384": by_hashing,
    }
    return {name: _leave_one_out(search, failures) for name, search in searches.items()}


def _leave_one_out(search: Search, failures: Sequence[Failure]) -> dict[str, object]:
    firsts, thirds = 0, 0
    missed: list[str] = []
    for failure in failures:
        others = [f for f in failures if f.language == failure.language and f is not failure]
        kinds = list(search(failure, others))[:3]
        firsts += failure.kind in kinds[:1]
        thirds += failure.kind in kinds
        if failure.kind not in kinds:
            missed.append(failure.id)
    total = len(failures)
    found = {"recall@1": round(firsts / total, 4), "recall@3": round(thirds / total, 4)}
    return {**found, "missed": missed} if search is by_memory else {**found}


def by_memory(failure: Failure, others: Sequence[Failure]) -> Sequence[str]:
    """The real memory, having learned all the others."""
    store = MemoryPatternStore()
    memory = PatternMemory(store, ExactIndex(store, EMBEDDER), EMBEDDER)
    founders = _taught(memory, others)
    return _asked(memory, founders, failure)


def _taught(memory: PatternMemory, failures: Sequence[Failure]) -> dict[str, str]:
    """The kind of the failure that founded each pattern."""
    founders: dict[str, str] = {}
    for failure in failures:
        founders.setdefault(memory.learn(failure.result, failure.language).id, failure.kind)
    return founders


def _asked(memory: PatternMemory, founders: Mapping[str, str], failure: Failure) -> list[str]:
    found = memory.recall(failure.output, language=failure.language, check=failure.check)
    return [founders[pattern.id] for pattern in found]


def _carried_over(
    learned: Sequence[Failure], asked: Sequence[Failure], *, chroma: bool
) -> dict[str, float]:
    """Recall for failures of one part, of a memory that learned the other part."""
    store = MemoryPatternStore()
    with tempfile.TemporaryDirectory() as folder:
        index: Index = ExactIndex(store, EMBEDDER)
        if chroma:
            index = ChromaIndex(store, EMBEDDER, FolderPlace(Path(folder)))
        memory = PatternMemory(store, index, EMBEDDER)
        founders = _taught(memory, learned)
        kinds = [(failure.kind, _asked(memory, founders, failure)) for failure in asked]
        memory.close()
    return {
        "recall@1": round(sum(kind in found[:1] for kind, found in kinds) / len(kinds), 4),
        "recall@3": round(sum(kind in found for kind, found in kinds) / len(kinds), 4),
    }


def by_tfidf(failure: Failure, others: Sequence[Failure]) -> Sequence[str]:
    """TF-IDF over runs of three to five characters of words, identifiers split."""
    counts = [_runs(f.output) for f in (failure, *others)]
    holding = Counter(run for each in counts for run in each)
    rarity = {run: math.log((1 + len(counts)) / (1 + n)) + 1 for run, n in holding.items()}
    vectors = [{run: (1 + math.log(n)) * rarity[run] for run, n in c.items()} for c in counts]
    lengths = [math.sqrt(sum(value**2 for value in vector.values())) or 1 for vector in vectors]
    query = vectors[0]
    scores = [
        sum(query.get(run, 0.0) * value for run, value in vector.items()) / length
        for vector, length in zip(vectors[1:], lengths[1:], strict=True)
    ]
    return _best(scores, others)


def by_bm25(failure: Failure, others: Sequence[Failure]) -> Sequence[str]:
    """Okapi BM25 (k1 1.5, b 0.75) over words, identifiers split."""
    texts = [Counter(_words(f.output)) for f in others]
    holding = Counter(word for text in texts for word in text)
    lengths = [sum(text.values()) for text in texts]
    mean = sum(lengths) / len(lengths)
    query = set(_words(failure.output))
    scores = [
        sum(
            math.log(1 + (len(texts) - holding[word] + 0.5) / (holding[word] + 0.5))
            * text[word]
            * 2.5
            / (text[word] + 1.5 * (0.25 + 0.75 * length / mean))
            for word in query & text.keys()
        )
        for text, length in zip(texts, lengths, strict=True)
    ]
    return _best(scores, others)


def by_hashing(failure: Failure, others: Sequence[Failure]) -> Sequence[str]:
    """Words hashed into 384 signed buckets."""
    query = _hashed(failure.output)
    return _best([float(query @ _hashed(f.output)) for f in others], others)


def _best(scores: Sequence[float], others: Sequence[Failure]) -> list[str]:
    order = sorted(range(len(others)), key=lambda place: -scores[place])
    return [others[place].kind for place in order[:3]]


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@lru_cache(maxsize=1_000)
def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


@lru_cache(maxsize=1_000)
def _runs(text: str) -> Counter[str]:
    padded = [f" {word} " for word in _words(text)]
    return Counter(
        word[start : start + size]
        for word in padded
        for size in (3, 4, 5)
        for start in range(len(word) - size + 1)
    )


@lru_cache(maxsize=1_000)
def _hashed(text: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    vector = np.zeros(384)
    for word in _words(text):
        number = zlib.crc32(word.encode())
        vector[(number >> 1) % 384] += 1 if number & 1 else -1
    return vector / (np.linalg.norm(vector) or 1)


def variations(corpus: Sequence[Failure], count: int) -> list[FailurePattern]:
    """So many different patterns: real signatures with other codes and some other words."""
    draw = random.Random(0)
    signatures = [signature_of(f.output, check=f.check, language=f.language) for f in corpus]
    words = sorted({word for s in signatures for word in s.template.split() if word.isalpha()})
    made: dict[str, FailurePattern] = {}
    while len(made) < count:
        origin = draw.choice(signatures)
        kind = f"{origin.kind}{draw.randrange(2_000)}"
        told = " ".join(
            draw.choice(words) if word.isalpha() and draw.random() < 0.4 else word
            for word in origin.template.split()
        )
        text = f"{origin.text.partition(chr(10))[0].replace(origin.kind, kind)}\n{told}"
        name = f"{zlib.crc32(text.encode()):08x}{len(made):08x}"
        made[name] = FailurePattern(
            id=name,
            signature=text,
            check=origin.check,
            language=origin.language,
            kind=kind,
            example=told,
        )
    return list(made.values())


def _speed(corpus: Sequence[Failure], patterns: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        ledger = open_ledger(f"sqlite:///{folder}/ledger.db")
        _fill(ledger.patterns, variations(corpus, patterns))
        memory = open_memory(ledger.patterns, Path(folder) / "memory")
        built = _seconds(memory.refresh)
        queries = random.Random(1).choices(corpus, k=QUERIES)
        taken: dict[str, list[float]] = defaultdict(list)
        for query in queries:
            start = time.perf_counter()
            memory.recall(query.output, language=query.language, check=query.check)
            taken["recall"].append(time.perf_counter() - start)
        agreement = _agreement(ledger.patterns, Path(folder) / "memory", queries[:200])
        memory.close()
        ledger.close()
    ordered = sorted(taken["recall"][5:])
    return {
        "patterns": patterns,
        "build_seconds": round(built, 1),
        "first_ms": round(1000 * taken["recall"][0], 2),
        "p50_ms": round(1000 * ordered[len(ordered) // 2], 2),
        "p99_ms": round(1000 * ordered[int(len(ordered) * 0.99)], 2),
        "chroma_finds_of_the_exact_top_3": agreement,
    }


def _fill(store: PatternStore, patterns: Sequence[FailurePattern]) -> None:
    for start in range(0, len(patterns), 1_000):
        batch = patterns[start : start + 1_000]
        vectors = EMBEDDER.embed([pattern.signature for pattern in batch])
        for pattern, vector in zip(batch, vectors, strict=True):
            store.add_pattern(pattern, encoded(vector), EMBEDDER.id)


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _agreement(store: PatternStore, folder: Path, queries: Sequence[Failure]) -> float:
    """The share of the truly nearest three that Chroma finds among its nearest three."""
    exact = ExactIndex(store, EMBEDDER)
    chroma = ChromaIndex(store, EMBEDDER, FolderPlace(folder))
    found = 0
    for query in queries:
        text = signature_of(query.output, check=query.check, language=query.language).text
        vector = EMBEDDER.embed([text])[0]
        near = [index.nearest(vector, query.language, 3) for index in (exact, chroma)]
        found += len({n.id for n in near[0]} & {n.id for n in near[1]})
    return round(found / (3 * len(queries)), 4)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patterns", type=int, default=PATTERNS)
    print(json.dumps(measure(parser.parse_args().patterns), indent=2))
