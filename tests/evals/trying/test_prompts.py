"""Trying prompts, and templates whose answers a model reads, on a scripted model."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cultivar.application.evaluating import OpenPlaceOf, place_of
from cultivar.errors import BudgetSpentError
from cultivar.evals.trying.base import Place, Subject
from cultivar.evals.trying.place import key_of, try_case
from cultivar.lifecycle import Artifact, Assertion
from cultivar.llm.base import ModelReply, Provider
from cultivar.llm.scripted import Line, ScriptedModel, ScriptLine
from cultivar.record import replace
from cultivar.settings import BudgetSettings, ModelSettings
from cultivar.testing.greeters import case_of, greeter, settings_in
from cultivar.tree import Tree, text_entry
from cultivar.wiring import Services

PROMPT = "Say {{ word }}{% if loud %} loudly{% endif %}."


def prompt(text: str = PROMPT) -> Subject:
    artifact = Artifact(kind="prompt", name="greeter/say")
    return Subject(artifact=artifact, tree=Tree({"say.md.jinja": text_entry(text)}))


@contextmanager
def model_of(
    folder: Path, *lines: ScriptLine, budget: BudgetSettings | None = None
) -> Generator[tuple[Place, ScriptedModel]]:
    """A place in which a model says these lines."""
    model = ScriptedModel(*lines)
    settings = replace(settings_in(folder), model=ModelSettings(name="scripted"))
    settings = replace(settings, budget=budget or BudgetSettings())
    services = Services(settings, {Provider: model})
    try:
        yield place_of(services), model
    finally:
        services.close()


def paid(text: str) -> ModelReply:
    return ModelReply(text=text, model="scripted", money=0.002, prompt_tokens=7)


def test_the_reply_to_a_prompt_is_what_assertions_look_at(tmp_path: Path) -> None:
    case = case_of(Assertion(kind="contains", value="HI"), word="hi", loud=True)
    with model_of(tmp_path, paid('{"reply": "HI!"}')) as (place, model):
        result = try_case(prompt(), case, 0, place)
    assert (result.verdict, result.output, result.money) == ("passed", "HI!", 0.002)
    assert [each.content for each in model.requests[0].messages] == ["Say hi loudly."]


def test_a_task_is_said_after_the_prompt(tmp_path: Path) -> None:
    case = case_of(Assertion(kind="equals", value="no"), task="What?", word="hi")
    with model_of(tmp_path, {"reply": "yes"}) as (place, model):
        assert try_case(prompt(), case, 0, place).verdict == "failed"
    assert [(each.role, each.content) for each in model.requests[0].messages] == [
        ("system", "Say hi."),
        ("user", "What?"),
    ]


def test_repeats_ask_anew_and_what_was_asked_already_is_not_paid_again(tmp_path: Path) -> None:
    case = case_of(Assertion(kind="contains", value="x"))
    with model_of(tmp_path, {"reply": "x"}, {"reply": "y"}) as (place, model):
        said = [try_case(prompt(), case, at, place).verdict for at in (0, 1, 0)]
    assert said == ["passed", "failed", "passed"]
    assert len(model.requests) == 2


def test_without_a_model_it_is_said_what_to_configure(tmp_path: Path) -> None:
    place = OpenPlaceOf(settings=settings_in(tmp_path))()
    result = try_case(prompt(), case_of(Assertion(kind="contains", value="x")), 0, place)
    assert result.verdict == "not_verified"
    assert "model.name" in result.output


@pytest.mark.parametrize(
    ("text", "lines", "why"),
    [
        ("{% if %}", [], "TemplateError"),
        ("{{ word.__class__.__mro__ }}", [], "Error"),
        (PROMPT, ["no JSON", "still none"], "ReplyError"),
    ],
)
def test_a_prompt_that_is_broken_or_makes_no_reply_has_failed(
    text: str, lines: list[Line], why: str, tmp_path: Path
) -> None:
    case = case_of(Assertion(kind="contains", value="x"), word="hi")
    with model_of(tmp_path, *lines) as (place, _):
        result = try_case(prompt(text), case, 0, place)
    assert result.verdict == "failed"
    assert why in result.output


def test_what_a_trial_may_cost_is_the_budget(tmp_path: Path) -> None:
    case = case_of(Assertion(kind="contains", value="x"))
    nothing = BudgetSettings(calls=0)
    with model_of(tmp_path, budget=nothing) as (place, _), pytest.raises(BudgetSpentError):
        try_case(prompt(), case, 0, place)


def test_a_template_s_task_is_read_by_the_model_too(tmp_path: Path) -> None:
    named = Assertion(kind="contains", value="hello Ada", path="greeting.txt")
    read = {"answers": [{"question": "name", "value": "Ada", "quote": "countess of Lovelace"}]}
    with model_of(tmp_path, read) as (place, _):
        case = case_of(named, task="Greet the countess of Lovelace")
        assert try_case(greeter(), case, 0, place).verdict == "passed"


def test_the_model_counts_for_the_key_where_it_takes_part(tmp_path: Path) -> None:
    holds = Assertion(kind="contains", value="x")
    with model_of(tmp_path) as (place, _):
        other = replace(place, model="another")
        keys = {key_of(prompt(), case_of(holds), 0, each) for each in (place, other)}
        same = {key_of(greeter(), case_of(holds), 0, each) for each in (place, other)}
    assert (len(keys), len(same)) == (2, 1)


def test_how_the_model_is_asked_counts_for_the_key_and_for_what_it_said_before(
    tmp_path: Path,
) -> None:
    case = case_of(Assertion(kind="contains", value="x"))
    ways = [
        ModelSettings(name="openai/any"),
        ModelSettings(name="openai/any", temperature=1.0),
        ModelSettings(name="openai/any", max_tokens=16),
        ModelSettings(name="openai/any", api_base="http://127.0.0.1:9/v1"),
    ]
    keys, runs = set[str](), set[str]()
    for way in ways:
        here = OpenPlaceOf(settings=replace(settings_in(tmp_path), model=way))()
        keys.add(key_of(prompt(), case, 0, here))
        runs.add(here.run_id(prompt(), case, 0))
    assert (len(keys), len(runs)) == (len(ways), len(ways))


def test_trials_that_share_nothing_ask_the_model_anew(tmp_path: Path) -> None:
    case = case_of(Assertion(kind="contains", value="first"))
    with model_of(tmp_path, {"reply": "first"}, {"reply": "second"}) as (place, _):
        among = [replace(place, among=each) for each in ("one", "one", "another")]
        told = [try_case(prompt(), case, 0, each).verdict for each in among]
    assert told == ["passed", "passed", "failed"]
