"""Rendering: a pure function of a template and answers, with errors that name file and line."""

from __future__ import annotations

import os
from typing import Any

import pytest
from copier._tools import cast_to_bool  # the rule that ours has to follow
from hypothesis import given, settings
from hypothesis import strategies as st

from cultivar.errors import CultivarError, TemplateError
from cultivar.model import Answer, Answers, Json, TemplateRef
from cultivar.record import replace
from cultivar.templating.jinja.environment import environment_of, evaluate_bool, render_text
from cultivar.templating.rendering.render import Rendered, render
from cultivar.templating.template import Rules, Template
from cultivar.tree import Entry, Tree, text_entry


def template_of(
    files: dict[str, str | Entry], rules: Rules | None = None, *, trusted: bool = False
) -> Template:
    tree = Tree({path: text_entry(it) if isinstance(it, str) else it for path, it in files.items()})
    ref = TemplateRef(
        id="acme:thing", version="1", tree_hash=tree.hash, origin="somewhere", trusted=trusted
    )
    return Template(ref=ref, questions=(), rules=rules or Rules(), tree=tree)


def answers_of(**values: Json) -> Answers:
    return tuple(
        Answer(name=name, value=value, source="user", confidence=1.0)
        for name, value in values.items()
    )


def rendered(files: dict[str, str | Entry], rules: Rules | None = None, **values: Json) -> Rendered:
    return render(template_of(files, rules), answers_of(**values))


def test_secrets_stand_in_for_their_placeholders() -> None:
    secret = Answer(name="token", value="<token>", source="user", confidence=1.0, secret=True)
    files: dict[str, str | Entry] = {"a.jinja": "{{ token }} {{ _copier_answers }}"}
    made = render(template_of(files), (secret,), secrets={"token": "s3cr3t"})
    assert made.tree.text("a") == "s3cr3t {'_src_path': 'somewhere'}"


def test_computed_answers_render_and_are_not_remembered() -> None:
    computed = Answer(name="x", value=1, source="default", confidence=1.0, computed=True)
    made = render(
        template_of({"a.jinja": "{{ x }} {{ _copier_answers.x is defined }}"}), (computed,)
    )
    assert made.tree.text("a") == "1 False"


def test_a_commit_is_remembered_before_the_answers() -> None:
    template = template_of({"a.jinja": "{{ _copier_answers|list }}"})
    template = replace(template, ref=replace(template.ref, ref="v1.2.0"))
    made = render(template, answers_of(b=1, a=2))
    assert made.tree.text("a") == "['_commit', '_src_path', 'b', 'a']"


def test_data_of_the_destination_is_read_from_what_is_there() -> None:
    rules = Rules(external_data={"other": "{{ name }}.yml"})
    template = template_of({"a.jinja": "{{ _external_data.other.x }}"}, rules)
    existing = {"other.yml": text_entry("x: 5")}
    made = render(template, answers_of(name="other"), existing=existing)
    assert made.tree.text("a") == "5"


def test_data_of_the_destination_that_is_no_yaml_names_the_file() -> None:
    template = template_of(
        {"a.jinja": "{{ _external_data.other }}"}, Rules(external_data={"other": "./o.yml"})
    )
    with pytest.raises(TemplateError, match="YAML") as caught:
        render(template, (), existing={"o.yml": text_entry("a: [1")})
    assert caught.value.file == "o.yml"


def test_copiers_old_names_for_time_and_chance_are_there() -> None:
    files: dict[str, str | Entry] = {
        "a.jinja": "{{ now().year > 2000 }} {{ make_secret()|length }}"
    }
    assert rendered(files).tree.text("a") == "True 128"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a\n{% if %}", 2, "Expected an expression"),
        ("a\nb\n{{ x.y.z }}", 3, "x"),
        ("\n{{ 1 / 0 }}", 2, "ZeroDivisionError"),
        ("\n{{ 'a'|nofilter }}", 2, "nofilter"),
        ("{% include 'nothing' %}", None, "nothing"),
        ("{% yield x from [1] %}{{ x }}{% endyield %}", None, "yield"),
    ],
)
def test_a_broken_template_names_file_and_line(text: str, line: int | None, said: str) -> None:
    with pytest.raises(TemplateError, match=said) as caught:
        rendered({"docs/a.md.jinja": text})
    assert (caught.value.file, caught.value.line) == ("docs/a.md.jinja", line)


def test_an_error_in_an_included_file_names_that_file() -> None:
    with pytest.raises(TemplateError) as caught:
        rendered({"a.jinja": "{% include 'part' %}", "part": "\n\n{{ nothing.at.all }}"})
    assert (caught.value.file, caught.value.line) == ("part", 3)


def test_a_broken_name_names_the_file() -> None:
    with pytest.raises(TemplateError) as caught:
        rendered({"a/{{ x.y.z }}.txt": "x"})
    assert caught.value.file == "a/{{ x.y.z }}.txt"


def test_two_loops_in_one_name_are_refused() -> None:
    loop = "{% yield x from [1] %}{{ x }}{% endyield %}"
    with pytest.raises(TemplateError, match="two"):
        rendered({loop + loop: "x"})


def test_two_files_of_one_path_are_refused_unless_they_are_one() -> None:
    with pytest.raises(TemplateError, match="A second file"):
        rendered({"{{ a }}": "1", "{{ b }}": "2"}, a="x", b="x")
    assert dict(rendered({"{{ a }}": "1", "{{ b }}": "1"}, a="x", b="x").tree) == {
        "x": text_entry("1")
    }


def test_a_template_that_is_not_utf8_names_the_line() -> None:
    with pytest.raises(TemplateError, match="UTF-8") as caught:
        rendered({"a.jinja": Entry(content=b"ok\n\xff")})
    assert (caught.value.file, caught.value.line) == ("a.jinja", 2)


def test_a_name_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(CultivarError):
        rendered({"{{ name }}": "x"}, name=os.fsdecode(b"\xff"))


def test_a_name_that_no_file_system_takes_is_refused() -> None:
    with pytest.raises(TemplateError, match="300 bytes"):
        rendered({"{{ name }}": "x"}, name="x" * 300)


def test_a_link_that_leads_nowhere_is_refused() -> None:
    with pytest.raises(TemplateError, match="nowhere"):
        rendered({"a": Entry(content=b"nothing", mode="link")})


@pytest.mark.parametrize("envops", [{"nonsense": 1}, {"undefined": "os.system"}])
def test_wrong_options_of_jinja_are_refused(envops: dict[str, Json]) -> None:
    with pytest.raises(TemplateError, match="_envops"):
        rendered({"a.jinja": "x"}, Rules(envops=envops))


@given(value=st.text(max_size=8) | st.booleans() | st.integers() | st.none())
def test_truth_is_copiers(value: Any) -> None:
    environment = environment_of(Rules(), Tree({}))
    text = "{{ value }}" if isinstance(value, str) else value
    assert evaluate_bool(environment, text, {"value": value}) == cast_to_bool(value)


WORDS = ["y", "yes", "t", "true", "on", "n", "no", "f", "false", "off", "~", "null", "none"]
NUMBERS = ["0", "1", "0.0", "-1", "nan", "0e0", "1_0"]


@pytest.mark.parametrize("word", [*WORDS, *NUMBERS, "", " ", " YES ", "False", "x"])
def test_words_of_truth_are_copiers(word: str) -> None:
    assert evaluate_bool(environment_of(Rules(), Tree({})), word, {}) == cast_to_bool(word)


@settings(max_examples=40, deadline=None)
@given(values=st.dictionaries(st.sampled_from("abc"), st.text(max_size=9) | st.integers()))
def test_the_same_answers_make_the_same_tree(values: dict[str, Json]) -> None:
    files: dict[str, str | Entry] = {
        "a.txt.jinja": "{{ a }}{% for x in b|string %}{{ x }}{% endfor %}",
        "x{{ c|string|length }}.txt": "static",
    }
    template, answers = template_of(files), answers_of(**values)
    first, second = render(template, answers), render(template, answers)
    assert first == second
    assert first.tree.hash == second.tree.hash


def test_an_environment_is_kept_by_the_templates_content() -> None:
    rules = Rules()
    one = environment_of(rules, Tree({"a": text_entry("1")}))
    assert environment_of(Rules(), Tree({"a": text_entry("1")})) is one
    assert environment_of(rules, Tree({"a": text_entry("2")})) is not one
    assert environment_of(rules, Tree({"a": text_entry("1")}), trusted=True) is not one
    for number in range(40):
        environment_of(rules, Tree({"a": text_entry(f"n{number}")}))
    assert environment_of(rules, Tree({"a": text_entry("1")})) is not one


def test_render_text_takes_the_mapping_as_it_is() -> None:
    environment = environment_of(Rules(), Tree({}))
    assert render_text(environment, "{{ a }}{{ b|default('-') }}", {"a": 1}) == "1-"
