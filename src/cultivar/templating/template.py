"""What a template says, once it is read: questions, files, checks, and how to render them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from cultivar.model import Check, Json, TemplateRef
from cultivar.record import Record, field
from cultivar.tree import Tree

QuestionType = Literal["str", "int", "float", "bool", "yaml", "json", "path"]
"""What an answer is read as; `choice` and `multiselect` are questions with `choices`."""

Choices: TypeAlias = tuple["Choice", ...]
"""In the order in which they are offered."""


class Choice(Record):
    """One of the values that a question takes."""

    label: str
    value: Json
    validator: str = ""
    """A Jinja template that says why the choice is not to be had now; empty: it is."""


class Question(Record):
    """One question of a template, as written: its texts may be Jinja templates."""

    name: str
    type: QuestionType = "str"
    help: str = ""
    default: Json = None
    choices: Choices | str = ()
    """A string is a Jinja template that renders to YAML."""
    when: bool | str = True
    """False makes it computed: never asked, its default is its value."""
    validator: str = ""
    """A Jinja template that renders to why a value is refused; empty: it is not."""
    secret: bool = False
    multiselect: bool = False
    multiline: bool | str = False
    placeholder: str = ""
    keywords: tuple[str, ...] = ()
    """Words of a task that speak of it."""
    unit: str = ""
    """Of a number: `seconds`, `minutes`, `bytes`, …"""
    renamed_from: str = ""
    required: bool = False
    """It has no default: somebody has to answer it."""
    ask: bool | str = True
    """False: it is not inferred and not asked; it keeps its default unless the user gives it."""
    type_template: str = ""
    """A Jinja template for the type, where that depends on earlier answers."""
    file: str = "copier.yml"
    line: int | None = None
    """Where it stands, for errors."""

    def is_closed(self, value: Json) -> bool:
        """Whether `value` is yes or no, a number, or a choice as the template has it.

        A choice that is made of earlier answers is none: it may hold what a person wrote.
        """
        if self.secret:
            return False
        if isinstance(self.choices, str) or self.choices:
            written = [] if isinstance(self.choices, str) else [c.value for c in self.choices]
            return all(each in written for each in (value if isinstance(value, list) else [value]))
        return self.type in {"bool", "int", "float"}


class Task(Record):
    """A command that the template wants run over its result (Copier's `_tasks`)."""

    command: str | tuple[str, ...]
    when: bool | str = True
    working_directory: str = "."


class Rules(Record):
    """How files become a tree: Copier's settings, under Copier's names."""

    subdirectory: str = ""
    templates_suffix: str = ".jinja"
    exclude: tuple[str, ...] = ()
    skip_if_exists: tuple[str, ...] = ()
    answers_file: str = ""
    """Where the template wants its answers file; empty: where Cultivar puts it."""
    envops: Mapping[str, Json] = field(default_factory=dict[str, Json])
    jinja_extensions: tuple[str, ...] = ()
    preserve_symlinks: bool = False
    min_copier_version: str = ""
    tasks: tuple[Task, ...] = ()
    migrations: tuple[Mapping[str, Json], ...] = ()
    external_data: Mapping[str, str] = field(default_factory=dict[str, str])
    secret_questions: tuple[str, ...] = ()
    message_before_copy: str = ""
    message_after_copy: str = ""


class FilePrompt(Record):
    """A file that a model writes whole: `prompt` is a Jinja file of the template."""

    prompt: str
    path: str


class Template(Record):
    """A template, read and ready to render."""

    ref: TemplateRef
    questions: tuple[Question, ...]
    rules: Rules
    tree: Tree
    """All of the template's own files, `copier.yml` among them."""
    description: str = ""
    language: str = ""
    keywords: tuple[str, ...] = ()
    """Words of a task that ask for this template."""
    requires: tuple[str, ...] = ()
    """What its checks need: Python requirements, or `program:NAME` of something on the PATH."""
    checks: tuple[Check, ...] = ()
    prompts: Mapping[str, str] = field(default_factory=dict[str, str])
    """Texts of the template's prompts, by name."""
    written: tuple[FilePrompt, ...] = ()
    """The files that only a model can write."""
    ignored: tuple[str, ...] = ()
    """Settings of its `copier.yml` that mean nothing to Copier or to us."""

    @property
    def needs_trust(self) -> tuple[str, ...]:
        """The features of it that run code: `tasks`, `migrations`, `jinja_extensions`."""
        found = {
            "tasks": self.rules.tasks,
            "migrations": self.rules.migrations,
            "jinja_extensions": self.rules.jinja_extensions,
        }
        return tuple(name for name, value in found.items() if value)
