"""Lines that only wait, in the scripts that a check runs: a slow check may be one that idles.

Whether something does come to be while it waits, trials show: without the line it would fail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from cultivar.evolution.operators.templates.commands import is_idle
from cultivar.record import Record
from cultivar.tree import Tree, text_entry

_WORDS: Final = re.compile(r"[^\s;&|<>()'\"`]+")
_MAKEFILES: Final = ("GNUmakefile", "makefile", "Makefile")
_BESIDE: Final = re.compile(r"^\s*[@-]*|\s+#.*$|\s+$")
"""What stands beside a command in its line: space, marks of a Makefile, a comment."""


class Idle(Record):
    """Lines of rendered scripts that only wait."""

    command: str
    """The check's, which runs them."""

    def said(self, tree: Tree) -> Sequence[str]:
        """What is said in those lines, each once."""
        lines = (line for path in self._scripts(tree) for line in tree.text(path).splitlines())
        return tuple(dict.fromkeys(_said(line) for line in lines if is_idle(_said(line))))

    def left_out(self, tree: Tree) -> Tree | None:
        """The tree without them; None where there is none."""
        changes = {
            path: text_entry(_without(tree.text(path)), tree[path].mode)
            for path in self._scripts(tree)
            if _without(tree.text(path)) != tree.text(path)
        }
        return tree.replace(changes) if changes else None

    def _scripts(self, tree: Tree) -> Iterator[str]:
        """The files that the command names; what `make` goes by it need not name."""
        words = [each.removeprefix("./") for each in _WORDS.findall(self.command)]
        named = [*words, *(_MAKEFILES if "make" in words else ())]
        for path in dict.fromkeys(named):
            if path in tree and tree[path].mode != "link" and _is_text(tree, path):
                yield path


def _without(text: str) -> str:
    return "".join(each for each in text.splitlines(keepends=True) if not is_idle(_said(each)))


def _said(line: str) -> str:
    return _BESIDE.sub("", line)


def _is_text(tree: Tree, path: str) -> bool:
    try:
        tree.text(path)
    except UnicodeDecodeError:
        return False
    return True
