"""Make trees of templates where that may be done, and run their tasks over the result.

The invariant: code of a template (tasks, extensions) runs only where the template is trusted, and
then in the sandbox.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING

from cultivar.errors import TemplateError, UsageError
from cultivar.model import Answer, Answers, Json
from cultivar.record import Record, field, replace
from cultivar.templating.jinja.environment import is_true
from cultivar.templating.making.making import Made, Making, make
from cultivar.templating.questions.interview import Interview, Propose
from cultivar.templating.rendering.render import Rendered, needs_worker
from cultivar.templating.template import Task, Template
from cultivar.tree import Tree

if TYPE_CHECKING:
    from cultivar.checking.checks import CheckRunner


class Job(Record):
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
    def making(self) -> Making:
        """It, with nothing to be asked."""
        return Making(
            template=self.template,
            answers=self.answers,
            secrets=self.secrets,
            folder_name=self.folder_name,
        )


class Workshop(Record, kw_only=False, dict=True):
    """Makes trees of templates and answers."""

    open_runner: Callable[[], CheckRunner]
    """Finds the wall when it is first needed, which most templates never do."""

    @cached_property
    def runner(self) -> CheckRunner:
        """What runs behind the wall."""
        return self.open_runner()

    def make(self, makings: Sequence[Making], *, unconfined: bool = False) -> tuple[Made, ...]:
        """Ask and render: in this process, or behind the wall where extensions are code.

        All that goes behind the wall goes there together, so that it costs one start.

        Raises:
            NotKnownError: A name that is given is no question of its template's.
            AnswerError: A given value is refused, or a question without a default has no answer.
            TemplateError: A template is broken, or needs packages that it does not name.
            RefusedError: A template is not trusted, reaches out of its place, or there is no wall.
        """
        far = [making for making in makings if needs_worker(making.template)]
        made = iter(self._make_far(far, unconfined=unconfined) if far else ())
        return tuple(next(made) if needs_worker(each.template) else make(each) for each in makings)

    def _make_far(self, far: Sequence[Making], *, unconfined: bool) -> tuple[Made, ...]:
        from cultivar.generation.workers import do_jobs, get_ready

        with ThreadPoolExecutor(1) as beside:
            beside.submit(get_ready)
            runner = self.runner  # the wall is tried meanwhile, which is mostly waiting
        return do_jobs(far, replace(runner, unconfined=unconfined))

    def answers(self, making: Making, propose: Propose, *, unconfined: bool = False) -> Made:
        """Ask alone, with `propose` for what is not given; see `make`.

        Behind the wall nothing can be proposed while it is asked. There it is asked until what
        is proposed for the questions, as they come to be asked, has been taken into account.
        """
        about = replace(making, files=False)
        if not needs_worker(making.template):
            return _asked_here(about, propose)
        made = self.make([about], unconfined=unconfined)[0]
        for _ in making.template.questions:
            proposals = _proposals(made, making, propose)
            if proposals == about.proposals:
                break
            about = replace(about, proposals=proposals)
            made = self.make([about], unconfined=unconfined)[0]
        return made

    def secret_values(
        self, template: Template, held: Mapping[str, Json], answers: Answers
    ) -> Mapping[str, Json]:
        """The real values of the secrets that are `held`, and of all that is computed from them.

        They are what rendering needs in place of the placeholders in `answers`; they must not be
        kept.

        Raises:
            AnswerError: A value is refused; the error does not show it.
        """
        making = Making(template=template, answers=answers, folder_name="", files=False, held=held)
        return self.make([making])[0].secrets

    def render(self, job: Job) -> Rendered:
        """Render the template of `job`; its tasks have not run then.

        Raises:
            TemplateError: It does not render.
            RefusedError: It is not trusted, or there is no wall.
        """
        return self.make([job.making], unconfined=job.unconfined)[0].rendered

    def finish(self, tree: Tree, job: Job) -> Tree:
        """Run the template's tasks over a rendered tree.

        Raises:
            TemplateError: A task failed.
        """
        for command in self._commands(job):
            tree = self._run(command, tree, job)
        return tree

    def _commands(self, job: Job) -> list[str]:
        """The commands of the tasks that are to run.

        Raises:
            UsageError: One has a secret in it.
        """
        tasks = job.template.rules.tasks
        makings = [replace(job.making, files=False, texts=_texts(task)) for task in tasks]
        made = self.make(makings, unconfined=job.unconfined)
        if job.secrets:
            bare = [replace(making, secrets={}) for making in makings]
            _refuse_secrets(made, self.make(bare, unconfined=job.unconfined))
        found = (_command(task, each.texts) for task, each in zip(tasks, made, strict=True))
        return [command for command in found if command]

    def _run(self, command: str, tree: Tree, job: Job) -> Tree:
        template = job.template
        done = replace(self.runner, unconfined=job.unconfined).run(
            tree,
            command,
            template.requires,
            language=template.language,
            untrusted=not template.ref.trusted,
        )
        if not done.succeeded:
            raise TemplateError(f"The task {command!r} failed: {done.output}", file="copier.yml")
        return done.tree


def _proposals(made: Made, making: Making, propose: Propose) -> dict[str, Answer]:
    """What is proposed for the questions as they were asked."""
    asked = (each for each in made.asked if each.name not in making.given and not each.secret)
    found = {each.name: propose(replace(each, answered=made.answers)) for each in asked}
    return {name: answer for name, answer in found.items() if answer is not None}


def _asked_here(making: Making, propose: Propose) -> Made:
    about = Interview(
        template=making.template, folder_name=making.folder_name, existing=making.existing
    )
    answers = about.answers(making.given, propose, complete=making.complete)
    return Made(answers=answers, asked=about.asked(answers))


def _texts(task: Task) -> tuple[str, ...]:
    """All of a task that is to be rendered."""
    words = (task.command,) if isinstance(task.command, str) else task.command
    return (str(task.when), task.working_directory, *words)


def _command(task: Task, texts: tuple[str, ...]) -> str:
    """The command of a task whose texts have been rendered; empty: it is not to run."""
    when, folder, *words = texts
    if not is_true(when):
        return ""
    command = words[0] if isinstance(task.command, str) else shlex.join(words)
    return command if folder == "." else f"cd {shlex.quote(folder)} && {command}"


def _refuse_secrets(real: Sequence[Made], shown: Sequence[Made]) -> None:
    if any(one.texts[2:] != other.texts[2:] for one, other in zip(real, shown, strict=True)):
        raise UsageError(
            "A task of the template uses a secret.",
            "Its command would be seen by others. Keep secrets in the contents of files.",
        )
