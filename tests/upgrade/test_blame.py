"""Where each line of a generated file comes from, with a real ledger and real templates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cultivar.errors import NotKnownError, UsageError
from cultivar.generation.templates import TemplateStore
from cultivar.ledger.sql import SqlLedger
from cultivar.model import Answer, Answers, Draft, Generation, Json, SlotBody
from cultivar.record import replace
from cultivar.templating.origins.catalog import Catalog
from cultivar.templating.questions.interview import interview
from cultivar.templating.reading.loading import parse_template
from cultivar.templating.rendering.render import render
from cultivar.templating.rendering.slots import fill
from cultivar.templating.template import Template
from cultivar.testing.generations import attempt_at, generation_of
from cultivar.tree import Tree, text_entry
from cultivar.upgrade.alignment import lines_of, same_lines
from cultivar.upgrade.blame import BlamedLine, Blamer
from cultivar.upgrade.outputs import outputs
from cultivar.upgrade.sources import Sources
from cultivar.upgrade.traces import TracedLine, Tracer
from cultivar.upgrade.versions import Versions
from cultivar.upgrades import Migration

BUILTIN = Path(__file__).parents[2] / "templates_data"
MORNING = datetime(2026, 1, 1, tzinfo=UTC)

CONFIG = """\
name: ada
port: 80
token: {default: '', secret: true}
_subdirectory: files
_cultivar: {id: t:one, version: VERSION}
"""
MACROS = """\
{% macro field(text) -%}
    - {{ text }}
{%- endmacro %}
"""
SOURCE = """\
{% from "macros.jinja" import field %}
{% set owner = name|upper %}
# by {{ owner }}
def run():
    {# slot: body | do it #}
    pass
    {# endslot #}

{% if port %}
PORT = {{ port }}
{% endif %}
{{ field(name) }}
TOKEN = "{{ token }}"
"""


def template(version: str = "1.0.0", source: str = SOURCE) -> Template:
    """A template with all that lines can come from."""
    files = {
        "copier.yml": CONFIG.replace("VERSION", version),
        "macros.jinja": MACROS,
        "files/a.py.jinja": source,
        "files/copied.txt": "one\ntwo\n",
    }
    tree = Tree({path: text_entry(text) for path, text in files.items()})
    return parse_template(tree, origin="/templates/one")


def made(found: Template, given: Mapping[str, Json]) -> tuple[Answers, Tree]:
    """The answers and the tree of a template."""
    answers = interview(found, {"token": "s3cr3t", **given})
    return answers, render(found, answers).tree


@dataclass
class Project:
    """A folder with what was generated in it."""

    folder: Path
    ledger: SqlLedger
    generations: list[Generation] = field(default_factory=list[Generation])

    def generate(
        self,
        found: Template,
        *,
        bodies: tuple[SlotBody, ...] = (),
        fixes: tuple[str, ...] = (),
        change: Callable[[str], str] = str,
    ) -> Generation:
        """Generate here: a model's bodies in the slots, then a fix that changes `a.py`."""
        answers = interview(found, {"token": "s3cr3t"})
        rendered = render(found, answers, folder_name=self.folder.name)
        tree = fill(rendered, {(each.path, each.slot): each.body for each in bodies}).tree
        tree = tree.replace({"a.py": text_entry(change(tree.text("a.py")))})
        attempt = attempt_at(self.ledger.content.put(tree))
        self.ledger.content.put(found.tree)
        draft = Draft(tree_hash=tree.hash, slots=bodies, fixes=fixes)
        generation = generation_of(
            tree.hash,
            template=found.ref,
            answers=answers,
            attempts=(replace(attempt, draft=draft),),
            output=str(self.folder),
            file_path=str(self.folder),
            generated_at=MORNING + timedelta(hours=len(self.generations)),
        )
        self.ledger.record(generation)
        self.generations.append(generation)
        self.write(found, answers, tree)
        return generation

    def write(self, found: Template, answers: Answers, tree: Tree) -> None:
        """Write the files and the answers file."""
        self.folder.mkdir(exist_ok=True)
        for path, entry in tree.items():
            (self.folder / path).write_bytes(entry.content)
        kept = [f"{a.name}: {a.value}\n" for a in answers if not a.secret]
        head = f"_template_id: t:one\n_template_version: {found.ref.version}\n"
        (self.folder / ".template-answers.yml").write_text(head + "".join(kept))

    def blame(self, path: str = "a.py") -> tuple[BlamedLine, ...]:
        """The lines of a file."""
        (output,) = outputs(self.folder)
        catalog = Catalog([], self.folder / "cache", [])
        sources = Sources(
            ledger=self.ledger,
            content=self.ledger.content,
            templates=TemplateStore(self.ledger.content),
            versions=Versions(catalog=catalog),
        )
        return Blamer(sources=sources, render=made).blame(self.folder / path, output)

    def line(self, text: str) -> BlamedLine:
        """The one line of `a.py` with that text."""
        (found,) = (each for each in self.blame() if each.text.strip() == text)
        return found


@pytest.fixture
def project(tmp_path: Path, ledger: SqlLedger) -> Project:
    return Project(folder=tmp_path / "project", ledger=ledger)


def test_each_line_names_its_place_in_the_template_and_its_answers(project: Project) -> None:
    made_by = project.generate(template())

    found = {line.text.strip(): line for line in project.blame()}

    assert [
        (found[text].file, found[text].line) for text in ("# by ADA", "PORT = 80", "- ada")
    ] == [
        ("files/a.py.jinja", 3),
        ("files/a.py.jinja", 10),
        ("macros.jinja", 2),
    ]
    assert {text: line.answers for text, line in found.items() if line.answers} == {
        "# by ADA": ("name",),
        "PORT = 80": ("port",),
        "- ada": ("name",),
        'TOKEN = "<token>"': ("token",),
    }
    assert {line.origin for line in project.blame()} == {"template", "slot"}
    assert {(line.version, line.generation_id, line.run_id) for line in project.blame()} == {
        ("1.0.0", made_by.id, made_by.run_id)
    }


def test_a_file_that_is_copied_comes_line_by_line(project: Project) -> None:
    project.generate(template())

    assert [(each.file, each.line) for each in project.blame("copied.txt")] == [
        ("files/copied.txt", 1),
        ("files/copied.txt", 2),
    ]


def test_what_a_person_wrote_is_theirs(project: Project) -> None:
    project.generate(template())
    file = project.folder / "a.py"
    file.write_text(file.read_text().replace("PORT = 80", "PORT = 8080\nOWN = 1"))

    assert project.line("PORT = 8080").origin == "person"
    assert project.line("OWN = 1").generation_id == ""
    assert project.line("# by ADA").origin == "template"


def test_a_slot_is_the_templates_until_a_model_has_written_it(project: Project) -> None:
    project.generate(template())
    default = project.line("pass")
    body = SlotBody(path="a.py", slot="body", body="first()\nsecond()")
    project.generate(template(), bodies=(body,))
    written = [project.line(text) for text in ("first()", "second()")]

    assert (default.origin, default.slot, default.line) == ("slot", "body", 6)
    assert [(each.origin, each.slot, each.line) for each in written] == [("model", "body", 5)] * 2
    assert written[0].run_id == project.generations[1].run_id
    assert project.line("PORT = 80").line == 10


def test_what_a_fix_wrote_names_the_fix(project: Project) -> None:
    project.generate(
        template(), fixes=("f1",), change=lambda text: text.replace("PORT = 80", "PORT: int = 80")
    )

    fixed = project.line("PORT: int = 80")

    assert (fixed.origin, fixed.fixes, fixed.line) == ("fix", ("f1",), 0)
    assert project.line("# by ADA").fixes == ()


def test_what_a_task_of_the_template_reformatted_is_still_its_line(project: Project) -> None:
    project.generate(template(), change=lambda text: text.replace("PORT = 80", "PORT  =  80"))

    assert (project.line("PORT  =  80").origin, project.line("PORT  =  80").line) == (
        "template",
        10,
    )


def test_an_upgrade_brought_what_it_added_and_the_rest_is_older(project: Project) -> None:
    first = project.generate(template())
    newer = SOURCE.replace("def run():", "import os\n\n\ndef run():")
    second = project.generate(template("1.1.0", newer))

    new, old = project.line("import os"), project.line("PORT = 80")

    assert (new.version, new.generation_id, new.line) == ("1.1.0", second.id, 4)
    assert (old.version, old.generation_id, old.line) == ("1.0.0", first.id, 10)


def test_an_upgrade_that_was_taken_back_brought_nothing(project: Project) -> None:
    first = project.generate(template())
    newer = SOURCE.replace("def run():", "import os\n\n\ndef run():")
    second = project.generate(template("1.1.0", newer))
    third = project.generate(template("1.2.0", newer))
    migration = Migration(
        id="run",
        template_id="t:one",
        from_version="1.0.0",
        to_version="1.1.0",
        output=str(project.folder),
        answers_file=".template-answers.yml",
        generation_before=first.id,
        generation_after=second.id,
        outcome="done",
        instance_id="local",
        migrated_at=MORNING,
    )
    project.ledger.record_migration(migration)
    project.ledger.mark_undone("run")

    assert project.line("import os").generation_id == third.id


def test_a_secret_in_the_place_of_its_placeholder_is_no_edit(project: Project) -> None:
    project.generate(template())
    file = project.folder / "a.py"
    file.write_text(file.read_text().replace("<token>", "s3cr3t"))

    assert project.line('TOKEN = "s3cr3t"').answers == ("token",)


def test_a_file_that_was_moved_is_blamed_all_the_same(project: Project) -> None:
    # Of a few words it could not be said which file they were in.
    more = "".join(f"STEP_{number} = 'step number {number}'\n" for number in range(9))
    project.generate(template(source=SOURCE + more))
    (project.folder / "a.py").rename(project.folder / "moved.py")

    found = project.blame("moved.py")

    assert {each.origin for each in found} == {"template", "slot"}


def test_a_file_that_the_template_renamed_is_followed(project: Project) -> None:
    first = project.generate(template())
    found = template("1.1.0")
    tree = found.tree.replace(
        {"files/a.py.jinja": None, "files/b.py.jinja": found.tree["files/a.py.jinja"]}
    )
    renamed = parse_template(tree, origin="/templates/one")
    answers, made_tree = made(renamed, {})
    project.ledger.content.put(tree)
    project.ledger.record(
        replace(
            first,
            id="0a1b2c3d-0000-4000-8000-000000000001",
            template=renamed.ref,
            attempts=(attempt_at(project.ledger.content.put(made_tree)),),
            generated_at=MORNING + timedelta(hours=1),
        )
    )
    project.write(renamed, answers, made_tree)

    assert {each.generation_id for each in project.blame("b.py")} == {first.id}


def test_what_the_ledger_does_not_know_is_rendered_to_blame_it(
    project: Project, tmp_path: Path
) -> None:
    found = template()
    for path, entry in found.tree.items():
        (tmp_path / "origin" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "origin" / path).write_bytes(entry.content)
    answers, tree = made(found, {})
    project.write(found, answers, tree)
    file = project.folder / ".template-answers.yml"
    file.write_text(file.read_text() + f"_src_path: {tmp_path / 'origin'}\n")

    line = project.line("PORT = 80")

    assert (line.file, line.line, line.answers) == ("files/a.py.jinja", 10, ("port",))
    assert (line.version, line.generation_id) == ("1.0.0", "")


def test_a_file_that_no_template_made_has_no_blame(project: Project) -> None:
    project.generate(template())
    (project.folder / "own.py").write_text("x\n")

    with pytest.raises(NotKnownError):
        project.blame("own.py")
    with pytest.raises(UsageError, match="cannot be read"):
        project.blame("none.py")


LINES = st.lists(
    st.sampled_from(["# by ADA\n", "PORT = 80\n", "\n", "own\n", "é\r\n", "no end", "- ada\n"]),
    max_size=12,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lines=LINES)
def test_the_lines_joined_are_the_file(project: Project, lines: list[str]) -> None:
    if not project.generations:
        project.generate(template())
    text = "".join(lines)
    (project.folder / "a.py").write_bytes(text.encode())

    found = project.blame()

    assert "".join(each.text for each in found) == text
    assert [each.number for each in found] == list(range(1, len(found) + 1))


@given(old=st.lists(st.sampled_from("abcde")), new=st.lists(st.sampled_from("abcde")))
def test_lines_that_are_the_same_are_paired_in_order(old: list[str], new: list[str]) -> None:
    pairs = same_lines(old, new)

    assert all(old[one] == new[other] for one, other in pairs)
    assert all(b[0] > a[0] and b[1] > a[1] for a, b in pairwise(pairs))


@given(lines=st.lists(st.text("ab\n\r\f"), max_size=5))
def test_lines_joined_are_the_text(lines: list[str]) -> None:
    text = "".join(lines)

    assert "".join(lines_of(text.encode())) == text


def test_a_line_that_only_a_filter_block_changes_is_traced_all_the_same() -> None:
    source = "{% filter trim %}\n   x {{ name }}   \n{% endfilter %}\nlast\n"
    found = template(source=source)
    answers, tree = made(found, {})

    lines = Tracer(found, answers, "p").lines("a.py", tree.text("a.py"))

    assert [(each.text, each.line) for each in lines] == [("x ada\n", 2), ("last\n", 4)]


VALUES: Mapping[str, Json] = {
    "project_name": "zyqwuv-thing",
    "module_name": "zyqwuv_module",
    "class_name": "ZyqwuvClass",
    "description": "Zyqwuv does it.",
    "author": "Zyqwuv Person",
}


def shipped(
    name: str, folder: Path, values: Mapping[str, Json]
) -> tuple[Template, list[TracedLine]]:
    """A shipped template, and all lines that it makes."""
    found = Catalog([], folder, [], builtin=[BUILTIN]).find(name)
    asked = {each.name for each in found.questions}
    answers = interview(found, {key: value for key, value in values.items() if key in asked})
    tree = render(found, answers).tree
    tracer = Tracer(found, answers, "project")
    return found, [line for path in tree for line in tracer.lines(path, tree.text(path))]


@pytest.mark.parametrize(
    "name",
    [
        "quality_template:python-production",
        "quality_template:elixir-production",
        "project_template:python-library",
    ],
)
def test_nearly_every_line_of_a_shipped_template_is_found_in_it(name: str, tmp_path: Path) -> None:
    found, lines = shipped(name, tmp_path, {})

    known = [line for line in lines if line.line]
    literal = [line for line in known if line.text.strip() and not line.answers]
    right = [
        line
        for line in literal
        if line.text.strip() in found.tree.text(line.file).split("\n")[line.line - 1]
    ]
    assert len(known) >= 0.99 * len(lines)
    assert len(right) >= 0.9 * len(literal)


@pytest.mark.parametrize(
    "name", ["quality_template:python-production", "project_template:python-library"]
)
def test_a_line_that_holds_an_answer_names_it(name: str, tmp_path: Path) -> None:
    _, lines = shipped(name, tmp_path, VALUES)

    holding = [line for line in lines if "zyqwuv" in line.text.lower()]

    assert len(holding) > 5
    assert [line.text for line in holding if not line.answers] == []


def test_answers_are_what_their_questions_are_called() -> None:
    answer = Answer(name="name", value="ada", source="default", confidence=1.0)
    found = template(source="{{ name }}{{ port }}\n{% for x in [port] %}{{ x }}{% endfor %}\n")
    port = replace(answer, name="port", value=80)

    lines = Tracer(found, (answer, port), "p").lines("a.py", "ada80\n80\n")

    assert [line.answers for line in lines] == [("name", "port"), ("port",)]
