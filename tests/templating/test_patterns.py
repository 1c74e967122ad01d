"""Which paths a template's patterns match."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pathspec import PathSpec

from cultivar.templating.rendering.patterns import matcher_of

_PARTS = ["a", "ab", "*", "?", "[ab]", "*.a", "a*b", "**", "[!a]", "[a-c]", "", "\\a", " ", "a.b"]
_PATTERNS = st.lists(st.sampled_from(_PARTS), min_size=1, max_size=4).map("/".join)
_PATHS = st.lists(
    st.text(alphabet="ab.x-_\n ", min_size=1, max_size=3), min_size=1, max_size=4
).map("/".join)


def reference(patterns: list[str]) -> Callable[[str], bool]:
    """What pathspec says, which follows git."""
    return PathSpec.from_lines("gitignore", patterns).match_file


@given(st.lists(_PATTERNS, min_size=1, max_size=3), st.lists(_PATHS, min_size=1, max_size=5))
def test_a_pattern_matches_what_it_matches_in_a_gitignore_file(
    patterns: list[str], paths: list[str]
) -> None:
    try:
        expected = reference(patterns)
    except ValueError:  # such as `//`, which is no pattern
        return
    matches = matcher_of(patterns)
    paths = [path for path in paths if not path.startswith("./")]
    assert [matches(path) for path in paths] == [expected(path) for path in paths]


@pytest.mark.parametrize(
    ("pattern", "path", "matched"),
    [
        ("*.py[co]", "pkg/deep/module.pyc", True),
        ("*.py[co]", "pkg/module.py", False),
        ("docs", "src/docs/index.md", True),
        ("docs/", "src/docs", False),
        ("/docs", "src/docs", False),
        ("src/docs", "src/docs/index.md", True),
        ("~*", "~lock", True),
        (".git", ".github/workflows/ci.yml", False),
        ("[!a].txt", "b.txt", True),
        ("# docs", "# docs", False),
    ],
)
def test_a_pattern_means_what_it_means_to_git(pattern: str, path: str, matched: bool) -> None:
    assert matcher_of([pattern])(path) is matched


def test_the_last_pattern_that_matches_decides() -> None:
    matches = matcher_of(["*.md", "!README.md"])
    assert (matches("notes.md"), matches("README.md")) == (True, False)


def test_without_patterns_nothing_is_matched() -> None:
    assert not matcher_of(["", "  "])("README.md")
