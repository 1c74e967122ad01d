"""Tools with bugs as people make them, each mended without a model, on inputs that nobody saw."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from cultivar.evals.trying.tool_uses import Described, ToolUses
from cultivar.evals.trying.tools import declared_cases, try_tool_on
from cultivar.evolution.operators.tools.guarding import Proposals, Study, guarded
from cultivar.evolution.operators.tools.observing import Observation
from cultivar.lifecycle import ArtifactVersion
from cultivar.record import Record
from cultivar.testing.tools import place_for_tools, subject_of, tool_file
from cultivar.tree import Tree

Given = dict[str, Any]


class Animal(Record):
    """A tool that fails sometimes."""

    signature: str
    body: str
    cases: str
    """What its author declared."""
    known: list[Given]
    """Inputs that came."""
    fresh: list[Given]
    """Inputs that come later."""


PEOPLE: list[Given] = [{"name": "Ada"}, {"name": "Bo", "age": 3}, {"name": "Cy"}]

ZOO = {
    "an average of nothing": Animal(
        signature="acts(numbers: list[float]) -> float | None",
        body="return sum(numbers) / len(numbers)",
        cases='Case(input={"numbers": []}, expected_output=None),',
        known=[{"numbers": [1, 2]}, {"numbers": [3]}, {"numbers": []}],
        fresh=[{"numbers": []}, {"numbers": [4.5, 5]}],
    ),
    "a key that is missing": Animal(
        signature="acts(person: dict) -> str",
        body="return person['name'].upper()",
        cases='Case(input={"person": {}}, expected_output=""),',
        known=[*({"person": each} for each in PEOPLE), {"person": {"age": 9}}, {"person": {}}],
        fresh=[{"person": {"age": 1, "town": "X"}}, {"person": {"name": "Di"}}],
    ),
    "nothing, and an empty text": Animal(
        signature="acts(text)",
        body="return text[0].upper()",
        cases='Case(input={"text": None}, expected_output=""), '
        'Case(input={"text": ""}, expected_output=""),',
        known=[{"text": "ab"}, {"text": "x y"}, {"text": None}, {"text": ""}],
        fresh=[{"text": None}, {"text": ""}, {"text": "zoo"}],
    ),
    "an index beyond the end": Animal(
        signature="acts(items: list, index: int)",
        body="return items[index]",
        cases='Case(input={"items": ["a"], "index": 1}, expected_output=None),',
        known=[
            {"items": ["a", "b"], "index": 0},
            {"items": ["a", "b"], "index": 1},
            {"items": ["a", "b"], "index": 2},
            {"items": ["a", "b", "c"], "index": 2},
            {"items": ["a"], "index": 7},
        ],
        fresh=[{"items": ["x"] * 5, "index": 4}, {"items": ["x"] * 5, "index": 5}],
    ),
    "a number that comes as a text": Animal(
        signature="acts(age: int) -> int",
        body="return 100 - age",
        cases='Case(input={"age": "30"}, expected_output=70),',
        known=[{"age": 1}, {"age": 20}, {"age": "8"}, {"age": "41"}],
        fresh=[{"age": "99"}, {"age": 50}],
    ),
    "a number where a text should be": Animal(
        signature="acts(title: str) -> str",
        body="return title.lower().replace(' ', '-')",
        cases='Case(input={"title": 1984}, expected_output="1984"),',
        known=[{"title": "A b"}, {"title": "C"}, {"title": 7}, {"title": 2001}],
        fresh=[{"title": 2010}, {"title": "Q r s"}],
    ),
    "a gap in a list": Animal(
        signature="acts(values: list)",
        body="return max(values) - min(values)",
        cases='Case(input={"values": [1, None]}, expected_output=None),',
        known=[{"values": [1, 2]}, {"values": [3]}, {"values": [None, 2]}, {"values": [1, None]}],
        fresh=[{"values": [9, None, 1]}, {"values": [5, 1]}],
    ),
    "limits the wrong way round": Animal(
        signature="acts(low: int, high: int)",
        body="import random\nreturn random.Random(1).randint(low, high) and None",
        cases='Case(input={"low": 4, "high": 2}, should_raise="IndexError"),',
        known=[{"low": 1, "high": 3}, {"low": 2, "high": 2}, {"low": 3, "high": 2}],
        fresh=[{"low": 5, "high": 6}],
    ),
    "a separator that nobody gave": Animal(
        signature="acts(parts: list[str], separator: str | None) -> str",
        body="return separator.join(parts)",
        cases='Case(input={"parts": ["a", "b"], "separator": None}, expected_output="ab"), '
        'Case(input={"parts": ["c"], "separator": None}, expected_output="c"),',
        known=[
            {"parts": ["a", "b"], "separator": "-"},
            {"parts": [], "separator": ", "},
            {"parts": ["x"], "separator": None},
            {"parts": ["x", "y"], "separator": None},
        ],
        fresh=[{"parts": ["q", "r"], "separator": None}, {"parts": ["q"], "separator": "+"}],
    ),
    "two reasons at once": Animal(
        signature="acts(values: list[float], by: float) -> float",
        body="return max(values) / by",
        cases='Case(input={"values": [1], "by": 0}, should_raise="ValueError"), '
        'Case(input={"values": [], "by": 2}, expected_output=0),',
        known=[
            *({"values": [each, 2], "by": each} for each in (1, 2, 3)),
            *({"values": [each], "by": 0} for each in (4, 5)),
            *({"values": [], "by": each} for each in (1, 2)),
        ],
        fresh=[{"values": [], "by": 8}, {"values": [6], "by": 3}],
    ),
}


@pytest.fixture(scope="module")
def uses() -> Iterator[ToolUses]:
    with place_for_tools() as place:
        yield place


@pytest.mark.parametrize("name", ZOO)
def test_what_its_own_cases_speak_for_is_mended(name: str, uses: ToolUses) -> None:
    animal = ZOO[name]
    source = tool_file(animal.body, signature=animal.signature, cases=animal.cases)
    tree = subject_of(source).tree
    made, described = proposals(tree, animal.known, uses)
    new = made.proposals[0].tree
    assert made.proposals[0].mends
    assert outcomes(new, animal.fresh, uses) == [True] * len(animal.fresh)
    own = try_tool_on(subject_of(new.text("acts.py")), declared_cases(described.cases), uses)
    assert {each.verdict for each in own} == {"passed"}
    worked = [each for each in animal.known if outcomes(tree, [each], uses) == [True]]
    old, now = (uses.use(each, "acts", worked) for each in (tree, new))
    assert [each.agreement for each in old] == [each.agreement for each in now]


def test_failures_that_nothing_tells_apart_are_not_said_to_be_mended(uses: ToolUses) -> None:
    source = tool_file(
        "if (a * 7919 + b) % 5 == 0: raise RuntimeError\nreturn a + b",
        signature="acts(a: int, b: int) -> int | None",
        cases='Case(input={"a": 1, "b": 2}, expected_output=3),',
    )
    known: list[Given] = [{"a": a, "b": b} for a in range(1, 9) for b in range(1, 9)]
    made, _ = proposals(subject_of(source).tree, known, uses)
    assert [each.candidate.description for each in made.proposals if each.mends] == []


def outcomes(tree: Tree, inputs: list[Given], uses: ToolUses) -> list[bool]:
    return [each.succeeded for each in uses.use(tree, "acts", inputs)]


def proposals(tree: Tree, known: list[Given], uses: ToolUses) -> tuple[Proposals, Described]:
    described: Any = uses.describe(tree, "acts")
    found = zip(known, uses.use(tree, "acts", known), strict=True)
    study = Study(
        version=ArtifactVersion(
            artifact=subject_of("").artifact,
            tree_hash=tree.hash,
            version="1.0.0",
            made_at=datetime(2026, 1, 1, tzinfo=UTC),
        ),
        tree=tree,
        cases=described.cases,
        observed=tuple(
            Observation(inputs=inputs, output=use.value, error="".join(use.raised[:1]))
            for inputs, use in found
        ),
    )
    return guarded(study), described
