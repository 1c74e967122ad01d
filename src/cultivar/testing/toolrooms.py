"""A workspace with a tool that fails for half of what it was given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from cultivar.application.cultivar import Cultivar
from cultivar.application.workbench import registry_of
from cultivar.ledger.improvements import ExecutionLog
from cultivar.lifecycle import Artifact, Execution
from cultivar.record import Record, replace
from cultivar.settings import ImproveSettings, Settings

RATIO = Artifact(kind="tool", name="ratio")
BUGGY = '''\
"""Divides."""

from __future__ import annotations

from cultivar import Case, Characteristics, tool


@tool(
    Characteristics(idempotent=True, side_effects=False, test_data_available=True),
    cases=(
        Case(input={"a": 6, "b": 3}, expected_output=2.0, description="a number is divided"),
        Case(input={"a": 6, "b": 0}, expected_output=None, description="nothing by zero"),
    ),
)
def ratio(a: float, b: float) -> float | None:
    """How many times `b` is in `a`; None where that makes no sense."""
    return a / b
'''


class Workspace(Record):
    """A workspace with a tool that fails for half of what it was given."""

    root: Path
    settings: Settings

    @property
    def file(self) -> Path:
        """The tool's."""
        return self.root / "tools" / "ratio.py"

    def opened(self, **improve: object) -> Cultivar:
        """Cultivar in it."""
        return Cultivar(replace(self.settings, improve=ImproveSettings(**improve)))  # type: ignore[arg-type]

    def used(self, cultivar: Cultivar, number: int, *, failing: int, tree_hash: str = "") -> None:
        """Record uses of the tool, of which some fail as it does fail.

        Args:
            cultivar: What records them.
            number: How many in all.
            failing: How many of them fail.
            tree_hash: Of the version that was used; the current one without.
        """
        registry = registry_of(cultivar.services)
        registry.sync([RATIO])
        version = tree_hash or registry.current(RATIO).tree_hash
        log = cultivar.services.need(ExecutionLog)
        start = datetime.now(UTC)
        for each in range(number):
            fails = each < failing
            log.add_execution(
                Execution(
                    id=str(uuid4()),
                    artifact=RATIO,
                    tree_hash=version,
                    inputs={"a": each + 1, "b": 0 if fails else 2},
                    output=None if fails else (each + 1) / 2,
                    error="ZeroDivisionError" if fails else "",
                    message="division by zero" if fails else "",
                    seconds=0.001,
                    instance_id=f"i{each % 2}",
                    executed_at=start + timedelta(microseconds=each),
                )
            )


def toolroom_in(root: Path, cache: Path, source: str = BUGGY) -> Workspace:
    """A workspace in the folder `root`, with that tool, which nobody has used yet.

    Args:
        root: The workspace.
        cache: Where environments are kept.
        source: The tool's.
    """
    file = root / "tools" / "ratio.py"
    file.parent.mkdir(parents=True)
    file.write_text(source, encoding="utf-8")
    (root / "cultivar.yaml").write_text("template_paths: [templates_data]\n", encoding="utf-8")
    settings = Settings(workspace=root, home=root / ".cultivar", cache=cache, trust=(str(root),))
    return Workspace(root=root, settings=settings)
