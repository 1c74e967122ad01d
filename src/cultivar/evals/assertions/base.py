"""What assertions look at, and what they find."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Final

from cultivar.checking.checks import CheckRunner
from cultivar.model import Json, Proof
from cultivar.record import Record, field
from cultivar.tree import Tree

_EMPTY: Final = Tree({})
_SHOWN: Final = 60


class Outcome(Record):
    """What a version gave on a case."""

    tree: Tree = _EMPTY
    """Of a template, what was rendered."""
    output: str = ""
    """Of a prompt the reply; of a tool what it returned, as JSON."""
    value: Json = None
    """What a tool returned."""
    raised: str = ""
    """The exception's class; empty where there was none."""
    message: str = ""
    """The exception's text."""
    inputs: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """All answers, arguments or variables, those that were inferred among them."""
    proof: Proof | None = None
    """What the template's checks said; None where nobody asked for it."""
    seconds: float = 0.0
    money: float = 0.0


class Bench(Record):
    """Where the commands and expressions of assertions run."""

    open_runner: Callable[[], CheckRunner]
    requires: tuple[str, ...] = ()
    """What they need, as a template's checks do."""
    language: str = ""
    untrusted: bool = True
    """Whether a model, or somebody whom nobody trusts, wrote any of what they look at."""


class Finding(Record):
    """Whether something holds, before it is asked whether it should."""

    holds: bool | None
    """None: that cannot be told, so that the assertion fails either way."""
    said: str = ""
    """What was found, a sentence."""


def texts_at(outcome: Outcome, path: str) -> Mapping[str, str]:
    """The texts that `path` names, by what they are called; empty: the whole output.

    Args:
        outcome: What was given.
        path: A file's path, or a pattern of it; what is no text is left out.
    """
    if not path and not outcome.tree:
        return {"the output": outcome.output}
    named = {at: each for at, each in outcome.tree.items() if not path or fnmatchcase(at, path)}
    decoded = {f"`{at}`": _text(each.content) for at, each in named.items() if each.mode != "link"}
    return {name: text for name, text in decoded.items() if text is not None}


def no_file(outcome: Outcome, path: str) -> Finding:
    """What is found where no file goes by the name of `path`."""
    there = ", ".join(f"`{each}`" for each in list(outcome.tree)[:10]) or "none"
    return Finding(holds=None, said=f"No text file is named {path!r}; there are: {there}.")


def shown(value: object) -> str:
    """`value`, not too long for a sentence."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _text(content: bytes) -> str | None:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None
