"""Assertions that run something behind the wall: a command, an expression of Python.

The invariant: nothing of a suite and nothing of a version is run in our own process.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Final

from cultivar.errors import EnvironmentUnavailableError
from cultivar.evals.assertions.base import Bench, Finding, Outcome, shown, texts_at
from cultivar.lifecycle import Assertion
from cultivar.model import Check
from cultivar.record import to_builtins
from cultivar.tree import Tree, text_entry

_FOLDER: Final = ".cultivar-assertion"
_LONGEST: Final = 1_000_000
"""Characters of a file that an expression is shown."""

_PROGRAM: Final = """\
import ast, json, math, re, sys, tomllib
from pathlib import Path

asked = json.loads(Path({folder!r}, "asked.json").read_text(encoding="utf-8"))
names = {{"ast": ast, "json": json, "math": math, "re": re, "tomllib": tomllib, "Path": Path}}
try:
    found = {{"holds": bool(eval(asked["expression"], {{**names, **asked["names"]}}))}}
except BaseException as error:
    found = {{"holds": None, "said": f"{{type(error).__name__}}: {{error}}"}}
print()
print(asked["mark"] + json.dumps(found))
"""


def succeeds(assertion: Assertion, outcome: Outcome, bench: Bench) -> Finding:
    """Whether a command ends with 0 over what was made.

    Raises:
        SandboxUnavailableError: The sandbox is down.
        EnvironmentUnavailableError: What the command needs is not to be had.
    """
    check = Check(name="assertion", run=str(assertion.value), required=True)
    proof = bench.open_runner().prove(
        outcome.tree,
        [check],
        bench.requires,
        language=bench.language,
        untrusted=bench.untrusted,
    )
    result = proof.results[0]
    if result.verdict == "not_verified":
        raise EnvironmentUnavailableError(result.output)
    said = f"`{check.run}` ended with {result.exit_code}: {result.output}".rstrip(": ")
    return Finding(holds=result.verdict == "passed", said=said)


def is_true(assertion: Assertion, outcome: Outcome, bench: Bench) -> Finding:
    """Whether an expression of Python is true of what was made.

    It knows `files` (texts by path), `output`, `value`, `inputs`, `raised`, and some modules.

    Raises:
        SandboxUnavailableError: The sandbox is down.
        EnvironmentUnavailableError: There is no Python for it.
    """
    expression, mark = str(assertion.value), secrets.token_hex(16)
    asked = {"expression": expression, "mark": mark, "names": _names(outcome)}
    own = {
        f"{_FOLDER}/asked.json": text_entry(json.dumps(to_builtins(asked))),
        f"{_FOLDER}/ask.py": text_entry(_PROGRAM.format(folder=_FOLDER)),
    }
    kept = {at: each for at, each in outcome.tree.items() if at.split("/")[0] != _FOLDER}
    command = f"python -I -B {_FOLDER}/ask.py"
    tree = Tree({**kept, **own})
    ran = bench.open_runner().run(tree, command, (), language="python", untrusted=bench.untrusted)
    return _told(expression, ran.output, mark)


def _names(outcome: Outcome) -> Mapping[str, object]:
    files = texts_at(outcome, "*")
    return {
        "files": {at.strip("`"): text for at, text in files.items() if len(text) <= _LONGEST},
        "output": outcome.output,
        "value": outcome.value,
        "inputs": dict(outcome.inputs),
        "raised": outcome.raised,
    }


def _told(expression: str, output: str, mark: str) -> Finding:
    lines = [line for line in output.splitlines() if line.startswith(mark)]
    if not lines:
        return Finding(holds=None, said=f"{shown(expression)} came to no end: {output}")
    found = json.loads(lines[-1].removeprefix(mark))
    words = {True: "is true", False: "is not true"}.get(found["holds"])
    return Finding(
        holds=found["holds"], said=f"{shown(expression)} {words or 'fails: ' + found['said']}."
    )
