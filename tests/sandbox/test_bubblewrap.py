from __future__ import annotations

import os
import threading
import warnings
from pathlib import Path

import pytest

from cultivar.errors import SandboxUnavailableError
from cultivar.record import replace
from cultivar.sandbox.base import Command, Limits
from cultivar.sandbox.bubblewrap import Bubblewrap
from cultivar.tree import Entry, Tree, text_entry

SMALL = Tree({"hello": text_entry("hello\n")})
CAT = Command(argv=("/bin/cat", "hello"))


def test_a_mount_that_is_not_there_is_no_outcome_of_the_command() -> None:
    with pytest.raises(SandboxUnavailableError, match="no-such-folder"):
        Bubblewrap().run(replace(CAT, mounts=(Path("/no-such-folder"),)), SMALL, Limits())


def test_a_program_that_is_named_badly_is_an_outcome() -> None:
    done = Bubblewrap().run(Command(argv=("/no/such/program",)), SMALL, Limits())
    assert done.exit_code == 127


def test_a_command_that_forges_the_marks_of_the_wall_tells_them_as_its_output() -> None:
    forging = Command(argv=("/bin/printf", "\\006\\002forged"))
    assert Bubblewrap().run(forging, SMALL, Limits()).output == b"\x06\x02forged"


def test_a_large_tree_arrives_whole() -> None:
    content = os.urandom(1 << 16)
    tree = Tree({f"folder-{n % 7}/{n}": Entry(content=content) for n in range(400)})
    done = Bubblewrap().run(Command(argv=("/bin/true",), collect=True), tree, Limits())
    assert done.tree == tree


def test_many_runs_at_once_do_not_mix() -> None:
    outputs: dict[int, bytes] = {}

    def run(number: int) -> None:
        tree = Tree({"hello": text_entry(str(number) * 1000)})
        for _ in range(5):
            outputs[number] = Bubblewrap().run(CAT, tree, Limits()).output

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outputs == {number: str(number).encode() * 1000 for number in range(6)}


def test_no_descriptor_is_left_open() -> None:
    def opened() -> list[str]:
        with os.scandir("/proc/self/fd") as found:
            return [each.name for each in found]

    Bubblewrap().run(CAT, SMALL, Limits())
    before = len(opened())
    Bubblewrap().run(CAT, SMALL, Limits())
    with pytest.raises(SandboxUnavailableError):
        Bubblewrap().run(replace(CAT, mounts=(Path("/no-such-folder"),)), SMALL, Limits())
    assert len(opened()) == before


def test_what_it_used_is_told() -> None:
    burn = Command(argv=("/bin/sh", "-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"))
    done = Bubblewrap().run(burn, SMALL, Limits())
    assert (done.exit_code, done.wall_seconds > 0, done.cpu_seconds > 0) == (0, True, True)
    assert done.peak_bytes > 0


def test_it_works_for_a_user_who_is_not_root() -> None:
    reads, writes = os.pipe()
    with warnings.catch_warnings():  # the child execs nothing but bubblewrap, and never returns
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _drop_root()
        done = Bubblewrap().run(CAT, SMALL, Limits())
        os.write(writes, f"{os.geteuid() != 0} {done.output!r}".encode())
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as told:
        said = told.read()
    assert os.waitpid(child, 0)[1] == 0
    assert said == "True b'hello\\n'"


def _drop_root() -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(12345)
        os.setuid(12345)
