"""Questions in their order, each under the answers before it; secrets that never show."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from copier import run_copy
from hypothesis import given
from hypothesis import strategies as st

from cultivar.errors import AnswerError, NotKnownError, TemplateError
from cultivar.model import Answer, Answers, Json, OpenQuestion
from cultivar.templating.questions.answers_file import kept_answers
from cultivar.templating.questions.asking import AskedQuestion
from cultivar.templating.questions.interview import (
    Interview,
    asked_questions,
    interview,
    open_question,
)
from cultivar.templating.reading.loading import parse_template
from cultivar.templating.template import Template
from cultivar.tree import Tree, text_entry

SECRET = "hunter2-0987"


def template_of(config: str) -> Template:
    return parse_template(Tree({"copier.yml": text_entry(config)}), origin="/t/mine")


def values(config: str, given: Mapping[str, object] | None = None) -> dict[str, Json]:
    return {each.name: each.value for each in interview(template_of(config), given or {})}


def refused(config: str, given: Mapping[str, object] | None = None) -> AnswerError:
    with pytest.raises(AnswerError) as caught:
        interview(template_of(config), given or {})
    return caught.value


def proposing(name: str, value: Json) -> Callable[[AskedQuestion], Answer | None]:
    def propose(asked: AskedQuestion) -> Answer | None:
        if asked.name != name:
            return None
        return Answer(name="", value=value, source="task", confidence=0.8, evidence="'its words'")

    return propose


def test_what_nobody_says_is_the_default() -> None:
    (answer,) = interview(template_of("a: 1"), {})

    assert (answer.value, answer.source, answer.confidence) == (1, "default", 0.5)


def test_what_the_user_says_is_certain() -> None:
    (answer,) = interview(template_of("a: 1"), {"a": "2"})

    assert (answer.value, answer.source, answer.confidence) == (2, "user", 1.0)


def test_a_default_follows_the_answers_before_it() -> None:
    assert values('a: x\nb: "{{ a }}-{{ a | upper }}"', {"a": "y"})["b"] == "y-Y"


def test_a_template_that_needs_an_answer_asks_for_it() -> None:
    error = refused("name: {type: str}")

    assert "--answer name=" in str(error)
    assert error.question == "name"


def test_a_default_that_is_unset_is_none() -> None:
    assert "no default" in refused('name: {type: str, default: "{{ UNSET }}"}').why


def test_open_questions_may_be_left_out() -> None:
    template = template_of("name: {type: str}\nb: 1")

    assert [each.name for each in interview(template, {}, complete=False)] == ["b"]


def test_a_question_whose_condition_is_false_is_computed() -> None:
    _, answer = interview(template_of('a: false\nb: {default: 5, when: "{{ a }}"}'), {})

    assert (answer.value, answer.computed, answer.confidence) == (5, True, 1.0)


def test_a_computed_value_is_not_validated() -> None:
    config = 'b: {type: int, default: 5, when: false, validator: "never"}'

    assert values(config) == {"b": 5}


def test_a_computed_question_without_default_has_no_answer() -> None:
    assert values("b: {type: str, when: false}") == {}


def test_a_given_value_of_a_hidden_question_is_used_and_not_kept() -> None:
    (answer,) = interview(template_of("b: {type: int, default: 5, when: false}"), {"b": 6})

    assert (answer.value, answer.computed) == (6, True)


def test_choices_may_follow_earlier_answers() -> None:
    config = (
        "os: linux\n"
        "shell: {type: str, default: bash, choices: \"{% if os == 'linux' %}[bash, zsh]"
        '{% else %}[cmd]{% endif %}"}'
    )

    assert values(config, {"shell": "zsh"})["shell"] == "zsh"
    assert "'cmd'" in refused(config, {"os": "windows", "shell": "zsh"}).allowed


def test_a_choice_that_is_not_to_be_had_says_why() -> None:
    config = "a: {default: 1, choices: {A: 1, B: {value: 2, validator: \"{{ 'later' }}\"}}}"
    error = refused(config, {"a": 2})

    assert (error.why, error.allowed) == ("later", "1")


def test_choices_that_come_out_wrong_are_the_templates_fault() -> None:
    config = 'a: 1\nq: {type: str, default: x, choices: "{{ a }}"}'

    with pytest.raises(TemplateError, match="came out as '1'") as caught:
        interview(template_of(config), {})

    assert caught.value.line == 2


def test_a_choice_of_another_type_is_the_templates_fault() -> None:
    with pytest.raises(TemplateError, match="The choice 'x' of `q` is refused"):
        interview(template_of("q: {type: int, default: 1, choices: [1, x]}"), {})


def test_of_many_choices_some_are_named() -> None:
    error = refused(f"q: {{type: int, default: 1, choices: {list(range(50))}}}", {"q": 99})

    assert error.allowed.endswith("10, 11, …")


def test_several_choices_come_in_the_templates_order() -> None:
    config = "a: {type: str, multiselect: true, choices: [x, y, z], default: [x]}"

    assert values(config) == {"a": ["x"]}
    assert values(config, {"a": "[z, 'x']"}) == {"a": ["x", "z"]}
    assert values(config, {"a": ["z", "y"]}) == {"a": ["y", "z"]}


def test_several_choices_are_given_as_a_list() -> None:
    config = "a: {type: str, multiselect: true, choices: [x, y], default: []}"
    error = refused(config, {"a": "x"})

    assert "YAML list" in error.why
    assert error.allowed == "a list of 'x', 'y'"


def test_a_validator_refuses_with_its_own_words() -> None:
    error = refused(
        'n: {type: int, default: 3, validator: "{% if n < 1 %}too few{% endif %}"}', {"n": 0}
    )

    assert (error.question, error.value, error.why) == ("n", 0, "too few")


def test_a_validator_that_fails_has_not_said_yes() -> None:
    assert "missing" in refused('n: {default: 1, validator: "{{ missing.x }}"}', {"n": 2}).why


def test_a_default_that_the_validator_refuses_has_to_be_answered() -> None:
    config = 'n: {type: str, default: "", validator: "{% if not n %}say it{% endif %}"}'

    assert "say it" in refused(config).why
    assert values(config, {"n": "x"}) == {"n": "x"}


def test_a_name_that_is_no_question_gets_the_nearest() -> None:
    with pytest.raises(NotKnownError) as caught:
        interview(template_of("use_cache: true"), {"use_cach": False})

    assert caught.value.nearest == ("use_cache",)


def test_an_answer_under_the_old_name_is_taken() -> None:
    config = "new: 1\n_cultivar: {questions: {new: {renamed_from: old}}}"

    assert values(config, {"old": 2}) == {"new": 2}
    assert values(config, {"old": 2, "new": 3}) == {"new": 3}


def test_a_proposal_is_an_answer_with_its_source() -> None:
    (answer,) = interview(template_of("a: 1"), {}, proposing("a", "7"))

    assert answer == Answer(
        name="a", value=7, source="task", confidence=0.8, evidence="'its words'", closed=True
    )


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("a: {type: bool, default: false}", True),
        ("a: {type: int, default: 1}", 2),
        ("a: {type: str, choices: [one, two]}", "two"),
        ("a: {type: str, choices: [one, two], multiselect: true}", ["one", "two"]),
    ],
)
def test_an_answer_of_few_values_is_closed(question: str, value: Json) -> None:
    (answer,) = interview(template_of(question), {"a": value})
    assert answer.closed


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("a: {type: str}", "mine"),
        ("a: {type: bool, default: false, secret: true}", True),
    ],
)
def test_what_a_person_wrote_or_keeps_secret_is_not_closed(question: str, value: Json) -> None:
    (answer,) = interview(template_of(question), {"a": value})
    assert not answer.closed


def test_a_choice_made_of_earlier_answers_is_not_closed() -> None:
    template = template_of("who: {type: str}\na: {type: str, choices: ['{{ who }}', two]}")
    assert [each.closed for each in interview(template, {"who": "me", "a": "me"})] == [False, False]
    assert [each.closed for each in interview(template, {"who": "me", "a": "two"})] == [False, True]


def test_a_proposal_that_is_refused_falls_to_the_default_and_says_so() -> None:
    (answer,) = interview(template_of("a: {type: int, default: 1}"), {}, proposing("a", "x"))

    assert (answer.value, answer.source) == (1, "default")
    assert "'x' was proposed and refused" in answer.evidence


def test_the_user_comes_before_a_proposal() -> None:
    (answer,) = interview(template_of("a: 1"), {"a": 2}, proposing("a", 7))

    assert answer.value == 2


def test_a_proposal_may_answer_what_has_no_default() -> None:
    (answer,) = interview(template_of("a: {type: str}"), {}, proposing("a", "b"))

    assert answer.value == "b"


def test_nothing_is_proposed_for_what_is_not_asked() -> None:
    config = (
        "a: {default: 1, ask: false}\nb: {default: 1, when: false}\nc: {default: '', secret: true}"
    )
    asked: list[str] = []

    def propose(question: AskedQuestion) -> None:
        asked.append(question.name)

    interview(template_of(config), {}, propose)

    assert asked == []


def test_an_asked_question_has_everything_rendered() -> None:
    config = """
kind: api
name:
  type: str
  help: "Name of the {{ kind }}"
  default: "my-{{ kind }}"
  choices: {"The {{ kind }}": "my-{{ kind }}", Other: other}
  placeholder: "{{ kind }}?"
_cultivar: {questions: {name: {keywords: [called], unit: x}}}
"""
    template = template_of(config)
    _, name = asked_questions(template, interview(template, {}))

    assert (name.help, name.default, name.placeholder) == ("Name of the api", "my-api", "api?")
    assert [(each.label, each.value) for each in name.choices] == [
        ("The api", "my-api"),
        ("Other", "other"),
    ]
    assert (name.keywords, name.unit) == (("called",), "x")


def test_a_person_is_asked_with_the_proposal() -> None:
    template = template_of("n: {type: int, help: How many?, default: 3, placeholder: some}")
    (asked,) = asked_questions(template, ())
    answer = Answer(name="n", value=4, source="task", confidence=0.4, evidence="'four'")

    assert open_question(asked, answer, "no") == OpenQuestion(
        name="n",
        type="int",
        help="How many?",
        default=4,
        evidence="'four'",
        placeholder="some",
        error="no",
    )


def test_the_type_may_follow_an_earlier_answer() -> None:
    config = 'kind: int\nn: {type: "{{ kind }}", default: "3"}'

    assert values(config)["n"] == 3
    assert values(config, {"kind": "str"})["n"] == "3"


def test_a_type_that_comes_out_wrong_is_the_templates_fault() -> None:
    with pytest.raises(TemplateError, match="integer") as caught:
        values('kind: integer\nn: {type: "{{ kind }}", default: 3}')

    assert caught.value.line == 2


def test_a_text_that_cannot_be_rendered_names_question_and_line() -> None:
    with pytest.raises(TemplateError) as caught:
        values('a: 1\nb: "{{ a | no_such_filter }}"')

    assert caught.value.line == 2
    assert "`b`" in caught.value.what


def test_a_default_may_look_at_the_destination() -> None:
    template = template_of(
        '_external_data: {other: "{{ file }}.yml"}\nfile: a\n'
        'name: "{{ _folder_name }}-{{ _external_data.other.name }}"'
    )
    files = {"a.yml": text_entry("name: there")}
    answers = Interview(template=template, folder_name="here", existing=files).answers({})

    assert answers[1].value == "here-there"
    assert interview(template, {}, folder_name="here")[1].value == "here-"


def test_what_is_not_asked_is_not_unsure() -> None:
    (answer,) = interview(template_of("a: {default: 1, ask: false}"), {})

    assert answer.confidence == 1.0


EVERYTHING = """
text: plain
number: 5
ratio: 1.5
flag: yes
listed: [1, 2]
mapped: {type: yaml, default: {a: 1, b: [2]}}
as_json: {type: json, default: '{"x": [1, 2]}'}
as_text: {type: str, default: 5}
as_int: {type: int, default: "7"}
truncated: {type: int, default: 5.7}
odd_bool: {type: bool, default: "maybe"}
jinja_bool: {type: bool, default: "{{ number > 3 }}"}
where: {type: path, default: a/b}
one: {type: str, choices: {First: "1", Second: "2"}, default: "{{ number - 4 }}"}
ints: {type: int, choices: [1, 2, 3], multiselect: true, default: [3, 1]}
quoted: {type: yaml, choices: [a, "b"], multiselect: true, default: "{{ ['b'] }}"}
dynamic: {type: str, default: x, choices: "{{ ['x', 'y'] | tojson }}"}
hidden: {type: str, default: "{{ text }}!", when: "{{ number > 100 }}"}
computed: {type: str, default: "{{ text | upper }}", when: false}
after: "{{ hidden }}{{ computed }}"
unasked: {type: int, default: 4, ask: false}
nothing: {type: str, ask: false}
undefined: "[{{ nothing }}]"
password: {type: str, default: "", secret: true}
"""


@pytest.mark.parametrize(
    "given", [{}, {"number": 500, "text": "t", "ints": [2], "one": "2"}, {"listed": "a: 1"}]
)
def test_the_answers_are_copiers(given: dict[str, Json], tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / "copier.yml").write_text(EVERYTHING)
    (source / "answers.json.jinja").write_text("{{ _copier_answers | to_json }}")
    given = {"one": "1", **given}
    run_copy(str(source), target, data=given, defaults=True, quiet=True)
    theirs = json.loads((target / "answers.json").read_text())
    template = template_of(EVERYTHING)

    ours = kept_answers(template, interview(template, given))

    assert ours == {name: value for name, value in theirs.items() if not name.startswith("_")}


ANY = st.fixed_dictionaries(
    {},
    optional={
        "number": st.integers(-1000, 1000),
        "text": st.text(max_size=8),
        "flag": st.booleans(),
        "listed": st.lists(st.integers(), max_size=3),
        "ints": st.lists(st.sampled_from([1, 2, 3]), unique=True),
        "password": st.just(SECRET),
    },
)


def asked_again(answers: Answers) -> dict[str, Json]:
    return {each.name: each.value for each in answers if not (each.computed or each.secret)}


@given(ANY)
def test_giving_all_answers_again_changes_none(given: dict[str, object]) -> None:
    template = template_of(EVERYTHING)
    first = interview(template, {"one": "1", **given})
    second = interview(template, asked_again(first))

    assert asked_again(second) == asked_again(first)
    assert SECRET not in repr(first)
