"""What a model proposes for a tool: proven like all else, and released by a person alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cultivar.application.cultivar import Cultivar
from cultivar.application.workbench import registry_of
from cultivar.evolution.campaigns.sealing import is_sealed
from cultivar.ledger.improvements import ExecutionLog
from cultivar.lifecycle import Artifact, Execution, Experiment
from cultivar.llm.base import Provider
from cultivar.llm.scripted import Line, ScriptedModel
from cultivar.model import Json
from cultivar.settings import ImproveSettings, Settings

LABEL = Artifact(kind="tool", name="label")
SLOW = '''\
"""Labels."""

import time

from cultivar import Case, Characteristics, tool

SETTLED = 0.15


@tool(
    Characteristics(idempotent=True, side_effects=False, test_data_available=True),
    cases=(Case(input={"name": "Ada"}, expected_output="<ada>", description="a name"),),
)
def label(name: str) -> str:
    """The name as a label; an empty one has none."""
    time.sleep(SETTLED)
    if not name:
        raise LookupError("no label")
    return f"<{name.lower()}>"
'''
LAST = '    return f"<{name.lower()}>"\n'
IDLE = {"path": "label.py", "search": "    time.sleep(SETTLED)\n", "replace": ""}
NAMES = ("Ada", "Grace", "Mary", "Joan", "Barbara Liskov of the abstract types")


def reply(*edits: Json) -> dict[str, Json]:
    return {"cause": "It waits.", "change": "waits no more", "edits": list(edits)}


class Toolroom:
    """A workspace with a tool that waits, and a model that says what it is told to say."""

    def __init__(self, root: Path, *lines: Line) -> None:
        self.file = root / "workspace" / "tools" / "label.py"
        self.file.parent.mkdir(parents=True)
        self.file.write_text(SLOW, encoding="utf-8")
        workspace = self.file.parents[1]
        (workspace / "cultivar.yaml").write_text("template_paths: []\n", encoding="utf-8")
        settings = Settings(
            workspace=workspace,
            home=workspace / ".cultivar",
            cache=root / "cache",
            trust=(str(workspace),),
            improve=ImproveSettings(real=True, automatic=True),
        )
        self.model = ScriptedModel(*lines)
        self.cultivar = Cultivar(settings, services={Provider: self.model})

    def used(self, number: int, seconds: float, *, names: tuple[str, ...] = NAMES) -> None:
        """Record uses, each of which took so long; no name has no label."""
        registry = registry_of(self.cultivar.services)
        registry.sync([LABEL])
        version, log = registry.current(LABEL).tree_hash, self.cultivar.services.need(ExecutionLog)
        start = datetime.now(UTC) - timedelta(hours=1 / seconds)
        for each in range(number):
            name = names[each % len(names)]
            log.add_execution(
                Execution(
                    id=f"{seconds} {each}",
                    artifact=LABEL,
                    tree_hash=version,
                    inputs={"name": name},
                    output=f"<{name.lower()}>" if name else None,
                    error="" if name else "LookupError",
                    message="" if name else "no label",
                    seconds=seconds * (1 + each % 3 / 100),
                    instance_id="i",
                    executed_at=start + timedelta(seconds=each),
                )
            )

    def improved(self) -> list[Experiment]:
        """What a run of `improve` tries once the uses have become slower."""
        self.used(24, 0.05)
        self.used(24, 0.2)
        return list(self.cultivar.improve().experiments)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[list[Toolroom]]:
    rooms: list[Toolroom] = []
    yield rooms
    for each in rooms:
        each.cultivar.close()


def test_what_a_model_makes_quicker_is_proven_and_waits_for_a_person(
    tmp_path: Path, opened: list[Toolroom]
) -> None:
    room = Toolroom(tmp_path, reply(IDLE))
    opened.append(room)
    (made,) = room.improved()
    assert (made.opportunity.kind, made.candidate.operator) == ("slow", "model")
    assert made.verdict is not None
    assert made.verdict.sentence.startswith("Quicker: ")
    assert made.status == "waiting"
    assert room.file.read_text() == SLOW
    assert room.cultivar.approve(made.id, by="ada", real=True).status == "watching"
    assert "sleep" not in room.file.read_text()


def test_a_model_is_told_of_the_tool_and_its_uses_but_of_none_that_is_sealed(
    tmp_path: Path, opened: list[Toolroom]
) -> None:
    room = Toolroom(tmp_path, reply())
    opened.append(room)
    room.improved()
    system, told = (each.content for each in room.model.requests[0].messages)
    assert "It takes longer than it did" in system
    assert "time.sleep(SETTLED)" in told
    assert "<grace>" in told
    sealed = [each for each in NAMES if is_sealed({"name": each})]
    assert not any(f'"name": "{each}"' in told for each in sealed)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (reply({**IDLE, "path": "other.py"}), "none of its files"),
        (reply({**IDLE, "path": "../../etc/passwd"}), "none of its files"),
        (reply({**IDLE, "search": "not there"}), "do not apply"),
        (reply({**IDLE, "replace": "x" * 20_000}), "too much for one"),
        (reply({**IDLE, "replace": "    if (:\n"}), "does not parse"),
        (reply({**IDLE, "search": '"<ada>"', "replace": '"<eve>"'}), "its own cases"),
        (reply({**IDLE, "search": "name: str", "replace": "name: str = ''"}), "its parameters"),
        (reply({**IDLE, "search": "idempotent=True", "replace": "idempotent=False"}), "its char"),
        (
            reply({**IDLE, "replace": f"    if name == {NAMES[-1]!r}:\n        return name\n"}),
            "by heart",
        ),
        (reply({**IDLE, "replace": "    raise SystemExit(0)\n"}), "say nothing"),
        (
            reply({**IDLE, "search": LAST, "replace": f"{LAST}\n\nlabel = len\n"}),
            "is like something else",
        ),
        ("no", "malformed"),
    ],
)
def test_what_a_model_may_not_do_to_a_tool_is_refused(
    line: Line, why: str, tmp_path: Path, opened: list[Toolroom]
) -> None:
    lines = (line, line) if line == "no" else (line,)
    room = Toolroom(tmp_path, *lines)
    opened.append(room)
    (refused,) = room.improved()
    assert (refused.status, refused.candidate.operator) == ("refused", "model")
    assert why in refused.reason


def test_what_gives_other_results_is_not_released_however_quick_it_is(
    tmp_path: Path, opened: list[Toolroom]
) -> None:
    wrong = {"path": "label.py", "search": "name.lower()", "replace": "name"}
    room = Toolroom(tmp_path, reply(IDLE, wrong))
    opened.append(room)
    (made,) = room.improved()
    assert (made.status, made.verdict and made.verdict.decision) == ("rejected", "reject")
    assert "Worse" in made.reason


def test_what_fails_is_told_with_what_it_raised(tmp_path: Path, opened: list[Toolroom]) -> None:
    room = Toolroom(tmp_path, reply())
    opened.append(room)
    room.used(40, 0.2, names=("Ada", "", "Grace", ""))
    room.cultivar.improve()
    assert "no label" in room.model.requests[0].messages[1].content
    assert "Some of its uses fail" in room.model.requests[0].messages[0].content


def test_without_a_model_nothing_is_made_of_what_is_slow(
    tmp_path: Path, opened: list[Toolroom]
) -> None:
    room = Toolroom(tmp_path)
    opened.append(room)
    with Cultivar(room.cultivar.services.settings) as cultivar:
        room.used(24, 0.05)
        room.used(24, 0.2)
        done = cultivar.improve()
        assert [each.kind for each in done.opportunities] == ["slow"]
        assert done.experiments == ()
