"""Signatures: what stays of an output, and what goes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.memory.neutral import neutral
from cultivar.memory.signature import Signature, signature_of
from cultivar.model import CheckResult

RUFF_FULL = """F401 [*] `os` imported but unused
 --> app/main.py:1:8
  |
1 | import os
  |        ^^
help: Remove unused import: `os`

Found 1 error.
"""
MYPY_PRETTY = """shop/order.py:5: error: Argument 1 to "add" of "Order" has incompatible type \
"int"; expected "str"\

[arg-type]
    Order().add(42, "two")
                ^~
Found 1 error in 1 file (checked 1 source file)
"""
TSC_PRETTY = (
    "\x1b[96mun.ts\x1b[0m:\x1b[93m1\x1b[0m:\x1b[93m5\x1b[0m - \x1b[91merror\x1b[0m\x1b[90m TS2322: "
    "\x1b[0mType 'undefined' is not assignable to type 'string'.\n"
)
ELIXIR = """== Compilation error in file lib/worker.ex ==
** (CompileError) lib/worker.ex:4: undefined function schedule/1 (expected Worker to define such)
"""
PYTEST = """    def test_tags():
>       assert tags == {"a"}
E       AssertionError: assert {'A'} == {'a'}
E         Extra items in the left set:

test_tags.py:4: AssertionError
FAILED test_tags.py::test_tags - AssertionError: assert {'A'} == {'a'}
"""
COLLECTION = """E     File "/project/test_x.py", line 3
E       assert 1
E       ^^^^^^
E   IndentationError: expected an indented block on line 2
"""


@pytest.mark.parametrize(
    ("output", "tool", "kind", "template"),
    [
        (RUFF_FULL, "ruff", "F401", "`<name>` imported but unused"),
        ("a.py:1:8: F401 [*] `os` imported", "ruff", "F401", "`<name>` imported"),
        ("a.py:\n  5:1 E402 Not at top", "ruff", "E402", "Not at top"),
        (
            "::error title=ruff (B006),file=/p/k.py,line=1::k.py:1:30: B006 Do not%0A  help: x",
            *("ruff", "B006", "Do not"),
        ),
        (
            MYPY_PRETTY,
            *("mypy", "arg-type"),
            'Argument <n> to "<name>" of "<name>" has incompatible type "int"; expected "str"',
        ),
        (TSC_PRETTY, "tsc", "TS2322", "Type 'undefined' is not assignable to type 'string'."),
        (
            ELIXIR,
            *("elixir", "CompileError"),
            "undefined function <name>/<n> (expected <name> to define such)",
        ),
        (COLLECTION, "pytest", "IndentationError", "expected an indented block on line <n>"),
        ("E   fixture 'db' not found", "pytest", "FixtureNotFound", "fixture '<name>' not found"),
        ("sh: 1: ruff: not found", "shell", "not-found", "not found"),
        ("KeyError: 'port'", "python", "KeyError", "'<name>'"),
    ],
)  # fmt: skip
def test_reads_tool_kind_and_message(output: str, tool: str, kind: str, template: str) -> None:
    signature = signature_of(output)
    assert (signature.tool, signature.kind, signature.template) == (tool, kind, template)


def test_keeps_the_shape_of_a_failed_comparison() -> None:
    assert signature_of(PYTEST).symbols == ("==", "left-set", "right-set")


def test_the_worst_and_most_frequent_complaint_is_the_kind() -> None:
    output = "a.py:1:1: F401 `a` x\na.py:2:1: E501 long\na.py:3:1: E501 long"
    signature = signature_of(output)
    assert (signature.kind, signature.also) == ("E501", ("F401",))


def test_text_carries_the_structure_in_front() -> None:
    text = signature_of("a.py:1:8: F401 `os` imported", check="lint", language="python").text
    first = "language:python check:lint tool:ruff kind:F401 family:F"
    assert text == f"{first}\n`<name>` imported"


def test_a_limit_that_ended_the_check_is_its_kind() -> None:
    assert signature_of("KeyError: 'a'", ended_by="memory").kind == "ended-by-memory"


def test_of_prose_there_is_no_kind() -> None:
    signature = signature_of("An async TTL cache with a circuit breaker")
    assert (signature.tool, signature.kind) == ("", "")
    assert signature.template == "An async TTL cache with a circuit breaker"


def test_every_real_failure_has_tool_and_kind(failures: list[tuple[CheckResult, str]]) -> None:
    signatures = [signature_of(failure.output) for failure, _ in failures]
    assert all(signature.tool and signature.kind for signature in signatures)


@given(st.text())
def test_neutral_twice_is_neutral_once(line: str) -> None:
    assert neutral(neutral(line)) == neutral(line)


_PIECES = st.sampled_from(
    ["'", '"', "`", "a", "B.c", "f(x)", "x_y", "/", "lib/a.py", ":3:4", "12", "0xff", "1.5s", " ",
     "<n>", "<name>", "(1,2)", "https://x.y/z", "f/2", "M.f!/1", "list[int]", "..", "struct X", "-"]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=14))
def test_neutral_twice_is_neutral_once_of_what_tools_print(pieces: list[str]) -> None:
    line = "".join(pieces)
    assert neutral(neutral(line)) == neutral(line)


_names = st.from_regex(r"[a-z]{3,8}_[a-z]{2,8}", fullmatch=True)
_paths = st.from_regex(r"([a-z]{1,8}/){0,3}[a-z]{1,8}\.py", fullmatch=True)
_numbers = st.integers(1, 10**6)
_TOLD = (
    "{path}:{n}:{m}: F401 [*] `{name}` imported but unused",
    "{path}:{n}: error: Argument {m} to \"{name}\" has incompatible type \"str\"  [arg-type]",
    "{path}({n},{m}): error TS2304: Cannot find name '{name}'.",
    "** (CompileError) {path}:{n}: undefined function {name}/{n} at 0x{m:x}",
    "{path}:{n}: in {name}\nE   TypeError: {name}() missing {m} required argument: '{name}'",
    "E   FileNotFoundError: [Errno 2] No such file: '/tmp/x{n}/{path}' after {n}.{m}s",
)  # fmt: skip


@given(st.sampled_from(_TOLD), _paths, _names, _numbers, _numbers)
def test_places_names_and_numbers_do_not_matter(
    told: str, path: str, name: str, n: int, m: int
) -> None:
    usual = signature_of(told.format(path="a/b.py", name="some_name", n=1, m=2))
    assert signature_of(told.format(path=path, name=name, n=n, m=m)) == usual


@given(st.text(max_size=3000), st.text(max_size=20), st.text(max_size=20))
def test_any_text_has_a_signature(output: str, check: str, language: str) -> None:
    signature = signature_of(output, check=check, language=language)
    assert re.fullmatch(r"[0-9a-f]{32}", signature.id)


@pytest.mark.parametrize(
    "piece", ["a/", "'", "E  x\n", "a.py:1:1: F401 `", "(((", "a.", "_", "é\n"]
)
def test_a_huge_output_has_a_small_signature(piece: str) -> None:
    assert len(signature_of(piece * 1_000_000).text) < 10_000


def test_ids_differ_by_check_and_language() -> None:
    made = [
        Signature(tool="t", kind="k", template="m", check=check, language=language).id
        for check in ("a", "b")
        for language in ("x", "y")
    ]
    assert len(set(made)) == 4
