"""The rung for code: by syntax tree for Python, by lines and tokens for all."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from cultivar.upgrade.merging.base import Resolution, Texts
from cultivar.upgrade.merging.code.python import merge_modules
from cultivar.upgrade.merging.code.tokens import merge_lines
from cultivar.upgrade.merging.hunks import to_lines

_PYTHON: Final = frozenset({".py", ".pyi"})
_DATA: Final = frozenset({".json", ".toml", ".yaml", ".yml"})
"""What has keys: two lines that merely touch may belong to different tables there."""


def resolve(texts: Texts) -> Resolution | None:
    """A text with the edits of both sides; None where that takes a guess."""
    suffix = PurePosixPath(texts.path).suffix.lower()
    base, ours, theirs = (tuple(to_lines(each)) for each in (texts.base, texts.ours, texts.theirs))
    if suffix in _DATA:
        return None
    if suffix in _PYTHON and (merged := merge_modules(base, ours, theirs)) is not None:
        return _resolution(merged, "the statements of both, and of each import the names of both")
    if (merged := merge_lines(base, ours, theirs)) is not None:
        return _resolution(merged, "the edits are of different lines, or one holds the other")
    return None


def _resolution(merged: tuple[str, ...], reason: str) -> Resolution:
    return Resolution(text="".join(merged), rung="code", reason=reason)
