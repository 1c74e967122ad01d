"""The difference between two states of a file, as a unified diff that git can apply."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Final

from cultivar.tree import Entry, Mode, Tree

_GITS: Final[Mapping[Mode, str]] = {"file": "100644", "executable": "100755", "link": "120000"}
"""By mode, what git calls it."""

_LINE: Final = re.compile(r"[^\n]*\n|[^\n]+")


def between(old: Tree, new: Tree) -> str:
    """What changes from one tree to another, file by file."""
    paths = sorted(path for path in {*old, *new} if old.get(path) != new.get(path))
    return "".join(unified(path, old.get(path), new.get(path)) for path in paths)


def unified(path: str, old: Entry | None, new: Entry | None) -> str:
    """What becomes of a file, as git writes and applies it.

    Args:
        path: Its name, within the folder that is written to.
        old: What is there; None where nothing is.
        new: What is to be there; None where it goes.
    """
    if old and new and "link" in {old.mode, new.mode} and old.mode != new.mode:
        return unified(path, old, None) + unified(path, None, new)
    before, after = _lines(old), _lines(new)
    if before is None or after is None:
        return f"Binary file {path} differs\n"
    end = "\t" if " " in path else ""  # without it git takes the name to end at the space
    names = f"a/{path}{end}" if old else "/dev/null", f"b/{path}{end}" if new else "/dev/null"
    lines = difflib.unified_diff(before, after, *names)
    return f"diff --git a/{path} b/{path}\n{_modes(old, new)}" + "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _modes(old: Entry | None, new: Entry | None) -> str:
    """What git is told of a file's mode, where it is not the same on both sides."""
    if old is None:
        return f"new file mode {_GITS[new.mode]}\n" if new else ""
    if new is None:
        return f"deleted file mode {_GITS[old.mode]}\n"
    if old.mode == new.mode:
        return ""
    return f"old mode {_GITS[old.mode]}\nnew mode {_GITS[new.mode]}\n"


def _lines(entry: Entry | None) -> list[str] | None:
    """The lines of a text, as git counts them; None of what is no text."""
    if entry is None:
        return []
    try:
        return _LINE.findall(entry.content.decode())
    except UnicodeDecodeError:
        return None
