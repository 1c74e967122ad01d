"""What a `copier.yml` may say, and what is said of one that is broken."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.errors import CultivarError, TemplateError, UnsafeError
from cultivar.templating.numbering import version_of
from cultivar.templating.reading.copier_yaml import parse_yaml
from cultivar.templating.reading.loading import DEFAULT_EXCLUDE, parse_template
from cultivar.templating.template import Choice, FilePrompt, Question, Task, Template
from cultivar.tree import Entry, Tree, read_tree, text_entry

SHIPPED = Path(__file__).parents[2] / "templates_data" / "code_generation"


def load(config: str, **files: str) -> Template:
    entries = {name.replace("__", "."): text_entry(text) for name, text in files.items()}
    return parse_template(Tree({"copier.yml": text_entry(config), **entries}), origin="/t/mine")


def question(config: str) -> Question:
    (only,) = load(config).questions
    return only


def refusal(config: str, **files: str) -> TemplateError:
    with pytest.raises(TemplateError) as caught:
        load(config, **files)
    return caught.value


@pytest.mark.parametrize("name", ["python_production", "elixir_production", "python_library"])
def test_the_shipped_templates_load(name: str) -> None:
    (folder,) = SHIPPED.glob(f"*/{name}")
    template = parse_template(read_tree(folder), origin="builtin")

    assert template.questions
    assert template.checks
    assert template.ignored == ()


def test_a_template_without_cultivars_key_has_the_name_of_its_folder() -> None:
    template = load("name: x")

    assert (template.ref.id, template.ref.version) == ("mine", "0.0.0")
    assert template.ref.tree_hash == template.tree.hash


@pytest.mark.parametrize(
    ("origin", "name"),
    [("gh:acme/tpl", "tpl"), ("https://h/acme/tpl.git", "tpl"), ("git@h:tpl.git", "tpl")],
)
def test_a_template_from_git_has_the_name_of_its_repository(origin: str, name: str) -> None:
    assert parse_template(Tree({"copier.yml": text_entry("a: 1")}), origin=origin).ref.id == name


def test_a_template_may_have_no_configuration_at_all() -> None:
    template = parse_template(Tree({"a.txt": text_entry("a")}), origin="/t/plain")

    assert template.questions == ()


@pytest.mark.parametrize(
    ("described", "version"),
    [
        ("v1.2.3", "1.2.3"),
        ("1.2.3-4-gabc1234", "1.2.3.post4.dev0+abc1234"),
        ("abc1234", "0.0.0"),
        ("", "0.0.0"),
        ("release-one", "0.0.0"),
        ("1234567", "0.0.0"),
        ("39b7505", "0.0.0"),
        ("07a7486", "0.0.0"),
        ("20261121", "20261121"),
    ],
)
def test_the_version_is_what_git_describes(described: str, version: str) -> None:
    assert version_of(described) == version


def test_all_that_stands_under_cultivars_key_is_read() -> None:
    template = load(
        """
        ttl: {type: int, default: 5}
        _cultivar:
          id: quality_template:one
          version: 2.1.0
          language: python
          description: One
          keywords: [cache]
          requires: [pytest]
          checks:
            - {name: tests, run: pytest, required: true, weight: 4, timeout: 9, fix: x, flaky: true}
          questions:
            ttl: {keywords: [expiry], unit: seconds, renamed_from: time_to_live}
          prompts: {generate: generate__md}
          files: [{prompt: generate__md, path: "{{ name }}.py"}]
        """.replace("__", "."),
        generate__md="Write it.",
    )

    assert (template.ref.id, template.ref.version) == ("quality_template:one", "2.1.0")
    assert (template.language, template.ref.language) == ("python", "python")
    assert (template.description, template.keywords) == ("One", ("cache",))
    assert template.requires == ("pytest",)
    (check,) = template.checks
    assert (check.name, check.required, check.weight, check.timeout) == ("tests", True, 4, 9)
    (ttl,) = template.questions
    assert (ttl.keywords, ttl.unit, ttl.renamed_from) == (("expiry",), "seconds", "time_to_live")
    assert template.prompts == {"generate": "Write it."}
    assert template.written == (FilePrompt(prompt="generate.md", path="{{ name }}.py"),)


@pytest.mark.parametrize(
    ("default", "kind"),
    [
        ("text", "str"),
        ("5", "int"),
        ("1.5", "float"),
        ("true", "bool"),
        ("[1, 2]", "yaml"),
        ("null", "yaml"),
        ("2020-01-01", "yaml"),
    ],
)
def test_a_short_question_has_the_type_of_its_default(default: str, kind: str) -> None:
    assert question(f"q: {default}").type == kind


def test_a_question_without_default_and_type_is_yaml_and_required() -> None:
    found = question("q: {help: What?}")

    assert (found.type, found.required) == ("yaml", True)


def test_a_default_of_null_is_a_default() -> None:
    assert not question("q: {type: yaml, default: null}").required


def test_every_key_of_a_question_is_read() -> None:
    found = question(
        """
        q:
          type: str
          help: What?
          default: a
          choices: [a, b]
          when: "{{ x }}"
          ask: false
          validator: "{{ y }}"
          multiselect: true
          multiline: true
          placeholder: p
          qmark: "?"
          use_shortcuts: true
        """
    )

    assert found == Question(
        name="q",
        type="str",
        help="What?",
        default="a",
        choices=(Choice(label="a", value="a"), Choice(label="b", value="b")),
        when="{{ x }}",
        ask=False,
        validator="{{ y }}",
        multiselect=True,
        multiline=True,
        placeholder="p",
        line=2,
    )


@pytest.mark.parametrize(
    "choices",
    ["{One: 1, Two: 2}", "[[One, 1], [Two, 2]]", "{One: {value: 1}, Two: {value: 2}}"],
)
def test_choices_have_labels(choices: str) -> None:
    found = question(f"q: {{type: int, default: 1, choices: {choices}}}")

    assert found.choices == (Choice(label="One", value=1), Choice(label="Two", value=2))


def test_a_choice_may_have_a_validator() -> None:
    found = question('q: {default: 1, choices: {One: {value: 1, validator: "{{ z }}"}}}')

    assert found.choices == (Choice(label="One", value=1, validator="{{ z }}"),)


def test_choices_may_be_a_jinja_text() -> None:
    assert question('q: {default: a, choices: "{{ xs }}"}').choices == "{{ xs }}"


def test_a_type_may_be_a_jinja_text() -> None:
    assert question('q: {default: 1, type: "{{ kind }}"}').type_template == "{{ kind }}"


def test_secret_questions_may_be_listed() -> None:
    template = load('_secret_questions: [a]\na: ""\nb: ""')

    assert [each.secret for each in template.questions] == [True, False]


def test_a_secret_needs_a_default() -> None:
    error = refusal("a: 1\nq: {type: str, secret: true}")

    assert (error.file, error.line) == ("copier.yml", 2)


def test_settings_mean_what_they_mean_in_copier() -> None:
    rules = load(
        """
        _subdirectory: src
        _templates_suffix: ""
        _exclude: ["*.bak"]
        _skip_if_exists: [a]
        _answers_file: .a.yml
        _envops: {block_start_string: "[%", trim_blocks: true}
        _jinja_extensions: [jinja2.ext.do]
        _preserve_symlinks: true
        _min_copier_version: "9.1"
        _tasks: [make, [echo, 1], {command: make x, when: "{{ y }}", working_directory: w}]
        _migrations: [one, {version: v1, command: two}]
        _external_data: {other: .other.yml}
        _message_before_copy: Hello
        _message_after_copy: Bye
        """
    ).rules

    assert (rules.subdirectory, rules.templates_suffix, rules.exclude) == ("src", "", ("*.bak",))
    assert rules.tasks == (
        Task(command="make"),
        Task(command=("echo", "1")),
        Task(command="make x", when="{{ y }}", working_directory="w"),
    )
    assert rules.migrations == ({"command": "one"}, {"version": "v1", "command": "two"})
    assert rules.envops == {"block_start_string": "[%", "trim_blocks": True}
    assert (rules.answers_file, rules.preserve_symlinks) == (".a.yml", True)
    assert (rules.message_before_copy, rules.message_after_copy) == ("Hello", "Bye")
    assert rules.external_data == {"other": ".other.yml"}


def test_without_a_subdirectory_copiers_own_files_are_excluded() -> None:
    assert load("a: 1").rules.exclude == DEFAULT_EXCLUDE
    assert load("_subdirectory: src").rules.exclude == ()


def test_settings_that_mean_nothing_are_listed() -> None:
    assert load("_shared: {x: 1}\na: 1").ignored == ("_shared",)


def test_documents_are_joined_and_the_last_word_counts() -> None:
    template = load("_exclude: [a]\nq: 1\n---\n_exclude: [b]\nr: 2\n---\nq: 3")

    assert [(each.name, each.default) for each in template.questions] == [("q", 3), ("r", 2)]
    assert template.rules.exclude == ("a", "b")


def test_files_are_included_by_pattern() -> None:
    config = "!include parts/**/*.yml\n---\nlast: !include value.yml\n"
    tree = Tree(
        {
            "copier.yml": text_entry(config),
            "parts/b/two.yml": text_entry("two: 2"),
            "parts/one.yml": text_entry("one: 1"),
            "value.yml": text_entry("[a, b]"),
        }
    )
    template = parse_template(tree, origin="/t/x")

    assert [each.name for each in template.questions] == ["two", "one", "last"]
    assert template.questions[-1].default == ["a", "b"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("q/*.yml", ["a1", "b2"]),
        ("q/[ac]?.yml", ["a1"]),
        ("q/[!a]2.yml", ["b2"]),
        ("q/**", ["b2", "a1", "z9"]),
        ("**/z9.yml", ["z9"]),
        ("./q/a1.yml", ["a1"]),
        ("none*.yml", []),
    ],
)
def test_patterns_are_those_of_the_shell(pattern: str, names: list[str]) -> None:
    tree = Tree(
        {
            "copier.yml": text_entry(f"!include '{pattern}'"),
            "q/a1.yml": text_entry("a1: 1"),
            "q/b2.yml": text_entry("b2: 1"),
            "q/r/z9.yml": text_entry("z9: 1"),
        }
    )

    found = [each.name for each in parse_template(tree, origin="x").questions]
    assert sorted(found) == sorted(names)


def test_a_link_that_leads_nowhere_is_told() -> None:
    tree = Tree({"copier.yml": Entry(content=b"none.yml", mode="link")})

    with pytest.raises(TemplateError, match="leads to no file"):
        parse_template(tree, origin="x")


def test_a_configuration_too_large_is_refused() -> None:
    assert "too many" in refusal("a: " + "x" * 1_000_001).what


def test_an_error_in_an_included_file_names_that_file() -> None:
    error = refusal("!include other.yml", other__yml="\n\nq: {typ: str}")

    assert (error.file, error.line) == ("other.yml", 3)


@pytest.mark.parametrize("pattern", ["../other.yml", "a/../../b.yml"])
def test_an_include_from_outside_is_refused(pattern: str) -> None:
    with pytest.raises(UnsafeError, match="leads out"):
        load(f"!include {pattern}")


def test_an_absolute_include_is_refused() -> None:
    assert "relative" in refusal("a: 1\nb: !include /etc/passwd").remedy


def test_a_file_that_includes_itself_is_refused() -> None:
    assert "includes itself" in refusal("!include copier.yml").what


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!env", "!!python/name:os"])
def test_other_yaml_tags_are_refused(tag: str) -> None:
    error = refusal(f"a: 1\nb: {tag} [x]")

    assert error.line == 2
    assert "!include" in error.remedy


def test_aliases_that_explode_are_refused() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "\n".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)
    )

    assert "explode" in refusal(bomb).what


def test_an_alias_to_itself_is_refused() -> None:
    assert "explode" in refusal("a: &a [*a]").what


def test_endless_nesting_is_refused() -> None:
    assert "too deep" in refusal("a: " + "[" * 10_000).what


@pytest.mark.parametrize(
    ("config", "line", "remedy"),
    [
        ("a: 1\nq:\n  typ: str", 3, "Did you mean `type`?"),
        ("a: 1\nq:\n  type: string", 3, "Did you mean `str`?"),
        ("q:\n  type: str\n  choices: 5", 3, ""),
        ("q: {default: 1, choices: [[a]]}", 1, "pair of label and value"),
        ("_exclude: x", 1, "a list"),
        ("a: 1\n_min_copier_version: '99'", 2, "is known here"),
        ("_tasks:\n  - echo\n  - {comand: x}", 3, "Did you mean `command`?"),
        ("_cultivar:\n  versoin: 1.0.0", 2, "Did you mean `version`?"),
        ("_cultivar:\n  version: 1.0", 2, "put it in quotes"),
        ("_cultivar:\n  version: soon", 2, "a version like"),
        ("_cultivar:\n  id: a b", 2, "an id like"),
        ("_cultivar:\n  checks:\n    - {name: a, rum: b}", 3, "Did you mean `run`?"),
        ("_cultivar:\n  checks:\n    - {name: a, run: b, weight: -1}", 3, "a number of at least 0"),
        ("abc: 1\n_cultivar:\n  questions:\n    abd: {unit: s}", 4, "Did you mean `abc`?"),
        ("_cultivar:\n  prompts:\n    x: copier.yaml", 3, "Did you mean `copier.yml`?"),
        ("_cultivar:\n  files:\n    - {prompt: copier, path: x}", 3, "copier.yml"),
        ("_cultivar: 5", 1, "a mapping"),
        ("_answers_file: /a", 1, "relative"),
        ("now: 1", 1, "Choose another"),
        ("a: 1\nb: c: d", 2, "YAML"),
        ("a: 1\nb: {{ c }}", 2, ""),
        ("- 5", None, "questions and settings"),
        ("5: a", None, "quotes"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_is_expected(
    config: str, line: int | None, remedy: str
) -> None:
    error = refusal(config)

    assert (error.file, error.line) == ("copier.yml", line)
    assert remedy in error.remedy


def test_two_configurations_are_one_too_many() -> None:
    tree = Tree({"copier.yml": text_entry("a: 1"), "copier.yaml": text_entry("a: 1")})

    with pytest.raises(TemplateError, match="several"):
        parse_template(tree, origin="x")


def test_a_configuration_that_is_not_text_is_refused() -> None:
    with pytest.raises(TemplateError, match="UTF-8") as caught:
        parse_template(Tree({"copier.yml": Entry(content=b"a: 1\nb: \xff")}), origin="x")

    assert caught.value.line == 2


def test_a_configuration_may_be_a_link_within_the_template() -> None:
    tree = Tree(
        {
            "copier.yml": Entry(content=b"real/questions.yml", mode="link"),
            "real/questions.yml": text_entry("a: 1"),
        }
    )

    assert [each.name for each in parse_template(tree, origin="x").questions] == ["a"]


@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>'\"\n #,1?%<"), max_size=60))
def test_whatever_stands_there_the_answer_is_a_template_or_an_error_of_ours(text: str) -> None:
    with suppress(CultivarError):
        assert isinstance(load(text), Template)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=10,
    )
)
def test_yaml_is_read_as_the_safe_loader_reads_it(value: object) -> None:
    import yaml

    assert parse_yaml(yaml.safe_dump(value)) == value
