"""What the built-in inferrer takes from a task, over templates that nobody wrote it for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cultivar.errors import AnswerError
from cultivar.inference.infer import infer
from cultivar.model import Answer
from cultivar.templating.template import Template

Write = Callable[..., Template]
Read = Callable[..., Mapping[str, Answer]]

FLAG = {"type": "bool", "default": False}


def of(name: str, answers: Mapping[str, Answer]) -> Any:
    return answers[name].value if name in answers else "nothing"


@pytest.mark.parametrize(
    ("task", "wanted"),
    [
        ("A parser with pagination", True),
        ("Add pagination, please", True),
        ("paginated", True),
        ("Pagination: yes", True),
        ("pagination on", True),
        ("Please paginate the results.", True),
        ("It would be nice to have pagination", True),
        ("without pagination", False),
        ("No pagination", False),
        ("don't paginate", False),
        ("Pagination is not needed.", False),
        ("leave pagination out", False),
        ("pagination: off", False),
        ("Pagination = false", False),
        ("I'd rather not have pagination", False),
        ("Neither sorting nor pagination", False),
        ("without sorting, filtering or pagination", False),
        ("With pagination. Actually no, forget the pagination.", False),
        ("No pagination. On second thought, add pagination.", True),
        ("pagiantion, please", True),
        ("use_pagination=true", True),
        ("use_pagination: false", False),
        ("Not only pagination but everything", True),
        ("A book about pagination", "nothing"),
        ("A parser for pagination headers", "nothing"),
        ("It loads pagination records of old books", "nothing"),
        ("Our printer's pagination machine broke", "nothing"),
        ("A thing that counts cats", "nothing"),
    ],
)
def test_a_yes_or_no_question_is_answered_by_what_the_task_says_of_it(
    write_template: Write, said: Read, task: str, wanted: object
) -> None:
    template = write_template(use_pagination=FLAG)

    assert of("use_pagination", said(task, template)) == wanted


@pytest.mark.parametrize(
    ("task", "wanted"),
    [
        ("wait 90 seconds", "nothing"),
        ("the timeout is 90 seconds", 90),
        ("timeout: 2 min", 120),
        ("time out after half a minute", 30),
        ("a timeout of one and a half minutes", 90),
        ("give up after 1h30m", 5400),
        ("timeout 45s", 45),
        ("timeout of 1.5 hours", 5400),
        ("timeout 1,200 s", 1200),
        ("a 20-second timeout", 20),
        ("timeout after twenty-five seconds", 25),
        ("timeout 10 s. Sorry, I meant 20 s.", 20),
        ("timeout 500 MB", "nothing"),
        ("timeout of 1500 ms", "nothing"),
        ("every 5 seconds it beeps", "nothing"),
    ],
)
def test_a_duration_is_converted_to_the_unit_of_its_question(
    write_template: Write, said: Read, task: str, wanted: object
) -> None:
    template = write_template(timeout_seconds={"type": "int", "default": 7})

    assert of("timeout_seconds", said(task, template)) == wanted


@pytest.mark.parametrize(
    ("task", "wanted"),
    [
        ("3 workers and 200 jobs", {"workers": 3, "max_jobs": 200}),
        ("200 jobs at most, three workers", {"workers": 3, "max_jobs": 200}),
        ("a dozen workers", {"workers": 12}),
        ("workers: 8", {"workers": 8}),
        ("up to 10k jobs", {"max_jobs": 10000}),
        ("two hundred and fifty jobs", {"max_jobs": 250}),
        ("7 dwarfs", {}),
    ],
)
def test_each_number_answers_the_question_that_counts_what_it_counts(
    write_template: Write, said: Read, task: str, wanted: dict[str, int]
) -> None:
    template = write_template(
        workers={"type": "int", "default": 1, "help": "How many workers are there?"},
        max_jobs={"type": "int", "default": 5, "help": "How many jobs may wait?"},
    )

    assert {name: answer.value for name, answer in said(task, template).items()} == wanted


@pytest.mark.parametrize(
    ("task", "wanted"),
    [
        ("use Postgres", "pg"),
        ("PostgreSQL, please", "pg"),
        ("with a MariaDB database", "maria"),
        ("no database", "none"),
        ("database: MariaDB", "maria"),
        ("Postgres. Sorry, MariaDB.", "maria"),
        ("MariaDB, not PostgreSQL", "maria"),
        ("Mariadb instead of postgres", "maria"),
        ("mariaDb", "maria"),
        ("a reader of PostgreSQL's manuals", "nothing"),
        ("It parses MariaDB dumps", "nothing"),
        ("poems", "nothing"),
    ],
)
def test_a_choice_is_found_by_its_label_its_value_and_other_names_for_it(
    write_template: Write, said: Read, task: str, wanted: str
) -> None:
    choices = {"PostgreSQL": "pg", "MariaDB": "maria", "nowhere": "none"}
    template = write_template(
        database={"type": "str", "choices": choices, "default": "pg", "help": "Which database?"}
    )

    assert of("database", said(task, template)) == wanted


@pytest.mark.parametrize(
    ("task", "wanted"),
    [
        ("thorough logging", "verbose"),
        ("log as little as possible, minimal logging", "quiet"),
        ("no logging", "quiet"),
        ("standard logging", "normal"),
        ("A thorough survey of birds", "nothing"),
    ],
)
def test_a_degree_is_told_in_other_words_than_its_choices(
    write_template: Write, said: Read, task: str, wanted: str
) -> None:
    template = write_template(
        logging_level={
            "type": "str",
            "choices": ["quiet", "normal", "verbose"],
            "default": "normal",
        }
    )

    assert of("logging_level", said(task, template)) == wanted


def test_a_question_that_takes_several_choices_gets_all_that_are_asked_for(
    write_template: Write, said: Read
) -> None:
    template = write_template(
        exporters={
            "type": "str",
            "multiselect": True,
            "choices": ["kafka", "rabbitmq", "redis", "nats"],
            "default": ["nats"],
        }
    )

    answers = said("Export to redis and kafka, but not to nats", template)

    assert answers["exporters"].value == ["kafka", "redis"]


@pytest.mark.parametrize(
    ("task", "wanted"),
    [
        ("class PriceLoader", "PriceLoader"),
        ("a class called PriceLoader that works", "PriceLoader"),
        ("The class should be named `PriceLoader`.", "PriceLoader"),
        ("Name it PriceLoader, please", "PriceLoader"),
        ("Name: PriceLoader", "PriceLoader"),
        ("class_name: PriceLoader", "PriceLoader"),
        ("A Python class 'PriceLoader'", "PriceLoader"),
        ("a class that loads prices", "nothing"),
        ("a class called on every start", "nothing"),
        ("a class of its own", "nothing"),
    ],
)
def test_a_name_is_taken_from_the_words_that_give_it(
    write_template: Write, said: Read, task: str, wanted: str
) -> None:
    template = write_template(class_name={"type": "str", "default": "MyClass"})

    assert of("class_name", said(task, template)) == wanted


@pytest.mark.parametrize(
    ("task", "wanted"),
    [
        ("by Jane Roe <jane@example.org>", {"author": "Jane Roe", "email": "jane@example.org"}),
        ("author: Zoë van Dyk", {"author": "Zoë van Dyk"}),
        ("loaded by Monday", {}),
        ("sorted by SKU", {}),
        ("contact: a.b@c.example", {"email": "a.b@c.example"}),
        ("in the region eu-west-3", {"region": "eu-west-3"}),
    ],
)
def test_people_addresses_and_values_of_a_known_shape_are_recognised(
    write_template: Write, said: Read, task: str, wanted: dict[str, str]
) -> None:
    template = write_template(
        author={"type": "str", "default": "nobody"},
        email={"type": "str", "default": ""},
        region={"type": "str", "default": "us-east-1"},
    )

    assert {name: answer.value for name, answer in said(task, template).items()} == wanted


@pytest.mark.parametrize("when", ["{{ use_queue }}", "use_queue", "{{ use_queue == true }}"])
def test_a_child_question_that_is_answered_answers_its_parent(
    write_template: Write, said: Read, when: str
) -> None:
    template = write_template(
        use_queue=FLAG,
        depth={"type": "int", "default": 9, "help": "How many messages wait?", "when": when},
    )

    answers = said("at most 40 messages", template)

    assert (answers["use_queue"].value, answers["depth"].value) == (True, 40)


def test_a_parent_with_choices_is_answered_by_its_child(write_template: Write, said: Read) -> None:
    template = write_template(
        store={"type": "str", "choices": ["memory", "redis"], "default": "memory"},
        shards={
            "type": "int",
            "default": 1,
            "help": "How many shards?",
            "when": "{{ store == 'redis' }}",
        },
    )

    assert said("16 shards", template)["store"].value == "redis"


def test_a_refused_parent_keeps_its_child_from_being_asked(
    write_template: Write, said: Read
) -> None:
    template = write_template(
        use_queue=FLAG,
        depth={
            "type": "int",
            "default": 9,
            "help": "How many messages?",
            "when": "{{ use_queue }}",
        },
    )

    assert said("no queue, and 40 messages in the example", template)["use_queue"].value is False


def test_choices_that_are_known_only_as_the_question_is_asked_are_found(
    write_template: Write, said: Read
) -> None:
    template = write_template(
        cloud={"type": "str", "choices": ["aws", "azure"], "default": "aws"},
        flavour={
            "type": "str",
            "choices": "{{ ['fargate', 'lambda'] if cloud == 'aws' else ['functions', 'aks'] }}",
            "default": "{{ 'fargate' if cloud == 'aws' else 'aks' }}",
        },
    )

    assert said("on aws with lambda", template)["flavour"].value == "lambda"


def test_an_answer_says_which_words_it_went_by(loader: Template, said: Read) -> None:
    answers = said("It is for us. Entries expire after 5 minutes, no metrics.", loader)

    assert answers["cache_ttl_seconds"].evidence == "expire after 5 minutes"
    assert answers["include_metrics"].evidence == "no metrics"


def test_a_slip_of_the_finger_is_less_sure_than_the_right_word(
    loader: Template, said: Read
) -> None:
    right, slip = (said(word, loader)["use_circuit_breaker"] for word in ("breaker", "braeker"))

    assert slip.value is right.value is True
    assert slip.confidence < right.confidence


def test_what_the_user_gave_is_stronger_than_the_task(loader: Template) -> None:
    answers = infer("no cache", loader, {"use_cache": True})
    cache = next(answer for answer in answers if answer.name == "use_cache")

    assert (cache.value, cache.source) == (True, "user")


def test_a_learned_answer_stands_between_the_task_and_the_default(loader: Template) -> None:
    learned = {
        name: Answer(name=name, value=True, source="learned", confidence=0.7)
        for name in ("use_retries", "include_metrics")
    }
    answers = {
        each.name: each
        for each in infer("no metrics", loader, {}, lambda asked: learned.get(asked.name))
    }

    assert (answers["use_retries"].value, answers["use_retries"].source) == (True, "learned")
    assert (answers["include_metrics"].value, answers["include_metrics"].source) == (False, "task")


def test_a_value_that_the_validator_refuses_is_left_at_the_default(loader: Template) -> None:
    answers = {each.name: each for each in infer("one attempt at most", loader, {})}

    assert answers["max_attempts"].source == "default"


def test_a_secret_is_never_taken_from_the_task(service: Template, said: Read) -> None:
    assert "db_password" not in said("db_password: hunter2, database MySQL", service)


def test_a_given_answer_that_is_refused_is_an_error(loader: Template) -> None:
    with pytest.raises(AnswerError, match="class_name"):
        infer("anything", loader, {"class_name": "not a name"})
