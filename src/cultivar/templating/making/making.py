"""One use of a template, from what is known to the tree: its interview, then its rendering."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cultivar.model import Answer, Answers, Json
from cultivar.record import Record, field
from cultivar.templating.jinja.context import context_of
from cultivar.templating.jinja.environment import environment_of, render_text
from cultivar.templating.questions.asking import AskedQuestion
from cultivar.templating.questions.interview import Interview
from cultivar.templating.rendering.render import Rendered, render
from cultivar.templating.template import Template
from cultivar.tree import Entry, Tree

NOTHING: Final = Rendered(tree=Tree({}))
"""What was rendered where nothing was to be."""


class Making(Record):
    """What is to be made of a template."""

    template: Template
    given: Mapping[str, object] = field(default_factory=dict[str, object])
    """The answers that stand already, by question, typed or as text; of secrets, their values."""
    proposals: Mapping[str, Answer] = field(default_factory=dict[str, Answer])
    """What is taken for questions that are not given, where they take it."""
    answers: Answers | None = None
    """All answers, where nothing is to be asked; what is given counts for nothing then."""
    secrets: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """What is rendered in the stead of the answers' placeholders."""
    folder_name: str = "project"
    """Of the folder that it will stand in."""
    existing: Mapping[str, Entry] = field(default_factory=dict[str, Entry])
    """The files in that folder, for templates that read data from there."""
    complete: bool = True
    """Whether a question that nothing answers is an error; else it is left out."""
    files: bool = True
    """Whether the files are wanted, and not the answers alone."""
    texts: tuple[str, ...] = ()
    """More texts of the template that are wanted, like the commands of its tasks."""
    held: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """The secrets whose values, and what is computed from them, are wanted."""


class Made(Record):
    """What was made."""

    answers: Answers
    asked: tuple[AskedQuestion, ...] = ()
    """The questions that a person may be asked under them, where no files were wanted."""
    rendered: Rendered = NOTHING
    texts: tuple[str, ...] = ()
    """As they came out, in their order."""
    secrets: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """What is to be rendered in the stead of placeholders, by question. It must not be kept."""


def make(making: Making) -> Made:
    """Ask and render in this process.

    Raises:
        NotKnownError: A name that is given is no question of the template's.
        AnswerError: A given value is refused, or a question without a default has no answer.
        TemplateError: The template is broken.
        UnsafeError: It reaches out of its place, or takes more than any template should.
        UntrustedError: It has extensions, and is not trusted.
        UnconfinedError: It has extensions that run behind a wall only: see `jobs`.
    """
    about = Interview(
        template=making.template, folder_name=making.folder_name, existing=making.existing
    )
    answers = making.answers
    if answers is None:
        proposed = making.proposals
        answers = about.answers(
            making.given, lambda asked: proposed.get(asked.name), complete=making.complete
        )
    return Made(
        answers=answers,
        asked=() if making.files or making.answers else about.asked(answers),
        rendered=_files(making, answers) if making.files else NOTHING,
        texts=_texts(making, answers),
        secrets=about.secret_values(making.held, answers) if making.held else {},
    )


def _files(making: Making, answers: Answers) -> Rendered:
    return render(
        making.template,
        answers,
        secrets=making.secrets,
        folder_name=making.folder_name,
        existing=making.existing,
    )


def _texts(making: Making, answers: Answers) -> tuple[str, ...]:
    if not making.texts:
        return ()
    rules, tree = making.template.rules, making.template.tree
    environment = environment_of(rules, tree, trusted=making.template.ref.trusted)
    context: dict[str, Any] = context_of(
        making.template, answers, secrets=making.secrets, folder_name=making.folder_name
    )
    # They are commands: behind the wall, Python has no other name.
    context |= {"_copier_phase": "tasks", "_copier_python": "python3"}
    return tuple(render_text(environment, text, context) for text in making.texts)
