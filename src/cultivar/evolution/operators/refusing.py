"""What no candidate of a template may do, whoever made it; seen before anything of it is tried.

The invariant: what is admitted is a template that differs from its parent in a few lines of files
that were there before, with the same checks, held as tightly, and it knows no case by heart.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from cultivar.errors import TemplateError, UnsafeError
from cultivar.evolution.operators.templates.commands import lost, steps_of
from cultivar.model import Check, Json
from cultivar.record import Record
from cultivar.templating.reading.loading import parse_template
from cultivar.templating.template import Template
from cultivar.tree import Tree

MOST_LINES: Final = 60
"""Lines that one candidate may add and take away, together."""

MOST_BYTES: Final = 8_000
"""And how much text it may add."""

LONGEST_COPY: Final = 16
"""How many characters in a row it has of a case, beyond what the template had, is a copy."""

_MOST_TIME: Final = 2.0
"""How many times as long a check may take at most."""

_LENIENT: Final = re.compile(
    r"\|\|"  # what comes after it counts in the stead of the verdict
    r"|;\s*(?:true|:|exit\s+0)\b|\bset\s+\+e\b|--exit-zero\b|--exit-code[= ]0\b"
    r"|--ignore\b|--ignore-glob\b|--deselect\b|--no-fail\b|--extend-ignore\b|(?:^|\s)-k\s"
    r"|--continue-on-collection-errors|--co\b|--collect-only|&\s*$"
)
"""What makes a command pass that did not."""

_ASSERTION: Final = re.compile(
    r"\bassert\b|\bpytest\.raises\b|\bself\.(?:assert|fail)\w*|\bexpect\(|\bassert_\w+|\bassert!?\b"
)
_SKIP: Final = re.compile(
    r"\b(?:skip|skipif|skipIf|skipUnless|skipTest|xfail|importorskip|expectedFailure)\b"
    r"|\bos\._exit\b|\bos\.exec[lv]\w*|\bsys\.exit\(\s*(?:0|None|False)?\s*\)"
    r"|\bSystemExit\(?\s*0?\s*\)?|(?<![.\w])(?:exit|quit)\(\s*(?:0|None|False)?\s*\)"
    r"|#\s*(?:noqa|type:\s*ignore|pyright:\s*ignore|nosec|pragma:\s*no\s*cover)|@ts-ignore|it\.skip"
)
"""What makes a test, or what looks at the code, say nothing."""

_SETUP: Final = re.compile(
    r"(?:^|/)(?:pytest\.ini|tox\.ini|\.?ruff\.toml|\.?mypy\.ini|\.flake8|\.coveragerc|\.pylintrc"
    r"|pyrightconfig\.json|conftest\.py|noxfile\.py|sitecustomize\.py|usercustomize\.py)(?:\.jinja)?$"
)
"""Files that say how others look at the code."""

_TOOL: Final = re.compile(
    r"^\[+(?:tool[.:])?(?:ruff|mypy|pyright|pytest|coverage|pylint|flake8|black|isort)\b.*?(?=^\[|\Z)",
    re.MULTILINE | re.DOTALL,
)
"""The parts of a `pyproject.toml` or `setup.cfg` that do."""

_TEST: Final = re.compile(r"(?:^|[/_])(?:tests?|conftest|spec)(?=[/_.]|$)", re.IGNORECASE)
_WORDS: Final = re.compile(r"\s+")


class Limits(Record):
    """What a candidate is held to."""

    files: frozenset[str] = frozenset()
    """Which it may change; empty: all that its parent has."""
    cases: Sequence[Mapping[str, Json]] = ()
    """The answers of the cases that its maker may have seen."""
    texts: Sequence[str] = ()
    """What else of them it has seen: tasks, files, outputs."""
    sealed: Sequence[Mapping[str, Json]] = ()
    """The answers of sealed cases, of which no reason tells a word."""
    tried: frozenset[str] = frozenset()
    """The tree hashes of what was tried before."""
    forbids: str = ""
    """The question that may refuse what it took, where all that is refused is known to fail."""


def why_not(before: Tree, after: Tree, limits: Limits) -> str:
    """Say why a version of a template is refused; empty where it may be tried.

    Args:
        before: The version that it was made from.
        after: Its files.
        limits: What it is held to.
    """
    reasons = (
        too_much(before, after, limits),
        _unreadable(before, after, limits.forbids),
        by_heart(before, after, limits),
    )
    return next((each for each in reasons if each), "")


def too_much(before: Tree, after: Tree, limits: Limits) -> str:
    """Say what no version of anything may be: what was tried, other files, a large change.

    Args:
        before: The version that it was made from.
        after: Its files.
        limits: What it is held to.
    """
    reasons = (
        _same_or_tried(before, after, limits),
        _outside(before, after, limits),
        _oversized(before, after),
    )
    return next((each for each in reasons if each), "")


def weakened(before: Template, after: Template, forbids: str = "") -> str:
    """Say what a version checks less than another; empty where it checks no less.

    Args:
        before: The version that it was made from.
        after: It, read.
        forbids: The question that may have a validator where it had none.
    """
    new = {check.name: check for check in after.checks}
    for check in before.checks:
        if check.name not in new:
            return f"It drops the check {check.name!r}."
        if why := _looser(check, new[check.name]):
            return f"It weakens the check {check.name!r}: {why}."
    if (before.ref.id, before.language) != (after.ref.id, after.language):
        return "It says that it is another template, or in another language."
    if before.needs_trust != after.needs_trust or before.rules.tasks != after.rules.tasks:
        return "It changes the code that runs when it is used."
    if gone := set(before.requires) - set(after.requires):
        return f"Its checks would do without {', '.join(map(repr, sorted(gone)))}."
    return _narrowed(before, after, forbids)


def _same_or_tried(before: Tree, after: Tree, limits: Limits) -> str:
    if after.hash == before.hash:
        return "It changes nothing."
    return "It was tried before." if after.hash in limits.tried else ""


def _outside(before: Tree, after: Tree, limits: Limits) -> str:
    changed = [path for path in {*before, *after} if before.get(path) != after.get(path)]
    for path in sorted(changed):
        if path not in before or path not in after:
            return f"It adds or takes away the file {path!r}."
        if before[path].mode != after[path].mode or before[path].mode == "link":
            return f"It makes something else of the file {path!r}."
        if limits.files and path not in limits.files:
            return f"It changes {path!r}, which is none of its files."
    return ""


def _oversized(before: Tree, after: Tree) -> str:
    lines = sum(len(each.splitlines()) for each in (*added(before, after), *added(after, before)))
    size = sum(len(each) for each in added(before, after))
    if lines > MOST_LINES:
        return f"It changes {lines} lines, and {MOST_LINES} are the most."
    if size > MOST_BYTES:
        return f"It adds {size:,} characters, and {MOST_BYTES:,} are the most."
    return ""


def _unreadable(before: Tree, after: Tree, forbids: str) -> str:
    try:
        old, new = (parse_template(each, origin="candidate") for each in (before, after))
    except (TemplateError, UnsafeError) as error:
        return f"It cannot be read: {error}"
    return weakened(old, new, forbids) or silenced(before, after)


def _looser(old: Check, new: Check) -> str:
    if old.required and not new.required:
        return "it is not required any more"
    if new.weight < old.weight:
        return f"its weight is {new.weight:g}, not {old.weight:g}"
    if new.expect != old.expect and old.expect:
        return "it expects another output"
    if new.flaky and not old.flaky:
        return "it is called flaky"
    if new.timeout > _MOST_TIME * old.timeout:
        return f"it may take {new.timeout:g} seconds, not {old.timeout:g}"
    return _looser_command(old.run, new.run)


def _looser_command(old: str, new: str) -> str:
    """Why a command says less than another; a part that is run twice may be left out once."""
    if old == new:
        return ""
    if len(_LENIENT.findall(new)) > len(_LENIENT.findall(old)):
        return f"`{new}` may pass where `{old}` does not"
    if gone := lost(old, new):
        return f"it does not run `{gone}` any more"
    more = [each for each in steps_of(new) if each not in steps_of(old)]
    return f"it runs `{more[0]}` beside, which may change what is looked at" if more else ""


def _narrowed(before: Template, after: Template, forbids: str) -> str:
    """What a person may not ask for any more: questions, choices, or values that are refused."""
    new = {each.name: each for each in after.questions}
    for old in before.questions:
        if old.name not in new:
            return f"It asks for {old.name!r} no more."
        now = new[old.name]
        if (now.type, now.multiselect, now.secret) != (old.type, old.multiselect, old.secret):
            return f"It takes another kind of answer to {old.name!r}."
        if now.choices != old.choices:
            return f"It offers other choices for {old.name!r}."
        if now.validator != old.validator and (old.validator or old.name != forbids):
            return f"It refuses other answers to {old.name!r}, which mends none of them."
    return ""


def silenced(before: Tree, after: Tree) -> str:
    """Say what looks at the code less than before; empty where all does as it did."""
    for path in sorted(set(before) & set(after)):
        if before[path] == after[path]:
            continue
        old, new = (each[path].content.decode("utf-8", "replace") for each in (before, after))
        if _SETUP.search(path) or _TOOL.findall(old) != _TOOL.findall(new):
            return f"It changes in {path!r} how others look at the code."
        if len(_SKIP.findall(new)) > len(_SKIP.findall(old)):
            return f"It makes something in {path!r} say nothing: a skip, an exit, an ignored fault."
        if is_test(path, old) and _assertions(new) < _assertions(old):
            return f"It takes assertions out of {path!r}."
    return ""


def is_test(path: str, text: str) -> bool:
    """Whether a file says what others have to hold to."""
    return bool(_TEST.search(path) or re.search(r"^\s*(?:async )?def test", text, re.MULTILINE))


def _assertions(text: str) -> int:
    return len([each for each in _ASSERTION.findall(text) if each])


def by_heart(before: Tree, after: Tree, limits: Limits) -> str:
    """Say what a version has of a case's own text, beyond what it had anyway."""
    new = {run for each in added(before, after) for run in _runs(_plain(each))}
    known = _plain("\n".join(each.content.decode("utf-8", "replace") for each in before.values()))
    for text in (*_texts(limits.cases), *limits.texts):
        for run in _runs(_plain(text)):
            if run in new and run not in known:
                return f"It knows a case by heart: {run!r} is in what it adds."
    sealed = {run for text in _texts(limits.sealed) for run in _runs(_plain(text))}
    if any(run not in known for run in sealed & new):
        return "It knows a sealed case by heart."
    return ""


def added(before: Tree, after: Tree) -> list[str]:
    """The blocks of lines that `after` has and `before` has not."""
    found: list[str] = []
    for path in sorted(after):
        if before.get(path) == after[path]:
            continue
        old, new = (
            entry.content.decode("utf-8", "replace").splitlines(keepends=True) if entry else []
            for entry in (before.get(path), after[path])
        )
        matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
        found += [
            "".join(new[j1:j2])
            for tag, _, _, j1, j2 in matcher.get_opcodes()
            if j1 < j2 and tag != "equal"
        ]
    return found


def _runs(text: str) -> Iterator[str]:
    """All that many characters in a row."""
    return (text[at : at + LONGEST_COPY] for at in range(len(text) - LONGEST_COPY + 1))


def _texts(cases: Iterable[Mapping[str, Json]]) -> Iterator[str]:
    """All texts in the answers of cases; short ones are words, which anybody may use."""
    waiting: list[Json] = [value for case in cases for value in case.values()]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if len(value) >= LONGEST_COPY:
                yield value
        elif isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, Sequence):
            waiting += value


def _plain(text: str) -> str:
    return _WORDS.sub(" ", text)
