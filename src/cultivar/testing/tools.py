"""Tools to be tried: their files, what they are like, and a place to use them in."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent, indent
from typing import Final

from cultivar.checking.checks import CheckRunner
from cultivar.checking.makers import environments_for
from cultivar.evals.trying.base import Subject
from cultivar.evals.trying.tool_uses import ToolUses
from cultivar.lifecycle import Artifact
from cultivar.sandbox.base import Limits
from cultivar.sandbox.choose import choose_sandbox
from cultivar.settings import SandboxSettings
from cultivar.tree import Tree, text_entry

LIMITS: Final = Limits(wall_seconds=60.0, memory_bytes=1 << 30, disk_bytes=64 << 20)

_TOOL: Final = """\
import os
import sys
import time

from cultivar import Case, Characteristics, tool


@tool(Characteristics({like}), cases=({cases}))
def {signature}:
{body}
"""


def tool_file(
    body: str, *, signature: str = "acts(given=None)", like: str = "", cases: str = ""
) -> str:
    """The source of a tool.

    Args:
        body: Of its function.
        signature: Of its function, with its name.
        like: Its characteristics, as arguments.
        cases: Its cases, each with a comma after it.
    """
    inside = indent(dedent(body).strip("\n"), "    ")
    return _TOOL.format(like=like, cases=cases, signature=signature, body=inside)


def subject_of(source: str, name: str = "acts") -> Subject:
    """The version of a tool that is the file with `source`."""
    tree = Tree({f"{name}.py": text_entry(source)})
    return Subject(artifact=Artifact(kind="tool", name=name), tree=tree)


@contextmanager
def place_for_tools(seconds: float = 5.0) -> Generator[ToolUses]:
    """Where tools are used behind a wall; its cache is where the sandbox's user can read it."""
    cache = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="cultivar-"))
    cache.chmod(0o755)
    sandbox = choose_sandbox(SandboxSettings())
    environments = environments_for(sandbox, cache)
    try:
        runner = CheckRunner(sandbox=sandbox, environments=environments, limits=LIMITS)
        yield ToolUses(runner=runner, seconds=seconds)
    finally:
        shutil.rmtree(cache)
