"""Cultivar writes what Copier writes: the same paths, bytes, modes and answers files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from copier import run_copy

from cultivar.model import Json
from cultivar.templating.questions.interview import Interview
from cultivar.templating.reading.loading import parse_template
from cultivar.templating.rendering.render import Rendered, render
from cultivar.templating.template import Question
from cultivar.tree import Tree, read_tree, text_entry

FIXTURES = Path(__file__).parent / "fixtures" / "parity"
SHIPPED = Path(__file__).parents[2] / "templates_data"


@dataclass(frozen=True, kw_only=True)
class Case:
    folder: Path
    data: Mapping[str, Any]
    trust: bool = False
    destination: Mapping[str, str] = field(default_factory=dict[str, str])


def cases() -> Iterator[Any]:
    for file in sorted(FIXTURES.glob("*/cases.yml")):
        written: dict[str, Any] = yaml.safe_load(file.read_text())
        for number, data in enumerate(written["cases"]):
            case = Case(
                folder=file.parent / "template",
                data=data,
                trust=written.get("trust", False),
                destination=written.get("destination", {}),
            )
            yield pytest.param(case, id=f"{file.parent.name}-{number}")


def by_copier(case: Case, output: Path) -> Tree:
    for path, text in case.destination.items():
        output.mkdir(exist_ok=True)
        (output / path).write_text(text)
    run_copy(
        str(case.folder),
        output,
        data=dict(case.data),
        defaults=True,
        quiet=True,
        overwrite=True,
        unsafe=case.trust,
    )
    found = read_tree(output) if output.exists() else Tree({})
    return found.replace(dict.fromkeys(case.destination))


def by_cultivar(case: Case, folder_name: str) -> Rendered:
    template = parse_template(read_tree(case.folder), origin=str(case.folder), trusted=case.trust)
    existing = {path: text_entry(text) for path, text in case.destination.items()}
    asked = Interview(template=template, folder_name=folder_name, existing=existing)
    answers = asked.answers(case.data)
    secrets = asked.secret_values(case.data, answers)
    return render(template, answers, secrets=secrets, folder_name=folder_name, existing=existing)


def shipped_cases() -> Iterator[Any]:
    """Each shipped template with answers that take every option of every question once."""
    for file in sorted(SHIPPED.rglob("copier.yml")):
        template = parse_template(read_tree(file.parent), origin=str(file.parent))
        options = {question.name: _options(question) for question in template.questions}
        for number in range(max(map(len, options.values()), default=1)):
            data = {name: them[number % len(them)] for name, them in options.items() if them}
            name = f"{file.parent.relative_to(SHIPPED)}-{number}"
            yield pytest.param(Case(folder=file.parent, data=data), id=name)


def _options(question: Question) -> list[Json]:
    if question.type == "bool":
        return [True, False]
    if isinstance(question.choices, str) or question.multiselect:
        return []
    return [choice.value for choice in question.choices if not choice.validator]


@pytest.mark.filterwarnings("ignore")  # Copier's own about the features that it deprecates
@pytest.mark.parametrize("case", list(cases()))
def test_paths_bytes_and_modes_are_copiers(case: Case, tmp_path: Path) -> None:
    expected = by_copier(case, tmp_path / "project")
    assert dict(by_cultivar(case, "project").tree) == dict(expected)


@pytest.mark.filterwarnings("ignore")  # Copier's own about the features that it deprecates
@pytest.mark.parametrize("case", list(shipped_cases()))
def test_shipped_templates_render_as_copier_renders_them(case: Case, tmp_path: Path) -> None:
    expected = by_copier(case, tmp_path / "project")
    assert dict(by_cultivar(case, "project").tree) == dict(expected)


def test_every_case_makes_something() -> None:
    empty = [case.id for case in cases() if not by_cultivar(case.values[0], "project").tree]
    assert empty == []


def test_what_is_not_to_replace_a_file_is_named() -> None:
    case = Case(folder=FIXTURES / "skip_if_exists" / "template", data={})
    assert by_cultivar(case, "project").skip_if_exists == ("a.cfg", "n.txt")


def test_the_message_for_the_end_is_rendered() -> None:
    case = Case(folder=FIXTURES / "message_and_context" / "template", data={})
    assert by_cultivar(case, "project").message == "done 1"


def test_slots_are_found_in_what_copier_would_write() -> None:
    case = Case(folder=FIXTURES / "slots" / "template", data={})
    names = [slot.name for slot in by_cultivar(case, "project").slots]
    assert names == ["body", "other", "tail", "inline"]
