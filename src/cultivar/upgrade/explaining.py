"""Explains one generated file: which of its lines are the template's, a model's, a fix's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Literal

from cultivar.errors import CultivarError
from cultivar.model import Answers, Draft, Generation
from cultivar.record import Record, replace
from cultivar.templating.rendering.render import Rendered, render
from cultivar.templating.rendering.slots import Slot, fill
from cultivar.templating.template import Template
from cultivar.tree import Tree
from cultivar.upgrade.alignment import lines_of, same_lines
from cultivar.upgrade.traces import Tracer, alike_in_gaps

Origin = Literal["template", "slot", "model", "fix", "person"]
"""Who wrote a line; `slot` is what a template has in a slot that a model may fill."""


class BlamedLine(Record):
    """A line of a file as it stands, and where it comes from."""

    text: str
    """With its end."""
    origin: Origin
    number: int = 0
    """Counted from 1."""
    version: str = ""
    """The version of the template that brought it."""
    file: str = ""
    """The template's file; empty where it is in none."""
    line: int = 0
    """The line in that file, counted from 1; of what a model wrote, where its slot stands."""
    answers: tuple[str, ...] = ()
    """The questions whose answers are in it."""
    slot: str = ""
    """The slot in which it stands."""
    fixes: tuple[str, ...] = ()
    """The ids of the fixes of which one wrote it."""
    generation_id: str = ""
    """The generation, or upgrade, that brought it; empty where the ledger does not know it."""
    run_id: str = ""
    """The run that brought it, under which its model calls are kept."""


class Region(Record):
    """Where a slot stands in a file whose slots are filled, in characters."""

    start: int
    end: int
    slot: Slot
    by_model: bool

    def holds(self, text: str, start: int) -> bool:
        """Whether any of a line, which begins at `start`, is in the slot."""
        first, last = max(start, self.start), min(start + len(text), self.end)
        return first < last and bool(text[first - start : last - start].strip())


class MadeVersion(Record, kw_only=False, dict=True):
    """One version of an output, as it was generated.

    Args:
        tree: Its files.
        template: What made them; None where that is not kept.
        answers: With which answers.
        folder_name: The name of the folder that they were made for.
        generation: What the ledger knows of it.
    """

    tree: Tree
    template: Template | None
    answers: Answers
    folder_name: str
    generation: Generation | None = None

    def text(self, path: str) -> str:
        """The file at `path`; what is no text in it stands for itself."""
        return self.tree[path].content.decode(errors="surrogateescape")

    @property
    def placeholders(self) -> tuple[str, ...]:
        """What stands in the files for secrets, which the ledger does not keep."""
        questions = self.template.questions if self.template else ()
        defaults = [each.default for each in questions if each.secret]
        return (
            *(f"<{answer.name}>" for answer in self.answers if answer.secret),
            *(default for default in defaults if isinstance(default, str)),
        )

    def explained(self, path: str) -> tuple[BlamedLine, ...]:
        """The lines of the file at `path`, none of them a person's."""
        wanted = lines_of(self.tree[path].content)
        known = list(self._filled(path))
        olds = [line.text for line in known]
        pairs = same_lines(olds, wanted)
        if not self._draft.fixes:
            pairs += alike_in_gaps(pairs, olds, wanted)
        places = {new: known[old] for old, new in pairs}
        bodies = {
            line.strip()
            for body in self._draft.slots
            if body.path == path
            for line in body.body.splitlines()
        }
        return tuple(
            self._signed(
                replace(places[at], text=text) if at in places else self._new(text, bodies)
            )
            for at, text in enumerate(wanted)
        )

    @cached_property
    def _draft(self) -> Draft:
        return self.generation.attempts[-1].draft if self.generation else Draft(tree_hash="")

    @cached_property
    def _rendered(self) -> Rendered | None:
        """What the template makes without a model; None where it is not rendered here."""
        if self.template is None:
            return None
        try:
            return render(self.template, self.answers, folder_name=self.folder_name)
        except CultivarError:
            return None

    @cached_property
    def _tracer(self) -> Tracer | None:
        if self.template is None:
            return None
        return Tracer(self.template, self.answers, self.folder_name)

    def _new(self, text: str, bodies: set[str]) -> BlamedLine:
        """A line that rendering alone does not make."""
        if text.strip() and text.strip() in bodies:
            return BlamedLine(text=text, origin="model")
        fixes = self._draft.fixes
        return BlamedLine(text=text, origin="fix" if fixes else "template", fixes=fixes)

    def _signed(self, line: BlamedLine) -> BlamedLine:
        """`line` with the version and the generation that brought it."""
        made, template = self.generation, self.template
        ref = made.template if made else template.ref if template else None
        return replace(
            line,
            version=(ref.ref or ref.version) if ref else "",
            generation_id=made.id if made else "",
            run_id=made.run_id if made else "",
        )

    def _filled(self, path: str) -> Iterator[BlamedLine]:
        """The lines that the template makes, its slots filled as they were."""
        rendered = self._rendered
        if rendered is None or path not in rendered.tree:
            yield from self._traced(path, self.text(path))
            return
        plain = rendered.tree[path].content.decode(errors="surrogateescape")
        traced = self._traced(path, plain)
        text, regions = filled_regions(rendered, path, self._bodies(path))
        yield from _in_regions(text, regions, plain, traced)

    def _bodies(self, path: str) -> dict[tuple[str, str], str]:
        return {(path, each.slot): each.body for each in self._draft.slots if each.path == path}

    def _traced(self, path: str, text: str) -> list[BlamedLine]:
        if self._tracer is None:
            return []
        return [
            BlamedLine(
                text=each.text,
                origin="template",
                file=each.file,
                line=each.line,
                answers=each.answers,
            )
            for each in self._tracer.lines(path, text)
            if each.line or self._rendered is not None
        ]


def filled_regions(
    rendered: Rendered, path: str, bodies: Mapping[tuple[str, str], str]
) -> tuple[str, list[Region]]:
    """The file at `path` with `bodies` in its slots, and where each slot is then."""
    text = rendered.tree[path].content.decode(errors="surrogateescape")
    taken: dict[tuple[str, str], str] = {}
    regions: list[Region] = []
    moved = 0
    for slot in (each for each in rendered.slots if each.path == path):
        size = len(slot.default)
        body = bodies.get((path, slot.name))
        if body is not None:
            taken[path, slot.name] = body
            longer = fill(rendered, taken).tree.text(path)
            size, text = size + len(longer) - len(text), longer
        start = slot.start + moved
        regions.append(Region(start=start, end=start + size, slot=slot, by_model=body is not None))
        moved += size - len(slot.default)
    return text, regions


def _in_regions(
    text: str, regions: Sequence[Region], plain: str, traced: Sequence[BlamedLine]
) -> Iterator[BlamedLine]:
    """The lines of a filled text, by those of the `plain` one whose slots are not filled."""
    start = 0
    for line in lines_of(text.encode(errors="surrogateescape")):
        region = next((each for each in regions if each.holds(line, start)), None)
        longer = sum(_growth(each) for each in regions if each.end <= start)
        place = region.slot.start if region and region.by_model else start - longer
        nearest = min(plain.count("\n", 0, place), len(traced) - 1)
        known = traced[nearest] if traced else BlamedLine(text="", origin="template")
        origin: Origin = "template"
        if region is not None:
            origin = "model" if region.by_model else "slot"
        yield replace(
            known,
            text=line,
            origin=origin,
            slot=region.slot.name if region else "",
            answers=() if origin == "model" else known.answers,
        )
        start += len(line)


def _growth(region: Region) -> int:
    return region.end - region.start - len(region.slot.default)
