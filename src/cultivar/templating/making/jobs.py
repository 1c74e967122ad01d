"""What goes behind the wall to a worker: a folder for each thing that is to be made.

All of it is one file, which costs less on its way than a template's many.
"""

from __future__ import annotations

import json
import marshal
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cultivar.errors import UntrustedError
from cultivar.model import Answer, Answers, TemplateRef
from cultivar.record import to_builtins
from cultivar.templating.making.making import Making
from cultivar.templating.questions.interview import known_names
from cultivar.templating.shapes import is_list
from cultivar.templating.template import Choice, Question, Rules, Template
from cultivar.tree import Entry, Mode, Tree

JOB: Final = "job"

_FORMAT: Final = 2
"""The form of `marshal` that every Python reads."""


def folder_of(number: int) -> str:
    """The folder of the job with that number."""
    return f"jobs/{number}"


def below(tree: Mapping[str, Entry], folder: str) -> Tree:
    """The part of `tree` in `folder`."""
    prefix = f"{folder}/"
    return Tree({path[len(prefix) :]: tree[path] for path in tree if path.startswith(prefix)})


def files_of(makings: Sequence[Making]) -> dict[str, Entry]:
    """The jobs of making `makings`. They hold the secrets.

    Raises:
        UntrustedError: A template is not trusted.
        NotKnownError: A name that is given is no question of its template's.
    """
    files: dict[str, Entry] = {}
    for number, making in enumerate(makings):
        # Only data that the template names is read of what stands already.
        existing = making.existing if making.template.rules.external_data else Tree({})
        job = json.dumps(_said(making)), _packed(making.template.tree), _packed(existing)
        files[f"{folder_of(number)}/{JOB}"] = Entry(content=marshal.dumps(job, _FORMAT))
    return files


def _packed(tree: Mapping[str, Entry]) -> dict[str, tuple[str, bytes]]:
    return {path: (entry.mode, entry.content) for path, entry in tree.items()}


def _unpacked(packed: Mapping[str, tuple[Mode, bytes]]) -> Tree:
    return Tree({path: Entry(content=said, mode=mode) for path, (mode, said) in packed.items()})


def _said(making: Making) -> dict[str, Any]:
    template, answers = making.template, making.answers
    if not template.ref.trusted:
        raise UntrustedError(
            f"The template {template.ref.id!r} wants to run extensions, and nobody trusts it.",
            "If you trust it, pass `--trust` or name its origin under `trust` in `cultivar.yaml`.",
        )
    return {
        "ref": to_builtins(template.ref),
        # Tasks and migrations are not a worker's business.
        "rules": {**to_builtins(template.rules), "tasks": [], "migrations": []},
        "questions": [to_builtins(question) for question in template.questions],
        "given": known_names(template, making.given),
        "proposals": {name: to_builtins(answer) for name, answer in making.proposals.items()},
        "answers": None if answers is None else [to_builtins(answer) for answer in answers],
        "secrets": dict(making.secrets),
        "folder_name": making.folder_name,
        "complete": making.complete,
        "files": making.files,
        "texts": making.texts,
        "held": known_names(template, making.held),
    }


def read_job(content: bytes) -> Making:
    """The job whose file `files_of` has made."""
    words, files, existing = marshal.loads(content)
    said: dict[str, Any] = json.loads(words)
    answers = said.pop("answers")
    template = Template(
        ref=TemplateRef(**said.pop("ref")),
        questions=tuple(_question(each) for each in said.pop("questions")),
        rules=Rules(**{name: _frozen(value) for name, value in said.pop("rules").items()}),
        tree=_unpacked(files),
    )
    return Making(
        template=template,
        proposals={name: Answer(**each) for name, each in said.pop("proposals").items()},
        answers=None if answers is None else _answers(answers),
        existing=_unpacked(existing),
        **{name: _frozen(value) for name, value in said.items()},
    )


def _answers(said: list[dict[str, Any]]) -> Answers:
    return tuple(Answer(**each) for each in said)


def _question(said: dict[str, Any]) -> Question:
    choices: Any = said["choices"]
    if not isinstance(choices, str):
        choices = tuple(Choice(**each) for each in choices)
    read: dict[str, Any] = {"choices": choices, "keywords": tuple(said["keywords"])}
    return Question(**(said | read))


def _frozen(value: Any) -> Any:
    return tuple(value) if is_list(value) else value
