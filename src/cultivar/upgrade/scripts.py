"""Migration scripts: what a template wants run over a project that goes to a newer version of it.

The invariant: a script of one version runs once over a project, in the order of the versions, and
a project that a script failed over is as it was.

What a script sees is the project's files alone: no `.git` (so neither history nor index), no
network, nothing else of this machine. Of the template it sees a copy, where it names
`_copier_conf.src_path`.
"""

from __future__ import annotations

import posixpath
import shlex
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import PurePosixPath
from typing import Any, Final

from jinja2.sandbox import SandboxedEnvironment

from cultivar.checking.checks import CheckRunner, Ran
from cultivar.errors import TemplateError, UntrustedError, UsageError
from cultivar.model import Answers, Json
from cultivar.record import Record, field
from cultivar.templating.jinja.context import context_of
from cultivar.templating.jinja.environment import environment_of, evaluate_bool, render_text
from cultivar.templating.template import Template
from cultivar.tree import Entry, Tree
from cultivar.upgrade.declared import Declared, declared_scripts
from cultivar.upgrade.window import Window
from cultivar.upgrades import MigrationStage, ScriptRun

_OTHER: Final = "another secret"
"""Stands for a secret that is not at hand, to see whether a command changes with it."""

_INTERPRETERS: Final[Mapping[str, str]] = {
    ".ex": "elixir",
    ".exs": "elixir",
    ".js": "node",
    ".py": "python3",
    ".rb": "ruby",
}
"""By the suffix of a script that is not executable; any other is the shell's."""


class Script(Record):
    """One migration script at one stage of an upgrade, ready to run."""

    id: str
    """A hash of its version, its stage, its command as written, and its folder."""
    version: str
    """By PEP 440; empty: it runs in every upgrade."""
    stage: MigrationStage
    command: str
    """For the shell."""
    folder: str = "."
    """Where it runs, relative to the project's root."""
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    """Its environment, besides that of the template's checks."""


class Scripted(Record):
    """What migration scripts made of a project."""

    tree: Tree
    runs: tuple[ScriptRun, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence for each script that should have changed nothing when it ran again."""
        return tuple(
            f"The migration script {run.command!r} is not idempotent: run twice, it fails or "
            "changes more."
            for run in self.runs
            if not run.idempotent
        )


class ScriptError(TemplateError):
    """A migration script failed; the project is as it was.

    Args:
        runs: All that ran, the one that failed last.
    """

    def __init__(self, runs: tuple[ScriptRun, ...]) -> None:
        failed = runs[-1]
        of = f" of {failed.version}" if failed.version else ""
        super().__init__(
            f"The migration script {failed.command!r}{of} failed ({failed.stage}): "
            f"{failed.output or 'it printed nothing'}",
            remedy="The project was not changed. Mend it, or upgrade without the scripts.",
        )
        self.runs = runs


def scripts_for(
    template: Template,
    answers: Answers,
    window: Window,
    *,
    secrets: Mapping[str, Json] | None = None,
    folder_name: str = "",
) -> tuple[Script, ...]:
    """The migration scripts of an upgrade: those before it, then those after it, by version.

    Those that have no version come last at their stage.

    Args:
        template: At the new version.
        answers: As the new version has them; of secrets, the placeholders.
        window: From which version to which.
        secrets: The values of the secrets that are at hand.
        folder_name: The name of the folder that the project stands in.

    Raises:
        TemplateError: A migration is not as it must be, or does not render.
        UsageError: It cannot be told whether one has to run, or one uses a secret.
        UntrustedError: The template has extensions of Jinja and is not trusted.
    """
    declared = [
        each
        for each in declared_scripts(template)
        if each.version is None or window.holds(each.version)
    ]
    if not declared:
        return ()
    desk = _Desk.of(template, answers, window, secrets or {}, folder_name)
    scripts = (desk.script(each) for each in sorted(declared, key=lambda each: each.order))
    return tuple({each.id: each for each in scripts if each}.values())


def refuse_untrusted(template: Template, scripts: Sequence[Script]) -> None:
    """Refuse scripts of a template that nobody trusts.

    Raises:
        UntrustedError: There are scripts, and it is not trusted.
    """
    if scripts and not template.ref.trusted:
        raise UntrustedError(
            f"The template {template.ref.id!r} from `{template.ref.origin}` runs code of its own: "
            f"{len(scripts)} migration scripts, the first of them {scripts[0].command!r}.",
            "Read it; then pass `--trust`, or add its origin to `trust` in your settings.",
        )


def run_scripts(
    scripts: Sequence[Script],
    tree: Tree,
    template: Template,
    runner: CheckRunner,
    done: frozenset[str] = frozenset(),
) -> Scripted:
    """Run `scripts` over a project in the sandbox, each once, and once more to see what it does.

    A second run is only looked at: what it changes, or that it fails, is told and not kept.

    Args:
        scripts: In the order in which they run.
        tree: All files of the project.
        template: Theirs.
        runner: Runs them.
        done: The ids of those that have done their work on this project. One without a version
            runs all the same.

    Raises:
        ScriptError: One failed.
        UntrustedError: The template is not trusted.
        UnsafeError: What came back reaches out of the project.
        EnvironmentUnavailableError: What they need is not to be had.
        SandboxUnavailableError: The sandbox is down.
    """
    refuse_untrusted(template, scripts)
    runs: list[ScriptRun] = []
    for script in scripts:
        if script.version and script.id in done:
            continue
        began = time.perf_counter()
        first = _run(script, tree, template, runner)
        seconds = time.perf_counter() - began
        again = _run(script, first.tree, template, runner) if first.succeeded else first
        runs.append(_told(script, tree, (first, again), seconds))
        if not first.succeeded:
            raise ScriptError(tuple(runs))
        tree = first.tree
    return Scripted(tree=tree, runs=tuple(runs))


class _Desk(Record):
    """Where the scripts of one upgrade are made ready."""

    template: Template
    window: Window
    environment: SandboxedEnvironment
    shown: Mapping[str, Any]
    """The context with placeholders for secrets."""
    held: Mapping[str, Any]
    """The context with the secrets, or with others in their stead."""

    @classmethod
    def of(
        cls,
        template: Template,
        answers: Answers,
        window: Window,
        secrets: Mapping[str, Json],
        folder_name: str,
    ) -> _Desk:
        others = {each.name: _OTHER for each in answers if each.secret} | dict(secrets)
        shown, held = (
            context_of(template, answers, secrets=each, folder_name=folder_name)
            for each in ({}, others)
        )
        same = {name: cache(shown[name]) for name in ("now", "make_secret")}
        environment = environment_of(template.rules, template.tree, trusted=template.ref.trusted)
        return cls(
            template=template,
            window=window,
            environment=environment,
            shown=shown | same,
            held=held | same,
        )

    def script(self, declared: Declared) -> Script | None:
        """The script; None where it is not to run at its stage."""
        told = self.window.variables(declared.stage, declared.written_version)
        names = {f"_{name}": value for name, value in told.items()}
        if not evaluate_bool(self.environment, declared.when, self._context(self.held, names)):
            return None
        folder = posixpath.normpath(self._render(declared.folder, names))
        return Script(
            id=declared.id,
            version=str(declared.version or ""),
            stage=declared.stage,
            command=self._command(declared, names, folder),
            folder=folder,
            variables={
                **{name.upper(): str(value) for name, value in told.items()},
                "COPIER_OPERATION": "update",
            },
        )

    def _command(self, declared: Declared, names: Mapping[str, object], folder: str) -> str:
        words = (declared.words,) if isinstance(declared.words, str) else declared.words
        rendered = [self._render(word, names, folder) for word in words]
        if not isinstance(declared.words, str):
            return shlex.join(rendered)
        path = posixpath.normpath(rendered[0].strip())
        entry = self.template.tree.get(path) if declared.may_be_file else None
        return _of_file(path, entry, self.template, folder) if entry else rendered[0]

    def _render(self, text: str, names: Mapping[str, object], folder: str = ".") -> str:
        """Render `text`, which may not change with a secret.

        Raises:
            UsageError: It does.
        """
        shown, held = (
            render_text(self.environment, text, self._context(context, names, folder))
            for context in (self.shown, self.held)
        )
        if shown != held:
            raise UsageError(
                "A migration script of the template uses a secret.",
                "Its command would be seen by others. Keep secrets in the contents of files.",
            )
        return shown

    def _context(
        self, context: Mapping[str, Any], names: Mapping[str, object], folder: str = "."
    ) -> dict[str, Any]:
        """The context of a script that runs in `folder`."""
        places = {"src_path": _copy_of(self.template), "dst_path": "."}
        seen = {name: _seen_from(folder, path) for name, path in places.items()}
        return {
            **context,
            **names,
            "_copier_conf": {**context["_copier_conf"], **seen},
            "_copier_operation": "update",
            "_copier_phase": "migrate",
            "_copier_python": "python3",
        }


def _seen_from(folder: str, path: str) -> PurePosixPath:
    return PurePosixPath(posixpath.relpath(f"/{path}", f"/{folder}"))


def _copy_of(template: Template) -> str:
    """Where the template's files are while a script runs, relative to the project's root."""
    return f".template-{template.ref.tree_hash[:16]}"


def _of_file(path: str, entry: Entry, template: Template, folder: str) -> str:
    """The command that runs a file of the template."""
    copy = shlex.quote(str(_seen_from(folder, f"{_copy_of(template)}/{path}")))
    if entry.mode == "executable":
        return copy
    return f"{_INTERPRETERS.get(posixpath.splitext(path)[1], 'sh')} {copy}"


def _run(script: Script, tree: Tree, template: Template, runner: CheckRunner) -> Ran:
    """Run a script; what comes back is the project, as it left it."""
    copy = _copy_of(template)
    here = tree
    if copy in script.command:
        files = {f"{copy}/{path}": entry for path, entry in template.tree.items()}
        here = tree.replace(files)
    ran = runner.run(
        here,
        _line(script),
        template.requires,
        language=template.language,
        untrusted=not template.ref.trusted,
    )
    kept = ran.mended(here).items()
    project = Tree({path: entry for path, entry in kept if not path.startswith(f"{copy}/")})
    return Ran(succeeded=ran.succeeded, output=ran.output, tree=project)


def _line(script: Script) -> str:
    variables = [f"export {name}={shlex.quote(v)}" for name, v in script.variables.items()]
    return "\n".join([*variables, f"cd {shlex.quote(script.folder)} || exit", script.command])


def _told(script: Script, before: Tree, runs: tuple[Ran, Ran], seconds: float) -> ScriptRun:
    first, again = runs
    paths = sorted(before.keys() | first.tree.keys())
    return ScriptRun(
        script=script.id,
        version=script.version,
        stage=script.stage,
        command=script.command,
        succeeded=first.succeeded,
        idempotent=again.succeeded and again.tree == first.tree,
        changed=tuple(path for path in paths if before.get(path) != first.tree.get(path)),
        seconds=seconds,
        output=first.output,
    )
