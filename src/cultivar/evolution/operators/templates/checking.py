"""What ails the checks themselves: a package out of reach, a step that only takes time.

The invariant: nothing is guessed. A package is one that the failing project, or the check's own
command, names; a step goes only if what is left says all that was said before.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from cultivar.evolution.operators.base import Proposed
from cultivar.evolution.operators.templates.commands import needed, steps_of
from cultivar.evolution.operators.templates.configuring import with_command, with_requirement
from cultivar.evolution.operators.templates.study import Study, Use, aims, is_slow
from cultivar.model import Check
from cultivar.templating.shapes import is_list, is_mapping
from cultivar.tree import Tree

_MISSING: Final = re.compile(
    r"(?:ModuleNotFoundError: |ImportError: |: |^)No module named '?([A-Za-z_]\w*)", re.MULTILINE
)
_STARTED: Final = re.compile(r"\bpython3?\s+(?:-\w+\s+)*?-m\s+([A-Za-z_][\w-]*)")
_LISTS: Final = re.compile(r"(?:^|/)requirements[\w.-]*\.txt$")


def more_in_reach(study: Study) -> Iterator[Proposed]:
    """Versions whose checks have a package in reach that they miss."""
    missing: dict[str, list[Use]] = {}
    for use in study.failures:
        outputs = [each.output for each in use.failed]
        for module in {name for output in outputs for name in _MISSING.findall(output)}:
            requirement = _named(module, use.tree, study.template.checks)
            if requirement and not _is_known(requirement, study):
                missing.setdefault(requirement, []).append(use)
    for requirement, uses in sorted(missing.items(), key=lambda each: -len(each[1])):
        tree = with_requirement(study.subject.tree, requirement)
        if tree is not None:
            yield Proposed(
                operator="requirement",
                tree=tree,
                description=f"Its checks have `{requirement}` in reach, which they miss.",
                aims_at=aims(uses),
            )


def fewer_steps(study: Study) -> Iterator[Proposed]:
    """Versions whose slow checks leave out what only takes time."""
    in_general = study.order.opportunity.kind == "slow"
    for check in study.template.checks:
        steps, uses = steps_of(check.run), [each for each in study.failures if is_slow(each, check)]
        if not (in_general or uses) or needed(steps) == steps or not needed(steps):
            continue
        run = " && ".join(needed(steps))
        tree = with_command(study.subject.tree, check.name, run)
        if tree is not None:
            yield Proposed(
                operator="fewer-steps",
                tree=tree,
                description=f"The check {check.name!r} runs `{run}`, and nothing twice or idly.",
                aims_at=aims(uses),
            )


def _is_known(requirement: str, study: Study) -> bool:
    name = canonicalize_name(Requirement(requirement).name)
    known = [each for each in study.template.requires if not each.startswith("program:")]
    return any(canonicalize_name(each.name) == name for each in map(_read, known) if each)


def _named(module: str, tree: Tree, checks: tuple[Check, ...]) -> str:
    """The requirement for a module, as somebody wrote it; empty where nobody did."""
    name = canonicalize_name(module)
    for text in _declared(tree):
        read = _read(text)
        if read is not None and not read.url and canonicalize_name(read.name) == name:
            return str(read)
    started = {canonicalize_name(each) for check in checks for each in _STARTED.findall(check.run)}
    return name if name in started else ""


def _read(text: str) -> Requirement | None:
    try:
        return Requirement(text.partition("#")[0].strip())
    except InvalidRequirement:
        return None


def _declared(tree: Tree) -> Iterator[str]:
    """The dependencies that a rendered project says it has."""
    for path, entry in tree.items():
        text = entry.content.decode("utf-8", "replace")
        if _LISTS.search(path):
            yield from text.splitlines()
        elif path.rpartition("/")[2] == "pyproject.toml":
            yield from _of_project(text)


def _of_project(text: str) -> Iterator[str]:
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    project = data.get("project", {})
    if is_mapping(project):
        yield from _texts(project.get("dependencies"))
        yield from _in_groups(project.get("optional-dependencies"))
    yield from _in_groups(data.get("dependency-groups"))


def _in_groups(groups: object) -> Iterator[str]:
    if is_mapping(groups):
        for each in groups.values():
            yield from _texts(each)


def _texts(listed: object) -> Iterator[str]:
    if is_list(listed):
        yield from (each for each in listed if isinstance(each, str))
