"""How artifacts are named on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cultivar.errors import UsageError

if TYPE_CHECKING:
    from cultivar.lifecycle import Artifact


def artifact_named(text: str) -> Artifact:
    """The artifact of an id, as all commands print it.

    Raises:
        UsageError: It is none.
    """
    from cultivar.lifecycle import Artifact

    kind, _, name = text.partition(":")
    for each in ("template", "tool", "prompt"):
        if kind == each and name:
            return Artifact(kind=each, name=name)
    raise UsageError(
        f"{text!r} names no artifact.",
        "Expected is `template:ID`, `tool:NAME` or `prompt:AGENT/PROMPT`.",
    )
