"""What every store beside the ledger must do; a backend runs it by giving the fixtures.

```python
class TestMyContent(ContentStoreContract):
    @pytest.fixture
    def content(self) -> ContentStore:
        return MyContentStore()
```
"""

# ruff: noqa: D102 (the name of a test says what it shows)

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cultivar.errors import BudgetSpentError, NotKnownError
from cultivar.ledger.base import (
    CallRecord,
    ContentStore,
    Fits,
    ModelCall,
    PatternStore,
    Reserved,
    VerdictCache,
)
from cultivar.model import (
    Attempt,
    Draft,
    Edit,
    FailurePattern,
    Fix,
    Generation,
    Proof,
    Usage,
)
from cultivar.record import replace
from cultivar.testing.generations import (
    TREE,
    check_result,
    check_results,
    generation_of,
    trees,
)
from cultivar.tree import Tree, text_entry

_law = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class ContentStoreContract:
    """What every content store must do; give the fixture `content`."""

    def test_a_tree_comes_back_as_it_was_put(self, content: ContentStore) -> None:
        assert content.tree(content.put(TREE)) == TREE

    def test_the_hash_of_a_tree_is_its_address(self, content: ContentStore) -> None:
        assert content.put(TREE) == TREE.hash

    def test_putting_a_tree_again_changes_nothing(self, content: ContentStore) -> None:
        content.put(TREE)
        assert content.tree(content.put(TREE)) == TREE

    def test_trees_that_share_contents_are_kept_apart(self, content: ContentStore) -> None:
        other = TREE.replace({"README.md": None, "copy": TREE["src/cache.py"]})
        kept = [content.put(TREE), content.put(other)]
        assert [content.tree(each) for each in kept] == [TREE, other]

    def test_an_empty_tree_is_a_tree(self, content: ContentStore) -> None:
        assert content.tree(content.put(Tree({}))) == Tree({})

    def test_a_tree_of_a_thousand_files_comes_back(self, content: ContentStore) -> None:
        tree = Tree({f"{number}.txt": text_entry(str(number)) for number in range(1000)})
        assert content.tree(content.put(tree)) == tree

    def test_a_tree_that_was_never_put_is_not_known(self, content: ContentStore) -> None:
        with pytest.raises(NotKnownError):
            content.tree(TREE.hash)

    @_law
    @given(tree=trees())
    def test_any_tree_comes_back(self, content: ContentStore, tree: Tree) -> None:
        assert content.tree(content.put(tree)) == tree


class VerdictCacheContract:
    """What every verdict cache must do; give the fixture `verdicts`."""

    def test_nothing_is_known_at_first(self, verdicts: VerdictCache) -> None:
        assert verdicts.verdict("key") is None

    def test_a_later_verdict_takes_the_place_of_an_earlier(self, verdicts: VerdictCache) -> None:
        verdicts.remember("key", check_result())
        verdicts.remember("key", check_result(verdict="failed"))
        assert verdicts.verdict("key") == check_result(verdict="failed")

    def test_keys_are_kept_apart(self, verdicts: VerdictCache) -> None:
        verdicts.remember("key", check_result())
        assert verdicts.verdict("other") is None

    @_law
    @given(data=st.data())
    def test_any_verdict_comes_back(self, verdicts: VerdictCache, data: st.DataObject) -> None:
        result = data.draw(check_results())
        verdicts.remember("key", result)
        assert verdicts.verdict("key") == result


def pattern_of(name: str) -> FailurePattern:
    """A failure pattern of that id."""
    return FailurePattern(
        id=name,
        signature=f"E501 {name}",
        check="lint",
        language="python",
        kind="E501",
        example="cache.py:1:101 Line too long\0",
    )


FIX = Fix(
    id="wrap",
    description="Wrap the line",
    edits=(Edit(path="cache.py", search="a", replace="b"),),
    command="ruff format .",
)


def _attempt(number: int, *joined: str, fixes: tuple[str, ...] = ()) -> Attempt:
    return Attempt(
        number=number,
        draft=Draft(tree_hash="", fixes=fixes),
        proof=Proof(results=()),
        patterns=joined,
    )


def _generation(*attempts: Attempt) -> Generation:
    return replace(generation_of(""), attempts=attempts)


class PatternStoreContract:
    """What every pattern store must do; give the fixture `patterns`, without a pattern in it."""

    def test_the_revision_of_an_empty_store_is_0(self, patterns: PatternStore) -> None:
        assert patterns.revision() == 0

    def test_each_change_is_a_new_revision(self, patterns: PatternStore) -> None:
        seen = [patterns.revision()]
        patterns.add_pattern(pattern_of("long"), b"", "words")
        seen.append(patterns.revision())
        patterns.add_fix("long", FIX)
        seen.append(patterns.revision())
        patterns.count(_generation(_attempt(1, "long")))
        seen.append(patterns.revision())
        assert seen == sorted(set(seen))

    def test_a_pattern_comes_back_with_its_fixes(self, patterns: PatternStore) -> None:
        pattern = replace(pattern_of("long"), seen=3, fixes=(FIX, replace(FIX, id="noqa")))
        patterns.add_pattern(pattern, b"", "words")
        assert patterns.patterns(["long"]) == (pattern,)

    def test_patterns_come_in_the_order_that_was_asked_for(self, patterns: PatternStore) -> None:
        for name in ("a", "b", "c"):
            patterns.add_pattern(pattern_of(name), b"", "words")
        assert [each.id for each in patterns.patterns(["c", "none", "a"])] == ["c", "a"]

    def test_all_patterns_come_the_newest_first(self, patterns: PatternStore) -> None:
        for name in ("b", "c", "a"):
            patterns.add_pattern(pattern_of(name), b"", "words")
        assert [each.id for each in patterns.patterns()] == ["a", "c", "b"]

    def test_a_known_pattern_stays_as_it_is(self, patterns: PatternStore) -> None:
        patterns.add_pattern(pattern_of("long"), b"1", "words")
        patterns.add_pattern(replace(pattern_of("long"), kind="other"), b"2", "words")
        assert patterns.patterns() == (pattern_of("long"),)
        assert patterns.vectors("words") == {"long": b"1"}

    def test_every_failed_attempt_is_counted(self, patterns: PatternStore) -> None:
        patterns.add_pattern(pattern_of("long"), b"", "words")
        patterns.count(_generation(_attempt(1, "long"), _attempt(2, "long"), _attempt(3)))
        assert patterns.patterns() == (replace(pattern_of("long"), seen=2),)

    def test_vectors_are_those_of_one_embedder(self, patterns: PatternStore) -> None:
        patterns.add_pattern(pattern_of("a"), b"\0\0\x80?", "words")
        patterns.add_pattern(pattern_of("b"), b"\0\0\0@", "model")
        assert patterns.vectors("words") == {"a": b"\0\0\x80?"}

    def test_vectors_after_a_revision_are_the_new_ones(self, patterns: PatternStore) -> None:
        patterns.add_pattern(pattern_of("a"), b"a", "words")
        revision = patterns.revision()
        patterns.count(_generation(_attempt(1, "a")))
        patterns.add_pattern(pattern_of("b"), b"b", "words")
        assert patterns.vectors("words", revision) == {"b": b"b"}

    def test_a_known_fix_stays_as_it_is(self, patterns: PatternStore) -> None:
        patterns.add_pattern(pattern_of("long"), b"", "words")
        patterns.add_fix("long", FIX)
        patterns.add_fix("long", replace(FIX, description="other"))
        assert patterns.patterns()[0].fixes == (FIX,)

    def test_each_try_of_a_fix_is_counted(self, patterns: PatternStore) -> None:
        patterns.add_pattern(replace(pattern_of("long"), fixes=(FIX,)), b"", "words")
        failed, mended = _attempt(1, "long"), _attempt(2, fixes=("wrap",))
        in_vain = _attempt(2, "long", fixes=("wrap",))
        patterns.count(_generation(failed, mended))
        patterns.count(_generation(failed, in_vain))
        assert patterns.patterns()[0].fixes == (replace(FIX, tried=2, worked=1),)

    def test_a_pattern_that_is_not_known_gets_no_fix(self, patterns: PatternStore) -> None:
        with pytest.raises(NotKnownError):
            patterns.add_fix("none", FIX)

    def test_what_is_not_known_is_not_counted(self, patterns: PatternStore) -> None:
        patterns.count(_generation(_attempt(1, "none"), _attempt(2, fixes=("wrap",))))
        assert patterns.patterns() == ()


CALL = ModelCall(
    run_id="run",
    purpose="slots",
    request_hash="hash",
    model="scripted",
    prompt={"messages": [{"role": "user", "content": "Write\0it"}], "temperature": 1e16},
    reply="def cache() -> None: ...",
    prompt_tokens=100,
    completion_tokens=20,
    money=0.25,
    seconds=1.5,
    attempts=2,
)


class CallRecordContract:
    """What every record of calls must do; give the fixture `calls`."""

    def test_an_answered_call_is_found_by_run_and_request(self, calls: CallRecord) -> None:
        calls.add_call(CALL)
        assert calls.call("run", "hash") == CALL

    def test_the_call_of_another_run_is_not_found(self, calls: CallRecord) -> None:
        calls.add_call(CALL)
        assert calls.call("other", "hash") is None

    def test_a_call_without_a_reply_is_not_found(self, calls: CallRecord) -> None:
        calls.add_call(replace(CALL, reply="", error="timed out"))
        assert calls.call("run", "hash") is None

    def test_a_failed_call_does_not_hide_an_answered_one(self, calls: CallRecord) -> None:
        calls.add_call(CALL)
        calls.add_call(replace(CALL, reply="", error="timed out"))
        assert calls.call("run", "hash") == CALL

    def test_failed_calls_are_paid_for_too(self, calls: CallRecord) -> None:
        calls.add_call(CALL)
        calls.add_call(replace(CALL, reply="", error="timed out"))
        calls.add_call(replace(CALL, run_id="other"))
        assert calls.usage("run") == Usage(calls=2, tokens=240, money=0.5, seconds=3.0)

    def test_a_run_without_calls_took_nothing(self, calls: CallRecord) -> None:
        assert calls.usage("run") == Usage()

    def test_a_call_that_is_begun_counts_as_what_it_takes_at_least(self, calls: CallRecord) -> None:
        assert calls.begin_call(BEGUN, RESERVED, always) is not None
        assert calls.usage("run") == Usage(calls=1, tokens=100)
        assert calls.call("run", "hash") is None

    def test_a_call_that_is_ended_counts_as_what_it_took(self, calls: CallRecord) -> None:
        begun = calls.begin_call(BEGUN, RESERVED, always)
        assert begun is not None
        calls.end_call(begun, CALL)
        assert calls.usage("run") == Usage(calls=1, tokens=120, money=0.25, seconds=1.5)
        assert calls.call("run", "hash") == CALL

    def test_a_call_that_was_not_made_leaves_nothing(self, calls: CallRecord) -> None:
        begun = calls.begin_call(BEGUN, RESERVED, always)
        assert begun is not None
        calls.end_call(begun, None)
        assert calls.usage("run") == Usage()

    def test_who_begins_a_call_is_told_of_those_that_are_ended_and_under_way(
        self, calls: CallRecord
    ) -> None:
        told: list[tuple[Usage, Usage]] = []
        calls.add_call(CALL)
        calls.begin_call(BEGUN, RESERVED, always)
        calls.begin_call(replace(BEGUN, run_id="other"), RESERVED, always)
        assert calls.begin_call(BEGUN, RESERVED, _noting(told)) is None
        took = Usage(calls=1, tokens=120, money=0.25, seconds=1.5)
        assert told == [(took, Usage(calls=1, tokens=900, money=2.5))]
        assert calls.usage("run").calls == 2

    def test_a_call_that_nobody_ends_in_time_stays_what_it_takes_at_least(
        self, calls: CallRecord
    ) -> None:
        told: list[tuple[Usage, Usage]] = []
        calls.begin_call(BEGUN, RESERVED, always)
        later = replace(RESERVED, begins=RESERVED.ends)
        calls.begin_call(BEGUN, later, _noting(told))
        assert told == [(Usage(calls=1, tokens=100), Usage())]

    def test_what_forbids_a_call_keeps_none(self, calls: CallRecord) -> None:
        def never(*_: Usage) -> bool:
            raise BudgetSpentError("calls", spent=1, limit=1)

        with pytest.raises(BudgetSpentError):
            calls.begin_call(BEGUN, RESERVED, never)
        assert calls.usage("run") == Usage()

    def test_calls_that_begin_at_once_know_of_each_other(self, calls: CallRecord) -> None:
        with ThreadPoolExecutor(8) as pool:
            alone = [
                pool.submit(calls.begin_call, BEGUN, RESERVED, lambda _, others: not others.calls)
                for _ in range(8)
            ]
        assert sum(each.result() is not None for each in alone) == 1


BEGUN = replace(
    CALL, reply="", completion_tokens=0, money=0.0, seconds=0.0, attempts=0, error="under way"
)

RESERVED = Reserved(tokens=900, money=2.5, begins=1000.0, ends=1060.0)


def _noting(told: list[tuple[Usage, Usage]]) -> Fits:
    def note(used: Usage, under_way: Usage) -> bool:
        told.append((used, under_way))
        return False

    return note


def always(*_: Usage) -> bool:
    """There is room."""
    return True
