"""What every memory must do; an implementation runs it by giving the fixtures.

```python
class TestMyMemory(MemoryContract):
    @pytest.fixture
    def store(self) -> PatternStore:
        return MyPatternStore()

    @pytest.fixture
    def memory(self, store: PatternStore) -> Memory:
        return MyMemory(store)
```
"""

# ruff: noqa: D102 (the name of a test says what it shows)

from __future__ import annotations

import pytest

from cultivar.ledger.base import PatternStore
from cultivar.memory.base import Memory
from cultivar.model import Attempt, CheckResult, Draft, Fix
from cultivar.record import replace
from cultivar.testing.generations import attempt_at, generation_of

UNUSED_IMPORT = """app/main.py:1:8: F401 [*] `os` imported but unused
Found 1 error.
[*] 1 fixable with the `--fix` option.
"""
LONG_LINE = "service.py:14:101: E501 Line too long (128 > 100)\nFound 1 error.\n"
UNDEFINED_NAME = "jobs/run.py:3:5: F821 Undefined name `execute`\nFound 1 error.\n"
MISSING_ARGUMENT = """    def test_square():
>       assert area(3) == 9
E       TypeError: area() missing 1 required positional argument: 'height'

test_area.py:4: TypeError
FAILED test_area.py::test_square - TypeError: area() missing 1 required positional a...
1 failed in 0.04s
"""
NOT_CONCATENATED = """>       assert label(3) == "item 3"
E       TypeError: can only concatenate str (not "int") to str

test_label.py:4: TypeError
1 failed in 0.02s
"""


def failed(output: str, check: str = "lint") -> CheckResult:
    """The result of a check that failed with that output."""
    return CheckResult(
        check=check, verdict="failed", required=True, weight=1.0, output=output, exit_code=1
    )


def _failing(pattern_id: str, number: int) -> Attempt:
    attempt = attempt_at("0" * 64, failed(UNUSED_IMPORT), number=number)
    return replace(attempt, patterns=(pattern_id,))


def _mended(fix_id: str) -> Attempt:
    return replace(attempt_at("1" * 64, number=2), draft=Draft(tree_hash="1" * 64, fixes=(fix_id,)))


class MemoryContract:
    """The promises of `Memory`."""

    def test_remembers_nothing_at_first(self, memory: Memory) -> None:
        assert memory.recall(UNUSED_IMPORT, language="python") == ()

    def test_recalls_what_it_learned(self, memory: Memory) -> None:
        learned = memory.learn(failed(UNUSED_IMPORT), "python")
        (recalled,) = memory.recall(UNUSED_IMPORT, language="python", check="lint")
        assert recalled == replace(learned, score=recalled.score)
        assert recalled.score == pytest.approx(1.0, abs=1e-3)  # pyright: ignore[reportUnknownMemberType] (pytest leaves it open)

    def test_says_what_kind_of_failure_it_was(self, memory: Memory) -> None:
        learned = memory.learn(failed(UNUSED_IMPORT), "python")
        assert (learned.kind, learned.check, learned.language) == ("F401", "lint", "python")

    def test_the_same_failure_of_other_code_joins_its_pattern(self, memory: Memory) -> None:
        other = UNUSED_IMPORT.replace("app/main.py:1:8", "lib/x.py:77:3").replace("`os`", "`sys`")
        first = memory.learn(failed(UNUSED_IMPORT), "python")
        second = memory.learn(failed(other), "python")
        assert second.id == first.id

    def test_another_rule_is_another_pattern(self, memory: Memory) -> None:
        ids = {memory.learn(failed(text), "python").id for text in (UNUSED_IMPORT, LONG_LINE)}
        assert len(ids) == 2

    def test_one_exception_of_two_causes_makes_two_patterns(self, memory: Memory) -> None:
        ids = {
            memory.learn(failed(text, "tests"), "python").id
            for text in (MISSING_ARGUMENT, NOT_CONCATENATED)
        }
        assert len(ids) == 2

    def test_another_check_is_another_pattern(self, memory: Memory) -> None:
        ids = {memory.learn(failed(UNUSED_IMPORT, c), "python").id for c in ("lint", "style")}
        assert len(ids) == 2

    def test_recalls_the_nearest_first(self, memory: Memory) -> None:
        for text in (UNUSED_IMPORT, LONG_LINE, UNDEFINED_NAME, MISSING_ARGUMENT):
            memory.learn(failed(text), "python")
        recalled = memory.recall("x.py:9:1: F821 Undefined name `y`", language="python")
        assert recalled[0].kind == "F821"
        assert [p.score for p in recalled] == sorted((p.score for p in recalled), reverse=True)

    def test_recalls_no_more_than_asked_for(self, memory: Memory) -> None:
        for text in (UNUSED_IMPORT, LONG_LINE, UNDEFINED_NAME):
            memory.learn(failed(text), "python")
        counts = [len(memory.recall(LONG_LINE, language="python", limit=n)) for n in (0, 1, 2, 9)]
        assert counts == [0, 1, 2, 3]

    def test_keeps_languages_apart(self, memory: Memory) -> None:
        memory.learn(failed(UNUSED_IMPORT), "python")
        memory.learn(failed("** (CompileError) lib/a.ex:2: undefined function f/0"), "elixir")
        recalled = memory.recall(UNUSED_IMPORT, language="elixir")
        assert [pattern.kind for pattern in recalled] == ["CompileError"]

    def test_without_a_language_all_are_searched(self, memory: Memory) -> None:
        memory.learn(failed(UNUSED_IMPORT), "python")
        memory.learn(failed("** (CompileError) lib/a.ex:2: undefined function f/0"), "elixir")
        assert len(memory.recall(UNUSED_IMPORT, language="")) == 2

    def test_for_a_task_recalls_what_failed_most_often(
        self, memory: Memory, store: PatternStore
    ) -> None:
        memory.learn(failed(LONG_LINE), "python")
        often = memory.learn(failed(UNUSED_IMPORT), "python")
        attempts = tuple(_failing(often.id, number) for number in range(30))
        store.count(generation_of("0" * 64, attempts=attempts))
        (recalled,) = memory.recall("A queue with retries", language="python", limit=1)
        assert recalled.kind == "F401"

    def test_recalls_fixes_and_how_often_they_worked(
        self, memory: Memory, store: PatternStore
    ) -> None:
        learned = memory.learn(failed(UNUSED_IMPORT), "python")
        fix = Fix(id="fix", description="remove it", command="ruff check --fix .")
        store.add_fix(learned.id, fix)
        attempts = (_failing(learned.id, 1), _mended("fix"))
        store.count(generation_of("0" * 64, attempts=attempts))
        (recalled,) = memory.recall(UNUSED_IMPORT, language="python")
        assert recalled.fixes == (replace(fix, tried=1, worked=1),)

    @pytest.mark.parametrize("output", ["", "\0\x1b[31m", "\ud800", "?" * 300_000, "é\u2028" * 999])
    def test_learns_from_any_output(self, memory: Memory, output: str) -> None:
        first = memory.learn(failed(output), "python")
        assert memory.learn(failed(output), "python").id == first.id

    def test_a_command_that_ran_out_of_time_has_a_pattern_of_its_own(self, memory: Memory) -> None:
        slow = replace(failed("collecting ..."), ended_by="wall", exit_code=None)
        assert memory.learn(slow, "python").kind == "ended-by-wall"
