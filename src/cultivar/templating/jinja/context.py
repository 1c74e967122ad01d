"""What a template's texts see: the answers, and what Copier tells about itself."""

from __future__ import annotations

import os
import posixpath
import secrets as randomness
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import yaml

from cultivar.errors import TemplateError, UnsafeError
from cultivar.model import Answers, Json
from cultivar.templating.template import Template
from cultivar.tree import Entry


def context_of(
    template: Template,
    answers: Answers,
    *,
    secrets: Mapping[str, Json],
    folder_name: str,
) -> dict[str, Any]:
    """The context without `_external_data`; `secrets` replace placeholders of the answers."""
    values = {answer.name: secrets.get(answer.name, answer.value) for answer in answers}
    return {
        "now": _now,
        "make_secret": lambda: randomness.token_hex(64),
        **_origin(template),
        **values,
        "_copier_answers": remembered(template, answers),
        "_copier_conf": _configuration(template, folder_name, values),
        "_copier_operation": "copy",
        "_copier_phase": "render",
        "_copier_python": sys.executable if template.ref.trusted else "python3",
        "_folder_name": folder_name,
    }


def remembered(template: Template, answers: Answers) -> dict[str, Json]:
    """The answers that Copier's answers file keeps: none that is secret or computed."""
    kept = {
        answer.name: answer.value
        for answer in answers
        if not (answer.secret or answer.computed or answer.name in template.rules.secret_questions)
    }
    return {**_origin(template), **kept}


def _origin(template: Template) -> dict[str, Json]:
    commit: dict[str, Json] = {"_commit": template.ref.ref} if template.ref.ref else {}
    return {**commit, "_src_path": template.ref.origin}


def _now() -> datetime:
    return datetime.now(tz=UTC)


def _configuration(
    template: Template, folder_name: str, values: Mapping[str, Json]
) -> dict[str, Any]:
    """`_copier_conf`; nothing in it tells where on this machine the result will stand."""
    return {
        "src_path": PurePosixPath(template.ref.origin),
        "dst_path": PurePosixPath(folder_name),
        "answers_file": "",
        "vcs_ref": template.ref.ref or None,
        "vcs_ref_hash": template.ref.ref or None,
        "data": dict(values),
        "exclude": (),
        "use_prereleases": False,
        "skip_if_exists": (),
        "cleanup_on_error": True,
        "defaults": True,
        "user_defaults": {},
        "overwrite": False,
        "pretend": False,
        "quiet": True,
        "conflict": "inline",
        "context_lines": 3,
        "unsafe": template.ref.trusted,
        "skip_answered": False,
        "skip_tasks": True,
        "sep": os.sep,
        "os": _OS.get(sys.platform),
    }


_OS = {"linux": "linux", "darwin": "macos", "win32": "windows"}


class ExternalData(Mapping[str, Any]):
    """`_external_data`: YAML files of the destination, each read when it is first looked at.

    Args:
        paths: Their paths by name, as Jinja templates.
        rendered: Renders such a path.
        existing: The destination's files.
    """

    def __init__(
        self,
        paths: Mapping[str, str],
        rendered: Callable[[str], str],
        existing: Mapping[str, Entry],
    ) -> None:
        self._paths, self._rendered, self._existing = paths, rendered, existing
        self._read: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._read:
            self._read[name] = self._load(self._rendered(self._paths[name]))
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def _load(self, path: str) -> Any:
        normal = posixpath.normpath(path)
        if posixpath.isabs(normal) or normal.split("/")[0] == "..":
            raise UnsafeError(
                f"The template reads {path!r}, which is outside of the destination.",
                "Data that a template reads has to stand in the destination.",
            )
        entry = self._existing.get(normal)
        if entry is None or entry.mode == "link":
            return {}
        try:
            return yaml.safe_load(entry.content)
        except yaml.YAMLError as error:
            raise TemplateError(f"This is no YAML: {error}.", file=normal) from error
