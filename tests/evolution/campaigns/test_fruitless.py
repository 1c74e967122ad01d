"""What is said where something fails and nothing can be made of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from cultivar.application.cultivar import Cultivar
from cultivar.application.workbench import registry_of
from cultivar.ledger.improvements import ExecutionLog
from cultivar.lifecycle import Execution
from cultivar.testing.toolrooms import BUGGY, RATIO, Workspace


def _used(cultivar: Cultivar, number: int, *, every: int) -> None:
    """Record uses of which one in so many fails, for a reason that is not in its inputs."""
    registry = registry_of(cultivar.services)
    registry.sync([RATIO])
    tree_hash = registry.current(RATIO).tree_hash
    start = datetime.now(UTC)
    for each in range(number):
        fails = each % every == every - 1
        cultivar.services.need(ExecutionLog).add_execution(
            Execution(
                id=str(uuid4()),
                artifact=RATIO,
                tree_hash=tree_hash,
                inputs={"a": each, "b": 2},
                output=None if fails else each / 2,
                error="TimeoutError" if fails else "",
                message="nobody answers" if fails else "",
                seconds=0.001,
                instance_id=f"i{each % 2}",
                executed_at=start + timedelta(microseconds=each),
            )
        )


def test_what_nothing_could_be_made_of_is_told(workspace: Workspace) -> None:
    with workspace.opened() as cultivar:
        _used(cultivar, 40, every=2)
        done = cultivar.improve()
        assert [each.kind for each in done.opportunities] == ["failing"]
        assert not done.experiments
        assert done.fruitless == ("tool:ratio: Nothing could be made of it without a model.",)


def test_where_a_version_does_worse_than_the_one_before_it_the_way_back_is_told(
    workspace: Workspace,
) -> None:
    with workspace.opened() as cultivar:
        _used(cultivar, 120, every=60)
        workspace.file.write_text(f"{BUGGY}\n# a person was here\n", encoding="utf-8")
        _used(cultivar, 120, every=6)
        done = cultivar.improve()
        assert [each.kind for each in done.opportunities] == ["degrading"]
        (said,) = done.fruitless
        assert said.endswith("`cultivar rollback tool:ratio --to 1.0.0` goes back.")
