"""Reading suites: what they mean, and how what does not fit is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from cultivar.application.evaluating import OpenPlaceOf
from cultivar.errors import NotKnownError, UsageError
from cultivar.evals.suites.expanding import cases_of
from cultivar.evals.suites.reading import read_suite
from cultivar.evals.suites.suite import Suite
from cultivar.lifecycle import Assertion
from cultivar.templating.origins.catalog import Catalog
from cultivar.testing.greeters import settings_in

CHECKS = Assertion(kind="checks", value=True)


def read(folder: Path, text: str) -> Suite:
    file = folder / "suite.yaml"
    file.write_text(text)
    return read_suite(file)


def refused(folder: Path, text: str) -> str:
    with pytest.raises(UsageError) as error:
        read(folder, text)
    return str(error.value).replace(f"{folder}/", "")


def test_a_case_is_what_is_answered_and_the_templates_own_checks(tmp_path: Path) -> None:
    suite = read(tmp_path, "template: a:b\ncases: [{answers: {x: 1}}]\n")
    (plan,) = suite.plans
    assert (suite.kind, suite.reference, suite.name) == ("template", "a:b", "suite")
    assert (plan.case.inputs, plan.case.assertions) == ({"x": 1}, (CHECKS,))


def test_defaults_hold_for_every_case_and_a_case_says_more(tmp_path: Path) -> None:
    text = """\
template: a:b
defaults: {assertions: [contains: one], slice: all, repeats: 3, answers: {x: 1, y: 1}}
cases:
  - {checks: false, assertions: [{not-contains: two}], answers: {y: 2}}
  - {slice: own, repeats: 1}
"""
    first, second = (each.case for each in read(tmp_path, text).plans)
    one = Assertion(kind="contains", value="one")
    assert first.assertions == (one, Assertion(kind="contains", value="two", negate=True))
    assert (first.inputs, first.slice, first.repeats) == ({"x": 1, "y": 2}, "all", 3)
    assert (second.assertions, second.slice, second.repeats) == ((one, CHECKS), "own", 1)


def test_not_and_negate_undo_each_other(tmp_path: Path) -> None:
    text = "template: t\ncases: [{assertions: [{not-contains: x, negate: true}]}]\n"
    assert read(tmp_path, text).plans[0].case.assertions[0].negate is False


def test_what_is_to_be_refused_is_held_to_nothing_else(tmp_path: Path) -> None:
    text = """\
template: t
defaults: {assertions: [contains: one]}
cases: [{assertions: [raises: AnswerError]}]
"""
    found = read(tmp_path, text).plans[0].case.assertions
    assert found == (Assertion(kind="raises", value="AnswerError"),)


@pytest.mark.parametrize(
    ("said", "required", "threshold"),
    [
        ("assertions: [contains: x]", [True, True], 1.0),
        ("assertions: [{contains: x, required: false}]", [False, True], 0.0),
        ("threshold: 0.7, assertions: [contains: x]", [False, True], 0.7),
        ("threshold: 0.7, assertions: [{contains: x, required: true}]", [True, True], 0.7),
    ],
)
def test_a_threshold_decides_where_it_is_said_and_what_is_required_where_it_is_not(
    said: str, required: list[bool], threshold: float, tmp_path: Path
) -> None:
    case = read(tmp_path, f"template: t\ncases: [{{{said}}}]\n").plans[0].case
    assert [each.required for each in case.assertions] == required
    assert case.threshold == threshold


def test_tools_and_prompts_have_inputs_and_no_checks(tmp_path: Path) -> None:
    tool = read(tmp_path, "tool: add\ncases: [{inputs: {a: 1}, assertions: [equals: 2]}]\n")
    prompt = read(tmp_path, "prompt: a/b\ncases: [{inputs: {a: 1}, assertions: [contains: x]}]\n")
    assert [(each.kind, each.reference) for each in (tool, prompt)] == [
        ("tool", "add"),
        ("prompt", "a/b"),
    ]
    assert tool.plans[0].case.assertions == (Assertion(kind="equals", value=2),)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "template: t\ncases:\n  - {answers: {}}\n  - {anwsers: {x: 1}}\n",
            "`suite.yaml`, line 4: The key `anwsers` is not known. Did you mean `answers`?",
        ),
        (
            "template: t\ncases:\n  - assertions:\n      - contians: x\n",
            "`suite.yaml`, line 4: The key `contians` is not known. Did you mean `contains`?",
        ),
        (
            "template: t\ncases:\n- assertions:\n  - {contains: x, pth: a}\n",
            "`suite.yaml`, line 4: The key `pth` is not known. Did you mean `path`?",
        ),
        (
            "template: t\ncases:\n- assertions:\n  - contains: x\n    weight: heavy\n",
            "line 5: `cases.0.assertions.0.weight` is 'heavy'. Expected is a number of at least 0.",
        ),
        (
            "template: t\ncases:\n- assertions:\n  - {contains: x, equals: y}\n",
            "line 4: It says `contains` and `equals`. Expected is one kind of assertion",
        ),
        (
            "template: t\ncases:\n- assertions:\n  - {path: x}\n",
            "line 4: It says nothing. Expected is one kind of assertion",
        ),
        ("template: t\ncases: [{assertions: [{regex: '('}]}]\n", "a regular expression (missing )"),
        ("template: t\ncases: [{assertions: [{python: 'a ='}]}]\n", "an expression of Python"),
        ("template: t\ncases: [{assertions: [{python: 'import os'}]}]\n", "expression of Python"),
        ("template: t\ncases: [{assertions: [is-json: {type: 5}]}]\n", "or a JSON schema (5 is"),
        ("template: t\ncases: [{assertions: [{quality: 2}]}]\n", "at least 0 and at most 1"),
        ("template: t\ncases: [{assertions: [{latency: soon}]}]\n", "seconds, at least 0"),
        ("template: t\ncases: [{assertions: [{contains: ''}]}]\n", "a text that is not empty"),
        ("template: t\ncases: [{repeats: 0}]\n", "a whole number of at least 1 and at most 1000"),
        ("template: t\ncases: [{threshold: 2}]\n", "a number of at least 0 and at most 1"),
        ("template: t\ncases: [{checks: false}]\n", "line 2: This case asserts nothing."),
        ("template: t\ncases: []\n", "line 2: It has no cases."),
        ("template: t\n", "`suite.yaml`: `cases` is missing."),
        ("cases: [{}]\n", "It says nothing of what is tried."),
        ("template: t\ntool: u\ncases: [{}]\n", "line 2: It says `template` and `tool`"),
        ("tool: t\ncases: [{answers: {a: 1}}]\n", "A tool has no `answers`. Write `inputs`."),
        ("tool: t\ncases: [{task: x}]\n", "A tool has no task. Write `inputs`."),
        ("template: t\ncases: [{inputs: {a: 1}}]\n", "A template has no `inputs`. Write `answers`"),
        ("tool: t\ncases: [{matrix: closed, assertions: [equals: 1]}]\n", "no questions"),
        ("template: t\ncases: [{matrix: open}]\n", "Expected is a mapping or `closed`"),
        ("- a\n", "Found ['a'] at the top level."),
        ("template: [\n", "line 2: This is not YAML"),
        ("template: !!python/object/apply:os.getcwd []\n", "is refused"),
        ("a: &a [*a, *a]\ntemplate: *a\n", "Its aliases explode."),
        ("template: " + "[" * 100, "This nests too deep."),
    ],
)
def test_what_does_not_fit_is_told_with_its_line_and_what_is_expected(
    text: str, told: str, tmp_path: Path
) -> None:
    assert told in refused(tmp_path, text)


def test_a_suite_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("x")
    with pytest.raises(NotKnownError, match=r"other\.yaml"):
        read_suite(tmp_path / "none.yaml")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"template: t\ncases: [\x00]"])
def test_what_is_no_text_is_told(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "suite.yaml"
    file.write_bytes(content)
    with pytest.raises(UsageError):
        read_suite(file)


def test_every_template_that_we_ship_has_a_suite_whose_cases_it_takes(tmp_path: Path) -> None:
    place = OpenPlaceOf(settings=settings_in(tmp_path))()
    shipped = {each.ref.id: each for each in place.context.get(Catalog).all()}
    found = sorted((Path(__file__).parents[3] / "evals" / "suites").glob("*.yaml"))
    suites = {each.reference: each for each in map(read_suite, found)}
    assert suites.keys() == shipped.keys()
    for reference, suite in suites.items():
        assert len(cases_of(suite, [shipped[reference]], place.workshop)) > len(suite.plans)
