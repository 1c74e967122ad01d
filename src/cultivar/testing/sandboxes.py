"""What every sandbox must hold to: a suite that any backend, ours or yours, can run.

Subclass `SandboxContract` (or `WallContract`, for a sandbox that says it is confined) in a test
module, and give it a fixture `sandbox`. The commands need a shell and the usual small programs.
"""

# ruff: noqa: D102 - a test's name is its sentence

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cultivar.errors import UnsafeError
from cultivar.record import replace
from cultivar.sandbox.base import TREE_ROOT, Command, Completed, Limits, Sandbox
from cultivar.tree import Entry, Tree, text_entry

LIMITS = Limits(
    wall_seconds=30.0,
    cpu_seconds=20.0,
    memory_bytes=512 << 20,
    disk_bytes=16 << 20,
    output_bytes=64 << 10,
)
"""Enough for every command here that is not meant to meet a limit."""

TREE = Tree(
    {
        "deep/down/hello.txt": text_entry("hello\n"),
        "link": Entry(content=b"deep/down/hello.txt", mode="link"),
        "tool.sh": text_entry("#!/bin/sh\necho tool runs\n", "executable"),
    }
)


def shell(script: str, *, collect: bool = False, mounts: tuple[Path, ...] = ()) -> Command:
    """A command that runs `script`."""
    return Command(argv=("/bin/sh", "-c", script), collect=collect, mounts=mounts)


class SandboxContract:
    """What holds for every sandbox, confined or not."""

    @pytest.fixture
    def sandbox(self) -> Sandbox:
        raise NotImplementedError

    @pytest.fixture
    def open_folder(self) -> Iterator[Path]:
        folder = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="cultivar-"))
        folder.chmod(0o777)
        yield folder
        shutil.rmtree(folder)

    def run(
        self, sandbox: Sandbox, script: str, limits: Limits = LIMITS, *, collect: bool = False
    ) -> Completed:
        return sandbox.run(shell(script, collect=collect), TREE, limits)

    def test_a_command_tells_its_output_and_its_exit_code(self, sandbox: Sandbox) -> None:
        done = self.run(sandbox, "echo out; echo err >&2; exit 3")
        assert (done.output, done.exit_code, done.ended_by) == (b"out\nerr\n", 3, "exit")

    def test_a_command_ended_by_a_signal_tells_its_negative_number(self, sandbox: Sandbox) -> None:
        done = self.run(sandbox, "kill -15 $$")
        assert (done.exit_code, done.ended_by) == (-15, "signal")

    def test_a_program_that_is_not_there_is_an_outcome_and_no_error(self, sandbox: Sandbox) -> None:
        assert self.run(sandbox, "no-such-program").exit_code == 127

    def test_a_command_stands_in_the_root_of_its_tree(self, sandbox: Sandbox) -> None:
        done = self.run(sandbox, "cat deep/down/hello.txt link; ./tool.sh; pwd -P")
        assert done.output.decode() == f"hello\nhello\ntool runs\n{TREE_ROOT}\n"

    def test_no_variable_is_inherited(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CULTIVAR_CANARY", "sings")
        assert b"sings" not in self.run(sandbox, "env").output

    def test_the_variables_of_the_command_are_set(self, sandbox: Sandbox) -> None:
        command = replace(shell('echo "$GREETING"'), environment={"GREETING": "good day"})
        assert sandbox.run(command, TREE, LIMITS).output == b"good day\n"

    def test_home_and_temporary_folder_can_be_written_to(self, sandbox: Sandbox) -> None:
        assert self.run(sandbox, 'touch "$HOME/x" "${TMPDIR:-/tmp}/y"').exit_code == 0

    def test_there_is_nothing_to_read_on_standard_input(self, sandbox: Sandbox) -> None:
        assert self.run(sandbox, "cat").output == b""

    def test_a_run_leaves_nothing_to_the_next(self, sandbox: Sandbox) -> None:
        self.run(sandbox, 'echo mine > left; echo mine > "$HOME/left"')
        assert self.run(sandbox, 'cat left "$HOME/left"').exit_code != 0

    def test_the_tree_comes_back_as_the_command_left_it(self, sandbox: Sandbox) -> None:
        script = "rm link; mkdir new; echo made > new/file; chmod +x new/file"
        tree = self.run(sandbox, script, collect=True).tree
        expected = TREE.replace({"link": None, "new/file": text_entry("made\n", "executable")})
        assert tree == expected

    def test_the_tree_of_a_failed_command_comes_back_too(self, sandbox: Sandbox) -> None:
        done = self.run(sandbox, "exit 1", collect=True)
        assert (done.exit_code, done.tree) == (1, TREE)

    def test_a_hard_link_comes_back_as_a_file_of_its_own(self, sandbox: Sandbox) -> None:
        tree = self.run(sandbox, "ln deep/down/hello.txt twin", collect=True).tree
        assert tree == TREE.replace({"twin": text_entry("hello\n")})

    @pytest.mark.parametrize(
        "script",
        [
            "ln -s /etc/passwd out",
            "ln -s ../../../../etc/passwd out",
            "mkdir a; ln -s ../.. a/out",
            "mkfifo pipe",
        ],
    )
    def test_what_has_no_place_in_a_tree_is_refused(self, sandbox: Sandbox, script: str) -> None:
        with pytest.raises(UnsafeError):
            self.run(sandbox, script, collect=True)

    def test_a_huge_file_of_nothing_does_not_come_back(self, sandbox: Sandbox) -> None:
        done = self.run(sandbox, "truncate -s 15M a; truncate -s 15M b", collect=True)
        assert (done.tree, done.ended_by) == (None, "disk")

    def test_a_tree_that_is_larger_than_the_disk_is_an_outcome(self, sandbox: Sandbox) -> None:
        large = Tree({"large": Entry(content=bytes(LIMITS.disk_bytes + 1))})
        assert sandbox.run(shell("true"), large, LIMITS).ended_by == "disk"

    def test_a_command_that_waits_is_ended_by_the_clock(self, sandbox: Sandbox) -> None:
        done = self.run(sandbox, "sleep 600", replace(LIMITS, wall_seconds=1.0))
        assert (done.ended_by, done.wall_seconds < 60) == ("wall", True)

    def test_a_command_that_spins_is_ended_by_its_processor_time(self, sandbox: Sandbox) -> None:
        done = self.run(sandbox, "while :; do :; done", replace(LIMITS, cpu_seconds=1.0))
        assert done.ended_by == "cpu"

    def test_a_flood_of_output_is_ended_and_its_ends_are_kept(self, sandbox: Sandbox) -> None:
        done = self.run(sandbox, "echo first; yes", replace(LIMITS, output_bytes=2000))
        assert done.ended_by == "output"
        assert done.output.startswith(b"first\n")
        assert len(done.output) < 3000

    def test_the_first_and_the_last_of_a_long_output_are_kept(self, sandbox: Sandbox) -> None:
        done = self.run(sandbox, "seq 1 2000", replace(LIMITS, output_bytes=1000))
        assert done.output.startswith(b"1\n2\n")
        assert done.output.endswith(b"1999\n2000\n")
        assert done.exit_code == 0

    def test_what_leaves_its_parents_does_not_outlive_the_run(self, sandbox: Sandbox) -> None:
        seconds = f"{600 + time.time() % 300:.6f}"
        self.run(sandbox, f"(setsid sleep {seconds} >/dev/null 2>&1 & ) ; sleep 0.2")
        assert not [each for each in _commands() if seconds in each]

    def test_a_folder_outside_is_read_at_its_own_path(
        self, sandbox: Sandbox, open_folder: Path
    ) -> None:
        (open_folder / "given").write_text("given\n")
        command = shell(f"cat {open_folder}/given", mounts=(open_folder,))
        assert sandbox.run(command, TREE, LIMITS).output == b"given\n"


class WallContract(SandboxContract):
    """What holds for a sandbox that says it is confined."""

    def test_it_says_that_it_is_confined(self, sandbox: Sandbox) -> None:
        assert sandbox.confined

    def test_a_folder_outside_cannot_be_written_to(
        self, sandbox: Sandbox, open_folder: Path
    ) -> None:
        command = shell(f"echo mine > {open_folder}/x", mounts=(open_folder,))
        assert sandbox.run(command, TREE, LIMITS).exit_code != 0
        assert not list(open_folder.iterdir())

    def test_a_folder_that_was_not_given_is_not_there(
        self, sandbox: Sandbox, open_folder: Path
    ) -> None:
        (open_folder / "secret").write_text("secret")
        assert b"secret" not in self.run(sandbox, f"cat {open_folder}/*").output

    def test_the_system_cannot_be_written_to(self, sandbox: Sandbox) -> None:
        script = "for at in / /usr /etc /bin /lib /proc/sys/kernel; do touch $at/x && echo in; done"
        assert b"in\n" not in self.run(sandbox, script).output

    def test_it_has_no_network_but_itself(self, sandbox: Sandbox) -> None:
        done = self.run(sandbox, "cat /proc/net/dev | tail -n +3 | grep -v ' lo:'")
        assert done.output == b""

    def test_it_sees_no_process_but_its_own(self, sandbox: Sandbox) -> None:
        done = self.run(sandbox, "for p in /proc/[0-9]*; do echo $p; done")
        assert len(done.output.splitlines()) < 8
        assert f"/proc/{os.getpid()}\n".encode() not in done.output

    def test_it_gains_no_rights(self, sandbox: Sandbox) -> None:
        done = self.run(sandbox, "id -u; grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status")
        assert not done.output.startswith(b"0\n")
        assert done.output.split()[1:] == [
            *(b"CapEff:", b"0000000000000000", b"CapBnd:", b"0000000000000000"),
            *(b"NoNewPrivs:", b"1"),
        ]

    def test_its_processes_are_limited(self, sandbox: Sandbox) -> None:
        script = "i=0; while [ $i -lt 60 ]; do sleep 5 & i=$((i+1)); done; echo all"
        done = self.run(sandbox, script, replace(LIMITS, processes=20, wall_seconds=4.0))
        assert b"all" not in done.output


def _commands() -> Iterator[str]:
    for process in psutil.process_iter():
        try:
            yield " ".join(process.cmdline())
        except psutil.Error:
            continue
