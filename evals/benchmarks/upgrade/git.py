"""Git, run in one repository and in one environment."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from evals.benchmarks.upgrade.trees import File, Tree


class ReplayError(Exception):
    """A transition that cannot be replayed, by no fault of the tool."""


@dataclass(frozen=True, kw_only=True)
class Git:
    """A repository, and the environment that git runs in."""

    folder: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str, stdin: bytes = b"", accept: tuple[int, ...] = (0,)) -> bytes:
        """What git prints.

        Raises:
            ReplayError: Its exit code is not one of `accept`.
        """
        done = subprocess.run(
            ["git", "-c", "safe.directory=*", *arguments],
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            check=False,
        )
        if done.returncode not in accept:
            told = done.stderr[-600:].decode(errors="replace")
            raise ReplayError(f"`git {arguments[0]}` ended with {done.returncode}: {told}")
        return done.stdout

    def line(self, *arguments: str) -> str:
        """What git prints, as one line."""
        return self.run(*arguments).decode().strip()

    def names(self, *arguments: str) -> list[str]:
        """What git prints, as paths that end with a zero byte."""
        return [name for name in os.fsdecode(self.run(*arguments)).split("\0") if name]

    def with_index(self, index: Path) -> Git:
        """The same repository with another index."""
        return replace(self, environment={**self.environment, "GIT_INDEX_FILE": str(index)})

    def paths(self, tree: str) -> set[str]:
        """The paths in `tree`."""
        return set(self.names("ls-tree", "-r", "-z", "--name-only", tree))

    def unmerged(self) -> frozenset[str]:
        """The paths that the index has in more than one version."""
        return frozenset(each.split("\t", 1)[1] for each in self.names("ls-files", "-u", "-z"))

    def read(self, tree: str) -> Tree:
        """The files of `tree` with their contents."""
        entries = list(self._entries(tree))
        contents = self._contents([name for _, kind, name in entries if kind == "blob"])
        return {
            path: File(contents[name]) if kind == "blob" else File(b"", submodule=name)
            for path, kind, name in entries
        }

    def absent(self, tree: str) -> set[str]:
        """The paths in `tree` whose contents this clone does not have."""
        blobs = [(path, name) for path, kind, name in self._entries(tree) if kind == "blob"]
        asked = "".join(f"{name}\n" for _, name in blobs).encode()
        told = self.run("cat-file", "--batch-check", stdin=asked).decode().splitlines()
        answers = zip(blobs, told, strict=True)
        return {path for (path, _), answer in answers if answer.endswith(" missing")}

    def tree_of(self, folder: Path, index: Path) -> str:
        """Store all files of `folder`, also those that it ignores, as a tree."""
        git = replace(self.with_index(index), folder=folder)
        place = ("--git-dir", str(self.folder / ".git"), "--work-tree", str(folder))
        git.run(*place, "-c", "core.attributesFile=/dev/null", "add", "-A", "-f", ".")
        return self.with_index(index).line("write-tree")

    def without(self, tree: str, paths: Iterable[str], index: Path) -> str:
        """`tree` without `paths`."""
        git = self.with_index(index)
        git.run("read-tree", tree)
        gone = b"".join(os.fsencode(path) + b"\0" for path in paths)
        git.run("update-index", "--force-remove", "-z", "--stdin", stdin=gone)
        return git.line("write-tree")

    def _entries(self, tree: str) -> Iterator[tuple[str, str, str]]:
        """Path, kind and object of all that is in `tree`."""
        for entry in self.names("ls-tree", "-r", "-z", tree):
            about, path = entry.split("\t", 1)
            _, kind, name = about.split()
            yield path, kind, name

    def _contents(self, names: Iterable[str]) -> Mapping[str, bytes]:
        wanted = sorted(set(names))
        asked = "".join(f"{name}\n" for name in wanted).encode()
        output, at, found = self.run("cat-file", "--batch", stdin=asked), 0, dict[str, bytes]()
        for name in wanted:
            end = output.index(b"\n", at)
            size = int(output[at:end].split()[2])
            found[name] = output[end + 1 : end + 1 + size]
            at = end + 1 + size + 1
        return found
