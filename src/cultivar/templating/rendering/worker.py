"""Renders a template whose extensions are code, in a process of its own, behind a wall.

`python -m cultivar.templating.rendering.worker` reads a job from the folder it stands in and leaves
there what it rendered. The invariant: what comes back is read as data of a stranger.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, cast

from cultivar.errors import CultivarError, TemplateError, UnsafeError, UntrustedError
from cultivar.model import Answer, Answers, Json, TemplateRef
from cultivar.templating.jinja.context import context_of
from cultivar.templating.jinja.environment import build_environment
from cultivar.templating.jinja.guards import GuardedEnvironment
from cultivar.templating.rendering.markers import MarkedEnvironment, Slot
from cultivar.templating.rendering.render import Rendered, render_in
from cultivar.templating.template import Rules, Template
from cultivar.tree import Entry, Tree, read_tree, text_entry

_JOB: Final = "job.json"
_RESULT: Final = "result.json"
_TEMPLATE: Final = "template/"
_EXISTING: Final = "existing/"
_RENDERED: Final = "rendered/"
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class RenderJob:
    """What to run, and in what."""

    tree: Tree
    """The files of the folder that it runs in. They hold the secrets."""
    argv: tuple[str, ...]
    """The command, to be run in that folder by a Python that has Cultivar and the extensions."""


def render_job(
    template: Template,
    answers: Answers,
    *,
    secrets: Mapping[str, Json] = _NOTHING,
    folder_name: str = "project",
    existing: Mapping[str, Entry] = _NOTHING,
) -> RenderJob:
    """The job of rendering `template` with `answers`, as `rendering.render` does it.

    Raises:
        UntrustedError: The template is not trusted.
    """
    if not template.ref.trusted:
        raise UntrustedError(
            f"The template {template.ref.id!r} wants to run extensions, and nobody trusts it.",
            "If you trust it, pass `--trust` or name its origin under `trust` in `cultivar.yaml`.",
        )
    said = {
        "ref": asdict(template.ref),
        "rules": _rules_said(template.rules),
        "answers": [asdict(answer) for answer in answers],
        "secrets": dict(secrets),
        "folder_name": folder_name,
    }
    files: dict[str, Entry] = {_JOB: text_entry(json.dumps(said))}
    files |= {f"{_TEMPLATE}{path}": entry for path, entry in template.tree.items()}
    files |= {f"{_EXISTING}{path}": existing[path] for path in existing}
    argv = (sys.executable, "-m", "cultivar.templating.rendering.worker")
    return RenderJob(tree=Tree(files), argv=argv)


def _rules_said(rules: Rules) -> dict[str, Any]:
    """The rules that rendering goes by; tasks and migrations are not its business."""
    return {**asdict(rules), "tasks": [], "migrations": []}


def read_rendered(tree: Tree) -> Rendered:
    """What the job left in its folder, whose files are `tree`.

    Raises:
        TemplateError: The template could not be rendered.
        UnsafeError: It was refused, or what the job left is not what a job leaves.
    """
    said = _result(tree)
    if "error" in said:
        kind = UnsafeError if said.get("refused") else TemplateError
        raise kind(str(said["error"]))
    made = _below(tree, _RENDERED)
    try:
        slots = tuple(_slot(cast("Mapping[str, Any]", each), made) for each in said["slots"])
        skipped = tuple(path for path in said["skip_if_exists"] if path in made)
        return Rendered(
            tree=made, slots=slots, skip_if_exists=skipped, message=str(said["message"])
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _no_result(repr(error)) from error


def _result(tree: Tree) -> Mapping[str, Any]:
    entry = tree.get(_RESULT)
    if entry is None or entry.mode == "link":
        raise _no_result("there is none")
    try:
        said: object = json.loads(entry.content)
    except ValueError as error:
        raise _no_result(str(error)) from error
    if not isinstance(said, dict):
        raise _no_result("it is no mapping")
    return cast("Mapping[str, Any]", said)


def _no_result(why: str) -> UnsafeError:
    return UnsafeError(
        f"The template's extensions left no proper result: {why}.",
        "Run the job once more by hand to see what it prints.",
    )


def _slot(said: Mapping[str, Any], made: Tree) -> Slot:
    """A slot that lies where it says.

    Raises:
        ValueError: It does not.
    """
    fields = ("path", "name", "instruction", "default")
    texts = {name: str(said[name]) for name in fields}
    slot = Slot(start=int(said["start"]), **texts)
    if slot.start < 0 or made.text(slot.path)[slot.start : slot.end] != slot.default:
        raise ValueError(f"the slot {slot.name!r} is not in {slot.path!r}")
    return slot


def _below(tree: Mapping[str, Entry], folder: str) -> Tree:
    return Tree({path[len(folder) :]: tree[path] for path in tree if path.startswith(folder)})


def run_job(folder: Path) -> None:
    """Do the job in `folder`, and leave the result there."""
    try:
        made = _rendered(read_tree(folder))
    except CultivarError as error:
        refused = not isinstance(error, TemplateError)
        said: dict[str, Any] = {"error": str(error), "refused": refused}
    else:
        _write(made.tree, folder / _RENDERED)
        said = {
            "slots": [asdict(slot) for slot in made.slots],
            "skip_if_exists": made.skip_if_exists,
            "message": made.message,
        }
    (folder / _RESULT).write_text(json.dumps(said))


def _rendered(job: Tree) -> Rendered:
    said: dict[str, Any] = json.loads(job[_JOB].content)
    rules = Rules(**{name: _frozen(value) for name, value in said["rules"].items()})
    tree = _below(job, _TEMPLATE)
    template = Template(ref=TemplateRef(**said["ref"]), questions=(), rules=rules, tree=tree)
    answers = tuple(Answer(**each) for each in said["answers"])
    environment, marked = _environments(template)
    context = context_of(
        template, answers, secrets=said["secrets"], folder_name=said["folder_name"]
    )
    return render_in(environment, marked, template, context, _below(job, _EXISTING))


def _environments(template: Template) -> tuple[GuardedEnvironment, MarkedEnvironment]:
    rules, tree = template.rules, template.tree
    try:
        return (
            build_environment(GuardedEnvironment, rules, tree, trusted=True, foreign=True),
            build_environment(MarkedEnvironment, rules, tree, trusted=True, foreign=True),
        )
    except (ImportError, AttributeError) as error:
        raise TemplateError(
            f"The extension cannot be loaded: {error}.",
            file="copier.yml",
            remedy="Install what `_jinja_extensions` names.",
        ) from error


def _frozen(value: Any) -> Any:
    items: Any = list
    return tuple(value) if isinstance(value, items) else value


def _write(tree: Tree, folder: Path) -> None:
    for path, entry in tree.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.mode == "link":
            target.symlink_to(entry.content.decode(errors="surrogateescape"))
            continue
        target.write_bytes(entry.content)
        target.chmod(0o755 if entry.mode == "executable" else 0o644)


if __name__ == "__main__":
    run_job(Path.cwd())
