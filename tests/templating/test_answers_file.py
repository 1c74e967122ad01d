"""The file beside what was generated: its bytes, its place, and what is never in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from cultivar.errors import TemplateError, UnsafeError, UsageError
from cultivar.model import Json
from cultivar.templating.questions.answers_file import (
    answers_file,
    answers_file_path,
    kept_answers,
    read_answers,
    read_answers_file,
)
from cultivar.templating.questions.interview import interview
from cultivar.templating.reading.loading import parse_template
from cultivar.templating.template import Template
from cultivar.tree import Tree, text_entry

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
CONFIG = """
name: me
ttl: 5
hidden: {type: str, default: computed-value, when: false}
password: {type: str, secret: true, default: ""}
_cultivar: {id: "quality_template:one", version: 2.4.0}
"""


def template_of(config: str = CONFIG, *, ref: str = "", **files: str) -> Template:
    entries = {name: text_entry(text) for name, text in files.items()}
    tree = Tree({"copier.yml": text_entry(config), **entries})
    return parse_template(tree, origin="gh:acme/one", ref=ref)


def written(
    template: Template,
    given: Mapping[str, object] | None = None,
    extra: Mapping[str, Json] | None = None,
) -> bytes:
    answers = interview(template, given or {})
    return answers_file(template, answers, generated_at=NOON, extra=extra)


def test_the_answers_file_is_yaml_with_its_metadata_first() -> None:
    assert written(template_of()).decode() == (
        "# Written by Cultivar: what this was generated from, and with which answers. Keep it.\n"
        "_template_id: quality_template:one\n"
        "_template_version: 2.4.0\n"
        "_generated_at: '2026-01-02T12:00:00+00:00'\n"
        "name: me\n"
        "ttl: 5\n"
    )


def test_of_a_template_from_git_it_says_where_to_find_it() -> None:
    kept = read_answers_file(written(template_of(ref="v2.4.0")))

    assert kept.metadata["_commit"] == "v2.4.0"
    assert kept.metadata["_src_path"] == "gh:acme/one"


def test_an_upgrade_is_recorded() -> None:
    kept = read_answers_file(
        written(template_of(), extra={"_upgraded": True, "upgraded_from": "1"})
    )

    assert (kept.metadata["_upgraded"], kept.metadata["_upgraded_from"]) == (True, "1")


@given(st.text(min_size=6).filter(str.isidentifier))
def test_no_secret_is_ever_written(secret: str) -> None:
    content = written(template_of(), {"password": f"secret-{secret}"})

    assert f"secret-{secret}".encode() not in content
    assert b"password" not in content
    assert b"computed-value" not in content


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,5}", fullmatch=True).filter(lambda name: name != "now"),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{}"), max_size=9)
        | st.integers()
        | st.booleans()
        | st.lists(st.integers(), max_size=3),
    )
)
@example(values={"a": "\r\x85"})
def test_what_is_written_is_read_again(values: dict[str, Json]) -> None:
    template = template_of(yaml.safe_dump(values, allow_unicode=True) if values else "")
    answers = interview(template, {})

    assert read_answers_file(written(template)).answers == kept_answers(template, answers)


def test_of_one_file_it_stands_beside_it() -> None:
    tree = Tree({"lib/worker.ex": text_entry("x")})

    assert answers_file_path(template_of(), tree) == "lib/worker.ex.template-answers.yml"


def test_of_several_files_it_stands_in_the_root() -> None:
    tree = Tree({"a": text_entry("x"), "b": text_entry("x")})

    assert answers_file_path(template_of(), tree) == ".template-answers.yml"


def test_a_template_may_ask_for_copiers_own() -> None:
    template = template_of(**{"[[ _copier_conf.answers_file ]].jinja": "x"})

    assert answers_file_path(template, Tree({})) == ".copier-answers.yml"


def test_a_template_may_name_it_after_an_answer() -> None:
    template = template_of('name: me\n_answers_file: ".{{ name }}.yml"')
    answers = interview(template, {"name": "you"})

    assert answers_file_path(template, Tree({}), answers) == ".you.yml"


def test_its_name_may_not_lead_out() -> None:
    template = template_of('name: ../../x\n_answers_file: "{{ name }}"')

    with pytest.raises(UnsafeError, match="leads out"):
        answers_file_path(template, Tree({}), interview(template, {}))


def test_copiers_file_is_read_too() -> None:
    kept = read_answers_file(b"# c\n_commit: v1.2\n_src_path: gh:a/b\nname: x\n")

    assert kept.answers == {"name": "x"}
    assert (kept.template_id, kept.template_version) == ("", "v1.2")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"a: 1\nb: c: d\n", 2),
        (b"[1]", 1),
        (b"1: a", 1),
        (b"a: 1\nb: \xff", 2),
        (b"a: 1\nb: !!python/object/apply:os.system [x]", 2),
    ],
)
def test_a_broken_one_is_told_by_line(content: bytes, line: int) -> None:
    with pytest.raises(TemplateError) as caught:
        read_answers_file(content, "a.yml")

    assert (caught.value.file, caught.value.line) == ("a.yml", line)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yml", "a: 1\nb: [x]\n_commit: v1\n"),
        ("a.json", '{"a": 1,\n\t"b": ["x"]}'),
        ("a", '{"a": 1, "b": ["x"]}'),
    ],
)
def test_answers_are_read_from_yaml_and_json(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)

    assert read_answers(path) == {"a": 1, "b": ["x"]}


def test_an_empty_file_has_no_answers(tmp_path: Path) -> None:
    path = tmp_path / "empty.yml"
    path.touch()

    assert read_answers(path) == {}


def test_broken_json_is_told_by_line(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": 1,\n "b": }')

    with pytest.raises(TemplateError) as caught:
        read_answers(path)

    assert caught.value.line == 2


def test_a_file_of_answers_that_is_not_there_is_a_mistake_of_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_answers(tmp_path / "none.yml")
