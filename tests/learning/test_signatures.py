"""What travels of a failure is in the words of tools; whose failure it was is not in it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cultivar.learning.telling.messages import message_of, payload_of
from cultivar.learning.telling.sieve import LONGEST, sayable, signature_of, understood
from cultivar.learning.telling.signature import FailureSignature
from cultivar.ledger.outgoing import SeenPattern
from cultivar.ledger.sql import open_ledger
from cultivar.memory import signature
from cultivar.memory.memory import open_memory
from cultivar.record import replace
from cultivar.testing.generations import TREE, attempt_at, check_result, generation_of

CORPUS = Path(__file__).parents[2] / "evals/failures/corpus.jsonl"

SHELL = "sh: 1: build.sh: not found\nmake: *** [Makefile:3: all] Error 127\n"
GCC = "main.c: In function 'main':\nmain.c:3:5: error: 'total' undeclared (first use in here)\n"
UNKNOWN = "Deploying acme-billing for customer 4711\nFATAL: token rejected\n"


@cache
def outputs() -> list[dict[str, str]]:
    """Real outputs of pytest, ruff, mypy, tsc, elixirc, and a few more."""
    more = [{"output": each, "check": "build", "language": "c"} for each in (SHELL, GCC, UNKNOWN)]
    return [*map(json.loads, CORPUS.read_text(encoding="utf-8").splitlines()), *more]


def seen(output: str, check: str = "tests", language: str = "python") -> SeenPattern:
    """The failure pattern that a failing output makes in a ledger."""
    found = signature.signature_of(output, check=check, language=language)
    return SeenPattern(
        id=found.id, signature=found.text, check=found.check, language=found.language
    )


def test_a_signature_says_what_went_wrong_and_not_where_or_whose() -> None:
    output = "shop/order.py:5:1: F401 [*] `acme.billing` imported but unused"
    assert signature_of(seen(output, check="lint")).signature == (
        "language:python check:lint tool:ruff kind:F401 family:F symbol:unused\n"
        "<name> imported but unused"
    )


def test_a_line_of_code_does_not_travel() -> None:
    output = "E       assert price(basket) == 3\n\ntest_a.py:4: AssertionError\n"
    assert signature_of(seen(output)).signature == (
        "language:python check:tests tool:pytest kind:AssertionError "
        "symbol:== symbol:left-call symbol:right-number\nassert"
    )


def test_code_that_an_unknown_tool_shows_does_not_travel() -> None:
    output = "Step failed\n    if value is None: return default\n    total = price * 3\n  @cache\n"
    told = signature_of(seen(output)).signature
    assert told == "language:python check:tests\n<name> failed"


def test_what_no_tool_says_comes_out_as_that() -> None:
    told = signature_of(seen(UNKNOWN, check="acme-deploy", language="acme"))
    assert told.signature == (
        "language:<name> check:<name>-<name>\n"
        "<name> <name>-<name> for <name> <n>\nFATAL: token <name>"
    )
    assert (told.check, told.language) == ("<name>-<name>", "<name>")


def test_real_failures_of_one_kind_are_told_apart_from_others() -> None:
    told = {each["kind"]: signature_of(seen(**_asked(each))) for each in outputs()[:-3]}
    assert len({each.id for each in told.values()}) > 0.95 * len(told)


def _asked(line: dict[str, str]) -> dict[str, str]:
    return {name: line[name] for name in ("output", "check", "language")}


_LETTERS = st.text("bcdfghjkmqvwxz", min_size=8, max_size=8)
"""No word is made of these."""


def secrets() -> SearchStrategy[tuple[str, str]]:
    """What is private, as it may stand in an output, and the part of it to look for."""
    shapes: list[Callable[[str], str]] = [
        lambda core: core,
        str.upper,
        str.title,
        lambda core: f"{core}_id",
        lambda core: f"get{core.title()}",
        lambda core: f"{core.title()}Error",
        lambda core: f"{core.upper()}4711",
        lambda core: f"/home/{core}/src/main.py",
        lambda core: f"C:\\Users\\{core}\\main.py",
        lambda core: f"https://{core}.example/x?token={core}",
        lambda core: f"{core}@mail.example",
        lambda core: f"ghp_{core}{core}",
        lambda core: f"postgres://{core}:{core}@db/{core}",
        lambda core: f"'{core}'",
        lambda core: f"{core}é{core}",
        lambda core: f"<{core}>",
        lambda core: f"kind:{core}",
    ]
    named = st.tuples(_LETTERS, st.sampled_from(shapes)).map(lambda p: (p[1](p[0]), p[0]))
    numbers = st.integers(10**9, 10**12).map(lambda number: (str(number), str(number)))
    return named | numbers


@st.composite
def planted(draw: st.DrawFn) -> tuple[dict[str, str], str]:
    """A real output with something private in several places, and what to look for."""
    found = dict(draw(st.sampled_from(outputs())))
    text, core = draw(secrets())
    for _ in range(draw(st.integers(1, 4))):
        places: list[tuple[int, int]] = [
            each.span() for each in re.finditer(r"\w+|$", found["output"])
        ]
        start, end = draw(st.sampled_from(places))
        gap = draw(st.sampled_from(["", " "]))
        kept = found["output"][end:]
        found["output"] = f"{found['output'][:start]}{gap}{text}{gap}{kept}"
    return found, core


@given(case=planted(), named=st.booleans())
def test_no_path_name_number_or_secret_of_an_output_leaves(
    case: tuple[dict[str, str], str], named: bool
) -> None:
    line, core = case
    asked = _asked(line) | ({"check": f"{core}-check", "language": core} if named else {})
    pattern = seen(**asked)
    attempt = replace(
        attempt_at(TREE.hash, check_result(output=line["output"], verdict="failed")),
        patterns=(pattern.id,),
    )
    made = generation_of(TREE.hash, attempts=(attempt,))
    (told,) = message_of(made, [pattern]).signatures
    assert core not in (told.signature + told.check + told.language).lower()
    if not core.isdecimal():  # digits may stand in an id by chance
        assert core not in payload_of(made, [pattern]).decode().lower()


HOSTILE = "<script>alert(1)</script>\x1b[31m\0\u202e" + "[bold]unused[/bold] " * 500

ANY = st.text(max_size=2000) | st.text("0 :-<>=!'nunamed\n\x1b", max_size=2000)


@given(text=ANY | st.sampled_from([HOSTILE]))
def test_whatever_is_told_is_harmless_and_saying_it_again_changes_nothing(text: str) -> None:
    told = sayable(text)
    assert sayable(told) == told
    assert len(told) <= LONGEST
    assert re.fullmatch(r"[\w :<>=!'\n-]*", told, re.ASCII)
    assert not re.search(r"<(?!path>|url>|n>|hash>|name>|text>)[^\s=]", told)


@given(text=ANY, check=ANY, language=ANY)
def test_what_was_made_to_travel_is_understood_as_it_is(
    text: str, check: str, language: str
) -> None:
    told = signature_of(SeenPattern(id="", signature=text, check=check, language=language))
    assert understood(told) == told


@pytest.mark.parametrize("text", ["a:" * 50_000, "<" * 100_000, " -" * 100_000, "\n" * 100_000])
def test_a_long_text_is_read_quickly(text: str) -> None:
    assert len(understood(FailureSignature(signature=text)).signature) <= LONGEST


def test_what_the_ledger_learned_of_a_failure_is_told_with_the_generation(tmp_path: Path) -> None:
    failed: Any = check_result("lint", "failed", output="a.py:1:8: F401 `acme` imported but unused")
    with (
        open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", payload_of) as ledger,
        closing(open_memory(ledger.patterns, tmp_path / "index")) as memory,
    ):
        known = memory.learn(failed, "python")
        attempt = replace(attempt_at(TREE.hash, failed), patterns=(known.id,))
        ledger.content.put(TREE)
        ledger.record(generation_of(TREE.hash, attempts=(attempt,)))
        (waiting,) = ledger.outbox.pending("local")
    (told,) = json.loads(waiting.payload)["signatures"]
    assert told["signature"].endswith("<name> imported but unused")
    assert (told["check"], told["language"]) == ("lint", "python")
