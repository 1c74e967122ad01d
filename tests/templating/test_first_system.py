"""Templates of the first system load as they are: JSON, with Handlebars in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.sandbox import SandboxedEnvironment

from cultivar.errors import CultivarError, TemplateError
from cultivar.model import Json
from cultivar.templating.questions.interview import interview
from cultivar.templating.reading.handlebars import condition_to_jinja, to_jinja
from cultivar.templating.reading.loading import parse_template
from cultivar.templating.template import Choice, Question, Template
from cultivar.tree import Tree, text_entry

JINJA = SandboxedEnvironment(keep_trailing_newline=True)
NAMES = frozenset({"flag", "name", "items", "level", "nested"})

ELIXIR = {
    "id": "quality_template:elixir-production",
    "version": "2.4.0",
    "language": "elixir",
    "description": "A production module",
    "tags": ["otp"],
    "questions": [
        {"name": "module_name", "type": "string", "prompt": "Name?", "default": "My.Worker"},
        {"var_name": "use_genserver", "type": "boolean", "question": "Server?", "default": True},
        {
            "name": "supervisor_strategy",
            "type": "choice",
            "options": ["one_for_one", {"label": "All", "value": "one_for_all"}],
            "default": "one_for_one",
            "when": "{{use_genserver}}",
        },
        {"name": "ttl", "type": "integer", "default": 5, "min": 1, "max": 60},
        {"name": "extras", "type": "multiselect", "choices": ["a", "b"], "required": False},
    ],
    "path": "lib/worker.ex",
    "template": [
        "defmodule {{module_name}} do",
        "  {{#if use_genserver}}",
        "  use GenServer # {{supervisor_strategy}}",
        "  {{else}}",
        "  # plain",
        "  {{/if}}",
        "  @server {{use_genserver}}",
        '  def pair, do: {%{ttl: {{ttl}}}, "#{1}"}',
        "end",
    ],
    "migrations": [{"version": "2.0.0", "before": "scripts/before.exs"}],
}


def load(data: Mapping[str, Any], **files: str) -> Template:
    entries = {name.replace("__", "."): text_entry(text) for name, text in files.items()}
    tree = Tree({"mine.json": text_entry(json.dumps(data, indent=2)), **entries})
    return parse_template(tree, origin="/t/mine")


def question(**fields: Any) -> Question:
    (found,) = load({"questions": [{"name": "q", **fields}], "content": "x"}).questions
    return found


def shown(text: str, **context: object) -> str:
    booleans = frozenset(name for name, value in context.items() if isinstance(value, bool))
    jinja = to_jinja(text, file="x.json", names=NAMES, booleans=booleans)
    return JINJA.from_string(jinja).render(context)


def holds(when: str, **context: object) -> bool:
    jinja = condition_to_jinja(when, file="x.json", names=NAMES)
    return JINJA.from_string(jinja).render(context) not in {"", "False", "None"}


def test_a_template_loads_as_it_is() -> None:
    template = load(ELIXIR)

    assert (template.ref.id, template.ref.version) == (
        "quality_template:elixir-production",
        "2.4.0",
    )
    assert (template.language, template.keywords) == ("elixir", ("otp",))
    assert [each.name for each in template.questions] == [
        "module_name",
        "use_genserver",
        "supervisor_strategy",
        "ttl",
        "extras",
    ]
    assert template.rules.migrations == ({"version": "2.0.0", "before": "scripts/before.exs"},)


def test_what_it_becomes_loads_to_the_same_again() -> None:
    template = load(ELIXIR)

    assert parse_template(template.tree, origin="/t/mine") == template


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "  use GenServer # one_for_one\n  @server true\n"),
        ({"supervisor_strategy": "one_for_all"}, "  use GenServer # one_for_all\n  @server true\n"),
        ({"use_genserver": False}, "  # plain\n  @server false\n"),
    ],
)
def test_its_content_renders_as_handlebars_would(given: Mapping[str, Json], expected: str) -> None:
    template = load(ELIXIR)
    context = {each.name: each.value for each in interview(template, given)}
    content = template.tree.text("template/lib/worker.ex.jinja")

    assert JINJA.from_string(content).render(context) == (
        f'defmodule My.Worker do\n{expected}  def pair, do: {{%{{ttl: 5}}, "#{{1}}"}}\nend\n'
    )


def test_its_questions_are_asked_as_ours() -> None:
    answers = interview(load(ELIXIR), {"use_genserver": "no", "extras": "[b]"})

    assert {each.name: (each.value, each.computed) for each in answers} == {
        "module_name": ("My.Worker", False),
        "use_genserver": (False, False),
        "supervisor_strategy": ("one_for_one", True),
        "ttl": (5, False),
        "extras": (["b"], False),
    }


def test_limits_become_validators() -> None:
    with pytest.raises(CultivarError, match="at most 60"):
        interview(load(ELIXIR), {"ttl": 61})


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("boolean", "bool"),
        ("string", "str"),
        ("integer", "int"),
        ("number", "float"),
        ("json", "json"),
        ("yaml", "yaml"),
        ("path", "path"),
    ],
)
def test_types_have_their_own_names(given: str, kind: str) -> None:
    assert question(type=given, default=None).type == kind


def test_choices_of_numbers_are_numbers() -> None:
    found = question(type="choice", choices=[1, 2], default=1)

    assert found.type == "int"
    assert found.choices == (Choice(label="1", value=1), Choice(label="2", value=2))


def test_a_secret_stays_one() -> None:
    found = question(type="password")

    assert (found.secret, found.default) == (True, "")


def test_a_question_without_default_has_to_be_answered_unless_it_says_otherwise() -> None:
    assert question(type="string").required
    assert question(type="string", required=False).default == ""
    assert question(type="choice", choices=["a", "b"], required=False).default == "a"


def test_questions_and_files_may_be_mappings() -> None:
    template = load(
        {
            "metadata": {"id": "q:one", "version": "1.0.0"},
            "questions": {"flag": {"type": "boolean", "default": False}},
            "files": {"src/{{name}}.py": "x = {{flag}}", "b.txt": {"content": "b"}},
        }
    )

    assert template.ref.id == "q:one"
    assert {path for path in template.tree if path.startswith("template/")} == {
        "template/b.txt.jinja",
        "template/src/{{ name }}.py.jinja",
    }


def test_content_may_stand_in_a_file_of_its_own() -> None:
    template = load(
        {"questions": [], "files": [{"path": "a.ex", "source": "a.hbs"}]},
        a__hbs="{{#if x}}y{{/if}}",
    )

    assert template.tree.text("template/a.ex.jinja") == "{% if x %}y{% endif %}"


@pytest.mark.parametrize(
    ("data", "line", "what"),
    [
        ({"questions": [{"name": "q", "type": "colour"}], "content": "x"}, 4, "colour"),
        ({"questions": [{"name": "9 lives"}], "content": "x"}, 4, "9 lives"),
        ({"questions": [5], "content": "x"}, 2, "a question should be"),
        ({"questions": 5, "content": "x"}, 2, "no list"),
        ({"questions": []}, None, "no content"),
        ({"questions": [], "files": [{"path": "a", "source": "no.hbs"}]}, 6, "no.hbs"),
        ({"questions": [], "content": "a\n{{> part}}"}, None, "partial"),
    ],
)
def test_what_is_not_understood_is_told(
    data: Mapping[str, Any], line: int | None, what: str
) -> None:
    with pytest.raises(TemplateError, match=what) as caught:
        load(data)

    assert caught.value.file == "mine.json"
    if line is not None:
        assert caught.value.line == line


def test_broken_json_is_told_by_line() -> None:
    tree = Tree({"a.json": text_entry('{"questions": [],\n "content": }')})

    with pytest.raises(TemplateError) as caught:
        parse_template(tree, origin="x")

    assert (caught.value.file, caught.value.line) == ("a.json", 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{name}} {{{name}}} {{ name }}", "n n n"),
        ("{{flag}}", "true"),
        ("{{#if flag}}a{{else}}b{{/if}}", "a"),
        ("{{#unless flag}}a{{else}}b{{/unless}}", "b"),
        ('{{#if (eq level "high")}}a{{/if}}', "a"),
        ('{{#if (and flag (not (eq level "low")))}}a{{/if}}', "a"),
        ('{{#if (or (eq level "low") (ne level "high"))}}a{{else}}b{{/if}}', "b"),
        ('{{#if (eq level "low")}}a{{else if flag}}b{{else}}c{{/if}}', "b"),
        ("{{#if (gt count 3)}}a{{/if}}", "a"),
        ("{{#each items}}{{@index}}={{this}};{{/each}}", "0=x;1=y;"),
        ("{{#each items}}{{this}}{{#unless @last}}, {{/unless}}{{/each}}", "x, y"),
        ("{{#each items as |it|}}{{it}}{{name}}{{/each}}", "xnyn"),
        ("{{#each things}}{{label}}:{{../name}};{{/each}}", "l:n;"),
        ("{{#each nothing}}a{{else}}empty{{/each}}", "empty"),
        ("{{#flag}}yes{{/flag}}", "yes"),
        ("{{nested.a.b}}", "deep"),
        ("{{uppercase name}}", "N"),
        ("a {{! gone }}b{{!-- {{gone}} --}}c", "a bc"),
        ("a  {{~name~}}  b", "anb"),
        ("a\n  {{#if flag}}\n  b\n  {{/if}}\nc\n", "a\n  b\nc\n"),
        ("a {{#if flag}}b{{/if}}\nc", "a b\nc"),
        ("\\{{name}}", "{{name}}"),
        ("{%x%} {#y#} %{a: {{name}}}", "{%x%} {#y#} %{a: n}"),
        ("{{undefined_thing}}", ""),
    ],
)
def test_handlebars_means_what_it_meant(text: str, expected: str) -> None:
    context: dict[str, object] = {
        "name": "n",
        "flag": True,
        "level": "high",
        "count": 4,
        "items": ["x", "y"],
        "things": [{"label": "l"}],
        "nested": {"a": {"b": "deep"}},
        "nothing": None,
    }

    assert shown(text, **context) == expected


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("{{flag}}", True),
        ("flag", True),
        ("!flag", False),
        ("{{not flag}}", False),
        ("{{#if flag}}", True),
        ("{{#if flag}}true{{/if}}", True),
        ("{{#unless flag}}true{{/unless}}", False),
        ('{{eq level "high"}}', True),
        ('{{and flag (eq level "low")}}', False),
        ('level === "high" && !(level == "low")', True),
        ('level !== "high" || flag', True),
    ],
)
def test_conditions_mean_what_they_meant(when: str, expected: bool) -> None:
    assert holds(when, flag=True, level="high") is expected


@pytest.mark.parametrize(
    "text",
    [
        "{{#if a}}x",
        "{{/if}}",
        "{{#if a}}{{/each}}",
        "{{else}}",
        "{{#with a}}{{/with}}",
        "{{f a b}}",
        "{{(a}}",
        "{{}}",
        "{{a-b}}",
    ],
)
def test_what_is_no_handlebars_is_told_with_its_line(text: str) -> None:
    with pytest.raises(TemplateError) as caught:
        to_jinja(f"one\n{text}", file="x.hbs")

    assert (caught.value.file, caught.value.line) == ("x.hbs", 2)


@given(st.text(alphabet=st.sampled_from("{%#}x \n-'"), max_size=30).filter(lambda t: "{{" not in t))
def test_text_without_handlebars_stays_as_it_is(text: str) -> None:
    assert shown(text) == text


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.just("{{#if a}}"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)
KEYS = [
    *("name", "var_name", "type", "help", "default", "choices", "options", "when"),
    *("min", "pattern", "required", "secret", "validation"),
]
TOP = [
    *("id", "version", "metadata", "language", "tags", "questions", "content", "files"),
    *("path", "migrations", "template", "description"),
]


@given(
    st.dictionaries(st.sampled_from(TOP), ANYTHING),
    st.lists(st.dictionaries(st.sampled_from(KEYS), ANYTHING), max_size=2),
)
def test_whatever_it_says_the_answer_is_a_template_or_an_error_of_ours(
    data: dict[str, Any], questions: list[dict[str, Any]]
) -> None:
    named = [{"name": f"q{at}", **fields} for at, fields in enumerate(questions)]
    with suppress(CultivarError):
        assert isinstance(load({"questions": named, "content": "x", **data}), Template)
