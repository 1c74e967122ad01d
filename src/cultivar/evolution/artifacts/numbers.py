"""What versions are called: the next number, and how a template is given it.

The invariant: of a template's files no more changes than the number itself, so comments and order
stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import yaml
from packaging.version import Version

from cultivar.errors import TemplateError
from cultivar.lifecycle import Artifact
from cultivar.templating.numbering import version_or_none
from cultivar.templating.reading.copier_yaml import config_file, read_config
from cultivar.templating.reading.loading import parse_template
from cultivar.tree import Entry, Tree

_NONE: Final = Version("0")
_OURS: Final = "_cultivar"
_EMPTY: Final = ("", "~", "null")


def next_version(known: Iterable[str]) -> str:
    """The number after all that are known: the next patch, or the next pre-release of one."""
    newest = max((version_or_none(each) or _NONE for each in known), default=_NONE)
    epoch = f"{newest.epoch}!" if newest.epoch else ""
    if newest.pre is not None:
        kind, number = newest.pre
        return f"{epoch}{'.'.join(map(str, newest.release))}{kind}{number + 1}"
    return f"{epoch}{newest.major}.{newest.minor}.{newest.micro + 1}"


def version_in(tree: Tree) -> str:
    """The version that a template's files say.

    Raises:
        TemplateError: They are no template.
    """
    return parse_template(tree, origin="").ref.version


def numbered(artifact: Artifact, tree: Tree, known: Iterable[str]) -> tuple[Tree, str]:
    """A new version's files with the number after all that are known, and that number.

    The number of a tool or a prompt stands in the record alone.

    Raises:
        TemplateError: The files are no template, or its number cannot be told apart in them.
    """
    version = next_version(known)
    return (raised(tree, version) if artifact.kind == "template" else tree), version


def raised(tree: Tree, version: str) -> Tree:
    """A template's files with `_cultivar.version` in its `copier.yml` set to `version`.

    Raises:
        TemplateError: They are no template, or the number cannot be told apart in them.
    """
    file, start, end, text = _edit(tree, version)
    before = tree.text(file)
    content = f"{before[:start]}{text}{before[end:]}".encode()
    made = tree.replace({file: Entry(content=content, mode=tree[file].mode)})
    if version_in(made) != version:
        raise TemplateError(
            "Its version cannot be raised.",
            file=file,
            remedy=f"Expected is `version: {version}` in a block under `{_OURS}`.",
        )
    return made


def _edit(tree: Tree, version: str) -> tuple[str, int, int, str]:
    """The file, from where to where, and what is to stand there."""
    config = read_config(tree)
    file = config_file(tree)
    if config is None or file is None:
        raise TemplateError("A template has a `copier.yml`.")
    if _OURS not in config.nodes:
        whole = tree.text(file)
        line = "" if whole.endswith("\n") or not whole else "\n"
        return file, len(whole), len(whole), f"{line}{_OURS}:\n  version: {version}\n"
    key, ours = config.nodes[_OURS]
    pairs: Any = ours.value if isinstance(ours, yaml.MappingNode) else []
    for name, value in pairs:
        if name.value == "version":
            return _place(value.start_mark, value.end_mark, _quoted(value, version))
    if isinstance(ours, yaml.ScalarNode) and ours.value not in _EMPTY:
        raise config.error([_OURS], f"`{_OURS}` is no mapping.")
    if not pairs:
        return _place(key.start_mark, ours.end_mark, f"{_OURS}:\n  version: {version}")
    first: yaml.Mark = pairs[0][0].start_mark
    flow = isinstance(ours, yaml.MappingNode) and ours.flow_style
    apart = ", " if flow else f"\n{' ' * first.column}"
    return _place(first, first, f"version: {version}{apart}")


def _place(start: yaml.Mark, end: yaml.Mark, text: str) -> tuple[str, int, int, str]:
    return start.name, start.index, end.index, text


def _quoted(value: yaml.Node, version: str) -> str:
    style = value.style if isinstance(value, yaml.ScalarNode) else None
    return f"{style}{version}{style}" if style in {"'", '"'} else version
