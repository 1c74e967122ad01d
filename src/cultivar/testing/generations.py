"""Generations for tests: a plain one, and by Hypothesis any that the ledger must take."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cultivar.model import (
    Answer,
    Attempt,
    CheckResult,
    Draft,
    Generation,
    Json,
    Proof,
    SlotBody,
    TemplateRef,
    Usage,
)
from cultivar.tree import Entry, Tree, text_entry

TEMPLATE = TemplateRef(
    id="quality_template:python-production",
    version="1.0.0",
    tree_hash="0" * 64,
    origin="builtin",
    language="python",
)
"""A template to have generated from."""

TREE = Tree(
    {
        "README.md": text_entry("# Cache\n"),
        "src/cache.py": text_entry("CACHE = {}\n" * 100),
        "src/run.sh": text_entry("#!/bin/sh\n", mode="executable"),
        "latest": Entry(content=b"src/cache.py", mode="link"),
        "empty": text_entry(""),
        "bytes": Entry(content=bytes(range(256))),
    }
)
"""A tree with each mode, and with contents that compress well and badly."""

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
"""Text of any characters, NUL and halves of surrogate pairs among them."""

_PLAIN = st.text(st.characters(codec="utf-8"), max_size=20)
_SMALL = st.integers(min_value=0, max_value=2**31 - 1)
_LARGE = st.integers(min_value=0, max_value=2**63 - 1)
_AMOUNT = st.floats(min_value=0, max_value=1e12)
_MOMENT = st.datetimes(
    min_value=datetime(1970, 1, 2),
    max_value=datetime(2200, 1, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7)), timezone(timedelta(hours=9))]),
)


def check_result(check: str = "tests", verdict: Any = "passed", **changes: Any) -> CheckResult:
    """What a required check said."""
    given: dict[str, Any] = {"required": True, "weight": 1.0, **changes}
    return CheckResult(check=check, verdict=verdict, **given)


def attempt_at(tree_hash: str, *results: CheckResult, number: int = 1) -> Attempt:
    """An attempt that made the tree of that hash; without results one check has passed."""
    proof = Proof(results=results or (check_result(),), sandbox="bubblewrap")
    return Attempt(number=number, draft=Draft(tree_hash=tree_hash), proof=proof)


def generation_of(tree_hash: str, **changes: Any) -> Generation:
    """A generation that made the tree of that hash, just now."""
    given: dict[str, Any] = {
        "id": str(uuid4()),
        "run_id": str(uuid4()),
        "task": "An async TTL cache",
        "template": TEMPLATE,
        "answers": (answer_of("use_cache", True, source="task"),),
        "attempts": (attempt_at(tree_hash),),
        "instance_id": "local",
        "generated_at": datetime.now(UTC),
    }
    return Generation(**{**given, **changes})


def answer_of(name: str, value: Json, **changes: Any) -> Answer:
    """A closed answer that a person gave."""
    given: dict[str, Any] = {"source": "user", "confidence": 1.0, "closed": True, **changes}
    return Answer(name=name, value=value, **given)


def json_values() -> SearchStrategy[Json]:
    """Any value as JSON has it; NaN, which is equal to nothing, is left out."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | ANY_TEXT
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
        max_leaves=6,
    )


def trees() -> SearchStrategy[Tree]:
    """Trees of any contents, modes and names."""
    names = st.text(st.characters(codec="utf-8", exclude_characters="/\\\0"), min_size=1)
    paths = st.lists(names.map(lambda name: f"n{name}"), min_size=1, max_size=3)
    entries = st.builds(
        Entry, content=st.binary(max_size=200), mode=st.sampled_from(["file", "executable"])
    )
    # A file of one depth is never a folder of another.
    return st.dictionaries(
        paths.map(lambda parts: f"{len(parts)}/" + "/".join(parts)), entries, max_size=5
    ).map(Tree)


def generations(tree_hash: str) -> SearchStrategy[Generation]:
    """Any generation whose attempts all made the tree of that hash."""
    return st.builds(
        Generation,
        id=st.uuids().map(str),
        run_id=ANY_TEXT,
        task=ANY_TEXT,
        template=st.builds(
            TemplateRef,
            **{name: ANY_TEXT for name in ("id", "version", "origin", "ref", "language")},
            tree_hash=st.just(tree_hash),
            trusted=st.booleans(),
        ),
        answers=st.lists(_answers(), max_size=4).map(tuple),
        attempts=st.lists(_attempts(tree_hash), min_size=1, max_size=3).map(tuple),
        instance_id=ANY_TEXT,
        generated_at=_MOMENT,
        output=ANY_TEXT,
        file_path=ANY_TEXT,
        recalled=st.lists(ANY_TEXT, max_size=2).map(tuple),
        usage=st.builds(Usage, calls=_SMALL, tokens=_LARGE, money=_AMOUNT, seconds=_AMOUNT),
        seconds=_AMOUNT,
    )


def _answers() -> SearchStrategy[Answer]:
    return st.builds(
        Answer,
        name=ANY_TEXT,
        value=json_values(),
        source=st.sampled_from(["user", "task", "model", "learned", "default"]),
        confidence=st.floats(min_value=0, max_value=1),
        evidence=ANY_TEXT,
        secret=st.just(False),
        computed=st.booleans(),
        closed=st.booleans(),
    )


def alike_generations(tree_hash: str) -> SearchStrategy[Generation]:
    """Generations of few templates, questions and values, so that their counts meet."""
    verdicts = st.sampled_from(["passed", "failed", "not_verified"])
    return st.builds(
        generation_of,
        st.just(tree_hash),
        id=st.uuids().map(str),
        task=st.sampled_from(["A cache", "adopted"]),
        template=st.builds(
            TemplateRef,
            id=st.sampled_from(["cache", "server\0"]),
            version=st.sampled_from(["1.0.0", "2.0.0"]),
            tree_hash=st.just(tree_hash),
            origin=st.just("builtin"),
        ),
        answers=st.lists(_alike_answers(), max_size=5, unique_by=lambda each: each.name).map(tuple),
        attempts=verdicts.map(lambda each: (attempt_at(tree_hash, check_result(verdict=each)),)),
        instance_id=st.sampled_from(["here", "there"]),
        generated_at=_MOMENT,
    )


def _alike_answers() -> SearchStrategy[Answer]:
    values: list[Json] = [True, False, "ets", "Größe\0", 1, 0.5, ["b", "a"], ["a", "b"]]
    return st.builds(
        Answer,
        name=st.sampled_from(["backend", "log", "Zone", "größe\ud800", "ttl"]),
        value=st.sampled_from([*values, float("inf"), "long" * 100]),
        source=st.sampled_from(["user", "task", "model", "learned", "default"]),
        confidence=st.just(1.0),
        secret=st.booleans(),
        computed=st.booleans(),
        closed=st.just(True) | st.booleans(),
    )


def _attempts(tree_hash: str) -> SearchStrategy[Attempt]:
    slots = st.builds(SlotBody, path=_PLAIN, slot=_PLAIN, body=ANY_TEXT)
    texts = st.lists(ANY_TEXT, max_size=2).map(tuple)
    draft = st.builds(
        Draft,
        tree_hash=st.just(tree_hash),
        slots=st.lists(slots, max_size=2).map(tuple),
        refused=texts,
        fixes=texts,
    )
    results = st.lists(check_results(), max_size=3).map(tuple)
    proof = st.builds(Proof, results=results, sandbox=_PLAIN)
    return st.builds(Attempt, number=_SMALL, draft=draft, proof=proof, patterns=texts)


def check_results() -> SearchStrategy[CheckResult]:
    """Any result of a check."""
    return st.builds(
        CheckResult,
        check=ANY_TEXT,
        verdict=st.sampled_from(["passed", "failed", "not_verified"]),
        required=st.booleans(),
        weight=st.floats(min_value=0, max_value=100),
        output=ANY_TEXT,
        exit_code=st.none() | st.integers(min_value=-(2**31), max_value=2**32),
        ended_by=st.sampled_from(["exit", "signal", "wall", "cpu", "memory", "output", "disk"]),
        wall_seconds=_AMOUNT,
        cpu_seconds=_AMOUNT,
        peak_bytes=_LARGE,
        cached=st.booleans(),
    )
