"""What a version that a model wrote may not change: what decides about it, and what is fetched.

The invariant: what a check runs or reads by its name is as a person left it. A model has seen how
the checks go, and whoever writes both an answer and what marks it has proven nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from cultivar.model import Check
from cultivar.templating.template import Template
from cultivar.tree import Tree

_WORDS: Final = re.compile(r"[^\s;&|<>()'\"`=:,@]+")
_MODULES: Final = re.compile(r"-m\s+([\w.]+)")
_TAGS: Final = re.compile(r"\{[{%#].*?[}%#]\}")
"""What of a name is worked out when it is rendered."""

_GOES_BY: Final = {
    "make": ("GNUmakefile", "makefile", "Makefile"),
    "gmake": ("GNUmakefile", "makefile", "Makefile"),
    "just": ("justfile", "Justfile", ".justfile"),
    "task": ("Taskfile.yml", "Taskfile.yaml"),
    "rake": ("Rakefile",),
    "npm": ("package.json",),
    "npx": ("package.json",),
    "pnpm": ("package.json",),
    "yarn": ("package.json",),
    "bun": ("package.json",),
    "tox": ("tox.ini",),
    "nox": ("noxfile.py",),
    "mix": ("mix.exs",),
    "cargo": ("Cargo.toml", "build.rs"),
    "mvn": ("pom.xml",),
    "gradle": ("build.gradle", "build.gradle.kts"),
}
"""What programs go by that nobody names to them."""

_RECIPES: Final = frozenset(name for names in _GOES_BY.values() for name in names)
_SCRIPT: Final = re.compile(r"\.(?:sh|bash|zsh|mk|ps1|bat)$")


def out_of_bounds(before: Template, after: Template) -> str:
    """Say what a version changes that a model may not; empty where there is nothing.

    Args:
        before: The version that it was made from.
        after: It, read.
    """
    if more := sorted(set(after.requires) - set(before.requires)):
        return f"Its checks would have {more[0]!r} fetched, which a person decides."
    suffix = before.rules.templates_suffix
    return marks_itself(before.checks, before.tree, after.tree, suffix)


def marks_itself(checks: Iterable[Check], before: Tree, after: Tree, suffix: str = "") -> str:
    """Say which file is another that a check runs or reads by its name; empty where none is.

    Args:
        checks: Those of the version that is used.
        before: Files of it, or what it makes.
        after: The same of the version that a model wrote.
        suffix: What names of files end in that are rendered.
    """
    changed = {path for path in before if before[path] != after.get(path)}
    for check in checks:
        if found := sorted(changed & _deciding(check.run, before, suffix)):
            return f"It edits {found[0]!r}, by which the check {check.name!r} goes (`{check.run}`)."
    return ""


def _deciding(command: str, tree: Tree, suffix: str) -> set[str]:
    """The files that a command goes by, and the scripts that those run."""
    names = _named(command)
    found: set[str] = set()
    while more := {path for path in tree if _plain(path, suffix) in names} - found:
        found |= more
        texts = (tree[path].content.decode("utf-8", "replace") for path in more)
        names |= {each for text in texts for each in _named(text) if _is_script(each)}
    return found


def _named(text: str) -> set[str]:
    words = {each.rpartition("/")[2] for each in _WORDS.findall(text)}
    recipes = (name for program in words & set(_GOES_BY) for name in _GOES_BY[program])
    return {*words, *recipes, *_modules(text)}


def _modules(text: str) -> Iterator[str]:
    for module in _MODULES.findall(text):
        yield from (f"{module.rpartition('.')[2]}.py", "__main__.py")


def _is_script(name: str) -> bool:
    return name in _RECIPES or bool(_SCRIPT.search(name))


def _plain(path: str, suffix: str) -> str:
    """The name of a file, as it is rendered, as far as that is known."""
    return _TAGS.sub("", path).removesuffix(suffix).rpartition("/")[2]
