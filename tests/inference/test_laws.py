"""Laws of inference that hold for any task."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cultivar.inference.choosing import choose
from cultivar.inference.infer import infer
from cultivar.inference.quantities import quantities
from cultivar.inference.reading import LONGEST, read
from cultivar.inference.words import word_set
from cultivar.templating.template import Template

QUIET = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
WORDS = st.sampled_from(
    sorted(
        word_set(
            "no not without cache async retries 5 minutes ten , . : called X `q` and or breaker "
            "metrics GenServer Foo.Bar python 3.12 actually (half an hour) it's a@b.example MIT"
        )
    )
)
NOTHING = st.sampled_from(
    sorted(
        word_set(
            "apple river orange mountain violin garden cloud winter silver horse candle forest"
        )
    )
)


@QUIET
@given(task=st.text(max_size=300))
def test_any_text_can_be_read(templates: dict[str, Template], task: str) -> None:
    for template in templates.values():
        assert len(infer(task, template, {})) <= len(template.questions)


@QUIET
@given(task=st.lists(WORDS, max_size=25).map(" ".join))
def test_any_words_of_the_trade_can_be_read(templates: dict[str, Template], task: str) -> None:
    for template in templates.values():
        sure = [each.confidence for each in infer(task, template, {}) if each.source == "task"]
        assert all(0.6 <= confidence <= 1 for confidence in sure)


@QUIET
@given(
    task=st.lists(WORDS, max_size=15).map(" ".join),
    cache=st.booleans(),
    ttl=st.integers(min_value=1, max_value=9999),
)
def test_given_answers_are_never_changed(
    loader: Template, task: str, cache: bool, ttl: int
) -> None:
    given_ones = {"use_cache": cache, "cache_ttl_seconds": ttl}
    answers = {each.name: each for each in infer(task, loader, given_ones)}

    assert {name: answers[name].value for name in given_ones} == given_ones
    assert all(answers[name].source == "user" for name in given_ones)


@QUIET
@given(task=st.lists(NOTHING, max_size=12).map(" ".join))
def test_words_that_have_nothing_to_do_with_a_template_change_nothing(
    templates: dict[str, Template], task: str
) -> None:
    for template in templates.values():
        assert {each.source for each in infer(task, template, {})} <= {"default"}


@QUIET
@given(task=st.lists(WORDS, max_size=15).map(" ".join))
def test_the_same_task_gives_the_same_answers(loader: Template, task: str) -> None:
    assert infer(task, loader, {}) == infer(task, loader, {})


@pytest.mark.parametrize(
    "sentences",
    list(
        permutations(
            [
                "Entries expire after 5 minutes.",
                "The breaker opens after 7 failures.",
                "No metrics.",
                "The class is called PriceLoader.",
            ]
        )
    )[::4],
)
def test_the_order_of_unrelated_sentences_does_not_matter(
    loader: Template, sentences: tuple[str, ...]
) -> None:
    values = {each.name: each.value for each in infer(" ".join(sentences), loader, {})}

    assert values["cache_ttl_seconds"] == 300
    assert values["breaker_failure_threshold"] == 7
    assert values["include_metrics"] is False
    assert values["class_name"] == "PriceLoader"


@pytest.mark.parametrize("word", ["cache", "circuit breaker", "retries", "metrics", "async"])
@pytest.mark.parametrize("refusal", ["no {}", "without {}", "{}: no", "not {}", "skip {}"])
def test_a_negation_flips_the_answer(loader: Template, word: str, refusal: str) -> None:
    wanted, refused = (
        {each.name: each.value for each in infer(task, loader, {}) if each.source == "task"}
        for task in (word, refusal.format(word))
    )

    assert set(wanted.values()) == {True}
    assert refused == dict.fromkeys(wanted, False)


@given(number=st.integers(min_value=1, max_value=500))
def test_a_duration_is_the_same_in_any_unit(number: int) -> None:
    told = (f"{number} minutes", f"{number}min", f"{number * 60} s", f"{number * 60:,} seconds")

    assert {quantities(read(text))[0].value for text in told} == {number * 60}


@pytest.mark.parametrize(
    "task",
    [
        "a" * 100_000,
        "no " * 40_000,
        "(" * 100_000,
        "5 min, " * 15_000,
        "`" * 100_000,
        "a.b@" * 30_000,
    ],
)
def test_a_huge_task_is_read_no_further_than_its_beginning(loader: Template, task: str) -> None:
    assert len(read(task).text) == LONGEST
    assert infer(task, loader, {}) == infer(task[:LONGEST], loader, {})
    assert choose(task, [loader])
