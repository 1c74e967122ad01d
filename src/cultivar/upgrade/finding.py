"""Which of the generated outputs is meant: by a path, a template, or what the ledger knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from cultivar.errors import NotKnownError, UsageError
from cultivar.ledger.base import ContentStore, Ledger, Query
from cultivar.model import Generation, Json
from cultivar.record import Record, replace
from cultivar.templating.questions.answers_file import SUFFIX, KeptAnswers
from cultivar.upgrade.outputs import (
    Output,
    Survey,
    is_answers_file,
    is_copiers,
    output_in,
    outputs,
    survey,
)

__all__ = ["Finder", "Output", "Survey", "generation_at", "known_path", "outputs", "survey"]

_RECENT: Final = 200
"""How many generations are looked at for the nearest output."""


class Finder(Record):
    """Finds the output that is meant, by answers files first and by the ledger where they lack."""

    ledger: Ledger
    content: ContentStore

    def output_of(self, path: Path, template: str = "") -> Output:
        """The output that `path` is, or belongs to.

        Args:
            path: A generated file, an answers file, or a folder: of an output, in one, or above.
            template: The id or the address of the template that made it; empty: of any.

        Raises:
            NotKnownError: No template made it; with the nearest that one did make.
            UsageError: Several outputs fit; with how to choose.
            TemplateError: An answers file cannot be read; with its line.
        """
        path = path.parent.resolve() / path.name if path.name else path.resolve()
        if is_answers_file(path):
            return self._rooted(output_in(path))
        if path.is_dir():
            return self._of_folder(path.resolve(), template)
        return self._of_file(path, template)

    def all_in(self, folder: Path, template: str = "") -> Survey:
        """All outputs in `folder` and below it that `template` made."""
        found = survey(folder)
        fitting = tuple(self._rooted(each) for each in found.outputs if each.is_of(template))
        return replace(found, outputs=fitting)

    def _of_folder(self, folder: Path, template: str) -> Output:
        for place in _upwards(folder):
            fitting = [each for each in outputs(place) if each.is_of(template)]
            trees = [each for each in fitting if not each.file]
            if trees or (fitting and place == folder):
                return _only(trees or fitting, folder)
        made = self.ledger.maker_of(str(folder))
        if made is not None and template in {"", made.template.id}:
            return self._made(made)
        below = [each for each in survey(folder).outputs if each.is_of(template)]
        if below:
            return self._rooted(_only(below, folder))
        raise self._unknown(folder, template)

    def _of_file(self, path: Path, template: str) -> Output:
        beside = path.with_name(f"{path.name}{SUFFIX}")
        if beside.is_file():
            return self._rooted(output_in(beside))
        made = self.ledger.maker_of(str(path))
        if made is not None and template in {"", made.template.id}:
            return self._made(made)
        for place in _upwards(path.parent):
            around = [each for each in outputs(place) if not each.file and each.is_of(template)]
            if around:
                return self._only_around(around, path)
        raise self._unknown(path, template)

    def _made(self, made: Generation) -> Output:
        """The output of a generation, by its answers file where that is still there."""
        here = [each for each in outputs(Path(made.output)) if each.is_of(made.template.id)]
        single = _single_file(made)
        fitting = [each for each in here if each.file == single]
        return _only(fitting, Path(made.output)) if fitting else self._without_answers_file(made)

    def _without_answers_file(self, made: Generation) -> Output:
        """The output of a generation whose answers file is gone, by what the ledger keeps."""
        file = _single_file(made)
        copiers = (path for path in self.content.tree(made.tree_hash) if is_copiers(path))
        return Output(
            folder=Path(made.output),
            answers_file=next(copiers, f"{file}{SUFFIX}"),
            kept=_kept(made),
            file=file,
        )

    def _only_around(self, around: Sequence[Output], path: Path) -> Output:
        """The one of the outputs around `path` that may have made it."""
        known = {each.answers_file: self._paths(each) for each in around}
        name = path.relative_to(around[0].folder).as_posix()
        fitting = [each for each in around if _may_be_of(name, known[each.answers_file])]
        if fitting:
            return _only(fitting, path)
        paths = [each for paths in known.values() for each in paths or ()]
        raise _stranger(name, paths, around[0])

    def _paths(self, output: Output) -> tuple[str, ...] | None:
        """The paths of what was generated; None where the ledger does not know them."""
        made = generation_at(self.ledger, output)
        return None if made is None else tuple(self.content.tree(made.tree_hash))

    def _rooted(self, output: Output) -> Output:
        """`output` with the folder that it was written to, should its one file lie deeper."""
        if not output.file:
            return output
        made = self.ledger.maker_of(str(output.path))
        if made is None or not output.path.is_relative_to(made.output):
            return output
        answers_file = output.folder / output.answers_file
        return replace(
            output,
            folder=Path(made.output),
            answers_file=answers_file.relative_to(made.output).as_posix(),
            file=output.path.relative_to(made.output).as_posix(),
        )

    def _unknown(self, path: Path, template: str) -> NotKnownError:
        what = f"output of the template {template!r} at" if template else "template that made"
        near = survey(path if path.is_dir() else path.parent).outputs
        if near:
            return NotKnownError(what, str(path), (), f"Here is {_listed(near)}.")
        recent = self.ledger.generations(Query(limit=_RECENT))
        known = {each.file_path: each.template.id for each in recent if each.output}
        nearest = get_close_matches(str(path), known, n=1, cutoff=0)
        remedy = "".join(
            f"The nearest that is known is `{each}`, made by {known[each]}." for each in nearest
        )
        return NotKnownError(what, str(path), (), remedy or "Nothing was generated here yet.")


def generation_at(ledger: Ledger, output: Output) -> Generation | None:
    """The latest generation of `output` that the ledger has in that folder."""
    folder, path = str(output.folder), str(output.path)
    if output.template_id:
        exact = ledger.latest_at(folder, output.template_id, path)
        if exact is not None or output.file:
            return exact
        named = ledger.latest_at(folder, output.template_id)
        if named is not None or output.kept.template_id:
            return named
    latest = ledger.latest_at(folder, file_path=path)
    return latest if latest and latest.template.origin == output.origin else None


def known_path(name: str, paths: Iterable[str], output: Output) -> str:
    """`name`, which a template made if it is one of `paths`.

    Raises:
        NotKnownError: It is none of them; with the nearest.
    """
    listed = tuple(paths)
    if name in listed:
        return name
    raise _stranger(name, listed, output)


def _stranger(name: str, paths: Sequence[str], output: Output) -> NotKnownError:
    last = name.rpartition("/")[2]
    alike = [each for each in paths if each.rpartition("/")[2] == last]
    near = tuple(dict.fromkeys([*alike, *get_close_matches(name, paths, cutoff=0.4)]))[:3]
    return NotKnownError(
        "template that made",
        name,
        near,
        f"The output in `{output.folder}` was made by {output.maker}.",
    )


def _may_be_of(name: str, paths: tuple[str, ...] | None) -> bool:
    """Whether a file may be one of `paths`, or one of them that was moved."""
    if paths is None or name in paths:
        return True
    return any(each.rpartition("/")[2] == name.rpartition("/")[2] for each in paths)


def _only(found: Sequence[Output], place: Path) -> Output:
    """The one output in `found`.

    Raises:
        UsageError: There are several.
    """
    if len(found) == 1:
        return found[0]
    first = found[0].folder / found[0].answers_file
    raise UsageError(
        f"Several outputs fit {str(place)!r}: {_listed(found)}.",
        f"Choose one by its answers file, like `--file {first}`; or all, with `--all`.",
    )


def _listed(found: Sequence[Output]) -> str:
    shown = [f"`{each.folder / each.answers_file}` (made by {each.maker})" for each in found[:5]]
    more = [f"{len(found) - 5} more"] if len(found) > 5 else []
    return " and ".join([*shown, *more])


def _upwards(folder: Path) -> Iterator[Path]:
    """`folder` and those above it, up to the root of its repository."""
    yield folder
    while not (folder / ".git").exists() and folder.parent != folder:
        folder = folder.parent
        yield folder


def _single_file(made: Generation) -> str:
    """The one file of a generation, relative to its folder; empty: it is a folder of files."""
    if made.file_path in {"", made.output}:
        return ""
    return Path(made.file_path).relative_to(made.output).as_posix()


def _kept(made: Generation) -> KeptAnswers:
    """What the answers file of a generation said."""
    metadata: dict[str, Json] = {
        "_template_id": made.template.id,
        "_template_version": made.template.version,
    }
    if made.template.ref:
        metadata |= {"_commit": made.template.ref, "_src_path": made.template.origin}
    answers = {a.name: a.value for a in made.answers if not (a.secret or a.computed)}
    return KeptAnswers(answers=answers, metadata=metadata)
