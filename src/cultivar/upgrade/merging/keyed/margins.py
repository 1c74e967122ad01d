"""Lines without the margin of the place they were cut from, so that they can stand elsewhere.

The invariant: `indented(dedented(text, margin), margin)` is `text`, whatever the text. A line that
does not begin with the margin is kept as it is, wherever it goes.
"""

from __future__ import annotations

from typing import Final

_FIXED: Final = "\0"
"""Stands before a line that keeps its own white space."""


def dedented(text: str, margin: str) -> str:
    """`text` without `margin`; its first line is taken to stand behind the margin already.

    Args:
        text: One or more lines.
        margin: The white space before the place where `text` begins.
    """
    first, *rest = text.split("\n")
    return "\n".join([first, *(dedented_line(line, margin) for line in rest)])


def dedented_line(line: str, margin: str) -> str:
    """`line` without `margin`, or marked as fixed where it does not begin with it."""
    if not line:
        return line
    if line.isspace() or not line.startswith(margin) or line.startswith(_FIXED):
        return _FIXED + line
    return line[len(margin) :]


def indented(text: str, margin: str) -> str:
    """`text` at `margin`, which its first line has already.

    Args:
        text: What `dedented` made.
        margin: The white space to put before each other line.
    """
    first, *rest = text.split("\n")
    return "\n".join([first, *(indented_line(line, margin) for line in rest)])


def indented_line(line: str, margin: str) -> str:
    """`line` at `margin`; an empty line and a fixed one stay as they are."""
    return line if not line or line.startswith(_FIXED) else margin + line


def freed(text: str) -> str:
    """`text` as it is written to a file."""
    return text.replace(_FIXED, "")
