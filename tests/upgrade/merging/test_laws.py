"""What holds for every merge, whatever either side did. Each example merges many files at once."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cultivar.tree import Entry, Mode, Tree
from cultivar.upgrade.merging.alike import is_form_of, squeezed
from cultivar.upgrade.merging.base import Merge, Policy, Trees
from cultivar.upgrade.merging.ladder import merge

LAWFUL = settings(
    max_examples=int(os.environ.get("LAW_EXAMPLES", "30")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
FILES = 24
WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "")
FOLDERS = ("", "docs/", "src/app/", "src/app/deep/")
SUFFIXES = (".txt", ".md", ".py", ".toml", ".yml", ".gitignore")


@dataclass(frozen=True)
class Edit:
    """Replace `gone` lines at a share of the file's length by `lines`."""

    at: float
    gone: int
    lines: tuple[str, ...]

    def apply(self, lines: list[str]) -> list[str]:
        start = int(self.at * (len(lines) + 1))
        return [*lines[:start], *self.lines, *lines[start + self.gone :]]


@dataclass(frozen=True)
class Change:
    """What one side did to a file: nothing, edits, another mode, a move, or taking it away."""

    edits: tuple[Edit, ...] = ()
    deleted: bool = False
    folder: str = ""
    inside: str = ""
    mode: Mode = "file"
    end: str = "\n"
    open_end: bool = False

    def apply(self, path: str, lines: list[str]) -> dict[str, Entry]:
        if self.deleted:
            return {}
        for edit in self.edits:
            lines = edit.apply(lines)
        text = self.end.join(lines) + ("" if self.open_end or not lines else self.end)
        return {self.folder + path + self.inside: Entry(content=text.encode(), mode=self.mode)}


@dataclass(frozen=True)
class File:
    path: str
    lines: tuple[str, ...]
    ours: Change
    theirs: Change


def _edits(name: str) -> st.SearchStrategy[tuple[Edit, ...]]:
    words = st.lists(st.sampled_from(WORDS[:-1]), max_size=2).map(" ".join)
    new = st.tuples(st.just(name), st.integers(0, 10**6), words).map(
        lambda each: f"{each[0]}{each[1]} {each[2]}".strip()
    )
    lines = st.lists(st.one_of(new, st.sampled_from(WORDS)), max_size=3).map(tuple)
    edit = st.builds(Edit, st.floats(0, 1), st.integers(0, 3), lines)
    return st.lists(edit, max_size=3).map(tuple)


def _changes(name: str) -> st.SearchStrategy[Change]:
    rarely = st.sampled_from([False] * 9 + [True])
    return st.builds(
        Change,
        edits=_edits(name),
        deleted=rarely,
        folder=st.sampled_from([""] * 8 + [f"{name}/"]),
        inside=st.sampled_from([""] * 12 + ["/file"]),
        mode=st.sampled_from(["file"] * 8 + ["executable"]),
        end=st.sampled_from(["\n"] * 8 + ["\r\n"]),
        open_end=rarely,
    )


def _files() -> st.SearchStrategy[tuple[File, ...]]:
    lines = st.lists(st.sampled_from(WORDS), max_size=12).map(tuple)
    place = st.tuples(st.sampled_from(FOLDERS), st.sampled_from(SUFFIXES))
    file = st.tuples(place, lines, _changes("own"), _changes("new"))
    return st.lists(file, max_size=FILES).map(
        lambda found: tuple(
            File(f"{folder}f{number}{suffix}", each, ours, theirs)
            for number, ((folder, suffix), each, ours, theirs) in enumerate(found)
        )
    )


def _trees(files: tuple[File, ...]) -> Trees:
    sides: dict[str, dict[str, Entry]] = {"base": {}, "ours": {}, "theirs": {}}
    for file in files:
        changes = {"base": Change(), "ours": file.ours, "theirs": file.theirs}
        for side, change in changes.items():
            sides[side] |= change.apply(file.path, list(file.lines))
    return Trees(**{side: Tree(entries) for side, entries in sides.items()})


def _result(trees: Trees, merged: Merge) -> Tree:
    return trees.ours.replace(merged.changes)


def _lines(tree: Mapping[str, Entry]) -> Counter[str]:
    text = b"\n".join(entry.content for entry in tree.values()).decode()
    return Counter(line for each in text.split("\n") if (line := squeezed(each)))


@LAWFUL
@given(_files())
def test_every_line_a_person_added_is_in_the_result_or_in_a_conflict(
    files: tuple[File, ...],
) -> None:
    trees = _trees(files)

    result = _lines(_result(trees, merge(trees, Policy())))

    added = [line for line in _lines(trees.ours) if line.startswith("own")]
    lost = [line for line in added if line not in result]
    assert [line for line in lost if not any(is_form_of(line, each) for each in result)] == []


@LAWFUL
@given(_files())
def test_a_template_that_changed_nothing_changes_nothing(files: tuple[File, ...]) -> None:
    trees = _trees(files)

    assert merge(Trees(base=trees.base, ours=trees.ours, theirs=trees.base), Policy()) == Merge()


@LAWFUL
@given(_files())
def test_a_project_that_was_not_edited_becomes_what_the_template_makes(
    files: tuple[File, ...],
) -> None:
    trees = _trees(files)
    untouched = Trees(base=trees.base, ours=trees.base, theirs=trees.theirs)

    merged = merge(untouched, Policy())

    assert merged.conflicts == ()
    assert _result(untouched, merged) == trees.theirs


@LAWFUL
@given(_files())
def test_what_both_made_alike_stays(files: tuple[File, ...]) -> None:
    trees = _trees(files)

    assert merge(Trees(base=trees.base, ours=trees.ours, theirs=trees.ours), Policy()) == Merge()


@LAWFUL
@given(_files())
def test_a_conflict_has_the_three_versions_that_stand_in_the_trees(
    files: tuple[File, ...],
) -> None:
    trees = _trees(files)

    for conflict in merge(trees, Policy()).conflicts:
        versions = conflict.versions
        stages = (versions.base, versions.ours, versions.theirs)
        for stage, tree in zip(stages, (trees.base, trees.ours, trees.theirs), strict=True):
            assert stage is None or stage in tree.values()
        assert any(stages)


@LAWFUL
@given(_files(), st.dictionaries(st.sampled_from(["mine/a", "docs/mine", "z"]), st.text()))
def test_a_file_of_the_persons_own_is_never_touched(
    files: tuple[File, ...], own: dict[str, str]
) -> None:
    trees = _trees(files)
    mine = {path: Entry(content=text.encode("utf-8", "replace")) for path, text in own.items()}
    ours = Tree({**trees.ours, **mine})

    merged = merge(Trees(base=trees.base, ours=ours, theirs=trees.theirs), Policy())

    assert {path: ours.replace(merged.changes)[path] for path in mine} == mine


@LAWFUL
@given(_files())
def test_every_line_the_template_added_is_in_the_result_unless_a_reason_is_given(
    files: tuple[File, ...],
) -> None:
    trees = _trees(files)

    merged = merge(trees, Policy())

    result = _lines(_result(trees, merged))
    decided = [file for file in merged.files if file.reason or file.conflict is not None]
    explained = {file.path for file in (*decided, *merged.kept)}
    silent = [file.path for file in files if file.path in trees.ours and file.path in trees.theirs]
    added = _lines({path: trees.theirs[path] for path in silent if path not in explained})
    assert [line for line in added if line.startswith("new") and line not in result] == []
