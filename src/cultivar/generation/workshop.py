"""Render a template where it may be rendered, and run its tasks over the result.

The invariant: code of a template (tasks, extensions) runs only where the template is trusted, and
then in the sandbox.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path

from cultivar import errors
from cultivar.checking.checks import CheckRunner
from cultivar.errors import TemplateError, UsageError
from cultivar.model import Answers, Json
from cultivar.templating.jinja.environment import environment_of, evaluate_bool, render_text
from cultivar.templating.rendering.render import Rendered, needs_worker, render
from cultivar.templating.rendering.worker import read_rendered, render_job
from cultivar.templating.template import Task, Template
from cultivar.tree import Entry, Tree, read_entry

_ENGINE = "engine"
"""Where our own rendering is in the folder of a job."""

_GROUND = ("agent", "errors", "model", "roles", "tool", "tree")
"""What it stands on, of our own."""

_USES = ("jinja2", "markupsafe", "pathspec", "pyyaml", "regex", "typing_extensions")
"""What rendering needs of other packages."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be made."""

    template: Template
    answers: Answers
    """Of secrets, the placeholders."""
    folder_name: str
    """The name of the folder that it will stand in."""
    unconfined: bool = False
    """Whether the user lets untrusted code run without a wall."""
    secrets: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """What is rendered in the placeholders' stead; empty: they are rendered themselves."""

    @property
    def shown(self) -> dict[str, Json]:
        """The answers by name; of secrets, the placeholders."""
        return {answer.name: answer.value for answer in self.answers}

    @property
    def values(self) -> dict[str, Json]:
        """The answers by name, secrets among them."""
        return self.shown | dict(self.secrets)


@dataclass(frozen=True)
class Workshop:
    """Makes trees of templates and answers."""

    runner: CheckRunner

    def render(self, job: Job) -> Rendered:
        """Render the template of `job`; its tasks have not run then.

        Raises:
            TemplateError: It does not render.
            RefusedError: It is not trusted, or there is no wall.
        """
        if needs_worker(job.template):
            return self._render_behind_the_wall(job)
        return render(job.template, job.answers, secrets=job.secrets, folder_name=job.folder_name)

    def finish(self, tree: Tree, job: Job) -> Tree:
        """Run the template's tasks over a rendered tree.

        Raises:
            TemplateError: A task failed.
        """
        rules = job.template.rules
        if not rules.tasks:
            return tree
        environment = environment_of(rules, job.template.tree, trusted=job.template.ref.trusted)
        for task in rules.tasks:
            if evaluate_bool(environment, task.when, job.values):
                tree = self._run(task, tree, job)
        return tree

    def _render_behind_the_wall(self, job: Job) -> Rendered:
        """Render a template whose extensions are its author's code."""
        template = job.template
        asked = render_job(template, job.answers, secrets=job.secrets, folder_name=job.folder_name)
        files = {f"{_ENGINE}/{path}": entry for path, entry in _engine().items()}
        command = f"PYTHONPATH={_ENGINE} python {shlex.join(asked.argv[1:])}"
        runner = replace(self.runner, unconfined=job.unconfined)
        ran = runner.run(
            asked.tree.replace(files),
            command,
            (*_engine_requires(), *template.requires),
            language="python",
            untrusted=not template.ref.trusted,
        )
        if not ran.succeeded:
            raise TemplateError(
                f"The extensions of {template.ref.id!r} failed: {ran.output}",
                remedy="Name the packages that bring them in `_cultivar.requires`.",
            )
        return read_rendered(ran.tree)

    def _run(self, task: Task, tree: Tree, job: Job) -> Tree:
        template = job.template
        environment = environment_of(template.rules, template.tree, trusted=template.ref.trusted)
        words = (task.command,) if isinstance(task.command, str) else task.command
        rendered = [render_text(environment, word, job.values) for word in words]
        if rendered != [render_text(environment, word, job.shown) for word in words]:
            raise UsageError(
                "A task of the template uses a secret.",
                "Its command would be seen by others. Keep secrets in the contents of files.",
            )
        command = rendered[0] if isinstance(task.command, str) else shlex.join(rendered)
        folder = render_text(environment, task.working_directory, job.values)
        runner = replace(self.runner, unconfined=job.unconfined)
        done = runner.run(
            tree,
            f"cd {shlex.quote(folder)} && {command}",
            template.requires,
            language=template.language,
            untrusted=not template.ref.trusted,
        )
        if not done.succeeded:
            raise TemplateError(f"The task {command!r} failed: {done.output}", file="copier.yml")
        return done.tree


@cache
def _engine() -> Mapping[str, Entry]:
    """Our own files that render, so that the sandbox needs nothing of this installation."""
    root = Path(errors.__file__).parent
    sources = [
        *(root / f"{name}.py" for name in ("__init__", *_GROUND)),
        *sorted((root / "templating").rglob("*.py")),
    ]
    return {
        f"cultivar/{source.relative_to(root).as_posix()}": read_entry(source) for source in sources
    }


def _engine_requires() -> tuple[str, ...]:
    return tuple(f"{name}=={version(name)}" for name in _USES)
