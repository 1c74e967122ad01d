"""Python's own `re` in the shape of `regex`, where that is not installed: without its clock."""

from __future__ import annotations

import re
from typing import Any, Final, Generic, TypeVar

from cultivar.record import Record

IGNORECASE: Final[int] = re.IGNORECASE
MULTILINE: Final[int] = re.MULTILINE
VERSION0: Final = 0

Text = TypeVar("Text", str, bytes)


class Pattern(Record, Generic[Text], kw_only=False):
    """A compiled pattern; its `timeout` is only taken."""

    compiled: re.Pattern[Text]

    def findall(self, text: Text, *, timeout: float) -> list[Any]:
        """All that matches in `text`."""
        return self.compiled.findall(text)

    def sub(self, replacement: Text, text: Text, *, timeout: float) -> Text:
        """`text` with all that matches replaced."""
        return self.compiled.sub(replacement, text)

    def search(self, text: Text, *, timeout: float) -> re.Match[Text] | None:
        """What matches first."""
        return self.compiled.search(text)


def compile(pattern: Text, flags: int = 0) -> Pattern[Text]:
    """Compile `pattern`."""
    return Pattern(re.compile(pattern, flags))
