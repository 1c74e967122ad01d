"""The versions of templates, as tags and `git describe` name them.

The invariant: what git calls a commit is no version, though PEP 440 may read it as one: `39b7505`
would be the beta 7505 of 39.
"""

from __future__ import annotations

import re
from typing import Final

from packaging.version import InvalidVersion, Version

_DESCRIBED: Final = re.compile(r"(?P<tag>.+)-(?P<count>\d+)-g(?P<commit>[0-9a-f]+)")
_COMMIT: Final = re.compile(r"(?=.*[a-f])[0-9a-f]{7,64}|\d{7}")
"""A commit's hash or its beginning. Of more than seven digits alone, dates are the likelier."""


def version_or_none(text: str) -> Version | None:
    """`text` as a version by PEP 440; None where it is none, or a commit."""
    if _COMMIT.fullmatch(text):
        return None
    try:
        return Version(text)
    except InvalidVersion:
        return None


def version_of(described: str) -> str:
    """The version that `git describe --tags --always` names, `0.0.0` where it names none.

    Commits after a tag make it a post-release of the tag, as with Copier.
    """
    after = _DESCRIBED.fullmatch(described)
    text = f"{after['tag']}.post{after['count']}.dev0+{after['commit']}" if after else described
    return str(version_or_none(text) or "0.0.0")
