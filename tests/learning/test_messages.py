"""What travels of a generation is what others may know, and the first system's form of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cultivar.learning.telling.messages import (
    GenerationMessage,
    decoded,
    encoded,
    message_of,
    payload_of,
    seen,
)
from cultivar.learning.telling.vocabulary import WORDS
from cultivar.ledger.outgoing import SeenPattern
from cultivar.ledger.tallying import ADOPTED, Observed, Seen, observation_of
from cultivar.ledger.tallying import seen as seen_of
from cultivar.model import Answers, Attempt, Draft, Generation, Proof, SlotBody
from cultivar.record import replace
from cultivar.templating.questions.interview import interview
from cultivar.templating.reading.loading import parse_template
from cultivar.testing.generations import (
    TREE,
    alike_generations,
    answer_of,
    attempt_at,
    check_result,
    generation_of,
    generations,
)
from cultivar.tree import Tree, text_entry

MADE_AT = datetime(2026, 1, 1, 8, tzinfo=UTC)
ID = "0a1b2c3d-0000-4000-8000-000000000001"

FIRST_SYSTEM = {
    "template_id": "quality_template:elixir-production",
    "template_version": "2.4.0",
    "instance_id": "laptop",
    "generated_at": "2026-01-01T08:00:00Z",
    "success": True,
    "quality_score": 0.95,
    "answers": {"use_ets": True, "strategy": "one_for_one"},
}
"""A message as the first system publishes it."""


def test_a_message_says_what_was_answered_and_what_became_of_it() -> None:
    made = generation_of(
        TREE.hash,
        id=ID,
        instance_id="here",
        generated_at=MADE_AT,
        answers=(answer_of("use_ets", True), answer_of("ttl", 300, source="default")),
        attempts=(replace(attempt_at(TREE.hash, check_result(verdict="failed")), patterns=("f",)),),
    )
    assert json.loads(payload_of(made)) == {
        "id": ID,
        "template_id": "quality_template:python-production",
        "template_version": "1.0.0",
        "instance_id": "here",
        "generated_at": "2026-01-01T08:00:00Z",
        "success": False,
        "quality_score": 0.0,
        "answers": {"use_ets": True, "ttl": 300},
        "chosen": ["use_ets"],
        "failures": ["f"],
        "signatures": [],
    }


def test_of_an_adopted_generation_only_what_a_person_said_was_chosen() -> None:
    answers = (answer_of("a", True), answer_of("b", True, source="task"))
    assert message_of(generation_of(TREE.hash, task=ADOPTED, answers=answers)).chosen == ("a",)


def test_a_failure_that_came_twice_is_named_once() -> None:
    attempt = replace(attempt_at(TREE.hash), patterns=("b", "a"))
    made = generation_of(TREE.hash, attempts=(attempt, replace(attempt, number=2)))
    assert message_of(made).failures == ("a", "b")


def pattern(name: str, text: str) -> SeenPattern:
    return SeenPattern(id=name, signature=text, check="tests", language="python")


def test_a_failure_whose_text_is_known_travels_with_it_under_an_id_made_of_it() -> None:
    attempt = replace(attempt_at(TREE.hash), patterns=("a", "b", "c"))
    made = generation_of(TREE.hash, attempts=(attempt,))
    found = message_of(made, [pattern("a", "'acme' unused"), pattern("b", "'zorg' unused")])
    (told,) = found.signatures
    assert (told.signature, told.check, told.language) == ("<name> unused", "tests", "python")
    assert found.failures == tuple(sorted(("c", told.id)))
    assert decoded(encoded(found)) == found


def test_of_a_generation_with_many_failures_some_are_told() -> None:
    ids = tuple(map(str, range(100)))
    made = generation_of(TREE.hash, attempts=(replace(attempt_at(TREE.hash), patterns=ids),))
    found = message_of(
        made, [pattern(each, word) for each, word in zip(ids, sorted(WORDS), strict=False)]
    )
    assert len(found.failures) == 20
    assert {each.id for each in found.signatures} <= set(found.failures)
    assert decoded(encoded(found)) == found


@st.composite
def asked_questions(draw: st.DrawFn) -> dict[str, Any]:
    """A question as a template has it, and what is said to it, under `said`."""
    kind = draw(st.sampled_from(["str", "path", "yaml", "json", "int", "float", "bool", "choice"]))
    closed = {"int": 3, "float": 0.5, "bool": True, "choice": "ets"}
    private = {"str": "PRIVATE", "path": "/PRIVATE", "yaml": "[PRIVATE]", "json": '{"a":"PRIVATE"}'}
    question: dict[str, Any] = {"type": "str" if kind == "choice" else kind}
    if kind == "choice":
        question["choices"] = ["ets", "mnesia"]
    given_to = draw(st.sampled_from(["asked", "secret", "computed"]))
    question["default"] = {**closed, **private}[kind]
    if given_to == "asked":
        return {**question, "said": question["default"]}
    open_one = {"type": "str", "default": "PRIVATE"}
    if given_to == "secret":
        return {**open_one, "secret": True, "said": "PRIVATE"}
    return {**open_one, "when": False, "said": None}


def answered_templates() -> SearchStrategy[Answers]:
    """The answers to a random template's questions."""
    return st.lists(asked_questions(), max_size=6).map(_answers)


def _answers(questions: list[dict[str, Any]]) -> Answers:
    named = {f"q{number}": dict(each) for number, each in enumerate(questions)}
    said = {name: each.pop("said") for name, each in named.items()}
    tree = Tree({"copier.yml": text_entry(yaml.safe_dump(named))})
    given_answers = {name: each for name, each in said.items() if each is not None}
    found = interview(parse_template(tree, origin="/PRIVATE/t"), given_answers)
    return tuple(replace(each, evidence="PRIVATE") for each in found)


def private_generation(answers: Answers) -> Generation:
    """A generation with these answers, where all that others must not know is marked."""
    attempt = Attempt(
        number=1,
        draft=Draft(
            tree_hash=TREE.hash,
            slots=(SlotBody(path="PRIVATE", slot="PRIVATE", body="PRIVATE"),),
            refused=("PRIVATE",),
            fixes=("PRIVATE",),
        ),
        proof=Proof(results=(check_result("PRIVATE", output="PRIVATE"),), sandbox="PRIVATE"),
    )
    made = generation_of(TREE.hash, answers=answers, attempts=(attempt,), task="PRIVATE")
    template = replace(made.template, origin="/PRIVATE/t", ref="PRIVATE")
    places = {"output": "/PRIVATE", "file_path": "/PRIVATE/x.py"}
    return replace(made, template=template, run_id="PRIVATE", recalled=("PRIVATE",), **places)


@given(answers=answered_templates())
def test_no_secret_no_computed_and_no_open_answer_no_path_task_or_code_leaves(
    answers: Answers,
) -> None:
    payload = payload_of(private_generation(answers))
    assert b"PRIVATE" not in payload
    told = {each.name: each.value for each in answers if each.closed and not each.computed}
    assert json.loads(payload)["answers"] == told


@given(answers=answered_templates())
def test_who_shares_open_answers_shares_no_secret_and_nothing_but_answers(
    answers: Answers,
) -> None:
    told = json.loads(payload_of(private_generation(answers), open_answers=True))
    shown = {each.name: each.value for each in answers if not each.secret and not each.computed}
    assert told.pop("answers") == shown
    assert "PRIVATE" not in json.dumps(told)


def test_a_secret_that_is_a_choice_does_not_leave() -> None:
    answers = (answer_of("plan", "PRIVATE", secret=True),)
    assert "plan" not in payload_of(generation_of(TREE.hash, answers=answers)).decode()


@given(made=generations(TREE.hash))
def test_of_any_generation_there_is_a_message(made: Generation) -> None:
    found = json.loads(payload_of(made))
    assert found["id"] == made.id
    assert found["success"] == made.success


@given(made=alike_generations(TREE.hash))
def test_what_the_hub_counts_is_what_the_instance_counts(made: Generation) -> None:
    made = replace(made, generated_at=MADE_AT, answers=_sayable(made.answers))
    found, observation = seen(decoded(payload_of(made))), observation_of(made)
    answers = tuple(each for each in observation.answers if _plain(each))
    chosen = tuple(each for each in found.chosen if each in found.answers)
    assert replace(found, chosen=chosen) == seen_of(replace(observation, answers=answers))
    assert list(found.answers) == [each.question for each in answers]


def _sayable(answers: Answers) -> Answers:
    """Without what JSON cannot say."""
    return tuple(
        each for each in answers if each.value != float("inf") and "\ud800" not in each.name
    )


def _plain(each: Observed) -> bool:
    return isinstance(each.value, bool | int | float | str)


def test_what_json_cannot_say_does_not_keep_a_message_from_being_read() -> None:
    made = generation_of(TREE.hash, answers=(answer_of("a\ud800", ["b\ud800"]),))
    assert decoded(payload_of(made)).answers == {"a?": ["b?"]}


def test_a_generation_with_more_answers_than_a_message_takes_is_read_all_the_same() -> None:
    answers = tuple(answer_of(f"q{number}", True) for number in range(500))
    found = decoded(payload_of(generation_of(TREE.hash, answers=answers)))
    assert list(found.answers) == [f"q{number}" for number in range(200)]
    assert found.chosen == tuple(found.answers)


def test_an_answer_with_too_long_a_name_stays_here() -> None:
    answers = (answer_of("q" * 201, True), answer_of("q", True))
    found = decoded(payload_of(generation_of(TREE.hash, answers=answers)))
    assert found.answers == {"q": True}
    assert found.chosen == ("q",)


def test_a_message_of_the_first_system_is_understood() -> None:
    found = decoded(json.dumps(FIRST_SYSTEM).encode())
    assert seen(found) == Seen(
        template_id="quality_template:elixir-production",
        template_version="2.4.0",
        instance_id="laptop",
        answers={"use_ets": True, "strategy": "one_for_one"},
        chosen={"use_ets": True, "strategy": "one_for_one"},
        success=True,
        at=MADE_AT,
    )


def test_keys_that_we_do_not_know_are_left_alone() -> None:
    assert decoded(json.dumps({**FIRST_SYSTEM, "mood": "good"}).encode()).success is True


def test_a_message_without_an_id_has_one_that_a_repeat_has_too() -> None:
    data = json.dumps(FIRST_SYSTEM).encode()
    other = json.dumps({**FIRST_SYSTEM, "success": False}).encode()
    assert decoded(data).id == decoded(data).id
    assert decoded(data).id != decoded(other).id


def test_the_proven_sender_is_the_instance() -> None:
    data = json.dumps({**FIRST_SYSTEM, "instance_id": ""}).encode()
    assert decoded(data, "laptop").instance_id == "laptop"
    assert decoded(data).instance_id == "unknown"


def test_who_claims_to_be_another_is_refused() -> None:
    with pytest.raises(ValueError, match="'thief' claims to be 'laptop'"):
        decoded(json.dumps(FIRST_SYSTEM).encode(), "thief")


def test_nothing_happened_in_the_future() -> None:
    later = (datetime.now(UTC) + timedelta(days=400)).isoformat()
    found = decoded(json.dumps({**FIRST_SYSTEM, "generated_at": later}).encode())
    assert seen(found).at <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[]", "`it` is"),
        (b"{}", "template_id"),
        (b'{"template_id": 3}', "`template_id` is"),
        (b'{"template_id": ""}', "names no template"),
        (b'{"template_id": "t", "answers": []}', "`answers` is"),
        (b'{"template_id": "t", "success": "yes"}', "`success` is"),
        (b'{"template_id": "t", "generated_at": "soon"}', "`generated_at` is"),
        (json.dumps({"template_id": "t" * 201}).encode(), "too long"),
        (json.dumps({"template_id": "t", "answers": {"q" * 201: 1}}).encode(), "too long"),
        (
            json.dumps({"template_id": "t", "answers": {str(n): 1 for n in range(201)}}).encode(),
            "too many answers",
        ),
        (b'{"template_id": "t", "failures": [3]}', "`failures.0` is"),
        (b'{"template_id": "t", "signatures": ["f"]}', "`signatures.0` is"),
        (json.dumps({"template_id": "t", "failures": ["f"] * 201}).encode(), "too many failures"),
        (json.dumps({"template_id": "t", "failures": ["f" * 201]}).encode(), "too long"),
    ],
)
def test_what_is_no_message_is_refused_with_its_reason(data: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        decoded(data)


@given(data=st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    try:
        assert decoded(data).template_id
    except ValueError:
        return


def test_what_is_encoded_is_decoded() -> None:
    message = GenerationMessage(
        template_id="t", instance_id="i", id=ID, generated_at=MADE_AT, answers={"a": [1, "b"]}
    )
    assert decoded(encoded(message)) == message
