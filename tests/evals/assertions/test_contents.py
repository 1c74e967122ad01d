"""Assertions on what was made, with and without `not`."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cultivar.checking.checks import CheckRunner
from cultivar.evals.assertions.base import Bench, Outcome
from cultivar.evals.assertions.contents import same_value
from cultivar.evals.assertions.judging import judge, weighted
from cultivar.lifecycle import Assertion, AssertionKind, AssertionResult
from cultivar.model import CheckResult, Json, Proof, Verdict
from cultivar.tree import Entry, Tree, text_entry


def _no_runner() -> CheckRunner:
    raise AssertionError("This assertion runs nothing.")


BENCH = Bench(open_runner=_no_runner)
FILES = Tree(
    {
        "a.py": text_entry("import re\nprint('one')\n"),
        "data/x.json": text_entry('{"n": 1, "of": [1, 2]}'),
        "picture": Entry(content=b"\xff\xfe\x00"),
    }
)


def judged(kind: AssertionKind, value: Json, outcome: Outcome, **more: Any) -> AssertionResult:
    return judge([Assertion(kind=kind, value=value, **more)], outcome, BENCH)[0]


@pytest.mark.parametrize(
    ("kind", "value", "path", "holds"),
    [
        ("contains", "print('one')", "a.py", True),
        ("contains", "print('one')", "", True),
        ("contains", "print('one')", "*.json", False),
        ("contains", "two", "", False),
        ("regex", "^print", "a.py", True),
        ("regex", "^one", "a.py", False),
        ("equals", "import re\nprint('one')", "a.py", True),
        ("equals", "import re", "a.py", False),
        ("is-json", None, "data/*", True),
        ("is-json", {"required": ["n"]}, "data/*", True),
        ("is-json", {"required": ["m"]}, "data/*", False),
        ("is-json", None, "a.py", False),
        ("file-exists", None, "a.py", True),
        ("file-exists", None, "*/x.json", True),
        ("file-exists", None, "b.py", False),
    ],
)
def test_an_assertion_holds_or_its_opposite_does(
    kind: AssertionKind, value: Json, path: str, holds: bool
) -> None:
    outcome = Outcome(tree=FILES)
    plain = judged(kind, value, outcome, path=path)
    negated = judged(kind, value, outcome, path=path, negate=True)
    assert (plain.passed, negated.passed) == (holds, not holds)
    assert (plain.score, negated.score) == (float(holds), float(not holds))


@pytest.mark.parametrize("negate", [True, False])
@pytest.mark.parametrize("kind", ["contains", "regex", "equals", "is-json"])
def test_what_is_said_of_a_file_that_is_not_there_does_not_hold_either_way(
    kind: AssertionKind, negate: bool
) -> None:
    said = judged(kind, "x", Outcome(tree=FILES), path="b.*", negate=negate)
    assert not said.passed
    assert "'b.*'" in said.said
    assert "`a.py`" in said.said


@pytest.mark.parametrize("negate", [True, False])
def test_an_expression_that_takes_too_long_does_not_hold_either_way(negate: bool) -> None:
    outcome = Outcome(output="a" * 40 + "b")
    said = judged("regex", r"^(a|a)*$", outcome, negate=negate)
    assert not said.passed
    assert "too long" in said.said


def test_equals_over_several_files_asks_for_a_path() -> None:
    assert "`path`" in judged("equals", "x", Outcome(tree=FILES)).said


def test_a_schema_says_where_something_does_not_fit() -> None:
    schema: Json = {"properties": {"of": {"items": {"maximum": 1}}}}
    said = judged("is-json", schema, Outcome(tree=FILES), path="data/*").said
    assert "`data/x.json` does not fit its schema at `of.1`: 2 is greater than" in said


def test_nothing_is_fetched_that_a_schema_refers_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("The network was used.")

    monkeypatch.setattr(socket, "create_connection", no_network)
    schema: Json = {"$ref": "http://schemas.example/other.json"}
    said = judged("is-json", schema, Outcome(output="{}"))
    assert not said.passed
    assert "schemas.example" in said.said


@pytest.mark.parametrize("negate", [True, False])
def test_a_schema_that_goes_in_a_circle_does_not_hold_either_way(negate: bool) -> None:
    assert not judged("is-json", {"$ref": "#"}, Outcome(output="{}"), negate=negate).passed


def test_json_that_nests_without_end_is_none() -> None:
    assert not judged("is-json", None, Outcome(output="[" * 200_000)).passed


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (None, 0, False),
        ([1, {"a": None}], (1.0, {"a": None}), True),
        ([1], [1, 2], False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ("1", 1, False),
    ],
)
def test_values_are_the_same_as_json_has_them(one: Json, other: Json, same: bool) -> None:
    assert same_value(one, other) is same_value(other, one) is same
    if one is not None:
        assert judged("equals", other, Outcome(value=one, output="x")).passed is same


def proof(*verdicts: Verdict) -> Proof:
    results = [
        CheckResult(check=f"c{at}", verdict=each, required=not at, weight=1.0, output="why")
        for at, each in enumerate(verdicts)
    ]
    return Proof(results=tuple(results))


@pytest.mark.parametrize(
    ("kind", "value", "outcome", "holds"),
    [
        ("checks", True, Outcome(proof=proof("passed", "failed")), True),
        ("checks", True, Outcome(proof=proof("failed", "passed")), False),
        ("quality", 0.5, Outcome(proof=proof("passed", "failed")), True),
        ("quality", 0.6, Outcome(proof=proof("passed", "failed")), False),
        ("cost", 0.01, Outcome(money=0.01), True),
        ("cost", 0.01, Outcome(money=0.02), False),
        ("latency", 2, Outcome(seconds=2.0), True),
        ("latency", 2, Outcome(seconds=2.1), False),
        ("raises", "AnswerError", Outcome(raised="AnswerError"), True),
        ("raises", "AnswerError", Outcome(raised="TemplateError"), False),
        ("raises", "AnswerError", Outcome(), False),
    ],
)
def test_what_was_measured_is_held_against_its_limit(
    kind: AssertionKind, value: Json, outcome: Outcome, holds: bool
) -> None:
    assert judged(kind, value, outcome).passed is holds
    assert judged(kind, value, outcome, negate=True).passed is not holds


@pytest.mark.parametrize("kind", ["checks", "quality"])
@pytest.mark.parametrize("negate", [True, False])
def test_a_version_without_checks_has_neither_passed_nor_failed_them(
    kind: AssertionKind, negate: bool
) -> None:
    bare = Outcome(tree=FILES, proof=Proof(results=()))
    assert not judged(kind, 0.5, bare, negate=negate).passed


SHARES = st.builds(
    AssertionResult,
    kind=st.just("contains"),
    passed=st.booleans(),
    score=st.floats(0, 1),
    required=st.booleans(),
    weight=st.floats(0, 100),
)


@given(st.lists(SHARES))
@example([AssertionResult(kind="contains", passed=False, score=0.5, required=False, weight=5e-324)])
def test_the_score_is_a_weighted_share(results: list[AssertionResult]) -> None:
    scores = [each.score for each in results if each.weight] or [1.0]
    assert min(scores) - 1e-9 <= weighted(results) <= max(scores) + 1e-9
