"""What a check printed, made fit to read, to keep and to compare."""

from __future__ import annotations

import re
from typing import Final

from cultivar.sandbox.base import TREE_ROOT

KEPT: Final = 8192
"""So many bytes of the end of an output are kept."""

_READ: Final = 16 * KEPT
"""So much of the end is looked at: enough to keep `KEPT` when colours are gone."""

_ESCAPES: Final = re.compile(
    r"""\x1b\[[0-?]*[ -/]*[@-~]          # colours and movements of the cursor
      | \x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?  # titles and links
      | \x1b[PX^_][^\x1b]*(?:\x1b\\)?      # strings for devices
      | \x1b[@-Z\\-_a-z0-9=>]?
    """,
    re.VERBOSE,
)
_CONTROLS: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
_ROOT: Final = re.compile(rf"(?:file://)?{re.escape(TREE_ROOT)}(?:/|\b(?![\w.-]))")


def readable(output: bytes) -> str:
    """The end of `output` as plain text, with paths relative to the tree's root."""
    text = output[-_READ:].decode("utf-8", errors="replace").replace("\r\n", "\n")
    text = _ESCAPES.sub("", text)
    text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    text = _CONTROLS.sub("", text)
    return _end(_ROOT.sub(_relative, text).strip())


def _relative(found: re.Match[str]) -> str:
    return "" if found.group().endswith("/") else "."


def _end(text: str) -> str:
    """The last lines of `text` that fit."""
    encoded = text.encode("utf-8")
    if len(encoded) <= KEPT:
        return text
    kept = encoded[-KEPT:].decode("utf-8", errors="ignore")
    _, newline, whole = kept.partition("\n")
    return f"…\n{whole if newline else kept}"
