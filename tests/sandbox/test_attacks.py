"""Attacks that the wall holds against. Each works as soon as its part of the wall is taken away,
which is shown with small and harmless variants."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import psutil
import pytest

from cultivar.errors import UnsafeError
from cultivar.record import replace
from cultivar.sandbox.base import Completed, Limits
from cultivar.sandbox.bubblewrap import Wall
from cultivar.sandbox.seccomp import numbers

LIMITS = Limits(wall_seconds=30.0, memory_bytes=512 << 20, disk_bytes=64 << 20)
MB = 1 << 20


class Attacker(Protocol):
    """The fixture of `conftest.py`."""

    def run(
        self,
        code: str,
        wall: Wall | None = None,
        limits: Limits = LIMITS,
        *,
        mounts: tuple[Path, ...] = (),
        collect: bool = False,
    ) -> Completed: ...

    def breaks(
        self,
        code: str,
        wall: Wall | None = None,
        limits: Limits = LIMITS,
        *,
        mounts: tuple[Path, ...] = (),
    ) -> bool: ...


# Files


@pytest.mark.parametrize("path", ["/etc/shadow", "/etc/machine-id", "/sys", "/var", "/srv"])
def test_files_of_the_system_are_not_even_there(attacker: Attacker, path: str) -> None:
    attack = f"import os; os.lstat({path!r}); print('BROKE')"
    assert not attacker.breaks(attack)
    assert attacker.breaks(attack, Wall(own_files=False)) == Path(path).exists()


def test_files_of_a_user_cannot_be_read(attacker: Attacker, open_folder: Path) -> None:
    (open_folder / "secret").write_text("BROKE")
    attack = f"print(open({str(open_folder / 'secret')!r}).read())"
    assert not attacker.breaks(attack)
    assert attacker.breaks(attack, Wall(own_files=False))


def test_the_home_folder_holds_nothing_but_what_was_given(attacker: Attacker) -> None:
    code = f"import os; print(os.path.exists({str(Path.home() / '.bashrc')!r}))"
    assert attacker.run(code).output != b"True\n"


def test_a_folder_that_was_given_cannot_be_written_to(
    attacker: Attacker, open_folder: Path
) -> None:
    attack = f"open({str(open_folder / 'new')!r}, 'w').write('x'); print('BROKE')"
    assert not attacker.breaks(attack, mounts=(open_folder,))
    assert not list(open_folder.iterdir())
    assert attacker.breaks(attack, Wall(read_only=False), mounts=(open_folder,))
    assert list(open_folder.iterdir()) == [open_folder / "new"]


def test_nobody_behind_the_wall_is_a_real_root(
    attacker: Attacker, open_folder: Path, outer_user: int | None
) -> None:
    code = f"open({str(open_folder / 'whose')!r}, 'w').close()"
    attacker.run(code, Wall(read_only=False), mounts=(open_folder,))
    owner = (open_folder / "whose").stat().st_uid
    assert owner != 0
    assert owner == (outer_user or os.geteuid())


# Environment


def test_our_variables_cannot_be_read(attacker: Attacker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CULTIVAR_CANARY", "BROKE")
    attack = "import glob\nfor path in glob.glob('/proc/*/environ'):\n    print(open(path).read())"
    assert not attacker.breaks(attack)
    assert attacker.breaks(attack, Wall(clean_environment=False))


# Network


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("wall", [Wall(), Wall(unix_sockets_only=False), Wall(own_network=False)])
def test_each_wall_by_itself_keeps_it_off_the_loopback(
    attacker: Attacker, listener: int, wall: Wall
) -> None:
    attack = f"import socket; socket.create_connection(('127.0.0.1', {listener})); print('BROKE')"
    assert not attacker.breaks(attack, wall)


def test_without_both_walls_it_reaches_the_loopback(attacker: Attacker, listener: int) -> None:
    attack = f"import socket; socket.create_connection(('127.0.0.1', {listener})); print('BROKE')"
    assert attacker.breaks(attack, Wall(own_network=False, unix_sockets_only=False))


@pytest.mark.parametrize("wall", [Wall(), Wall(unix_sockets_only=False)])
def test_it_has_no_way_outward(attacker: Attacker, wall: Wall) -> None:
    attack = (
        "import socket\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "s.connect(('192.0.2.1', 9)); print('BROKE')"
    )
    assert not attacker.breaks(attack, wall)


def test_it_does_not_reach_the_abstract_sockets_of_others(attacker: Attacker) -> None:
    name = f"\0cultivar-{os.getpid()}-{time.monotonic_ns()}"
    attack = f"import socket; socket.socket(socket.AF_UNIX).connect({name!r}); print('BROKE')"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        assert not attacker.breaks(attack)
        assert attacker.breaks(attack, Wall(own_network=False))


# Processes


FORKS = """
import os, time
try:
    for _ in range(60):
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
    print('BROKE')
except BlockingIOError:
    print('held')
"""


def test_a_fork_bomb_meets_its_limit(attacker: Attacker) -> None:
    assert not attacker.breaks(FORKS, limits=replace(LIMITS, processes=30))
    assert attacker.breaks(FORKS, limits=replace(LIMITS, processes=100))


def test_a_fork_bomb_that_never_stops_is_over_with_its_run(attacker: Attacker) -> None:
    bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    done = attacker.run(bomb, limits=replace(LIMITS, processes=30, wall_seconds=1.0))
    assert done.ended_by in ("wall", "memory", "cpu")


def _marked(mark: str) -> list[psutil.Process]:
    return [
        each
        for each in psutil.process_iter(["cmdline"])
        if mark in " ".join(each.info["cmdline"] or ())
    ]


def test_a_daemon_does_not_outlive_the_run(attacker: Attacker) -> None:
    mark = f"daemon-{os.getpid()}-{time.monotonic_ns()}"
    attack = (
        f"mark = {mark!r}\n"
        "import os, time\n"
        "ready, told = os.pipe()\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        for name in (0, 1, 2): os.close(name)\n"
        "        os.write(told, b'x')\n"
        "        time.sleep(30)\n"
        "    os._exit(0)\n"
        "os.read(ready, 1)\n"
    )
    attacker.run(attack)
    assert _marked(mark) == []
    attacker.run(attack, Wall(own_processes=False))
    survivors = _marked(mark)
    for each in survivors:
        each.kill()
    assert survivors


def test_nothing_outlives_us_when_we_are_killed() -> None:
    mark = f"orphan-{os.getpid()}-{time.monotonic_ns()}"
    code = (
        "from cultivar.sandbox.base import Command, Limits\n"
        "from cultivar.sandbox.bubblewrap import Bubblewrap\n"
        "from cultivar.tree import Tree\n"
        f"command = Command(argv=('/bin/sh', '-c', ': {mark}; sleep 60; :'))\n"
        "Bubblewrap().run(command, Tree({}), Limits())\n"
    )
    us = subprocess.Popen([sys.executable, "-c", code])
    inside = _until(lambda: [each for each in _marked(mark) if each.pid != us.pid], there=True)
    assert inside
    us.kill()
    us.wait()
    assert not _until(lambda: _marked(mark), there=False)


def _until(look: Callable[[], list[psutil.Process]], *, there: bool) -> list[psutil.Process]:
    """What `look` finds, as soon as it finds something or nothing."""
    deadline = time.monotonic() + 20
    while bool(found := look()) != there and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def test_it_cannot_signal_a_process_outside(attacker: Attacker, outer_user: int | None) -> None:
    victim = subprocess.Popen(["/bin/sleep", "60"], user=outer_user, group=outer_user)
    try:
        attack = f"import os; os.kill({victim.pid}, 15); print('BROKE')"
        assert not attacker.breaks(attack)
        assert victim.poll() is None
        assert attacker.breaks(attack, Wall(own_processes=False))
        assert victim.wait(timeout=10) == -15
    finally:
        victim.kill()
        victim.wait()


# Memory


def _fill(megabytes: int) -> str:
    return f"block = b'x' * ({megabytes} << 20)"


SHARED = "import mmap; block = mmap.mmap(-1, 200 << 20); block.write(b'x' * (200 << 20))"
"""Shared memory does not count as data of the process; only the watch sees it."""


@pytest.mark.parametrize("attack", [_fill(200), SHARED])
def test_one_process_meets_the_limit_on_memory(attacker: Attacker, attack: str) -> None:
    attack += "\nimport time; time.sleep(1); print('BROKE')"
    assert not attacker.breaks(attack, limits=replace(LIMITS, memory_bytes=100 * MB))
    assert attacker.breaks(attack, limits=replace(LIMITS, memory_bytes=1000 * MB))


def test_many_processes_meet_the_limit_on_memory_together(attacker: Attacker) -> None:
    attack = (
        "import os, time\n"
        "for _ in range(4):\n"
        "    if os.fork() == 0:\n"
        f"        {_fill(60)}\n"
        "        time.sleep(1.5)\n"
        "        os._exit(0)\n"
        "for _ in range(4): os.wait()\n"
        "print('BROKE')"
    )
    small = attacker.run(attack, limits=replace(LIMITS, memory_bytes=150 * MB))
    assert small.ended_by == "memory"
    assert small.peak_bytes > 150 * MB
    assert attacker.breaks(attack, limits=replace(LIMITS, memory_bytes=1000 * MB))


SOCKETS = """
import socket, time
pairs = [socket.socketpair() for _ in range(200)]
for pair in pairs:
    for end in pair:
        end.setblocking(False)
        try:
            while True: end.send(bytes(1 << 12))
        except BlockingIOError:
            pass
time.sleep(1)
print('BROKE')
"""
"""Eighty megabytes that no process holds, and the kernel does."""


def test_memory_that_hides_in_sockets_is_counted(attacker: Attacker) -> None:
    small = attacker.run(SOCKETS, limits=replace(LIMITS, memory_bytes=100 * MB))
    assert small.ended_by == "memory"
    assert attacker.breaks(SOCKETS, limits=replace(LIMITS, memory_bytes=1000 * MB))


# Disk


@pytest.mark.parametrize("place", [".", "/tmp", "/tmp/home"])
def test_the_disk_is_limited_wherever_it_writes(attacker: Attacker, place: str) -> None:
    attack = f"open('{place}/large', 'wb').write(bytes(40 << 20)); print('BROKE')"
    done = attacker.run(attack, limits=replace(LIMITS, disk_bytes=20 * MB))
    assert b"BROKE" not in done.output
    assert done.exit_code != 0
    assert attacker.breaks(attack, limits=replace(LIMITS, disk_bytes=60 * MB))


def test_all_its_files_together_meet_the_limit(attacker: Attacker) -> None:
    attack = (
        "for place in ('tree', 'home', '.'):\n"
        "    open(f'/tmp/{place}/part', 'wb').write(bytes(8 << 20))\n"
        "print('BROKE')"
    )
    done = attacker.run(attack, limits=replace(LIMITS, disk_bytes=20 * MB))
    assert (done.ended_by, b"BROKE" in done.output) == ("disk", False)
    assert attacker.breaks(attack, limits=replace(LIMITS, disk_bytes=30 * MB))


def test_shared_memory_is_limited_too(attacker: Attacker) -> None:
    attack = "open('/dev/shm/large', 'wb').write(bytes(8 << 20)); print('BROKE')"
    assert not attacker.breaks(attack)
    assert attacker.breaks(attack, Wall(shared_memory_bytes=16 * MB))


@pytest.mark.parametrize("place", [".", "/dev/shm"])
def test_a_flood_of_empty_files_is_ended(attacker: Attacker, place: str) -> None:
    attack = (
        "import time\n"
        f"for number in range(6000): open(f'{place}/{{number}}', 'w').close()\n"
        "time.sleep(1); print('BROKE')"
    )
    done = attacker.run(attack, limits=replace(LIMITS, disk_bytes=8 * MB))
    assert done.ended_by == "disk"
    assert attacker.breaks(attack, limits=replace(LIMITS, disk_bytes=64 * MB))


@pytest.mark.parametrize("place", ["/", "/dev", "/etc", "/usr", "/proc/sys/kernel", "/run"])
def test_there_is_no_other_place_to_write_to(attacker: Attacker, place: str) -> None:
    attack = f"open('{place}/new', 'w').write('x'); print('BROKE')"
    assert not attacker.breaks(attack)


# Output


def test_a_flood_of_output_is_ended_long_before_its_end(attacker: Attacker) -> None:
    gigabyte = "import os\nfor _ in range(1 << 14): os.write(1, b'x' * (1 << 16))\nprint('BROKE')"
    done = attacker.run(gigabyte, limits=replace(LIMITS, output_bytes=MB))
    assert done.ended_by == "output"
    assert len(done.output) < 2 * MB
    part = gigabyte.replace("14", "10")
    assert attacker.breaks(part, limits=replace(LIMITS, output_bytes=4 * MB))


# The kernel

CALL = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    result = libc.syscall(*arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
"""
NEW_USER, NEW_FILES = 0x10000000, 0x00020000


def _number(name: str) -> int:
    return numbers(os.uname().machine)[name]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("add_key", "b'user', b'cultivar', b'x', 1, -2"),
        ("keyctl", "1, None"),
        ("memfd_create", "b'x', 0"),
        ("msgget", "0, 0o600"),
        ("ptrace", "0, 0, 0, 0"),
        ("semget", "0, 1, 0o600"),
        ("shmget", "0, 4096, 0o600"),
    ],
)
def test_a_call_that_leads_astray_does_not_reach_the_kernel(
    attacker: Attacker, name: str, arguments: str
) -> None:
    attack = f"{CALL}\ncall({_number(name)}, {arguments})\nprint('BROKE')"
    assert not attacker.breaks(attack)
    assert attacker.breaks(attack, Wall(system_calls=False))


@pytest.mark.parametrize("wall", [Wall(), Wall(system_calls=False), Wall(no_user_namespaces=False)])
def test_each_wall_by_itself_keeps_it_from_mounting(attacker: Attacker, wall: Wall) -> None:
    assert not attacker.breaks(_mounting(), wall)


def test_without_both_walls_it_mounts(attacker: Attacker) -> None:
    assert attacker.breaks(_mounting(), Wall(system_calls=False, no_user_namespaces=False))


def _mounting() -> str:
    unshare, mount = _number("unshare"), _number("mount")
    return (
        f"{CALL}\n"
        f"call({unshare}, {NEW_USER | NEW_FILES})\n"
        f"call({mount}, b'none', b'/usr', b'tmpfs', 0, None)\n"
        "print('BROKE')"
    )


@pytest.mark.parametrize(
    "flags", [NEW_USER, NEW_FILES, 0x20000000, 0x40000000, 0x08000000, 0x04000000, 0x02000000]
)
def test_no_namespace_comes_from_clone(attacker: Attacker, flags: int) -> None:
    attack = f"{CALL}\ncall({_number('clone')}, {flags} | 17, 0, 0, 0, 0)\nprint('BROKE')"
    assert not attacker.breaks(attack)


def test_what_programs_need_of_the_kernel_is_left_to_them(attacker: Attacker) -> None:
    code = (
        "import asyncio, multiprocessing, socket, subprocess, sys, threading\n"
        "async def main():\n"
        "    child = await asyncio.create_subprocess_exec('/bin/echo', 'child')\n"
        "    await child.wait()\n"
        "asyncio.run(main())\n"
        "threads = [threading.Thread(target=print, args=('thread',), kwargs={'flush': True})]\n"
        "for thread in threads: thread.start(); thread.join()\n"
        "a, b = socket.socketpair(); a.send(b'pair'); print(b.recv(4).decode(), flush=True)\n"
        "lock = multiprocessing.get_context('fork').Lock()\n"
        "with lock: print('lock')\n"
    )
    done = attacker.run(code)
    assert done.output.split() == [b"child", b"thread", b"pair", b"lock"]


# The tree that comes back


@pytest.mark.parametrize(
    "attack",
    [
        "os.symlink('/etc/shadow', 'out')",
        "os.mkdir('a'); os.symlink('../../etc/shadow', 'a/out')",
        "os.mkfifo('pipe')",
        "socket.socket(socket.AF_UNIX).bind('socket')",
        "open(b'\\xff', 'w').close()",
        "open('a\\\\b', 'w').close()",
        "[(os.mkdir('d'), os.chdir('d')) for _ in range(200)]",
    ],
)
def test_what_has_no_place_in_a_tree_is_refused_when_it_comes_back(
    attacker: Attacker, attack: str
) -> None:
    with pytest.raises(UnsafeError):
        attacker.run(f"import os, socket\n{attack}", collect=True)


def test_a_tree_that_was_swapped_for_a_link_is_not_followed(attacker: Attacker) -> None:
    attack = "import os; os.rename('/tmp/tree', '/tmp/old'); os.symlink('/etc', '/tmp/tree')"
    done = attacker.run(attack, collect=True)
    assert done.tree is not None
    assert list(done.tree) == []


def test_a_repository_in_the_tree_does_not_come_back(attacker: Attacker) -> None:
    attack = "import os; os.mkdir('.git'); open('.git/config', 'w').write('x')"
    done = attacker.run(attack, collect=True)
    assert done.tree is not None
    assert list(done.tree) == []


@pytest.mark.parametrize(
    "attack",
    [
        "open('sparse', 'wb').truncate(60 << 20)\nopen('twin', 'wb').truncate(60 << 20)",
        "import os; open('one', 'wb').write(bytes(40 << 20)); os.link('one', 'two')",
    ],
)
def test_more_than_the_disk_holds_does_not_come_back(attacker: Attacker, attack: str) -> None:
    done = attacker.run(attack, collect=True)
    assert (done.tree, done.ended_by) == (None, "disk")
