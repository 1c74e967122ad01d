"""Where the lines of a generated file come from: the template's file and line, and the answers.

The template is rendered with marks; where that shows nothing, its literal lines are compared.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import PurePosixPath
from typing import Final, TypeAlias

from jinja2 import TemplateSyntaxError, nodes

from cultivar.errors import CultivarError
from cultivar.model import Answers
from cultivar.record import Record, replace
from cultivar.templating.jinja.context import context_of
from cultivar.templating.jinja.environment import cached_environment
from cultivar.templating.rendering.render import render_in
from cultivar.templating.template import Template
from cultivar.tree import Entry, Tree
from cultivar.upgrade.alignment import Pairs, gaps, lines_of, same_lines
from cultivar.upgrade.merging.alike import is_form_of, likeness
from cultivar.upgrade.tracing import (
    Names,
    Piece,
    Sparse,
    SparseSlots,
    Tracing,
    TracingSlots,
    by_line,
    is_marked,
    number_of,
    pieces_of,
)

_ALIKE: Final = 0.6
_KEY: Final = re.compile(r"[\"']?([^\s\"':]+)[\"']?:(?:\s|$)")
_ALL_ANSWERS: Final = "_copier_answers"
_Kinds: TypeAlias = tuple[type[Tracing], type[Tracing]]
_KINDS: Final[tuple[_Kinds, ...]] = ((Tracing, TracingSlots), (Sparse, SparseSlots))
"""Environments and their twins that mark slots too, those first that mark the most."""


class TracedLine(Record):
    """A rendered line, and where it comes from."""

    text: str
    file: str = ""
    """The template's file; empty: not known."""
    line: int = 0
    """Counted from 1; 0: not known."""
    answers: tuple[str, ...] = ()
    """The questions whose answers are in it."""


class Tracer(Record, kw_only=False, dict=True):
    """Traces what one template makes of one set of answers.

    Args:
        template: The template.
        answers: A value for each of its questions.
        folder_name: The name of the folder that it stands in.
    """

    template: Template
    answers: Answers
    folder_name: str

    def lines(self, path: str, text: str) -> tuple[TracedLine, ...]:
        """The lines of `text`, which the template made at `path`."""
        wanted = lines_of(text.encode(errors="surrogateescape"))
        found: list[tuple[TracedLine, ...]] = []
        for kinds in _KINDS:
            traced = self._traced(kinds, path)
            found.append(carried(wanted, traced))
            if "".join(line.text for line in traced) == text:
                found.reverse()
                break
        if not all(line.line for line in found[0]):
            found.append(self._literal(path, wanted))
        placed = [max(each, key=lambda line: bool(line.line)) for each in zip(*found, strict=True)]
        files = sorted({line.file for line in placed if line.file})
        return tuple(line if line.line else self._likest(line, files) for line in placed)

    def _traced(self, kinds: _Kinds, path: str) -> tuple[TracedLine, ...]:
        if kinds not in self._rendered:
            self._rendered[kinds] = self._render(kinds)
        tree, names = self._rendered[kinds]
        return self._unmarked(tree.get(path), names)

    def _render(self, kinds: _Kinds) -> tuple[Tree, Names]:
        """The tree with marks in its texts; an empty one, where it does not render here."""
        context = context_of(self.template, self.answers, secrets={}, folder_name=self.folder_name)
        try:
            plain, twin = map(self._environment, kinds)
            return render_in(plain, twin, self.template, context, {}).tree, plain.names
        except CultivarError:
            return Tree({}), {}

    @cached_property
    def _rendered(self) -> dict[_Kinds, tuple[Tree, Names]]:
        return {}

    def _environment(self, kind: type[Tracing]) -> Tracing:
        template = self.template
        trusted = template.ref.trusted
        return cached_environment(kind, template.rules, template.tree, trusted=trusted)

    @cached_property
    def _files(self) -> dict[int, str]:
        return {number_of(path): path for path in self.template.tree}

    def _unmarked(self, entry: Entry | None, names: Names) -> tuple[TracedLine, ...]:
        """The lines of a file with marks, without them."""
        if entry is None:
            return ()
        text = entry.content.decode(errors="surrogateescape")
        if not is_marked(text):
            return self._copied(entry)
        pieces = pieces_of(text, self._files, names)
        return tuple(self._line(each) for each in by_line(pieces))

    def _line(self, pieces: list[Piece]) -> TracedLine:
        text = "".join(piece.text for piece in pieces)
        weights: Counter[tuple[str, int]] = Counter()
        for piece in pieces:
            weights[piece.file, piece.line] += len(piece.text.strip())
        (file, line), _ = weights.most_common(1)[0]
        found = [self._answers_in(piece, text) for piece in pieces if piece.names]
        answers = dict.fromkeys(name for names in found for name in names)
        return TracedLine(text=text, file=file, line=line, answers=tuple(answers))

    def _answers_in(self, piece: Piece, line: str) -> list[str]:
        """The answers that an expression has, by name or by way of the template's variables."""
        key = _KEY.match(line) if _ALL_ANSWERS in piece.names else None
        if key is not None:
            return [answer.name for answer in self.answers if answer.name == key[1]]
        return self._reached(piece.names, piece.file) or self._reached(piece.passed, piece.file)

    def _reached(self, names: frozenset[str], file: str) -> list[str]:
        """The answers that names lead to, by way of the variables of the template."""
        asked = [answer.name for answer in self.answers]
        variables = self._variables(file)
        reached, todo = set[str](), list(names)
        while todo:
            name = todo.pop()
            if name not in reached:
                reached.add(name)
                todo += [] if name in asked else variables.get(name, ())
        return [name for name in asked if name in reached]

    def _variables(self, file: str) -> Mapping[str, frozenset[str]]:
        """What the variables of the template's files are made of, those of `file` first."""
        if file not in self._assigned:
            own = self._assigned_in(file)
            others = (
                self._assigned_in(each)
                for each in self.template.tree
                if b"{%" in (self.template.tree[each].content)
            )
            merged: dict[str, frozenset[str]] = {}
            for each in others:
                for name, uses in each.items():
                    merged[name] = merged.get(name, frozenset()) | uses
            self._assigned[file] = {**merged, **own}
        return self._assigned[file]

    @cached_property
    def _assigned(self) -> dict[str, Mapping[str, frozenset[str]]]:
        return {}

    def _assigned_in(self, file: str) -> dict[str, frozenset[str]]:
        environment = self._environment(Tracing)
        try:
            tree = environment.parse(self.template.tree.text(file))
        except (TemplateSyntaxError, UnicodeDecodeError):  # it is copied, and is no template
            return {}
        return _assignments(tree)

    def _copied(self, entry: Entry) -> tuple[TracedLine, ...]:
        """The lines of a file that is copied as it is."""
        same = (path for path, own in self.template.tree.items() if own.content == entry.content)
        file = next(same, "")
        lines = enumerate(lines_of(entry.content), start=1)
        return tuple(TracedLine(text=text, file=file, line=line) for line, text in lines)

    def _likest(self, line: TracedLine, files: Sequence[str]) -> TracedLine:
        """A line that a filter has made anew, by the line in `files` that is most like it."""
        sources = (
            (likeness(line.text, text), file, number)
            for file in files
            for number, text in enumerate(self._source(file), start=1)
        )
        share, file, number = max(sources, default=(0.0, "", 0))
        return replace(line, file=file, line=number) if share >= _ALIKE else line

    def _source(self, file: str) -> list[str]:
        return lines_of(self.template.tree[file].content)

    def _literal(self, path: str, wanted: Sequence[str]) -> tuple[TracedLine, ...]:
        """The lines of a text by what is literally in the template, where marks are of no use."""
        suffix = PurePosixPath(path).suffix
        sources = {
            file: lines_of(entry.content)
            for file, entry in self.template.tree.items()
            if suffix in PurePosixPath(file).suffixes
        }
        pairs = {file: same_lines(lines, wanted) for file, lines in sources.items()}
        best = max(pairs, key=lambda file: len(pairs[file]), default="")
        found = {new: old + 1 for old, new in pairs.get(best, ())}
        return tuple(
            TracedLine(text=line, file=best, line=found[at])
            if at in found
            else TracedLine(text=line)
            for at, line in enumerate(wanted)
        )


def carried(lines: Sequence[str], traced: Sequence[TracedLine]) -> tuple[TracedLine, ...]:
    """`lines` with what is known of those of `traced` that they are, or are a form of."""
    olds = [line.text for line in traced]
    found: dict[int, TracedLine] = {}
    pairs = same_lines(olds, lines)
    for old, new in [*pairs, *alike_in_gaps(pairs, olds, lines)]:
        found[new] = replace(traced[old], text=lines[new])
    return tuple(found.get(at, TracedLine(text=line)) for at, line in enumerate(lines))


def alike_in_gaps(pairs: Pairs, olds: Sequence[str], news: Sequence[str]) -> Pairs:
    """The lines between pairs that differ in their indentation, or are forms of one another."""
    found: Pairs = []
    for here, there in gaps(pairs, len(olds), len(news)):
        bare = same_lines([olds[at].strip() for at in here], [news[at].strip() for at in there])
        found += [(here[old], there[new]) for old, new in bare if olds[here[old]].strip()]
        if len(here) == len(there) and not bare:
            pairs_here = zip(here, there, strict=True)
            found += [(old, new) for old, new in pairs_here if is_form_of(olds[old], news[new])]
    return found


def _assignments(tree: nodes.Template) -> dict[str, frozenset[str]]:
    """What each variable that the template sets is made of."""
    found: dict[str, frozenset[str]] = {}
    for target, made_of in _settings(tree):
        uses = frozenset(name.name for part in made_of for name in _loaded(part))
        for name in _stored(target):
            found[name] = found.get(name, frozenset()) | uses
    return found


def _settings(tree: nodes.Template) -> Iterator[tuple[nodes.Node, Sequence[nodes.Node]]]:
    """What is set, and what it is set to."""
    for loop in tree.find_all(nodes.For):
        yield loop.target, [loop.iter]
    for assign in tree.find_all(nodes.Assign):
        yield assign.target, [assign.node]
    for block in tree.find_all(nodes.AssignBlock):
        yield block.target, block.body
    for scope in tree.find_all(nodes.With):
        for target, value in zip(scope.targets, scope.values, strict=True):
            yield target, [value]


def _loaded(part: nodes.Node) -> list[nodes.Name]:
    own = [part] if isinstance(part, nodes.Name) else []
    return [name for name in (*own, *part.find_all(nodes.Name)) if name.ctx == "load"]


def _stored(target: nodes.Node) -> list[str]:
    own = [target] if isinstance(target, nodes.Name) else []
    return [name.name for name in (*own, *target.find_all(nodes.Name))]
