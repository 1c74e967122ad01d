"""What a command finds around itself: a home of its own, and no network where mirrors can do.

The addresses of the repositories lead to the mirrors by `url.<mirror>.insteadOf` in the git
settings of that home, so no tool needs to know of them.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evals.benchmarks.upgrade.git import Git
from evals.benchmarks.upgrade.mirrors import Mirrors

_SETTINGS: Final = """\
[user]
name = Bench
email = bench@example.invalid
[init]
defaultBranch = main
[safe]
directory = *
[protocol "file"]
allow = always
[advice]
detachedHead = false
[core]
autocrlf = false
hooksPath = /dev/null
[gc]
auto = 0
"""
_FOREIGN: Final = ("GIT_", "COPIER", "CULTIVAR", "PYTHON", "COVERAGE", "XDG_")
"""Prefixes of variables of whoever runs the benchmark that no tool sees."""
_HOSTS: Final = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/"}


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The same for every command of a transition, in a folder that is made for each."""

    git_settings: str
    github: str
    """A script that stands for `gh`."""

    def make(self, folder: Path, cache: Path) -> Mapping[str, str]:
        """Make a fresh home in `folder`.

        Returns:
            The environment that leads there.
        """
        home, programs = folder / "home", folder / "bin"
        for each in (home, programs, cache):
            each.mkdir(parents=True, exist_ok=True)
        (home / ".gitconfig").write_text(self.git_settings)
        (programs / "gh").write_text(self.github)
        (programs / "gh").chmod(0o755)
        return {
            **homeless(),
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_CACHE_HOME": str(cache),
            "CULTIVAR_CACHE": str(cache / "cultivar"),
            "PATH": f"{programs}:{os.environ['PATH']}",
        }


def homeless() -> Mapping[str, str]:
    """The environment without anything of whoever runs the benchmark."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return {
        **kept,
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONWARNINGS": "ignore",
    }


def git_settings(mirrors: Mirrors, template: str, sources: Iterable[str]) -> str:
    """Git's settings, by which addresses lead to `mirrors`.

    Args:
        mirrors: What was brought.
        template: The template's `owner/name`.
        sources: Where the answers files say that the template is.
    """
    places = {f"https://github.com/{name}": mirrors.address(name) for name in mirrors.names()}
    said = (address(source).rstrip("/").removesuffix(".git") for source in sources)
    places |= {each: mirrors.address(template) for each in said if "://" in each or "@" in each}
    return _SETTINGS + "".join(
        f'[url "{mirror}"]\n' + "".join(f"insteadOf = {each}\n" for each in _forms(place))
        for place, mirror in places.items()
    )


def address(source: str) -> str:
    """The address that Copier hands to git for a `_src_path`."""
    for prefix, host in _HOSTS.items():
        if source.startswith(prefix):
            return f"{host}{source.removeprefix(prefix).removesuffix('.git')}.git"
    return source.removeprefix("git+")


def github_stub(project: Git, commit: str) -> str:
    """A script for `gh` that knows the two ids which some templates ask GitHub for.

    They are those that stand in `commit`, in the pages that the template made.
    """
    pattern = "data-(repo|category)-id"
    found = project.run("grep", "-h", "-I", "-E", pattern, commit, accept=(0, 1))
    text = found.decode(errors="replace")
    category, repository = (_attribute(text, f"data-{each}-id") for each in ("category", "repo"))
    return (
        "#!/bin/sh\n"
        f'case "$*" in *graphql*) id={category};; *) id={repository};; esac\n'
        '[ -n "$id" ] || exit 1\n'
        'echo "$id"\n'
    )


def _attribute(text: str, name: str) -> str:
    found = re.search(rf'{name}="([^"{{}}]*)"', text)
    return shlex.quote(found[1]) if found else "''"


def _forms(place: str) -> Iterator[str]:
    """The ways to write an address."""
    return iter((f"{place}.git", place, f"{place}/"))
