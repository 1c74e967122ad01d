from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from cultivar import Cultivar
from cultivar.errors import (
    AnswerError,
    DestinationError,
    NotKnownError,
    UntrustedError,
    UsageError,
)
from cultivar.generation.fixes import command_fix
from cultivar.generation.templates import is_untrusted
from cultivar.ledger.base import PatternStore
from cultivar.llm.base import Provider
from cultivar.llm.scripted import ScriptedModel
from cultivar.machine import StepFinished, StepStarted
from cultivar.model import Draft, Fix, SlotBody

TASK = "greet people"


SHIPPED = "quality_template:python-production"
NEEDS = "[jinja2-time, setuptools]"
"""What brings the extension."""


def test_a_task_becomes_proven_files_with_their_answers(workspace: Path) -> None:
    with Cultivar() as cultivar:
        made = cultivar.generate(TASK, template="test:greeting", output="out")
        generation = cultivar.generation(made.generation_id)
    assert generation.success is True
    assert generation.proof.quality == 1.0
    assert "print(greeting, NAME)" in (workspace / "out" / "greet.py").read_text()
    kept = yaml.safe_load((workspace / "out" / ".template-answers.yml").read_text())
    assert kept["_template_id"] == "test:greeting"
    assert (kept["name"], kept["loud"]) == ("world", False)


def test_a_user_s_answer_stands_and_says_where_it_came_from(workspace: Path) -> None:
    with Cultivar() as cultivar:
        made = cultivar.generate(
            TASK, template="test:greeting", output="out", answers={"name": "Ada", "loud": "yes"}
        )
    assert [(a.name, a.value, a.source) for a in made.answers if not a.secret] == [
        ("name", "Ada", "user"),
        ("loud", True, "user"),
    ]
    assert '"Ada"' in (workspace / "out" / "greet.py").read_text()


def test_the_task_chooses_the_template(workspace: Path) -> None:
    with Cultivar() as cultivar:
        made = cultivar.generate("a friendly greeting, loudly", output="out")
    assert made.template.id == "test:greeting"


def test_the_ledger_finds_a_generation_by_its_file(workspace: Path) -> None:
    with Cultivar() as cultivar:
        made = cultivar.generate(TASK, template="test:greeting", output="out")
        assert cultivar.generation("out/greet.py").id == made.generation_id
        assert cultivar.generation(made.generation_id[:6]).id == made.generation_id
        assert [each.id for each in cultivar.history()] == [made.generation_id]
        assert [each.succeeded for each in cultivar.stats("test:greeting")] == [1]


def test_a_dry_run_shows_the_files_and_writes_and_records_nothing(workspace: Path) -> None:
    with Cultivar() as cultivar:
        made = cultivar.generate(TASK, template="test:greeting", output="out", dry_run=True)
        assert cultivar.history() == ()
    assert made.delivery is not None
    assert "greet.py" in made.delivery.added
    assert '+NAME = "world"' in made.diff
    assert not (workspace / "out").exists()


def test_a_result_that_fails_is_recorded_and_not_written(workspace: Path, template: Path) -> None:
    (template / "files" / "greet.py.jinja").write_text("raise SystemExit('no')\n")
    with Cultivar() as cultivar:
        made = cultivar.generate(TASK, template="test:greeting", output="out", keep_failed="bad")
        generation = cultivar.generation(made.generation_id)
    assert generation.success is False
    assert not (workspace / "out").exists()
    assert (workspace / "bad" / "greet.py").exists()


def test_what_a_check_names_as_its_fix_is_tried_first_and_remembered(
    workspace: Path, template: Path
) -> None:
    (template / "files" / "greet.py.jinja").write_text("print('rude')\n")
    copier = (template / "copier.yml").read_text().replace("fix:", "required: true, fix:")
    (template / "copier.yml").write_text(copier)
    with Cultivar() as cultivar:
        made = cultivar.generate(TASK, template="test:greeting", output="out")
        generation = cultivar.generation(made.generation_id)
        _, failed = cultivar.patterns_of(generation)
    assert [attempt.proof.verdict for attempt in generation.attempts] == ["failed", "passed"]
    assert (workspace / "out" / "greet.py").read_text() == "print('kind')\n"
    assert [(fix.command, fix.tried, fix.worked) for p in failed for fix in p.fixes] == [
        ("sed -i s/rude/kind/ greet.py", 1, 1)
    ]


def test_a_model_fills_a_slot_with_code_that_differs_and_passes(workspace: Path) -> None:
    body = {"path": "greet.py", "slot": "greeting", "body": "greeting = 'ahoy'"}
    model = ScriptedModel({"answers": []}, {"bodies": [body]})
    with Cultivar(services={Provider: model}) as cultivar:
        made = cultivar.generate(TASK, template="test:greeting", output="out")
        generation = cultivar.generation(made.generation_id)
    assert "greeting = 'ahoy'" in (workspace / "out" / "greet.py").read_text()
    assert generation.success is True
    assert generation.usage.calls == 2


def test_a_model_is_shown_how_its_code_failed_and_what_it_writes_then_is_learned(
    workspace: Path,
) -> None:
    wrong = {"path": "greet.py", "slot": "greeting", "body": "greeting = undefined"}
    right = {"path": "greet.py", "slot": "greeting", "body": "greeting = 'ahoy'"}
    model = ScriptedModel({"answers": []}, {"bodies": [wrong]}, {"bodies": [right]})
    with Cultivar(services={Provider: model}) as cultivar:
        made = cultivar.generate(TASK, template="test:greeting", output="out")
        generation = cultivar.generation(made.generation_id)
        _, failed = cultivar.patterns_of(generation)
    assert [attempt.proof.verdict for attempt in generation.attempts] == ["failed", "passed"]
    shown = model.requests[2].messages[-1].content
    assert "NameError" in shown
    assert ">    3 | greeting = undefined" in shown
    assert [len(pattern.fixes) for pattern in failed] == [1]


def test_a_fix_that_was_learned_mends_the_same_failure_without_a_model(workspace: Path) -> None:
    wrong = {"path": "greet.py", "slot": "greeting", "body": "greeting = undefined"}
    right = {"path": "greet.py", "slot": "greeting", "body": "greeting = 'ahoy'"}
    first = ScriptedModel({"answers": []}, {"bodies": [wrong]}, {"bodies": [right]})
    with Cultivar(services={Provider: first}) as cultivar:
        cultivar.generate(TASK, template="test:greeting", output="first")
    again = ScriptedModel({"answers": []}, {"bodies": [wrong]})
    with Cultivar(services={Provider: again}) as cultivar:
        made = cultivar.generate(TASK, template="test:greeting", output="second")
        generation = cultivar.generation(made.generation_id)
        told, _ = cultivar.patterns_of(generation)
    assert generation.success is True
    assert generation.attempts[-1].draft.fixes
    assert "seen" in again.requests[1].messages[-1].content
    assert [pattern.seen for pattern in told] == [2]


def test_a_model_really_changes_a_shipped_template_and_its_tests_still_pass(
    workspace: Path,
) -> None:
    body = (
        "surplus = len(self._entries) - self._max_entries\n"
        "for key in list(self._entries)[: max(0, surplus)]:\n"
        "    del self._entries[key]\n"
    )
    slot = {"path": "resilient_loader.py", "slot": "eviction", "body": body}
    model = ScriptedModel({"answers": []}, {"bodies": [slot]})
    with Cultivar(services={Provider: model}) as cultivar:
        made = cultivar.generate("a cache", template=SHIPPED, output="out")
        generation = cultivar.generation(made.generation_id)
    assert generation.success is True
    assert "surplus = len(self._entries)" in (workspace / "out/resilient_loader.py").read_text()


def test_a_model_cannot_pass_the_tests_by_leaving_before_they_are_done(workspace: Path) -> None:
    slot = {
        "path": "resilient_loader.py",
        "slot": "eviction",
        "body": "import os\n\nos._exit(0)\n",
    }
    model = ScriptedModel({"answers": []}, {"bodies": [slot]}, {"bodies": [slot]})
    with Cultivar(services={Provider: model}) as cultivar:
        made = cultivar.generate("a cache", template=SHIPPED, output="out")
        generation = cultivar.generation(made.generation_id)
    assert generation.success is False
    assert "does not match" in generation.proof.results[0].output
    assert not (workspace / "out").exists()


def test_what_was_learned_of_a_model_is_trusted_no_more_than_the_model(workspace: Path) -> None:
    with Cultivar() as cultivar:
        template = cultivar.template(SHIPPED)
    assert template.ref.trusted
    drafts = {
        "clean": Draft(tree_hash=""),
        "own": Draft(tree_hash="", fixes=(command_fix("ruff format .").id,)),
        "learned": Draft(tree_hash="", fixes=("0123",)),
        "written": Draft(tree_hash="", slots=(SlotBody(path="a", slot="b", body=""),)),
    }
    found = {name: is_untrusted(template, draft) for name, draft in drafts.items()}
    assert found == {"clean": False, "own": False, "learned": True, "written": True}


def test_a_secret_that_decides_what_a_file_is_called_is_refused(
    workspace: Path, template: Path
) -> None:
    (template / "files" / "{{ token }}.txt").write_text("")
    given = {"token": "s3cret-t0ken-value"}
    with Cultivar() as cultivar, pytest.raises(UsageError, match="depends on a secret") as refused:
        cultivar.generate(TASK, template="test:greeting", output="out", answers=given)
    assert "s3cret" not in str(refused.value)
    assert not (workspace / "out").exists()


def test_a_task_that_uses_a_secret_is_refused_and_the_secret_is_kept_nowhere(
    workspace: Path, template: Path
) -> None:
    with (template / "copier.yml").open("a") as file:
        file.write("_tasks: [\"echo '{{ token }}'\"]\n")
    given = {"token": "s3cret-t0ken-value"}
    with Cultivar() as cultivar, pytest.raises(UsageError, match="A task of the template uses"):
        cultivar.generate(TASK, template="test:greeting", output="out", answers=given, trust=True)
    kept = [path for path in workspace.parent.rglob("*") if path.is_file()]
    assert not [path for path in kept if b"s3cret-t0ken-value" in path.read_bytes()]


def test_what_failed_is_not_written_over_a_person_s_file(workspace: Path, template: Path) -> None:
    (template / "files" / "greet.py.jinja").write_text("raise SystemExit('no')\n")
    (workspace / "bad").mkdir()
    (workspace / "bad" / "greet.py").write_text("mine\n")
    with Cultivar() as cultivar, pytest.raises(DestinationError):
        cultivar.generate(TASK, template="test:greeting", output="out", keep_failed="bad")
    assert (workspace / "bad" / "greet.py").read_text() == "mine\n"


def test_a_file_that_holds_a_secret_is_not_shown_when_it_is_in_the_way(workspace: Path) -> None:
    (workspace / "out").mkdir()
    (workspace / "out" / "settings.ini").write_text("token=old-s3cret\n")
    given = {"token": "s3cret-t0ken-value"}
    with Cultivar() as cultivar:
        dry = cultivar.generate(
            TASK, template="test:greeting", output="out", answers=given, dry_run=True
        )
        with pytest.raises(DestinationError) as refused:
            cultivar.generate(TASK, template="test:greeting", output="out", answers=given)
    assert "s3cret" not in dry.diff + refused.value.diff
    assert "File settings.ini differs, and holds a secret" in refused.value.diff


def test_what_cannot_be_verified_here_is_neither_success_nor_failure(
    workspace: Path, template: Path
) -> None:
    copier = (template / "copier.yml").read_text()
    needing = copier.replace("checks:", "requires: ['program:no-such-program']\n  checks:")
    (template / "copier.yml").write_text(needing)
    with Cultivar() as cultivar:
        made = cultivar.generate(TASK, template="test:greeting", output="out")
        generation = cultivar.generation(made.generation_id)
    assert (generation.success, generation.proof.quality) == (None, None)
    assert {result.verdict for result in generation.proof.results} == {"not_verified"}
    assert "no-such-program" in generation.proof.results[0].output
    assert (workspace / "out" / "greet.py").exists()


def test_a_command_that_was_learned_runs_only_where_the_template_names_it(
    workspace: Path, template: Path
) -> None:
    (template / "files" / "greet.py.jinja").write_text("raise SystemExit('no')\n")
    with Cultivar() as cultivar:
        made = cultivar.generate(TASK, template="test:greeting", output="out")
        failed = cultivar.patterns_of(cultivar.generation(made.generation_id))[1]
        evil = Fix(id="evil", description="evil", command="echo 'print(1)' > greet.py")
        cultivar.services.need(PatternStore).add_fix(failed[0].id, evil)
        again = cultivar.generate(TASK, template="test:greeting", output="out")
        assert cultivar.generation(again.generation_id).success is False
    assert not (workspace / "out").exists()


def test_a_reply_that_would_break_the_file_leaves_the_default_body(workspace: Path) -> None:
    body = {"path": "greet.py", "slot": "greeting", "body": "greeting = ("}
    model = ScriptedModel({"answers": []}, {"bodies": [body]})
    with Cultivar(services={Provider: model}) as cultivar:
        made = cultivar.generate(TASK, template="test:greeting", output="out")
        generation = cultivar.generation(made.generation_id)
    assert generation.success is True
    assert generation.attempts[0].draft.refused
    assert 'greeting = "hello"' in (workspace / "out" / "greet.py").read_text()


def test_a_file_in_the_way_stops_it_and_nothing_is_written(workspace: Path) -> None:
    (workspace / "out").mkdir()
    (workspace / "out" / "greet.py").write_text("mine\n")
    with Cultivar() as cultivar:
        with pytest.raises(DestinationError) as refused:
            cultivar.generate(TASK, template="test:greeting", output="out")
        assert [run.status for run in cultivar.runs()] == ["failed"]
    assert refused.value.run_id
    assert [path.name for path in (workspace / "out").iterdir()] == ["greet.py"]


def test_an_answer_that_its_question_refuses_is_explained(workspace: Path) -> None:
    with Cultivar() as cultivar, pytest.raises(AnswerError) as refused:
        cultivar.generate(TASK, template="test:greeting", answers={"loud": "purple"})
    assert (refused.value.question, refused.value.value) == ("loud", "purple")


def test_a_question_that_is_not_there_is_named_with_the_nearest(workspace: Path) -> None:
    with Cultivar() as cultivar, pytest.raises(NotKnownError, match="Did you mean 'name'"):
        cultivar.generate(TASK, template="test:greeting", answers={"nane": "x"})


def test_an_unknown_template_is_named_with_the_nearest(workspace: Path) -> None:
    with Cultivar() as cultivar, pytest.raises(NotKnownError, match="Did you mean 'test:greeting'"):
        cultivar.generate(TASK, template="test:greting")


def test_a_template_with_code_of_its_own_waits_for_trust_and_then_runs_it_in_the_sandbox(
    workspace: Path, template: Path
) -> None:
    with (template / "copier.yml").open("a") as file:
        file.write('_tasks: ["echo \\"# {{ name }} was here\\" >> greet.py; ls / > root.txt"]\n')
    with Cultivar() as cultivar:
        with pytest.raises(UntrustedError, match="runs code of its own: tasks"):
            cultivar.generate(TASK, template="test:greeting", output="out")
        cultivar.generate(TASK, template="test:greeting", output="out", trust=True)
    assert "# world was here" in (workspace / "out" / "greet.py").read_text()
    assert "home" not in (workspace / "out" / "root.txt").read_text().split()


def test_a_trusted_template_renders_with_its_extension_behind_the_wall(
    workspace: Path, template: Path
) -> None:
    with (template / "copier.yml").open("a") as file:
        file.write("_jinja_extensions: [jinja2_time.TimeExtension]\n")
    copier = (
        (template / "copier.yml").read_text().replace("checks:", f"requires: {NEEDS}\n  checks:")
    )
    (template / "copier.yml").write_text(copier)
    with (template / "files" / "greet.py.jinja").open("a") as file:
        file.write("print('{% now 'utc', '%Y' %}')\n")
    with Cultivar() as cultivar:
        with pytest.raises(UntrustedError, match="runs code of its own: jinja_extensions"):
            cultivar.generate(TASK, template="test:greeting", output="out")
        cultivar.generate(TASK, template="test:greeting", output="out", trust=True)
    assert "print('20" in (workspace / "out" / "greet.py").read_text()


def test_every_step_is_told_to_a_listener(workspace: Path) -> None:
    heard: list[StepStarted | StepFinished] = []
    with Cultivar(listener=heard.append) as cultivar:
        cultivar.generate(TASK, template="test:greeting", output="out")
    steps = [event.step for event in heard if isinstance(event, StepFinished)]
    assert steps == [
        *("choose", "infer", "ask", "recall", "draft"),
        *("prove", "learn", "deliver", "record"),
    ]


def test_a_secret_is_in_the_files_and_nowhere_else(workspace: Path) -> None:
    secret = "s3cret-t0ken-value"
    body = {"path": "greet.py", "slot": "greeting", "body": "greeting = 'ahoy'"}
    model = ScriptedModel({"answers": []}, {"bodies": [body]})
    with Cultivar(services={Provider: model}) as cultivar:
        made = cultivar.generate(
            TASK, template="test:greeting", output="out", answers={"token": secret}
        )
        generation = cultivar.generation(made.generation_id)
    assert (workspace / "out" / "settings.ini").read_text() == f"token={secret}\n"
    assert secret not in repr(generation)
    assert secret not in json.dumps([m.content for r in model.requests for m in r.messages])
    kept = [path for path in workspace.parent.rglob("*") if path.is_file()]
    assert any(path.name == "ledger.db" for path in kept)
    holding = [path.name for path in kept if secret.encode() in path.read_bytes()]
    assert holding == ["settings.ini"]
