"""The signature of a failure: what failures with one cause have in common.

It is the output with all taken out that says where and whose, and with the structure in front that
says most: tool, rule's code or exception's type, the kinds of things it is about, check, language.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from functools import cached_property

from cultivar.memory.findings import Finding, family_of, findings_of, shapes_of
from cultivar.memory.neutral import MOST_LINE, clean, neutral
from cultivar.model import EndedBy
from cultivar.record import Record

MOST_MESSAGES = 6
"""Different messages that a signature holds."""

MOST_FINDINGS = 400
"""Complaints of an output that are looked at."""


class Signature(Record, dict=True):
    """A failing output, structured. Of a text that is no tool's output, tool and kind are empty."""

    tool: str
    kind: str
    """The kind of most of what is worst in it."""
    also: tuple[str, ...] = ()
    """The other kinds."""
    symbols: tuple[str, ...] = ()
    """What the messages are about: kinds of symbols, operators, shapes of compared values."""
    template: str
    """The messages, neutral, one a line."""
    check: str = ""
    language: str = ""

    @cached_property
    def text(self) -> str:
        """All of it as text: a line of `field:value`, then the messages."""
        named = [("language", self.language), ("check", self.check), ("tool", self.tool)]
        named += [("kind", self.kind), ("family", family_of(self.kind))]
        named += [("also", kind) for kind in self.also]
        named += [("symbol", symbol) for symbol in self.symbols]
        head = " ".join(f"{name}:{_GAPS.sub('-', value)}" for name, value in named if value)
        return f"{head}\n{self.template}".strip()

    @cached_property
    def id(self) -> str:
        """Names the failure pattern of this very signature."""
        named = "\0".join((self.language, self.check, self.text))
        return hashlib.sha256(named.encode("utf-8", "replace")).hexdigest()[:32]


def signature_of(
    output: str, *, check: str = "", language: str = "", ended_by: EndedBy = "exit"
) -> Signature:
    """The signature of `output`, which may be anything, of any size."""
    text = clean(output)
    found = findings_of(text)[:MOST_FINDINGS]
    if ended_by not in ("exit", "signal"):
        found = [Finding(tool="sandbox", kind=f"ended-by-{ended_by}", message="")]
    if not found:
        return Signature(tool="", kind="", template=_tail(text), check=check, language=language)
    kinds = _by_weight(found)
    told = _ordered(found, kinds[0])
    return Signature(
        tool=told[0].tool,
        kind=kinds[0],
        also=tuple(sorted(kinds[1:4])),
        symbols=tuple(dict.fromkeys(shape for f in told[:2] for shape in shapes_of(f))),
        template="\n".join(_messages(told)),
        check=check,
        language=language,
    )


def _by_weight(found: list[Finding]) -> list[str]:
    """The kinds in `found`: the worst first, of these the most frequent, of these the earliest."""
    counts = Counter(finding.kind for finding in found)
    weights: dict[str, int] = {}
    for finding in found:
        weights[finding.kind] = max(finding.weight, weights.get(finding.kind, 0))
    return sorted(weights, key=lambda kind: (-weights[kind], -counts[kind]))


def _ordered(found: list[Finding], kind: str) -> list[Finding]:
    return sorted(found, key=lambda finding: (finding.kind != kind, -finding.weight))


def _messages(told: list[Finding]) -> list[str]:
    messages = dict.fromkeys(neutral(finding.message) for finding in told)
    return [message for message in messages if message][:MOST_MESSAGES]


def _tail(text: str) -> str:
    """Of a text that no reader knows: its last lines, where tools say what went wrong."""
    lines = [line[:MOST_LINE] for line in text[-20_000:].split("\n") if _SAYS.search(line)]
    told = dict.fromkeys(neutral(line) for line in lines[-12:])
    return "\n".join(line for line in told if line)


_GAPS = re.compile(r"[\s:]+")
_SAYS = re.compile(r"[^\W\d_]{2}")
