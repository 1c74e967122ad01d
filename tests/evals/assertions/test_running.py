"""Assertions that run something: behind the wall, and whatever a file says about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cultivar.checking.checks import CheckRunner
from cultivar.checking.environments import Environments
from cultivar.checking.makers import HostMaker
from cultivar.errors import EnvironmentUnavailableError
from cultivar.evals.assertions.base import Bench, Outcome
from cultivar.evals.assertions.judging import judge
from cultivar.lifecycle import Assertion, AssertionKind, AssertionResult
from cultivar.sandbox.base import Limits
from cultivar.sandbox.bubblewrap import Bubblewrap
from cultivar.tree import Tree, text_entry

FILES = Tree(
    {
        "a.txt": text_entry("one\n"),
        "json.py": text_entry("raise SystemExit('not the real one')"),
        "sitecustomize.py": text_entry("raise SystemExit('taken over')"),
        ".cultivar-assertion/ask.py": text_entry("print('taken over')"),
    }
)


@pytest.fixture(scope="module")
def bench(cache: Path) -> Bench:
    environments = Environments(cache=cache, maker=HostMaker(cache=cache))
    limits = Limits(wall_seconds=5.0, memory_bytes=256 << 20)
    runner = CheckRunner(sandbox=Bubblewrap(), environments=environments, limits=limits)
    return Bench(open_runner=lambda: runner)


def judged(
    kind: AssertionKind, value: str, bench: Bench, *, negate: bool = False
) -> AssertionResult:
    outcome = Outcome(tree=FILES, inputs={"n": 3, "name": "x'y"}, output="said")
    return judge([Assertion(kind=kind, value=value, negate=negate)], outcome, bench)[0]


@pytest.mark.parametrize(
    ("kind", "value", "holds"),
    [
        ("succeeds", "grep -q one a.txt", True),
        ("succeeds", "grep -q two a.txt", False),
        ("python", "files['a.txt'] == 'one\\n' and inputs['n'] == 3", True),
        ("python", "inputs['name'] == \"x'y\" and output == 'said'", True),
        ("python", "len(files) == 3", False),
        ("python", "json.loads('[1]') == [1] and Path('a.txt').read_text() == 'one\\n'", True),
        ("python", "re.search('two', files['a.txt'])", False),
    ],
)
def test_a_command_or_an_expression_holds_or_its_opposite_does(
    kind: AssertionKind, value: str, holds: bool, bench: Bench
) -> None:
    assert judged(kind, value, bench).passed is holds
    assert judged(kind, value, bench, negate=True).passed is not holds


@pytest.mark.parametrize("negate", [True, False])
@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("files['b.txt']", "KeyError: 'b.txt'"),
        ("1 / 0", "ZeroDivisionError"),
        ("exit(0)", "SystemExit"),
        ("[].append(1) or __import__('os')._exit(0)", "came to no end"),
        ("'x' * 10**10", "came to no end"),
        ("[i for i in iter(int, 1)]", "came to no end"),
    ],
)
def test_an_expression_that_does_not_come_to_an_end_holds_neither_way(
    expression: str, said: str, negate: bool, bench: Bench
) -> None:
    found = judged("python", expression, bench, negate=negate)
    assert not found.passed
    assert said in found.said or "MemoryError" in found.said


def test_an_expression_reaches_nothing_outside(bench: Bench, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    judged("python", f"Path({str(outside)!r}).write_text('x')", bench)
    assert not outside.exists()


def test_what_a_command_needs_and_is_not_there_is_no_failure(bench: Bench) -> None:
    needing = Bench(open_runner=bench.open_runner, requires=("program:no-such-program",))
    with pytest.raises(EnvironmentUnavailableError):
        judged("succeeds", "true", needing)
