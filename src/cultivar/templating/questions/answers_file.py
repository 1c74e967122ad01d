"""The answers beside what was generated: how they are written, where, and read again.

The invariant: no secret and no computed value is ever written.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import yaml

from cultivar.errors import TemplateError, UnsafeError, UsageError
from cultivar.model import Answers, Json
from cultivar.record import Record, field
from cultivar.templating.jinja.context import context_of
from cultivar.templating.jinja.environment import environment_of, render_text
from cultivar.templating.reading.casting import plain
from cultivar.templating.reading.copier_yaml import parse_yaml
from cultivar.templating.shapes import is_mapping
from cultivar.templating.template import Template
from cultivar.tree import Tree

SUFFIX: Final = ".template-answers.yml"
"""The name of a tree's answers file; what is added to the name of a single file."""

COPIER_NAME: Final = ".copier-answers.yml"
"""Copier's own name for it."""

_HEADER: Final = (
    "# Written by Cultivar: what this was generated from, and with which answers. Keep it.\n"
)
_ASKS_FOR_COPIERS: Final = "_copier_conf.answers_file"


class KeptAnswers(Record):
    """What an answers file says."""

    answers: Mapping[str, Json] = field(default_factory=dict[str, Json])
    metadata: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """What has a leading underscore: `_template_id`, `_commit`, …"""

    @property
    def template_id(self) -> str:
        """The id of the template; empty in a file of Copier's."""
        return str(self.metadata.get("_template_id") or "")

    @property
    def template_version(self) -> str:
        """The version of the template, or Copier's `_commit`."""
        return str(self.metadata.get("_template_version") or self.metadata.get("_commit") or "")


def answers_file(
    template: Template,
    answers: Answers,
    *,
    generated_at: datetime,
    extra: Mapping[str, Json] | None = None,
) -> bytes:
    """The answers file of one generation.

    Args:
        template: The template that was used.
        answers: Its answers; secret and computed ones are left out.
        generated_at: When.
        extra: More metadata, like `_upgraded`; names without a leading underscore get one.
    """
    metadata: dict[str, Json] = {
        "_template_id": template.ref.id,
        "_template_version": template.ref.version,
        "_generated_at": generated_at.isoformat(),
    }
    if template.ref.ref:  # from git: with these, Copier can go on from here, too
        metadata |= {"_commit": template.ref.ref, "_src_path": template.ref.origin}
    for name, value in (extra or {}).items():
        metadata[name if name.startswith("_") else f"_{name}"] = value
    kept = kept_answers(template, answers)
    return (_HEADER + as_yaml({**metadata, **kept})).encode()


def as_yaml(values: Mapping[str, Json]) -> str:
    """`values` in YAML, in their order, so that they read back as they are."""
    return yaml.dump(
        values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False
    )


class _Dumper(yaml.SafeDumper):
    """Escapes the line breaks that YAML alone has: plainly written, they read as others."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        """A text, in quotes where it needs them."""
        style = '"' if _BREAKS & set(data) else None
        node: yaml.ScalarNode = super().represent_str(data)  # what a plain text is
        node.style = style or node.style
        return node


_BREAKS: Final = frozenset("\x85\u2028\u2029")
_Dumper.add_representer(str, _Dumper.represent_str)


def kept_answers(template: Template, answers: Answers) -> dict[str, Json]:
    """The answers that may be kept: none that is secret or computed."""
    secret = set(template.rules.secret_questions)
    secret |= {question.name for question in template.questions if question.secret}
    return {
        each.name: each.value
        for each in answers
        if not (each.secret or each.computed or each.name in secret)
    }


def answers_file_path(template: Template, tree: Tree, answers: Answers = ()) -> str:
    """Where the answers file of `tree` belongs.

    Where the template writes Copier's file itself, the path is in `tree` already, and what stands
    there is left as it is.

    Raises:
        UnsafeError: The template's `_answers_file` leads out of the destination.
    """
    if template.rules.answers_file or asks_for_copiers(template):
        return _copiers_path(template, answers)
    if len(tree) == 1:
        return f"{next(iter(tree))}{SUFFIX}"
    return SUFFIX


def asks_for_copiers(template: Template) -> bool:
    """Whether one of the template's files is named after Copier's answers file."""
    return any(_ASKS_FOR_COPIERS in path for path in template.tree)


def _copiers_path(template: Template, answers: Answers) -> str:
    pattern = template.rules.answers_file or COPIER_NAME
    environment = environment_of(template.rules, template.tree, trusted=template.ref.trusted)
    context = context_of(template, answers, secrets={}, folder_name="")
    path = posixpath.normpath(render_text(environment, pattern, context))
    if posixpath.isabs(path) or path.split("/")[0] == ".." or path == ".":
        raise UnsafeError(
            f"`_answers_file` came out as {path!r}, which leads out of the destination.",
            "Use a relative path with no `..` in it.",
        )
    return path


def read_answers_file(content: bytes, file: str = SUFFIX) -> KeptAnswers:
    """Read an answers file, ours or Copier's.

    Raises:
        TemplateError: It is not a mapping in YAML; with its line.
    """
    values = _mapping(content, file)
    return KeptAnswers(
        answers={name: value for name, value in values.items() if not name.startswith("_")},
        metadata={name: value for name, value in values.items() if name.startswith("_")},
    )


def read_answers(path: Path) -> dict[str, Json]:
    """The answers in the file of `--answers`: YAML or JSON, metadata left out.

    Raises:
        UsageError: There is no such file, or it is not a mapping of names to values.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"The answers in {str(path)!r} cannot be read: {error.strerror}.",
            "Expected is a YAML or JSON file of `question: value`.",
        ) from error
    return dict(read_answers_file(content, str(path)).answers)


def _mapping(content: bytes, file: str) -> dict[str, Json]:
    values = _values(content, file)
    if values is None:
        return {}
    if not is_mapping(values) or not all(isinstance(name, str) for name in _keys(values)):
        raise TemplateError(
            "These are no answers.",
            file=file,
            line=1,
            remedy="Expected is a mapping, `question: value` on each line.",
        )
    return {name: _plain(name, value, file) for name, value in values.items()}


def _plain(name: str, value: Any, file: str) -> Json:
    try:
        return plain(value)
    except ValueError as error:
        raise TemplateError(
            f"The answer to `{name}` cannot be one: {error}.",
            file=file,
            remedy="Expected is a text, a number, true or false, or a list or mapping of them.",
        ) from error


def _keys(values: Mapping[Any, Any]) -> list[Any]:
    return list(values)


def _values(content: bytes, file: str) -> Any:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TemplateError("This is not UTF-8.", file=file, line=line) from error
    if not file.endswith(".json"):
        return parse_yaml(text, file)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise TemplateError(
            f"This is not JSON: {error.msg}.", file=file, line=error.lineno
        ) from error
