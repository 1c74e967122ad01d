"""Guards for tools: found in what fails, answered by what the tool says, put in by lines."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cultivar.evals.trying.tool_uses import Described, Inputs, ToolUses
from cultivar.evolution.operators.tools.copying import copied_value
from cultivar.evolution.operators.tools.guarding import (
    OPERATOR,
    Proposals,
    Study,
    guarded,
    raised,
)
from cultivar.evolution.operators.tools.observing import (
    Guard,
    Observation,
    can_be_used_again,
    guards_of,
)
from cultivar.evolution.operators.tools.sources import read_source, with_lines
from cultivar.evolution.operators.tools.traits import Trait, traits_of
from cultivar.generation.fixes import apply_edits
from cultivar.lifecycle import ArtifactVersion
from cultivar.model import Json
from cultivar.testing.tools import place_for_tools, subject_of
from cultivar.tool import Case
from cultivar.tree import Tree

CALCULATOR = Path(__file__).parents[3] / "examples" / "calculator"


@pytest.fixture(scope="module")
def uses() -> Iterator[ToolUses]:
    with place_for_tools() as place:
        yield place


def study_of(source: str, observed: list[Observation], *cases: Case, name: str = "acts") -> Study:
    subject = subject_of(source, name)
    version = ArtifactVersion(
        artifact=subject.artifact,
        tree_hash=subject.tree_hash,
        version="1.0.0",
        made_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return Study(version=version, tree=subject.tree, cases=cases, observed=tuple(observed))


def seen(inputs: Inputs, error: str = "") -> Observation:
    return Observation(inputs=inputs, error=error)


def dividing(*cases: Case, source: str = "def acts(a, b):\n    return a / b\n") -> Proposals:
    """What is made of a tool that fails where `b` is zero."""
    fine = [seen({"a": each, "b": each + 1}) for each in range(5)]
    failed = [seen({"a": each, "b": 0}, "ZeroDivisionError") for each in range(3)]
    return guarded(study_of(source, fine + failed, *cases))


def first(made: Proposals, name: str = "acts") -> str:
    return made.proposals[0].tree.text(f"{name}.py")


def test_what_fails_is_told_from_what_does_not_by_a_class_of_values() -> None:
    (guard,) = guards_of(
        [
            seen({"a": 1, "b": 2}),
            seen({"a": 0, "b": 3}),
            *(seen({"a": each, "b": 0}, "ZeroDivisionError") for each in (0, 7, 9)),
        ]
    )
    assert (guard.words, guard.error, guard.failures) == ("`b` is zero", "ZeroDivisionError", 3)


FAILING: list[tuple[str, list[Inputs], list[Inputs]]] = [
    ("`x` is None", [{"x": None}], [{"x": 1}, {"x": 0}]),
    ("`x` is empty", [{"x": []}], [{"x": [1]}]),
    ("`x` is empty", [{"x": ""}], [{"x": "a"}]),
    ("`x` is a text", [{"x": "7"}, {"x": "b"}], [{"x": 1}]),
    ("`x` has no `name`", [{"x": {"age": 1}}], [{"x": {"name": "A", "age": 2}}]),
    ("`x` is blank", [{"x": " "}, {"x": "\t"}], [{"x": "a b"}]),
    ("`x` holds None", [{"x": [1, None]}], [{"x": [1, 2]}]),
    ("`x` is negative", [{"x": -1}, {"x": -0.5}], [{"x": 1}, {"x": 0}]),
    ("`i` is beyond the end of `x`", [{"i": 2, "x": "ab"}], [{"i": 1, "x": "cd"}]),
    ("`low` is greater than `high`", [{"low": 3, "high": 2}], [{"low": 2, "high": 3}]),
]


@pytest.mark.parametrize(("words", "failed", "fine"), FAILING)
def test_many_classes_are_known(words: str, failed: list[Inputs], fine: list[Inputs]) -> None:
    observed = [*(seen(each) for each in fine), *(seen(each, "ValueError") for each in failed)]
    assert guards_of(observed)[0].words == words


def test_a_way_of_working_stands_in_a_guard_only_as_a_word_of_the_tools_own() -> None:
    observed = [
        *(seen({"how": "add", "b": each}) for each in (0, 1, 2)),
        seen({"how": "divide", "b": 2}),
        *(seen({"how": "divide", "b": 0}, "ZeroDivisionError") for _ in range(2)),
    ]
    own = guards_of(observed, 'if how == "divide": pass')
    assert [each.words for each in own] == ["`how` is `divide` and `b` is zero"]
    assert guards_of(observed, "def acts(how, b): pass") == ()
    assert guards_of(observed, "x = Case(input={'how': 'divide'})") == ()


def test_where_nothing_ever_worked_nothing_can_be_told() -> None:
    assert guards_of([seen({"x": None}, "TypeError")]) == ()


def test_the_tools_own_case_says_that_there_is_no_answer() -> None:
    made = dividing(Case(input={"a": 1, "b": 0}, expected_output=None))
    assert first(made) == (
        "def acts(a, b):\n    if b == 0:\n        return None\n    return a / b\n"
    )


def test_the_tools_own_case_says_what_is_to_be_raised() -> None:
    made = dividing(Case(input={"a": 1, "b": 0}, should_raise="ArithmeticError"))
    assert "raise ArithmeticError('b is zero')" in first(made)


def test_an_exception_that_the_module_does_not_know_is_not_raised() -> None:
    made = dividing(Case(input={"a": 1, "b": 0}, should_raise="NoSuchError"))
    assert "NoSuchError" not in first(made)


def test_a_guard_that_stands_there_is_not_put_in_again() -> None:
    own = Case(input={"a": 1, "b": 0})
    assert dividing(own, source=first(dividing(own))).proposals == ()


def test_a_failure_that_the_tools_own_cases_want_is_none() -> None:
    assert dividing(Case(input={"a": 1, "b": 0}, should_raise="ZeroDivisionError")).proposals == ()


def test_without_a_case_the_annotation_says_what_is_allowed() -> None:
    made = dividing(source="def acts(a, b) -> float | None:\n    return a / b\n")
    assert "return None" in first(made)
    assert "its annotation `-> float | None`" in made.proposals[0].candidate.description


def test_without_a_case_the_docstring_says_what_is_allowed() -> None:
    source = 'def acts(a, b):\n    """The ratio; None where there is none."""\n    return a / b\n'
    made = dividing(source=source)
    assert first(made) == source.replace(
        "    return a", "    if b == 0:\n        return None\n    return a"
    )


def test_where_nothing_speaks_for_an_answer_the_error_is_only_made_clear() -> None:
    made = dividing()
    assert [each.mends for each in made.proposals] == [False]
    assert "raise ValueError('b is zero')" in first(made)
    assert "it makes no success" in made.proposals[0].candidate.description


def test_one_cases_own_answer_is_no_rule() -> None:
    made = dividing(Case(input={"a": 5, "b": 0}, expected_output=17))
    assert "17" not in "".join(each.tree.text("acts.py") for each in made.proposals)


def test_an_answer_that_several_cases_share_is_a_rule() -> None:
    cases = [Case(input={"a": each, "b": 0}, expected_output="nothing") for each in (5, 6)]
    assert "return 'nothing'" in first(dividing(*cases))


def test_what_is_given_back_as_it_is_is_returned_by_its_name() -> None:
    cases = [Case(input={"a": each, "b": 0}, expected_output=each) for each in (5, 6)]
    assert "return a\n" in first(dividing(*cases))


def test_a_text_is_converted_to_what_its_parameter_is_annotated_with() -> None:
    source = "def acts(a: int):\n    return 2 - a\n"
    observed = [seen({"a": 1}), seen({"a": 2}), seen({"a": "3"}, "TypeError")]
    made = guarded(study_of(source, observed))
    assert "    if isinstance(a, str):\n        a = int(a)\n" in first(made)


def test_a_text_that_is_no_number_is_not_converted() -> None:
    source = "def acts(a: int):\n    return 2 - a\n"
    observed = [seen({"a": 1}), seen({"a": "3"}, "TypeError"), seen({"a": "x"}, "TypeError")]
    assert "int(a)" not in first(guarded(study_of(source, observed)))


def test_a_test_asks_for_the_type_only_where_that_may_be_another() -> None:
    trait = Trait(parameter="a", kind="negative")
    assert trait.test([{"a": 1}, {"a": -2}]) == "a < 0"
    assert trait.test([{"a": 1}, {"a": "x"}]) == "isinstance(a, (int, float)) and a < 0"


def test_a_candidate_says_all_that_is_kept_of_it() -> None:
    study = study_of("def acts(a, b):\n    return a / b\n", [])
    candidate = dividing(Case(input={"a": 1, "b": 0})).proposals[0].candidate
    assert (candidate.operator, candidate.version) == (OPERATOR, "1.0.1")
    assert candidate.parent == study.version.tree_hash
    assert candidate.aims_at == ("ZeroDivisionError",)
    changed = apply_edits(study.tree, candidate.edits)
    assert changed is not None
    assert changed.hash == candidate.tree_hash


def test_the_next_version_is_one_higher_in_its_last_number() -> None:
    assert [raised(each) for each in ("1.2.3", "2", "", "1.0rc1")] == [
        *("1.2.4", "2.0.1", "0.0.1", "1.0.1")
    ]


SOURCES = {
    "comments and odd spacing": "# a\ndef acts( a,b ):  # b\n\n    # c\n    return a/ b # d\n",
    "tabs": "def acts(a, b):\n\treturn a / b\n",
    "windows": 'def acts(a, b):\r\n    """x"""\r\n    return a / b\r\n',
    "no newline at the end": "def acts(a, b):\n    return a / b",
    "one line": "def acts(a, b): return a / b\n",
    "other letters": "def acts(a, b):\n    'ä ö'; ü = 1; return a / b\n",
    "a form feed": "x = 1\n\x0c\ndef acts(a, b):\n    return a / b\n",
    "a long signature": "def acts(\n    a,\n    b,\n):\n    return a / b\n",
}


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_not_changed_stays_as_it_is(name: str) -> None:
    source = SOURCES[name]
    found = read_source(source, "acts")
    assert found is not None
    text = with_lines(found, ["if b == 0:", "    return None"])
    without = text.replace("if b == 0:", "").replace("return None", "", 1)
    assert _signs(without) == _signs(source)


def _signs(text: str) -> str:
    """All but white space, and the semicolon that a line's end stands for."""
    return "".join(text.split()).replace(";", "")


@pytest.mark.parametrize("name", SOURCES)
def test_a_guard_stands_before_all_that_a_function_does(name: str) -> None:
    made = dividing(Case(input={"a": 1, "b": 0}), source=SOURCES[name])
    module: dict[str, Any] = {}
    exec(first(made), module)
    assert (module["acts"](1, 0), module["acts"](1, 2)) == (None, 0.5)


@pytest.mark.parametrize(
    "source",
    [
        "def acts(a, b:\n",
        "def other(a, b): return a\n",
        "def acts(a, b):\n    yield a / b\n",
        "def acts(a):\r    return a\r",
        "acts = 1\n",
        "def acts(c):\n    return c\n",
    ],
)
def test_what_cannot_be_guarded_is_left_alone(source: str) -> None:
    assert dividing(source=source).proposals == ()


def test_a_file_that_is_no_text_is_left_alone() -> None:
    study = study_of("def acts(a): return a\n", [seen({"a": 1}), seen({"a": 0}, "ValueError")])
    broken = study.tree["acts.py"].content + b"# \xff\n"
    tree = Tree({"acts.py": type(study.tree["acts.py"])(content=broken)})
    assert guarded(Study(version=study.version, tree=tree)).proposals == ()


COPIES = [
    ("if a == 417: return 3", "417"),
    ("if a in (417, 418): return 3", "417"),
    ("return {417: 3}.get(a)", "417"),
    ("if str(a).startswith('rare'): return 3", "'rare'"),
    ("match a:\n        case 417: return 3", "417"),
    ("if a == 0: return 3", ""),
    ("return a + 417", ""),
    ("if a > known: return 3", ""),
]


@pytest.mark.parametrize(("body", "copied"), COPIES)
def test_a_version_that_looks_for_a_cases_own_value_knows_it_by_heart(
    body: str, copied: str
) -> None:
    before = "known = 1\ndef acts(a):\n    return a\n"
    after = f"known = 1\ndef acts(a):\n    {body}\n"
    assert copied_value(before, after, [{"a": 417}, {"a": ["rare", 0]}]) == copied


def test_a_declared_case_is_not_known_by_heart_because_it_stands_in_the_source() -> None:
    source = "case = Case(input={'a': 417})\ndef acts(a):\n    return a\n"
    after = source.replace("return a", "return 1 if a == 417 else a")
    assert copied_value(source, after, [{"a": 417}]) == "417"


def test_a_word_that_stood_in_the_source_before_is_no_copy() -> None:
    source = "def acts(a):\n    return a == 'divide'\n"
    assert copied_value(source, source + "x = 'divide' == 1\n", [{"a": "divide"}]) == ""


@pytest.mark.parametrize(
    "inputs",
    [
        {"api_key": "k"},
        {"text": "<secret>"},
        {"text": ["********"]},
        {"a": {"__cut__": "hash", "length": 9}},
        {"a": [{"__python__": "set", "repr": "{1}"}]},
    ],
)
def test_what_is_not_wholly_known_is_not_used_again(inputs: dict[str, Json]) -> None:
    assert not can_be_used_again(inputs)


VALUES = st.one_of(
    *(st.none(), st.integers(-3, 3), st.sampled_from(["", " ", "ab", "7"])),
    *(st.lists(st.none() | st.integers(0, 2), max_size=3), st.sampled_from([{}, {"k": 1}])),
    st.floats(-2, 2),
)
INPUTS = st.fixed_dictionaries({"a": VALUES, "b": VALUES})


@given(st.lists(INPUTS, min_size=1, max_size=6), st.lists(INPUTS, max_size=6))
def test_a_guards_test_is_true_of_what_it_holds_for(
    failed: list[dict[str, Json]], fine: list[dict[str, Json]]
) -> None:
    everything = [*failed, *fine]
    for trait in traits_of(failed, fine):
        asked = compile(trait.test(everything), "test", "eval")
        for inputs in everything:
            try:
                said = bool(eval(asked, {}, dict(inputs)))
            except TypeError:  # what `beyond` is held against has no length
                said = False
            assert said == trait.holds(inputs), trait


@given(st.lists(INPUTS, min_size=1, max_size=6), st.lists(INPUTS, min_size=1, max_size=6))
def test_no_guard_holds_for_what_works(
    failed: list[dict[str, Json]], fine: list[dict[str, Json]]
) -> None:
    assume(not [each for each in failed if each in fine])
    guards: tuple[Guard, ...] = guards_of(
        [*map(seen, fine), *(seen(each, "ValueError") for each in failed)]
    )
    assert not [each for each in guards for inputs in fine if each.holds(inputs)]
    assert all(each.failures > 0 for each in guards)


def _lines(file: Path) -> list[dict[str, Json]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_the_calculator_of_the_demo_goes_from_half_to_all_on_inputs_that_nobody_saw(
    uses: ToolUses,
) -> None:
    subject = subject_of((CALCULATOR / "tools" / "calculator.py").read_text(), "calculator")
    known, held_out = _lines(CALCULATOR / "uses.jsonl"), _lines(CALCULATOR / "held-out.jsonl")
    before = uses.use(subject.tree, "calculator", known)
    assert sum(each.succeeded for each in before) == len(known) / 2
    described = uses.describe(subject.tree, "calculator")
    assert isinstance(described, Described)
    observed = [
        Observation(inputs=inputs, output=use.value, error="".join(use.raised[:1]))
        for inputs, use in zip(known, before, strict=True)
    ]
    source = subject.tree.text("calculator.py")
    made = guarded(study_of(source, observed, *described.cases, name="calculator"))
    tree = made.proposals[0].tree
    ast.parse(tree.text("calculator.py"))
    assert not [each for each in held_out if each in known]
    old, new = (uses.use(each, "calculator", held_out) for each in (subject.tree, tree))
    assert sum(each.succeeded for each in old) == len(held_out) / 2
    assert all(each.succeeded for each in new)
    assert [n.value for o, n in zip(old, new, strict=True) if o.succeeded] == [
        each.value for each in old if each.succeeded
    ]
