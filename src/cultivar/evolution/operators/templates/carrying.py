"""A change of rendered files, carried back to the template that makes them.

The invariant: what comes out renders to exactly what was wanted, wherever it is known what that
is for the answers at hand; whether it does is found by rendering, never assumed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Final, TypeAlias

from cultivar.evolution.operators.templates.configuring import block, condition
from cultivar.evolution.operators.templates.remedies import Remedy
from cultivar.evolution.operators.templates.study import Study, Use
from cultivar.record import Record
from cultivar.templating.template import Rules, Template
from cultivar.tree import Tree, text_entry

_MOST_TRIED: Final = 120
"""How many places one change is tried in."""

_MOST_ASKED: Final = 3
"""For how many uses that is done, until one can be mended."""

_MOST_PLACES: Final = 6
_MOST_CONDITIONS: Final = 8
_MOST_HUNKS: Final = 6
_MOST_BYTES: Final = 200_000
_BEST: Final = 2
"""How many versions come of one remedy."""

_Lines: TypeAlias = tuple[int, int]


class Splice(Record):
    """Lines of a template's file, and what is to stand in their place."""

    path: str
    start: int
    end: int
    lines: tuple[str, ...]


class Carried(Record):
    """A template's files with a change in them, and what that does to its uses."""

    tree: Tree
    mended: tuple[Use, ...]
    """The failing uses that it makes what was wanted of."""
    missed: int
    """Failing uses that wanted it, and become something else."""
    touched: int
    """Uses that worked, and become something else."""

    @property
    def harm(self) -> int:
        """How many uses become what nobody wanted."""
        return self.missed + self.touched


class _Hunk(Record):
    """Lines of a rendered file that become others."""

    before: str
    """The line before them; empty at the start."""
    old: tuple[str, ...]
    new: tuple[str, ...]
    after: str


def carried(remedy: Remedy, study: Study) -> Sequence[Carried]:
    """Versions that make of failing uses what a remedy makes of them, the most careful first."""
    wanted = _wanted(remedy, study)
    found = _exact(wanted, study) if wanted else _alike(remedy, study)
    unique: dict[str, Carried] = {}
    for each in found:
        if each.mended:
            unique.setdefault(each.tree.hash, each)
        if sum(not one.harm for one in unique.values()) == _BEST:
            break  # there is none more careful
    return sorted(unique.values(), key=lambda each: each.harm)[:_BEST]


def _exact(wanted: Sequence[tuple[Use, Tree]], study: Study) -> Iterator[Carried]:
    """Versions that make exactly what is wanted of one use, the first for which there are any."""
    for use, goal in wanted[:_MOST_ASKED]:
        found = False
        for tree in _sources([*_hunks(use.tree, goal)], study):
            made = study.makes(tree, use.given)
            if made is not None and made.tree == goal:
                found = True
                yield _weighed(tree, wanted, study)
        if found:
            return


def _alike(remedy: Remedy, study: Study) -> Iterator[Carried]:
    """Versions with the edits of a remedy that was made for other answers than those at hand.

    What they come to is for the trials to show.
    """
    hunks = [each for edit in remedy.edits for each in _changes(edit.search, edit.replace)]
    known = [use for use in study.failures if set(use.patterns) & set(remedy.patterns)]
    for tree in _sources(hunks, study):
        made = [(use, study.makes(tree, use.given)) for use in known]
        mended = tuple(use for use, new in made if new is not None and new.tree != use.tree)
        touched = study.touched(tree)
        yield Carried(tree=tree, mended=mended, missed=0, touched=touched)


def _wanted(remedy: Remedy, study: Study) -> list[tuple[Use, Tree]]:
    """The failing uses that the remedy changes, with what it makes of them."""
    found: list[tuple[Use, Tree]] = []
    for use in study.failures:
        goal = remedy.mend(use.tree) if _may_mend(remedy, use) else None
        if goal is not None and goal != use.tree and set(goal) == set(use.tree):
            found.append((use, goal))
    return found


def _may_mend(remedy: Remedy, use: Use) -> bool:
    """Whether a use failed in the way that the remedy is for."""
    if remedy.check:
        return any(each.check == remedy.check for each in use.failed)
    return not remedy.patterns or bool(set(remedy.patterns) & set(use.patterns))


def _weighed(tree: Tree, wanted: Sequence[tuple[Use, Tree]], study: Study) -> Carried:
    made = [(use, goal, study.makes(tree, use.given)) for use, goal in wanted]
    mended = tuple(use for use, goal, new in made if new is not None and new.tree == goal)
    touched = study.touched(tree)
    return Carried(tree=tree, mended=mended, missed=len(made) - len(mended), touched=touched)


def _sources(hunks: Sequence[_Hunk], study: Study) -> Iterator[Tree]:
    """The template with the change made wherever it may belong, the likeliest first."""
    template = study.template
    options = [list(_options(hunk, study)) for hunk in hunks]
    if not options or len(options) > _MOST_HUNKS or not all(options):
        return
    # The sum of the places' numbers grows, so that no hunk waits for all of another's.
    choices = sorted(islice(product(*map(enumerate, options)), 20 * _MOST_TRIED), key=_remoteness)
    for choice in choices[:_MOST_TRIED]:
        spliced = _spliced(template.tree, [splice for _, splice in choice])
        if spliced is not None:
            yield spliced


def _remoteness(choice: Iterable[tuple[int, Splice]]) -> int:
    return sum(place for place, _ in choice)


def _hunks(old: Tree, new: Tree) -> Iterator[_Hunk]:
    for path in old:
        if old[path] != new[path]:
            texts = (tree[path].content.decode("utf-8", "replace") for tree in (old, new))
            yield from _changes(*texts)


def _changes(old: str, new: str) -> Iterator[_Hunk]:
    one, other = old.splitlines(keepends=True), new.splitlines(keepends=True)
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            yield _Hunk(
                before=one[i1 - 1] if i1 else "",
                old=tuple(one[i1:i2]),
                new=tuple(other[j1:j2]),
                after=one[i2] if i2 < len(one) else "",
            )


def _options(hunk: _Hunk, study: Study) -> Iterator[Splice]:
    """Where in the template a hunk may belong, and what is to stand there."""
    rules = study.template.rules
    for path, lines in _texts(study.template).items():
        if hunk.old:
            for start, end in islice(_runs(hunk.old, lines, rules), _MOST_PLACES):
                new = _translated(lines[start:end], hunk, rules)
                if new is not None:
                    yield Splice(path=path, start=start, end=end, lines=new)
    if not hunk.old and not any(_is_jinja(line, rules) for line in hunk.new):
        places = [*_gaps(hunk, study.template)]
        yield from (replaced(path, at, hunk.new) for path, at in places)
        for test in _conditions(study, {path for path, _ in places}):
            for path, at in places:
                yield from (replaced(path, at, lines) for lines in _guarded(test, hunk.new, rules))


def replaced(path: str, at: int, lines: Sequence[str]) -> Splice:
    """Lines that come in at a place where nothing goes."""
    return Splice(path=path, start=at, end=at, lines=tuple(lines))


def _texts(template: Template) -> Mapping[str, list[str]]:
    """The lines of the template's files that are rendered as text."""
    found: dict[str, list[str]] = {}
    for path, entry in template.tree.items():
        if entry.mode == "link" or len(entry.content) > _MOST_BYTES:
            continue
        try:
            found[path] = entry.content.decode("utf-8").splitlines(keepends=True)
        except UnicodeDecodeError:
            continue
    return found


class _Line(Record):
    """A line of a template, and what it may be rendered to."""

    parts: tuple[str, ...]
    """What stands around its expressions."""

    @property
    def literal(self) -> int:
        """How many letters of it are its own: the more, the surer it is found."""
        return sum(len(each.strip()) for each in self.parts)

    def spans(self, text: str) -> list[tuple[int, int]] | None:
        """Where in `text` its expressions are, if it may be rendered to that; each as short as can.

        One pass, so that no line takes forever.
        """
        first, *others = self.parts
        if not others:
            return [] if text == first else None
        if not text.startswith(first):
            return None
        found: list[tuple[int, int]] = []
        at = len(first)
        for part in others[:-1]:
            end = text.find(part, at)
            if end < 0:
                return None
            found.append((at, end))
            at = end + len(part)
        end = len(text) - len(others[-1])
        return [*found, (at, end)] if at <= end and text.endswith(others[-1]) else None

    def fits(self, text: str) -> bool:
        """Whether it may be rendered to `text`."""
        return self.spans(text) is not None


def _lines(texts: Sequence[str], rules: Rules) -> list[_Line]:
    expression = _expression(rules)
    return [_Line(parts=tuple(expression.split(text))) for text in texts]


def _runs(old: Sequence[str], texts: Sequence[str], rules: Rules) -> Iterator[_Lines]:
    """Where lines of a file may be rendered to these, the surest first."""
    lines = _lines(texts, rules)
    found: dict[_Lines, int] = {}
    for start in range(len(lines) - len(old) + 1):
        window = lines[start : start + len(old)]
        if all(each.fits(text) for each, text in zip(window, old, strict=True)):
            found[start, start + len(old)] = sum(each.literal for each in window)
    yield from sorted(found, key=lambda each: -found[each])


def _gaps(hunk: _Hunk, template: Template) -> Iterator[tuple[str, int]]:
    """Where something may come in, the surest first.

    That is after the line before it, or before the line after it; of blank lines, on either side.
    """
    for path, texts in _texts(template).items():
        found: dict[int, int] = {} if hunk.before or hunk.after else {0: 0}
        for number, line in enumerate(_lines(texts, template.rules)):
            if hunk.before.strip() and line.fits(hunk.before):
                blank = number + 1 < len(texts) and not texts[number + 1].strip()
                found[number + 1] = line.literal
                found |= {number + 2: line.literal} if blank else {}
            if hunk.after.strip() and line.fits(hunk.after):
                blank = number > 0 and not texts[number - 1].strip()
                found[number] = line.literal
                found |= {number - 1: line.literal} if blank else {}
        surest = sorted(found, key=lambda each: -found[each])
        yield from ((path, at) for at in surest[:_MOST_PLACES])


def _expression(rules: Rules) -> re.Pattern[str]:
    start, end = (
        re.escape(str(rules.envops.get(name, usual)))
        for name, usual in (("variable_start_string", "{{"), ("variable_end_string", "}}"))
    )
    return re.compile(f"{start}.*?{end}", re.DOTALL)


def _is_jinja(line: str, rules: Rules) -> bool:
    names = {
        "variable_start_string": "{{",
        "block_start_string": "{%",
        "comment_start_string": "{#",
    }
    return any(str(rules.envops.get(name, usual)) in line for name, usual in names.items())


def _translated(source: Sequence[str], hunk: _Hunk, rules: Rules) -> tuple[str, ...] | None:
    """The new lines as the template has them; None where an expression has no place in them.

    What an expression was rendered to is found again in the new text by what stands around it.
    """
    before, old, new = "".join(source), "".join(hunk.old), "".join(hunk.new)
    values = _expression(rules).findall(before)
    if not values:
        return None if any(_is_jinja(line, rules) for line in hunk.new) else hunk.new
    spans = _Line(parts=tuple(_expression(rules).split(before))).spans(old)
    if spans is None or _is_jinja(new, rules):
        return None
    text, done = "", 0
    moved = _moves(old, new)
    for value, (start, end) in zip(values, spans, strict=True):
        place = moved(start, end)
        if place is None or place < done:
            return None
        text += f"{new[done:place]}{value}"
        done = place + end - start
    return tuple(f"{text}{new[done:]}".splitlines(keepends=True))


class _Moves(Record):
    """Where parts of a text are in another one."""

    blocks: tuple[tuple[int, int, int], ...]

    def __call__(self, start: int, end: int) -> int | None:
        """Where the part now begins; None where it is not there whole."""
        for old, new, size in self.blocks:
            if old <= start and end <= old + size:
                return new + start - old
        return None


def _moves(old: str, new: str) -> _Moves:
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return _Moves(
        blocks=tuple((each.a, each.b, each.size) for each in matcher.get_matching_blocks())
    )


def _conditions(study: Study, paths: Iterable[str]) -> Iterator[str]:
    """What may set the failing uses apart: answers that go with failure, then the files' tests."""
    found: dict[str, None] = {}
    for bad in study.order.opportunity.bad_answers:
        if any(
            all(use.answers.get(n) == v for n, v in bad.answers.items()) for use in study.failures
        ):
            found[condition(bad.answers)] = None
    rules = study.template.rules
    start, end = (
        re.escape(str(rules.envops.get(name, usual)))
        for name, usual in (("block_start_string", "{%"), ("block_end_string", "%}"))
    )
    test = re.compile(rf"{start}[-+]?\s*(?:el)?if\s+(.+?)\s*[-+]?{end}")
    for path in sorted(paths):
        found |= dict.fromkeys(test.findall(study.template.tree.text(path)))
    yield from islice(found, _MOST_CONDITIONS)


def _guarded(test: str, lines: Sequence[str], rules: Rules) -> Iterator[tuple[str, ...]]:
    """The lines under a condition, in each spelling that leaves no blank lines behind."""
    begin, end = f"if {test}", "endif"
    if rules.envops.get("trim_blocks"):
        yield f"{block(begin, rules)}\n", *lines, f"{block(end, rules)}\n"
    yield f"{block(begin, rules, tight=True)}\n", *lines, f"{block(end, rules, tight=True)}\n"
    first, *others = lines
    yield f"{block(begin, rules)}{first}", *others, block(end, rules)


def _spliced(tree: Tree, splices: Sequence[Splice]) -> Tree | None:
    """The files with all splices made; None where two are at one place and differ."""
    unique = {(each.path, each.start, each.end): each for each in splices}
    if any(unique[each.path, each.start, each.end] != each for each in splices):
        return None
    changes: dict[str, list[str]] = {}
    last: dict[str, int] = {}
    for each in sorted(unique.values(), key=lambda one: (one.path, -one.start, -one.end)):
        if each.end > last.get(each.path, each.end):
            return None
        known = changes.setdefault(each.path, tree.text(each.path).splitlines(keepends=True))
        known[each.start : each.end] = each.lines
        last[each.path] = each.start
    return tree.replace(
        {path: text_entry("".join(lines), tree[path].mode) for path, lines in changes.items()}
    )
