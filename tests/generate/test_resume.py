from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from cultivar import Cultivar
from cultivar.errors import DestinationError, NotKnownError, UsageError
from cultivar.llm.base import Provider
from cultivar.llm.scripted import ScriptedModel
from cultivar.model import Json, OpenQuestion

BODY = {"path": "greet.py", "slot": "greeting", "body": "greeting = 'ahoy'"}
STEPS = ["choose", "infer", "ask", "recall", "draft", "prove", "learn", "deliver", "record"]

KILLED = """
import os, signal, sys
from cultivar import Cultivar
from cultivar.llm.base import Provider
from cultivar.llm.scripted import ScriptedModel

kind, step, paid = sys.argv[1:]

def die(event):
    if event.step == step and type(event).__name__ == kind:
        os.kill(os.getpid(), signal.SIGKILL)

def pay(reply):
    def answer(request):
        with open(paid, "a") as file:
            file.write(request.schema_name + "\\n")
        return reply
    return answer

body = {"path": "greet.py", "slot": "greeting", "body": "greeting = 'ahoy'"}
model = ScriptedModel(pay({"answers": []}), pay({"bodies": [body]}))
Cultivar(services={Provider: model}, listener=die).generate(
    "greet people", template="test:greeting", output="out", answers={"name": "Ada"}
)
"""


def _kill_at(kind: str, step: str, paid: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, kind, step, str(paid)], check=False)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", ["StepStarted", "StepFinished"])
def test_a_run_killed_at_any_step_resumes_to_the_same_result_and_pays_no_call_twice(
    kind: str, step: str, workspace: Path
) -> None:
    paid = workspace / "paid"
    _kill_at(kind, step, paid)
    before = paid.read_text().split() if paid.exists() else []
    left: list[dict[str, Json]] = [{"answers": []}, {"bodies": [BODY]}]
    model = ScriptedModel(*left[len(before) :])
    with Cultivar(services={Provider: model}) as cultivar:
        (run,) = cultivar.runs()
        made = cultivar.resume(run.id[:8])
        generation = cultivar.generation(made.generation_id)
        assert len(cultivar.history()) == 1
    assert generation.success is True
    assert generation.usage.calls == 2
    assert len(before) + len(model.requests) == 2
    text = (workspace / "out" / "greet.py").read_text()
    assert "greeting = 'ahoy'" in text
    assert '"Ada"' in text


def test_a_run_that_ended_is_not_run_again(workspace: Path) -> None:
    with Cultivar() as cultivar:
        made = cultivar.generate("greet", template="test:greeting", output="out")
        (workspace / "out" / "greet.py").unlink()
        again = cultivar.resume(made.run_id)
    assert again.generation_id == made.generation_id
    assert not (workspace / "out" / "greet.py").exists()


def test_a_run_that_ended_leaves_no_checkpoints(workspace: Path) -> None:
    with Cultivar() as cultivar:
        cultivar.generate("greet", template="test:greeting", output="out")
        home = cultivar.services.settings.home
    with closing(sqlite3.connect(home / "checkpoints.db")) as checkpoints:
        for table in ("checkpoints", "writes"):
            counted = checkpoints.execute(f"SELECT count(*) FROM {table}")
            assert counted.fetchone() == (0,)


def test_a_run_goes_on_with_the_template_that_it_began_with(
    workspace: Path, template: Path
) -> None:
    _kill_at("StepFinished", "recall", workspace / "paid")
    (template / "files" / "greet.py.jinja").write_text("raise SystemExit('changed')\n")
    with Cultivar(services={Provider: ScriptedModel({"bodies": [BODY]})}) as cultivar:
        made = cultivar.resume(cultivar.runs()[0].id)
        assert cultivar.generation(made.generation_id).success is True


def test_a_run_that_files_stopped_goes_on_by_force_with_what_it_had_proven(
    workspace: Path,
) -> None:
    (workspace / "out").mkdir()
    (workspace / "out" / "greet.py").write_text("mine\n")
    model = ScriptedModel({"answers": []}, {"bodies": [BODY]})
    with Cultivar(services={Provider: model}) as cultivar:
        with pytest.raises(DestinationError) as stopped:
            cultivar.generate("greet", template="test:greeting", output="out")
        made = cultivar.resume(stopped.value.run_id, force=True)
        assert cultivar.generation(made.generation_id).success is True
    assert "greeting = 'ahoy'" in (workspace / "out" / "greet.py").read_text()
    assert len(model.requests) == 2


def test_a_run_that_does_not_exist_is_said(workspace: Path) -> None:
    with Cultivar() as cultivar, pytest.raises(NotKnownError, match="There is no run 'zzz'"):
        cultivar.resume("zzz")


def test_an_interactive_run_asks_what_is_unsure_and_takes_the_answers(workspace: Path) -> None:
    asked: list[OpenQuestion] = []

    def ask(question: OpenQuestion) -> Json:
        asked.append(question)
        return {"name": "Grace", "loud": "yes", "token": "s3cret-t0ken"}[question.name]

    with Cultivar() as cultivar:
        made = cultivar.generate(
            "people", template="test:greeting", output="out", interactive=True, ask=ask
        )
    assert [question.name for question in asked] == ["name", "loud", "token"]
    assert {a.name: a.value for a in made.answers if not a.secret} == {
        "name": "Grace",
        "loud": True,
    }
    assert (workspace / "out" / "settings.ini").read_text() == "token=s3cret-t0ken\n"


def test_an_answer_that_is_refused_is_asked_again_with_the_reason(workspace: Path) -> None:
    replies: list[Json] = ["Grace", "purple", "yes", ""]
    errors: list[str] = []

    def ask(question: OpenQuestion) -> Json:
        errors.append(question.error)
        return replies.pop(0)

    with Cultivar() as cultivar:
        cultivar.generate("people", template="test:greeting", interactive=True, ask=ask)
    assert [bool(error) for error in errors] == [False, False, True, False]


def test_a_run_without_a_person_waits_and_another_process_answers_it(workspace: Path) -> None:
    with Cultivar() as cultivar:
        made = cultivar.generate("people", template="test:greeting", output="out", interactive=True)
        assert made.question is not None
        assert made.question.name == "name"
        assert [run.status for run in cultivar.runs()] == ["waiting"]
    with Cultivar() as cultivar:
        done = cultivar.resume(made.run_id, ask=lambda question: question.default)
        assert cultivar.generation(done.generation_id).success is True


def test_a_run_that_another_version_kept_in_another_form_is_refused(workspace: Path) -> None:
    with Cultivar() as cultivar:
        made = cultivar.generate("people", template="test:greeting", output="out", interactive=True)
        home = cultivar.services.settings.home
    with closing(sqlite3.connect(home / "checkpoints.db")) as checkpoints:
        known = "CAST(replace(CAST({0} AS TEXT), 'cultivar.model', 'cultivar.older') AS BLOB)"
        for table, column in (("checkpoints", "checkpoint"), ("writes", "value")):
            checkpoints.execute(f"UPDATE {table} SET {column} = {known.format(column)}")
        checkpoints.commit()
    for force in (False, True):
        with Cultivar() as cultivar, pytest.raises(UsageError, match="Another version of Cultivar"):
            cultivar.resume(made.run_id, force=force)


def test_a_secret_is_asked_for_again_when_another_process_resumes(workspace: Path) -> None:
    script = KILLED.replace('{"name": "Ada"}', '{"token": "s3cret-t0ken"}')
    subprocess.run(
        [sys.executable, "-c", script, "StepFinished", "infer", str(workspace / "paid")],
        check=False,
    )
    with Cultivar(services={Provider: ScriptedModel({"bodies": [BODY]})}) as cultivar:
        run = cultivar.runs()[0].id
        with pytest.raises(UsageError, match="needs the secret 'token' again"):
            cultivar.resume(run)
        cultivar.resume(run, answers={"token": "s3cret-t0ken"})
    assert (workspace / "out" / "settings.ini").read_text() == "token=s3cret-t0ken\n"


def test_a_secret_that_was_asked_is_asked_again_of_whoever_resumes(workspace: Path) -> None:
    (workspace / "out").mkdir()
    (workspace / "out" / "settings.ini").write_text("token=mine\n")

    def ask(question: OpenQuestion) -> Json:
        return "s3cret-t0ken" if question.secret else question.default

    with Cultivar() as cultivar, pytest.raises(DestinationError) as stopped:
        cultivar.generate(
            "people", ask=ask, interactive=True, template="test:greeting", output="out"
        )
    with Cultivar() as cultivar:
        with pytest.raises(UsageError, match="needs the secret 'token' again"):
            cultivar.resume(stopped.value.run_id, force=True)
        assert (workspace / "out" / "settings.ini").read_text() == "token=mine\n"
        cultivar.resume(stopped.value.run_id, force=True, answers={"token": "s3cret-t0ken"})
    assert (workspace / "out" / "settings.ini").read_text() == "token=s3cret-t0ken\n"


@pytest.mark.parametrize("force", [False, True])
def test_a_run_killed_before_its_first_checkpoint_starts_anew(force: bool, workspace: Path) -> None:
    _kill_at("StepStarted", "choose", workspace / "paid")
    for path in workspace.parent.rglob("checkpoints.db*"):
        path.unlink()
    model = ScriptedModel({"answers": []}, {"bodies": [BODY]})
    with Cultivar(services={Provider: model}) as cultivar:
        made = cultivar.resume(cultivar.runs()[0].id, force=force)
        assert cultivar.generation(made.generation_id).success is True
    assert '"Ada"' in (workspace / "out" / "greet.py").read_text()
