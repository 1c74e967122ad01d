"""How an update is counted: laws, and each kind of verdict on trees that are written down."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.benchmarks.upgrade.metrics import Counts, Kind, count, judge
from evals.benchmarks.upgrade.trees import File, Outcome, Tree

_files = st.lists(st.sampled_from(["a", "b", "c", "", "<<<<<<< x", ">>>>>>> x"]), max_size=4).map(
    lambda lines: File("\n".join(lines).encode())
)
_trees = st.dictionaries(st.sampled_from(["one", "two"]), _files)
_results = st.dictionaries(st.sampled_from(["one", "two", "two.rej"]), _files)


@st.composite
def _outcomes(draw: st.DrawFn) -> Outcome:
    before, wanted, base, theirs = (draw(_trees) for _ in range(4))
    return Outcome(
        before=before,
        wanted=wanted,
        base=base,
        theirs=theirs,
        result=draw(_results),
        unmerged=frozenset(draw(st.sets(st.sampled_from(["one", "two"])))),
        failed=draw(st.booleans()),
    )


def _tree(**files: str | bytes) -> Tree:
    """A tree with one file `f` for each name, by its content."""
    encoded = {
        name: each.encode() if isinstance(each, str) else each for name, each in files.items()
    }
    return {name: File(content) for name, content in encoded.items()}


def _one(before: str, wanted: str, base: str, theirs: str, result: str) -> Outcome:
    return Outcome(
        before=_tree(f=before),
        wanted=_tree(f=wanted),
        base=_tree(f=base),
        theirs=_tree(f=theirs),
        result=_tree(f=result),
    )


@given(_outcomes())
def test_every_scored_file_has_one_verdict(outcome: Outcome) -> None:
    counts = count(judge(outcome))
    clean = counts.wrong_clean + counts.order_only + counts.binary + counts.human_extra
    assert counts.clean_differs == clean
    assert counts.scored == counts.core + counts.off_core
    assert counts.scored == counts.equal + counts.conflict + counts.failed_files + clean


@given(_outcomes())
def test_the_maintainers_result_is_always_exact(outcome: Outcome) -> None:
    same = replace(outcome, result=outcome.wanted, unmerged=frozenset())
    counts = count(judge(same))
    assert counts.equal == counts.scored
    assert not counts.lost_lines


@given(_outcomes())
def test_no_line_is_lost_by_doing_nothing(outcome: Outcome) -> None:
    assert not count(judge(replace(outcome, result=outcome.before))).lost_lines


@given(_outcomes())
def test_the_core_does_not_depend_on_the_tool(outcome: Outcome) -> None:
    nothing = replace(outcome, result=outcome.before, unmerged=frozenset(), failed=False)
    assert count(judge(outcome)).core == count(judge(nothing)).core


@given(_outcomes(), _outcomes())
def test_counts_add_up(one: Outcome, other: Outcome) -> None:
    both = [*judge(one), *judge(other)]
    assert count(both) == count(judge(one)) + count(judge(other))


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (_one("a", "b", "a", "b", "b"), "equal"),
        (_one("a\nu", "b\nu", "a", "b", "b"), "wrong_clean"),
        (_one("a", "a\nt", "a", "a\nt", "a"), "wrong_clean"),
        (_one("a\nb", "a", "a\nb", "a", "a\nb"), "wrong_clean"),
        (_one("a", "a\nt", "a\nb", "a\nb\nt", "a\nb\nt"), "wrong_clean"),
        (_one("a", "b\n\na", "a", "a\nb", "a\nb"), "order_only"),
        (_one("a", "a", "a", "b", "b"), "human_extra"),
        (_one("a", "c", "a", "a", "a"), "human_only"),
        (_one("a", "b", "a", "b", "<<<<<<< x\n=======\n>>>>>>> y"), "conflict"),
        (_one("a\0", "b", "a", "b", "c"), "binary"),
    ],
    ids=[
        *("the maintainer's bytes", "a lost line", "a missed line", "a stale line"),
        *("a line brought back", "order", "a declined change", "an edit on the side"),
        *("markers", "no text"),
    ],
)
def test_a_verdict_on(outcome: Outcome, kind: Kind) -> None:
    assert [verdict.kind for verdict in judge(outcome)] == [kind]


def test_markers_that_the_maintainer_has_too_are_no_conflict() -> None:
    marked = "<<<<<<< x\n=======\n>>>>>>> y"
    (verdict,) = judge(_one("a", f"{marked}\nb", "a", "b", marked))
    assert not verdict.conflicted


def test_a_reject_file_marks_its_file_and_is_none_itself() -> None:
    outcome = _one("a", "b", "a", "b", "c")
    beside = replace(outcome, result={**outcome.result, **_tree(**{"f.rej": "x"})})
    assert [(each.path, each.kind) for each in judge(beside)] == [("f", "conflict")]


def test_answers_files_do_not_count() -> None:
    outcome = _one("a", "a", "a", "a", "a")
    answers = _tree(**{"sub/.copier-answers.docs.yml": "_commit: 2", "mine.yml": "_commit: 2"})
    assert not judge(replace(outcome, result={**outcome.result, **answers}, answers="mine.yml"))


def test_a_line_between_conflict_markers_is_still_there() -> None:
    conflict = "<<<<<<< x\na\nu\n=======\nb\n>>>>>>> y"
    (verdict,) = judge(_one("a\nu", "b\nu", "a", "b", conflict))
    assert (verdict.kind, verdict.lost) == ("conflict", 0)


def test_a_submodule_is_compared_by_its_commit() -> None:
    here, there = ({"lib": File(b"", submodule=commit)} for commit in ("1", "2"))
    outcome = Outcome(before=here, wanted=there, base=here, theirs=there, result=here)
    assert [verdict.kind for verdict in judge(outcome)] == ["order_only"]


def test_a_wrong_clean_merge_costs_what_k_says() -> None:
    counts = Counts(scored=10, equal=8, wrong_clean=1)
    assert (counts.score(0), counts.score(5)) == (0.8, 0.3)
