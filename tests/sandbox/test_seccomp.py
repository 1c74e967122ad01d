from __future__ import annotations

import struct

import pytest

from cultivar.sandbox.seccomp import filter_program, numbers

RETURN = 0x06
MACHINES = ["x86_64", "aarch64"]


def _steps(program: bytes) -> list[tuple[int, int, int, int]]:
    return list(struct.iter_unpack("=HBBI", program))


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("network", [True, False])
def test_every_jump_lands_inside_and_every_way_ends_with_a_verdict(
    machine: str, network: bool
) -> None:
    steps = _steps(filter_program(machine, network=network))
    assert steps[-1][0] == RETURN
    assert all(
        at + 1 + max(true, false) < len(steps) for at, (_, true, false, _) in enumerate(steps[:-1])
    )


@pytest.mark.parametrize("machine", MACHINES)
def test_no_two_calls_share_a_number(machine: str) -> None:
    known = numbers(machine)
    assert len(set(known.values())) == len(known)


def test_a_machine_that_nobody_wrote_a_filter_for_has_none() -> None:
    with pytest.raises(KeyError):
        filter_program("pdp11")
