"""Running checks over a tree: each a command in the sandbox, each with a verdict.

The invariant: a verdict is of the tree. What is missing on this machine makes it `not_verified`,
a sandbox that is down is an error, and neither is ever a failed check.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from cultivar.checking.output import readable
from cultivar.errors import EnvironmentUnavailableError
from cultivar.ledger.base import VerdictCache
from cultivar.model import Check, CheckResult, EndedBy, Proof
from cultivar.record import Record, field, replace, to_builtins
from cultivar.sandbox.base import Command, Completed, Limits, Sandbox
from cultivar.tree import Tree

if TYPE_CHECKING:
    from cultivar.checking.environments import Environment, Environments

_VERDICT_FORMAT: Final = 2
_NOT_FOUND: Final = 127
_AT_ONCE: Final = 2
_LEFTOVERS: Final = frozenset(
    {
        "__pycache__",
        "_build",
        "deps",
        "node_modules",
        ".coverage",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".venv",
    }
)
"""What tools leave behind; only what was in the tree before is kept of these names."""

_LIMIT_WORDS: Final[dict[EndedBy, str]] = {
    "wall": "it took more than {limits.wall_seconds:g} seconds",
    "cpu": "it used more than {limits.cpu_seconds:g} seconds of CPU",
    "memory": "it used more than {limits.memory_bytes} bytes of memory",
    "output": "it printed without end",
    "disk": "it wrote more than {limits.disk_bytes} bytes, or too many files",
    "processes": "it started more than {limits.processes} processes",
}


class Ran(Record):
    """A command that was run for what it makes of a tree."""

    succeeded: bool
    output: str
    tree: Tree
    """As the command left it; as it was, where a limit ended the command."""

    def mended(self, before: Tree) -> Tree:
        """The tree without what tools leave behind and `before` did not have."""
        return _without_leftovers(before, self.tree)


class CheckRunner(Record):
    """Says whether trees hold what their templates promise.

    Args:
        sandbox: Where commands run.
        environments: Where what they need comes from.
        cache: Remembers verdicts; None: every check runs.
        limits: What one command may use.
        unconfined: Whether the user said `--unconfined`.
    """

    sandbox: Sandbox
    environments: Environments
    cache: VerdictCache | None = None
    limits: Limits = field(default_factory=Limits)
    unconfined: bool = False

    def prove(
        self,
        tree: Tree,
        checks: Sequence[Check],
        requires: tuple[str, ...],
        *,
        language: str = "",
        untrusted: bool = True,
    ) -> Proof:
        """Run `checks` over `tree`.

        Args:
            tree: What is to be proved.
            checks: The checks, in the order in which their results are told.
            requires: What they need: Python requirements, or `program:NAME` each.
            language: The template's.
            untrusted: Whether a model or a template that nobody trusts wrote any of it.

        Raises:
            UnconfinedError: It is untrusted and there is no wall.
            UnsafeError: `requires` asks for what only a trusted template may.
            SandboxUnavailableError: The sandbox is down.
        """
        self._refuse_unconfined(untrusted=untrusted)
        try:
            needed = self.environments.get(requires, language=language, trusted=not untrusted)
        except EnvironmentUnavailableError as error:
            results = tuple(_not_verified(check, str(error)) for check in checks)
            return Proof(results=results, sandbox=self.sandbox.name)
        results = self._verdicts(tree, checks, needed)
        return Proof(results=results, sandbox=self.sandbox.name)

    def run(
        self,
        tree: Tree,
        command: str,
        requires: tuple[str, ...],
        *,
        language: str = "",
        untrusted: bool = True,
    ) -> Ran:
        """Run a command that changes `tree`, like a fix or a template's task.

        Raises:
            UnconfinedError: It is untrusted and there is no wall.
            UnsafeError: `requires` asks for what only a trusted template may, or what came back
                reaches out of the tree.
            EnvironmentUnavailableError: What the command needs is not to be had.
            SandboxUnavailableError: The sandbox is down.
        """
        self._refuse_unconfined(untrusted=untrusted)
        needed = self.environments.get(requires, language=language, trusted=not untrusted)
        done = self.sandbox.run(_command(command, needed, collect=True), tree, self.limits)
        return Ran(
            succeeded=done.exit_code == 0 and done.ended_by == "exit",
            output=_said(done, self.limits),
            tree=tree if done.tree is None else done.tree,
        )

    def _refuse_unconfined(self, *, untrusted: bool) -> None:
        from cultivar.sandbox.choose import may_run

        may_run(self.sandbox, untrusted=untrusted, unconfined=self.unconfined)

    def _verdicts(
        self, tree: Tree, checks: Sequence[Check], needed: Environment
    ) -> tuple[CheckResult, ...]:
        """Run the checks side by side; where one cannot be run, the waiting ones are not begun."""
        from concurrent.futures import ThreadPoolExecutor

        threads = ThreadPoolExecutor(max_workers=min(_AT_ONCE, os.cpu_count() or 1))
        waiting = [threads.submit(self._verdict, check, tree, needed) for check in checks]
        try:
            return tuple(each.result() for each in waiting)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)

    def _verdict(self, check: Check, tree: Tree, needed: Environment) -> CheckResult:
        limits = replace(self.limits, wall_seconds=min(check.timeout, self.limits.wall_seconds))
        cache = None if check.flaky else self.cache
        key = _key(check, tree, needed, self.sandbox.name, limits)
        if cache and (known := cache.verdict(key)):
            return _of(check, known, cached=True)
        done = self.sandbox.run(_command(check.run, needed), tree, limits)
        result = _result(check, done, limits)
        if cache and done.ended_by == "exit":  # a limit may be met because the machine is busy
            cache.remember(key, result)
        return result


def _command(run: str, needed: Environment, *, collect: bool = False) -> Command:
    return Command(
        argv=("/bin/sh", "-c", run),
        environment=needed.variables,
        mounts=needed.mounts,
        collect=collect,
    )


def _key(check: Check, tree: Tree, needed: Environment, sandbox: str, limits: Limits) -> str:
    asked = [check.run, check.expect]
    said = [_VERDICT_FORMAT, tree.hash, asked, needed.id, sandbox, to_builtins(limits)]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _result(check: Check, done: Completed, limits: Limits) -> CheckResult:
    said = _said(done, limits)
    passed = done.exit_code == 0 and done.ended_by == "exit"
    if passed and not _as_expected(check.expect, said):
        passed, said = False, f"{said}\nThe output does not match `{check.expect}`."
    return CheckResult(
        check=check.name,
        verdict="passed" if passed else "failed",
        required=check.required,
        weight=check.weight,
        output=said,
        exit_code=done.exit_code,
        ended_by=done.ended_by,
        wall_seconds=done.wall_seconds,
        cpu_seconds=done.cpu_seconds,
        peak_bytes=done.peak_bytes,
    )


def _as_expected(expect: str, output: str) -> bool:
    """Whether the output matches; an expression that takes too long does not."""
    if not expect:
        return True
    import regex

    try:
        return regex.search(expect, output, regex.MULTILINE, timeout=1.0) is not None
    except TimeoutError:
        return False


def _said(done: Completed, limits: Limits) -> str:
    """What the command printed, and what it could not say itself."""
    return "\n".join(filter(None, (readable(done.output), _explained(done, limits))))


def _explained(done: Completed, limits: Limits) -> str:
    """What the command could not say itself; empty where it could."""
    if done.ended_by in _LIMIT_WORDS:
        return f"The check was ended: {_LIMIT_WORDS[done.ended_by].format(limits=limits)}."
    if done.exit_code == _NOT_FOUND:
        return "A program was not found; the template's `requires` should name what brings it."
    return ""


def _of(check: Check, known: CheckResult, *, cached: bool) -> CheckResult:
    return replace(
        known, check=check.name, required=check.required, weight=check.weight, cached=cached
    )


def _not_verified(check: Check, why: str) -> CheckResult:
    return CheckResult(
        check=check.name,
        verdict="not_verified",
        required=check.required,
        weight=check.weight,
        output=why,
    )


def _without_leftovers(before: Tree, after: Tree) -> Tree:
    return Tree(
        {
            path: entry
            for path, entry in after.items()
            if path in before or _LEFTOVERS.isdisjoint(path.split("/"))
        }
    )
