"""From plans to cases: matrices, conditions of the template, ids."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path

import pytest

from cultivar.application.evaluating import OpenPlaceOf
from cultivar.errors import UsageError
from cultivar.evals.suites.expanding import cases_of, closed_values
from cultivar.evals.suites.reading import read_suite
from cultivar.evals.suites.suite import identified
from cultivar.evals.trying.base import Place, Subject
from cultivar.lifecycle import Assertion, TrialCase
from cultivar.model import Json
from cultivar.record import replace
from cultivar.templating.template import Template
from cultivar.testing.greeters import greeter, settings_in
from cultivar.tree import text_entry

CONDITIONAL = """\
kind: {type: str, choices: [none, file, table], default: none}
stored: {type: bool, when: false, default: "{{ kind != 'none' }}"}
size: {type: str, choices: [small, large], default: small, when: "{{ stored }}"}
locked: {type: bool, default: false, when: "{{ kind == 'table' and size == 'large' }}"}
fast: {type: bool, default: false}
_cultivar: {id: test:stored, version: 1.0.0}
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return OpenPlaceOf(settings=settings_in(tmp_path))()


def stored(place: Place) -> Template:
    subject = greeter()
    tree = subject.tree.replace({"copier.yml": text_entry(CONDITIONAL)})
    return place.template(Subject(artifact=subject.artifact, tree=tree))


def cases(
    folder: Path, plan: str, templates: Sequence[Template] = (), place: Place | None = None
) -> tuple[TrialCase, ...]:
    (folder / "s.yaml").write_text(f"template: t\ncases:\n- {plan}\n")
    suite = read_suite(folder / "s.yaml")
    return cases_of(suite, templates, place.workshop if place else None)


def inputs(found: Sequence[TrialCase]) -> list[dict[str, Json]]:
    return [dict(each.inputs) for each in found]


def test_a_matrix_is_combined_all_with_all(tmp_path: Path) -> None:
    found = cases(tmp_path, "{name: n, answers: {z: 0}, matrix: {x: [1, 2], y: [true, a]}}")
    assert inputs(found) == [{"z": 0, "x": x, "y": y} for x, y in product((1, 2), (True, "a"))]
    assert [each.name for each in found][:2] == ["n x=1, y=true", "n x=1, y=a"]


def test_a_question_that_is_not_asked_is_left_out_and_makes_no_second_case(
    tmp_path: Path, place: Place
) -> None:
    plan = "{matrix: {kind: [none, table], size: [small, large], locked: [true, false]}}"
    found = inputs(cases(tmp_path, plan, [stored(place)], place))
    assert found == [
        {"kind": "none"},
        {"kind": "table", "size": "small"},
        {"kind": "table", "size": "large", "locked": True},
        {"kind": "table", "size": "large", "locked": False},
    ]


def test_pairwise_covers_every_pair_that_can_be_asked(tmp_path: Path, place: Place) -> None:
    every = inputs(cases(tmp_path, "{matrix: closed}", [stored(place)], place))
    few = inputs(cases(tmp_path, "{matrix: closed, pairwise: true}", [stored(place)], place))
    assert _pairs(few) == _pairs(every)
    assert len(few) < len(every) == 12


def _pairs(rows: list[dict[str, Json]]) -> set[tuple[tuple[str, Json], ...]]:
    return {pair for row in rows for pair in combinations(sorted(row.items(), key=str), 2)}


def test_closed_questions_are_those_that_are_asked_and_offer_their_answers(place: Place) -> None:
    assert list(closed_values(stored(place))) == ["kind", "size", "locked", "fast"]


def test_what_a_case_answers_is_not_combined(tmp_path: Path, place: Place) -> None:
    plan = "{answers: {kind: none}, matrix: closed}"
    found = inputs(cases(tmp_path, plan, [stored(place)], place))
    assert found == [{"kind": "none", "fast": True}, {"kind": "none", "fast": False}]


def test_too_many_cases_are_refused_with_what_would_be_few(tmp_path: Path) -> None:
    values = ", ".join(f"q{at}: [1, 2, 3, 4, 5]" for at in range(5))
    with pytest.raises(UsageError, match="line 3: The matrix makes 3,125 cases"):
        cases(tmp_path, f"{{matrix: {{{values}}}}}")
    few = cases(tmp_path, f"{{pairwise: true, matrix: {{{values}}}}}")
    assert 25 <= len(few) <= 50


@pytest.mark.parametrize(("factors", "values"), [(40, 300), (2, 60)])
def test_too_much_to_cover_is_refused_with_what_can_be(
    factors: int, values: int, tmp_path: Path
) -> None:
    listed = ", ".join(f"q{at}: {[*range(values)]}" for at in range(factors))
    began = time.process_time()
    with pytest.raises(UsageError, match=r"line 3: The matrix has .* pairs .* fewer values"):
        cases(tmp_path, f"{{pairwise: true, matrix: {{{listed}}}}}")
    assert time.process_time() - began < 10


def test_what_no_version_asks_is_refused_with_the_nearest(tmp_path: Path, place: Place) -> None:
    for plan in ("{answers: {fats: true}}", "{matrix: {fats: [true]}}"):
        with pytest.raises(UsageError, match=r"line 3: `fats` is no question .* `fast`\?"):
            cases(tmp_path, plan, [stored(place)], place)
    both = [stored(place), place.template(greeter())]
    assert len(cases(tmp_path, "{answers: {tone: kind}}", both, place)) == 1


def test_the_id_is_of_the_content_and_not_of_what_it_is_called() -> None:
    case = identified(TrialCase(id="", inputs={"a": 1, "b": 2}))
    same = identified(TrialCase(id="x", inputs={"b": 2, "a": 1}, name="n", slice="s", repeats=3))
    assert case.id == same.id
    others = [
        replace(case, inputs={"a": 1}),
        replace(case, task="t"),
        replace(case, threshold=0.5),
        replace(case, assertions=(Assertion(kind="contains", value="x"),)),
    ]
    assert len({case.id, *(identified(each).id for each in others)}) == 5


def test_cases_of_the_same_content_come_once(tmp_path: Path) -> None:
    assert len(cases(tmp_path, "{name: a}\n- {name: b}\n- {answers: {x: 1}}")) == 2
