"""Trying templates: what passes, what fails, and what says nothing of a version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cultivar.agent import Context
from cultivar.application.evaluating import OpenPlaceOf
from cultivar.checking.checks import CheckRunner
from cultivar.errors import SandboxUnavailableError, UntrustedError
from cultivar.evals.trying.base import Place, Subject
from cultivar.evals.trying.place import key_of, try_case
from cultivar.generation.workshop import Workshop
from cultivar.lifecycle import Assertion, TrialResult
from cultivar.record import replace
from cultivar.sandbox.base import Command, Limits
from cultivar.testing.greeters import PASSED, case_of, greeter, settings_in
from cultivar.tree import Tree, text_entry


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return OpenPlaceOf(settings=settings_in(tmp_path))()


def tried(subject: Subject, place: Place, *assertions: Assertion, **inputs: Any) -> TrialResult:
    return try_case(subject, case_of(*assertions, **inputs), 0, place)


def with_file(subject: Subject, path: str, text: str) -> Subject:
    return replace(subject, tree=subject.tree.replace({path: text_entry(text)}))


def test_what_holds_passes_with_all_that_was_measured(place: Place) -> None:
    said = Assertion(kind="contains", value="hello Ada!!", path="greeting.txt")
    result = tried(greeter(), place, said, PASSED, name="Ada", loud=True, times=2)
    assert (result.verdict, result.score, result.quality) == ("passed", 1.0, 1.0)
    assert result.tree_hash == greeter().tree_hash
    assert 0 < result.seconds < 30


def test_a_check_that_fails_fails_the_trial_and_says_why(place: Place) -> None:
    result = tried(greeter("echo no such luck; false"), place)
    assert (result.verdict, result.score, result.quality) == ("failed", 0.0, 0.0)
    assert "no such luck" in result.assertions[0].said
    assert "no such luck" in result.output


def test_a_task_is_answered_by_the_built_in_inferrer(place: Place) -> None:
    knows = Assertion(kind="python", value="inputs['loud'] and inputs['times'] == 3")
    result = try_case(greeter(), case_of(knows, task="Greet loud, 3 times"), 0, place)
    assert result.verdict == "passed", result


def test_a_threshold_is_of_the_weighted_share_of_what_holds(place: Place) -> None:
    holds = Assertion(kind="contains", value="hello", weight=3, required=False)
    not_so = Assertion(kind="contains", value="bye", weight=1, required=False)
    for threshold, verdict in ((0.75, "passed"), (0.76, "failed")):
        case = replace(case_of(holds, not_so), threshold=threshold)
        result = try_case(greeter(), case, 0, place)
        assert (result.score, result.verdict) == (0.75, verdict)


def test_what_must_hold_fails_the_case_whatever_the_score_is(place: Place) -> None:
    must = Assertion(kind="contains", value="bye", weight=0.01)
    case = replace(case_of(Assertion(kind="contains", value="hello"), must), threshold=0.5)
    assert try_case(greeter(), case, 0, place).verdict == "failed"


@pytest.mark.parametrize(
    ("inputs", "raised"),
    [
        ({"tone": "rude", "loud": True}, "AnswerError"),
        ({"tone": "loud"}, "AnswerError"),
        ({"tune": "kind"}, "NotKnownError"),
    ],
)
def test_answers_that_are_refused_fail_unless_that_is_expected(
    inputs: dict[str, Any], raised: str, place: Place
) -> None:
    result = tried(greeter(), place, **inputs)
    assert result.verdict == "failed"
    assert result.output.startswith(raised)
    expected = tried(greeter(), place, Assertion(kind="raises", value=raised), **inputs)
    assert expected.verdict == "passed"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("copier.yml", "name: [\n"),
        ("copier.yml", "name: {type: nothing}\n"),
        ("greeting.txt.jinja", "{{ name | no_such_filter }}"),
        ("{{ '../' }}out.txt.jinja", "x"),
        ("greeting.txt.jinja", "{% for i in range(10**12) %}x{% endfor %}"),
    ],
)
def test_a_version_that_is_broken_has_failed(path: str, text: str, place: Place) -> None:
    assert tried(with_file(greeter(), path, text), place).verdict == "failed"


def test_a_version_without_its_checks_has_failed_them(place: Place) -> None:
    bare = with_file(greeter(), "copier.yml", "name: {type: str, default: x}\n")
    assert tried(bare, place).verdict == "failed"


def test_a_check_that_needs_what_is_not_here_says_nothing_of_the_version(place: Place) -> None:
    text = greeter().tree.text("copier.yml") + "  requires: [program:no-such-program]\n"
    needing = with_file(greeter(), "copier.yml", text)
    result = tried(needing, place)
    assert (result.verdict, result.score) == ("not_verified", 0.0)
    assert "no-such-program" in result.output
    assert key_of(needing, case_of(), 0, place) == ""


class _Down:
    """A sandbox that is down."""

    name, confined = "bubblewrap", True

    def run(self, command: Command, tree: Tree, limits: Limits) -> Any:
        raise SandboxUnavailableError("The wall fell.")


def test_a_sandbox_that_is_down_says_nothing_of_the_version(place: Place) -> None:
    down = replace(place.runner, sandbox=_Down())
    services: dict[type[Any], object] = {CheckRunner: down, Workshop: Workshop(lambda: down)}
    result = tried(greeter(), Place(context=Context(services=services)))
    assert (result.verdict, result.output) == ("not_verified", "The wall fell.")


def test_a_file_that_only_a_model_can_write_says_nothing_of_the_version(place: Place) -> None:
    text = greeter().tree.text("copier.yml") + "  files: [{prompt: p.md.jinja, path: x.txt}]\n"
    result = tried(with_file(with_file(greeter(), "p.md.jinja", "x"), "copier.yml", text), place)
    assert result.verdict == "not_verified"
    assert "x.txt" in result.output


def test_code_of_a_template_that_nobody_trusts_is_refused(place: Place) -> None:
    for code in ("_jinja_extensions: [some.Extension]\n", '_tasks: ["echo hello > made.txt"]\n'):
        text = code + greeter().tree.text("copier.yml")
        stranger = replace(with_file(greeter(), "copier.yml", text), trusted=False)
        with pytest.raises(UntrustedError):
            tried(stranger, place)


def test_tasks_of_a_template_run_over_what_is_proven(place: Place) -> None:
    text = '_tasks: ["echo hello > made.txt"]\n' + greeter().tree.text("copier.yml")
    made = Assertion(kind="file-exists", path="made.txt")
    assert tried(with_file(greeter(), "copier.yml", text), place, made).verdict == "passed"


def test_the_same_files_have_the_same_output_hash_and_other_ones_another(place: Place) -> None:
    first, same = tried(greeter(), place, name="x"), tried(greeter("true"), place, name="x")
    assert first.output_hash == same.output_hash
    assert first.output_hash != tried(greeter(), place, name="y").output_hash


def test_the_key_changes_with_all_that_the_result_depends_on(place: Place, tmp_path: Path) -> None:
    narrow = settings_in(tmp_path, seconds=1.0)
    keys = [
        key_of(greeter(), case_of(), 0, place),
        key_of(greeter(), case_of(), 1, place),
        key_of(greeter(), case_of(name="x"), 0, place),
        key_of(greeter("true"), case_of(), 0, place),
        key_of(replace(greeter(), trusted=False), case_of(), 0, place),
        key_of(greeter(), case_of(), 0, OpenPlaceOf(settings=narrow)()),
        key_of(greeter(), case_of(task="x"), 0, place),
        key_of(greeter(), case_of(task="x"), 0, replace(place, model="some/model")),
    ]
    assert len(set(keys)) == len(keys)
    named = replace(case_of(), name="of another name", slice="s")
    assert key_of(greeter(), named, 0, place) == keys[0]
