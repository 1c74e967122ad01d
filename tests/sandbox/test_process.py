from __future__ import annotations

import pytest

from cultivar.errors import UnsafeError
from cultivar.model import EndedBy
from cultivar.record import replace
from cultivar.sandbox.base import Command, Limits
from cultivar.sandbox.process import PlainProcess
from cultivar.tree import Tree

MB = 1 << 20
LIMITS = Limits(wall_seconds=30.0)

FORKS = "for i in $(seq 40); do sleep 20 & done; sleep 20"
FILES = "for i in $(seq 8); do head -c 2000000 /dev/zero > $i; done; sleep 20"
MEMORY = "for i in 1 2 3; do head -c 60000000 /dev/zero | tail -c 60000000 | sleep 20 & done; wait"


@pytest.mark.parametrize(
    ("script", "limits", "limit"),
    [
        (FORKS, replace(LIMITS, processes=10), "processes"),
        (FILES, replace(LIMITS, disk_bytes=8 * MB), "disk"),
        (MEMORY, replace(LIMITS, memory_bytes=100 * MB), "memory"),
    ],
    ids=["processes", "disk", "memory"],
)
def test_what_meets_a_limit_is_ended(script: str, limits: Limits, limit: EndedBy) -> None:
    command = Command(argv=("/bin/sh", "-c", script))
    done = PlainProcess().run(command, Tree({}), limits)
    assert (done.ended_by, done.exit_code) == (limit, -9)


@pytest.mark.parametrize("text", ["null\0", "half of a pair \ud800"])
def test_a_command_that_no_kernel_takes_is_refused(text: str) -> None:
    with pytest.raises(UnsafeError):
        Command(argv=("echo", text))
    with pytest.raises(UnsafeError):
        Command(argv=("echo",), environment={"A": text})
