"""What earlier generations speak for answers what nobody answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cultivar import Cultivar, load_settings
from cultivar.ledger.base import ContentStore, Ledger
from cultivar.model import Answer
from cultivar.record import replace
from cultivar.settings import Settings
from cultivar.testing.generations import check_result, generation_of
from cultivar.tree import Tree, text_entry

TASK = "greet people"


@pytest.fixture
def experienced(workspace: Path) -> Iterator[Cultivar]:
    """Where 300 greetings were made: what was said loudly passed, of the rest every second."""
    with Cultivar() as cultivar:
        tree = cultivar.services.need(ContentStore).put(Tree({"a": text_entry("a\n")}))
        for at in range(300):
            _record(cultivar, tree, loud=at % 3 > 0, passed=at % 3 > 0 or at % 2 > 0)
        yield cultivar


def _record(cultivar: Cultivar, tree: str, *, loud: bool, passed: bool) -> None:
    made = generation_of(tree)
    verdict = check_result(verdict="passed" if passed else "failed")
    attempt = replace(made.attempts[0], proof=replace(made.attempts[0].proof, results=(verdict,)))
    answer = Answer(name="loud", value=loud, source="user", confidence=1.0, closed=True)
    made = replace(
        made,
        template=replace(made.template, id="test:greeting", version="1.0.0"),
        answers=(answer,),
        attempts=(attempt,),
    )
    cultivar.services.need(Ledger).record(made)


def loud_in(cultivar: Cultivar, **options: object) -> Answer:
    given: dict[str, object] = {"template": "test:greeting", "output": "out", **options}
    made = cultivar.generate(str(given.pop("task", TASK)), **given)  # type: ignore[arg-type]
    return next(each for each in made.answers if each.name == "loud")


def test_what_succeeds_more_becomes_the_default_and_says_why(experienced: Cultivar) -> None:
    answer = loud_in(experienced)
    assert (answer.value, answer.source) == (True, "learned")
    assert answer.evidence == "learned: 67 % of 300 use it; 100 % succeed against 50 %"


def test_the_user_s_word_stands_against_what_was_learned(experienced: Cultivar) -> None:
    answer = loud_in(experienced, answers={"loud": False})
    assert (answer.value, answer.source) == (False, "user")


def test_the_task_s_word_stands_against_what_was_learned(experienced: Cultivar) -> None:
    answer = loud_in(experienced, task="greet people, not loud")
    assert (answer.value, answer.source) == (False, "task")


def test_another_template_learns_nothing_from_it(experienced: Cultivar, workspace: Path) -> None:
    copier = workspace / "templates_data" / "greeting" / "copier.yml"
    copier.write_text(copier.read_text().replace("test:greeting", "test:other"))
    assert loud_in(experienced, template="test:other").source == "default"


def test_who_wants_the_template_s_own_defaults_gets_them(
    experienced: Cultivar, workspace: Path
) -> None:
    settings: Settings = load_settings(learned_defaults=False)
    with Cultivar(settings) as cultivar:
        assert loud_in(cultivar).source == "default"


def test_a_few_generations_teach_nothing(workspace: Path) -> None:
    with Cultivar() as cultivar:
        tree = cultivar.services.need(ContentStore).put(Tree({"a": text_entry("a\n")}))
        for _ in range(8):
            _record(cultivar, tree, loud=True, passed=True)
        assert loud_in(cultivar).source == "default"


def test_what_is_known_of_a_template_is_told(experienced: Cultivar) -> None:
    known = experienced.statistics("test:greeting")
    loud = known.questions[0]
    assert (loud.question, [(each.value, each.uses) for each in loud.answers]) == (
        "loud",
        [(True, 200), (False, 100)],
    )
    assert (known.total.uses, known.total.succeeded) == (300, 250)
    assert known.best[0].answers == {"loud": True}
    assert [each.answers for each in known.failures] == [{"loud": False}]
