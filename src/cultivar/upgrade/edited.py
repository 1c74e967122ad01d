"""An answers file that a person may have edited: what is wrong in it, by line."""

from __future__ import annotations

import yaml

from cultivar.errors import AnswerError, TemplateError
from cultivar.model import Json
from cultivar.templating.questions.answers_file import read_answers_file
from cultivar.templating.reading.casting import cast_answer
from cultivar.templating.template import Question, Template
from cultivar.yamls import Loader


def refuse_mistyped(content: bytes, file: str, template: Template) -> None:
    """See that the answers in a file are of the types that their questions ask for.

    What is no question is let pass; so is a value that is only no choice, or not valid, any more.

    Args:
        content: The answers file.
        file: Its path, for the error.
        template: The version of the template that it was written for.

    Raises:
        TemplateError: A value is of another type, or the file is no mapping in YAML; with its line.
    """
    answers = read_answers_file(content, file).answers
    for question in template.questions:
        value = answers.get(question.name)
        if value is not None and (error := _mistyped(question, value)):
            raise TemplateError(
                error.what, file=file, line=_line_of(question.name, content), remedy=error.remedy
            )


def _mistyped(question: Question, value: Json) -> AnswerError | None:
    if question.type_template:
        return None
    try:
        cast_answer(question, value)
    except AnswerError as error:
        return error
    return None


def _line_of(name: str, content: bytes) -> int | None:
    """The line of a key; None where it is not written as such."""
    root = yaml.compose(content, Loader=Loader)
    if not isinstance(root, yaml.MappingNode):
        return None
    lines = (key.start_mark.line + 1 for key, _ in root.value if key.value == name)
    return next(lines, None)
