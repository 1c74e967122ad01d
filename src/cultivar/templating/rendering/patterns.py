"""Copier's path patterns: a gitignore file's, the last that matches decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from unicodedata import normalize

from pathspec import PathSpec


def matcher_of(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a path is matched by `patterns`."""
    spec = PathSpec.from_lines("gitignore", (normalize("NFD", line) for line in patterns))
    return spec.match_file
