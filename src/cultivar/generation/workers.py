"""Has a worker behind the wall do what templates with extensions of their own ask for."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cultivar.checking.checks import CheckRunner
from cultivar.checking.interpreters import Interpreter, find_interpreter, running_interpreter
from cultivar.checking.output import readable
from cultivar.errors import TemplateError
from cultivar.sandbox.base import Command
from cultivar.sandbox.choose import may_run
from cultivar.templating.jinja.extensions import foreign
from cultivar.templating.making import boot
from cultivar.templating.making.engine import START, engine, files_of_engine
from cultivar.templating.making.jobs import files_of
from cultivar.templating.making.making import Made, Making
from cultivar.templating.making.results import MissingPackageError, read_results
from cultivar.tree import Entry, Tree

_WITH_ITS_OWN_PYTHON: Final = "container"
"""The sandbox in which no Python of this machine runs."""

_BROUGHT_BY: Final[Mapping[str, str]] = {
    "cookiecutter": "cookiecutter",
    "jinja2_eval": "jinja2-eval",
    "jinja2_getenv_extension": "jinja2-getenv-extension",
    "jinja2_git": "jinja2-git",
    "jinja2_humanize_extension": "jinja2-humanize-extension",
    "jinja2_shell_extension": "jinja2-shell-extension",
    "jinja2_slug": "jinja2-slug",
    "jinja2_strcase": "jinja2-strcase",
    "jinja2_time": "jinja2-time",
}
"""The packages whose extensions templates name most, by what is imported."""


def do_jobs(makings: Sequence[Making], runner: CheckRunner) -> tuple[Made, ...]:
    """Make `makings` in one sandboxed process.

    What needs packages beside Jinja's is tried again in an environment that has them.

    Raises:
        NotKnownError: A name that is given is no question of its template's.
        AnswerError: A given value is refused, or a question without a default has no answer.
        TemplateError: A template is broken, or needs packages that it does not name.
        RefusedError: A template is not trusted, reaches out of its place, or there is no wall.
        UnavailableError: The sandbox is down, or a package cannot be installed.
    """
    jobs = files_of(makings)
    may_run(runner.sandbox, untrusted=False, unconfined=runner.unconfined)
    try:
        return read_results(_run_bare(jobs, runner), makings)
    except MissingPackageError as missing:
        requires = _requires(makings, missing.package)
        if not requires:
            raise
        return read_results(_run_in_environment(jobs, requires, runner), makings)


def get_ready() -> None:
    """Do beforehand what any job needs, and what does not depend on the sandbox."""
    engine(compiled=True)


def _requires(makings: Sequence[Making], missing: str) -> tuple[str, ...]:
    """What the templates say that they need of Python's packages, and what we know they need."""
    named = [name for making in makings for name in foreign(making.template.rules.jinja_extensions)]
    imported = {missing, *(name.partition(".")[0] for name in named)}
    said = [each for making in makings for each in making.template.requires]
    known = [_BROUGHT_BY[each] for each in sorted(imported) if each in _BROUGHT_BY]
    python = [each for each in said if not each.startswith("program:")]
    return tuple(dict.fromkeys([*python, *known]))


def _run_bare(jobs: Mapping[str, Entry], runner: CheckRunner) -> Tree:
    """Do the jobs on a Python that the sandbox can read, with nothing installed for it."""
    if runner.sandbox.name == _WITH_ITS_OWN_PYTHON:
        return _run_in_environment(jobs, (), runner)
    python = find_interpreter(runner.environments.cache)
    argv = (str(python.path), "-I", "-S", "-B", START)
    command = Command(argv=argv, mounts=python.mounts, collect=True)
    done = runner.sandbox.run(command, _with_engine(jobs, python, runner), runner.limits)
    if done.exit_code or done.tree is None:
        raise _failed(readable(done.output) or f"it was ended by {done.ended_by}")
    return done.tree


def _run_in_environment(
    jobs: Mapping[str, Entry], requires: tuple[str, ...], runner: CheckRunner
) -> Tree:
    """Do the jobs on a Python that has `requires` installed."""
    own = runner.sandbox.name == _WITH_ITS_OWN_PYTHON
    python = None if own else find_interpreter(runner.environments.cache)
    tree, command = _with_engine(jobs, python, runner), f"python -I -B {START}"
    ran = runner.run(tree, command, requires, language="python", untrusted=False)
    if not ran.succeeded:
        raise _failed(ran.output)
    return ran.tree


def _with_engine(
    jobs: Mapping[str, Entry], python: Interpreter | None, runner: CheckRunner
) -> Tree:
    """The jobs with what does them on `python`; None: on one that nothing is known of."""
    cache = runner.environments.cache
    modules = engine_for(python, cache) if python else engine(compiled=False)
    return Tree({**jobs, **files_of_engine(modules)})


def _failed(said: str) -> TemplateError:
    return TemplateError(f"The process that runs the template's extensions failed: {said}")


def engine_for(python: Interpreter, cache: Path) -> bytes:
    """The engine for `python`: compiled, where that is ours or the cache can be written to."""
    if python.path.name == running_interpreter().path.name:
        return engine(compiled=True)
    sources = engine(compiled=False)
    key = hashlib.sha256(sources + python.id.encode()).hexdigest()[:32]
    kept = cache / "engines" / f"{key}.bin"
    try:
        if not kept.exists():
            _compile(python, sources, kept)
        return kept.read_bytes()
    except (OSError, subprocess.CalledProcessError):
        return sources  # slower, but it takes no more than a Python


def _compile(python: Interpreter, sources: bytes, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target.parent) as folder:
        start, source, made = (Path(folder) / name for name in (START, "sources", "made"))
        start.write_bytes(Path(boot.__file__).read_bytes())
        source.write_bytes(sources)
        argv = [str(python.path), "-I", "-S", str(start), str(source), str(made)]
        subprocess.run(argv, check=True, capture_output=True, cwd="/", env={})
        made.replace(target)
