"""The workshop: in this process, or behind the wall where a template's extensions are code."""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cultivar.checking.checks import CheckRunner
from cultivar.checking.environments import Environments
from cultivar.checking.interpreters import Interpreter, running_interpreter
from cultivar.checking.makers import HostMaker
from cultivar.errors import AnswerError, TemplateError, UntrustedError, UsageError
from cultivar.generation.workers import do_jobs, engine_for
from cultivar.generation.workshop import Job, Workshop
from cultivar.model import Answer
from cultivar.sandbox.choose import choose_sandbox
from cultivar.settings import SandboxSettings
from cultivar.templating.making.engine import engine
from cultivar.templating.making.making import Making
from cultivar.templating.questions.asking import AskedQuestion
from cultivar.templating.reading.loading import parse_template
from cultivar.templating.template import Template
from cultivar.tree import Tree, text_entry

COPIER = """\
_jinja_extensions: [{extension}]
_exclude: [copier.yml, "*.py"]
{tasks}
name: {{type: str, default: World}}
shout: {{type: str, default: "{{{{ name | shout }}}}"}}
token: {{type: str, secret: true, default: ""}}
"""
SHOUT = """\
from jinja2.ext import Extension


class Shout(Extension):
    def __init__(self, environment):
        super().__init__(environment)
        environment.filters["shout"] = lambda text: text.upper() + "!"
"""


class ShoutMaker(HostMaker):
    """Installs one package, which no registry has."""

    def make(self, folder: Path, requirements: tuple[str, ...], *, wheels_only: bool) -> None:
        super().make(folder, (), wheels_only=wheels_only)
        assert requirements == ("acme-shout",)
        (library,) = folder.glob("lib/python*/site-packages")
        (library / "acme_shout.py").write_text(SHOUT)


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    with TemporaryDirectory(dir="/var/tmp", prefix="cultivar-") as folder:
        cache = Path(folder)
        cache.chmod(0o755)  # the sandbox's user reads it
        yield _workshop(cache)


def _workshop(cache: Path) -> Workshop:
    environments = Environments(cache=cache, maker=ShoutMaker(cache=cache))
    sandbox = choose_sandbox(SandboxSettings())
    runner = CheckRunner(sandbox=sandbox, environments=environments)
    return Workshop(lambda: runner)


def template_of(
    extension: str = "shout.py:Shout", *, more: str = "", trusted: bool = True
) -> Template:
    files = {
        "copier.yml": COPIER.format(extension=extension, tasks=more),
        "shout.py": SHOUT,
        "hello.jinja": "{{ shout }} {{ 'a' | shout }} {{ token }}",
    }
    tree = Tree({path: text_entry(text) for path, text in files.items()})
    return parse_template(tree, origin="somewhere", trusted=trusted)


def bare() -> Template:
    tree = Tree({"copier.yml": text_entry("name: x"), "plain.jinja": text_entry("{{ name }}")})
    return parse_template(tree, origin="elsewhere")


def test_several_are_made_at_once_wherever_each_may_be(workshop: Workshop) -> None:
    shouting = template_of()
    made = workshop.make(
        [
            Making(template=shouting, given={"name": "one"}),
            Making(template=bare(), given={"name": "two"}),
            Making(template=shouting, given={"name": "three", "shout": "psst"}),
        ]
    )
    assert [
        each.rendered.tree.text(path)
        for each, path in zip(made, ("hello", "plain", "hello"), strict=True)
    ] == ["ONE! A! ", "two", "psst A! "]
    assert [answer.source for answer in made[2].answers] == ["user", "user", "default"]


def test_a_rendered_job_has_its_secrets(workshop: Workshop) -> None:
    answers = tuple(
        Answer(name=name, value=value, source="user", confidence=1.0, secret=name == "token")
        for name, value in {"name": "a", "shout": "b", "token": "<token>"}.items()
    )
    job = Job(template=template_of(), answers=answers, folder_name="x", secrets={"token": "s3cr3t"})
    assert workshop.render(job).tree.text("hello") == "b A! s3cr3t"


def test_what_is_proposed_is_taken_and_what_follows_from_it_is_proposed_again(
    workshop: Workshop,
) -> None:
    def propose(asked: AskedQuestion) -> Answer | None:
        values = {"name": "deep", "shout": f"{asked.default}?"}
        if asked.name not in values:
            return None
        return Answer(name=asked.name, value=values[asked.name], source="task", confidence=0.8)

    for template in (template_of(), bare()):
        made = workshop.answers(Making(template=template), propose)
        assert (made.answers[0].value, made.answers[0].source) == ("deep", "task")
    made = workshop.answers(Making(template=template_of()), propose)
    assert made.answers[1].value == "DEEP!?"


def test_a_task_may_use_the_extensions(workshop: Workshop) -> None:
    tasks = """
_tasks:
- command: "printf '{{ name | shout }} {{ _copier_phase }}' > said"
- {command: [touch, "{{ 'never' | shout }}"], when: "{{ name == 'nobody' }}"}
- {command: [touch, "{{ name }}"], when: "{{ 'x' | shout == 'X!' }}"}
"""
    template = template_of(more=tasks)
    (made,) = workshop.make([Making(template=template, given={"name": "me"})])
    job = Job(template=template, answers=made.answers, folder_name="x")
    done = workshop.finish(made.rendered.tree, job)
    assert done.text("said") == "ME! tasks"
    assert set(done) == {"hello", "said", "me"}


def test_a_task_gets_no_secret(workshop: Workshop) -> None:
    template = template_of(more='_tasks: ["echo {{ token }}"]')
    (made,) = workshop.make([Making(template=template, given={"token": "s3cr3t"})])
    job = Job(template=template, answers=made.answers, folder_name="x", secrets={"token": "s3cr3t"})
    with pytest.raises(UsageError, match="uses a secret"):
        workshop.finish(made.rendered.tree, job)


def test_packages_that_the_template_requires_are_installed_for_its_extensions(
    workshop: Workshop,
) -> None:
    template = template_of(
        "acme_shout.Shout", more="_cultivar: {requires: [acme-shout, 'program:git']}"
    )
    (made,) = workshop.make([Making(template=template)])
    assert made.rendered.tree.text("hello") == "WORLD! A! "


def test_a_package_that_nothing_requires_is_named(workshop: Workshop) -> None:
    with pytest.raises(TemplateError, match=r"'acme_shout'.*_cultivar\.requires"):
        workshop.make([Making(template=template_of("acme_shout.Shout"))])


def test_a_refused_answer_is_told_as_such(workshop: Workshop) -> None:
    template = template_of(more="size: {type: int, default: 1}")
    with pytest.raises(AnswerError) as refused:
        workshop.make([Making(template=template, given={"size": "large"})])
    assert refused.value.question == "size"


def test_for_another_python_the_engine_is_compiled_once(tmp_path: Path) -> None:
    ours = running_interpreter()
    (tmp_path / "python3.99").symlink_to(ours.path)
    other = Interpreter(path=tmp_path / "python3.99", prefix=ours.prefix)
    made = engine_for(other, tmp_path)
    package, code = marshal.loads(made)["jinja2.environment"]
    assert (package, type(code)) == (False, bytes)
    (kept,) = tmp_path.glob("engines/*")
    kept.write_bytes(b"as it was kept")
    assert engine_for(other, tmp_path) == b"as it was kept"


def test_without_a_cache_the_engine_goes_as_sources(tmp_path: Path) -> None:
    ours = running_interpreter()
    (tmp_path / "python3.99").symlink_to(ours.path)
    other = Interpreter(path=tmp_path / "python3.99", prefix=ours.prefix)
    (tmp_path / "cache").write_text("no folder")
    assert engine_for(other, tmp_path / "cache") == engine(compiled=False)


def test_nothing_runs_of_a_template_that_nobody_trusts(workshop: Workshop) -> None:
    with pytest.raises(UntrustedError):
        do_jobs([Making(template=template_of(trusted=False))], workshop.runner)
