"""A filter for system calls, assembled here: what reaches the kernel behind the wall.

The invariant: code behind the wall makes no namespace, no mount, no trace, no key, no socket but a
unix one, and no memory that the watch on resident memory cannot see (`memfd_create`, System V).
"""

from __future__ import annotations

import errno
import struct
from typing import Final

# From linux/bpf_common.h and linux/seccomp.h.
_LOAD, _EQUAL, _GREATER_EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER_AT, _MACHINE_AT, _FIRST_ARGUMENT_AT, _SECOND_ARGUMENT_AT = 0, 4, 16, 24

_NEW_NAMESPACES: Final = 0x7E020000
_X32_BIT: Final = 0x40000000
_AF_UNIX: Final = 1
_FAKED_INPUT: Final = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX

_AUDIT: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_SINCE_5_1: Final = {
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "clone3": 435,
    "pidfd_getfd": 438,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "memfd_secret": 447,
}
"""Numbers that all machines share."""

_BEFORE: Final[dict[str, tuple[int, int]]] = {
    "add_key": (248, 217),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clone": (56, 220),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "init_module": (175, 105),
    "ioctl": (16, 29),
    "kcmp": (312, 272),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "memfd_create": (319, 279),
    "mount": (165, 40),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "perf_event_open": (298, 241),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "request_key": (249, 218),
    "semget": (64, 190),
    "setns": (308, 268),
    "shmget": (29, 194),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}
"""Numbers on x86_64 and on aarch64."""

_BY_ARGUMENT: Final = ("clone", "ioctl", "socket", "socketpair")
_AS_IF_UNKNOWN: Final = ("clone3", "io_uring_setup")
"""What libraries do without when the kernel does not have it; `clone3` hides its flags.

Not `memfd_create`: Erlang would put its machine code into `/dev/shm` instead, and fill it.
"""


def numbers(machine: str) -> dict[str, int]:
    """The numbers of the calls that the filter knows.

    Raises:
        KeyError: There is no filter for that machine.
    """
    column = list(_AUDIT).index(machine) if machine in _AUDIT else _AUDIT[machine]
    return {**{name: pair[column] for name, pair in _BEFORE.items()}, **_SINCE_5_1}


def filter_program(machine: str, *, network: bool = False) -> bytes:
    """The filter for `machine` (`x86_64`, `aarch64`), as bubblewrap's `--seccomp` takes it.

    Args:
        machine: What `os.uname().machine` says.
        network: Whether to leave all sockets open.

    Raises:
        KeyError: There is no filter for that machine.
    """
    known = numbers(machine)
    steps = [
        _step(_LOAD, _MACHINE_AT),
        _step(_EQUAL, _AUDIT[machine], if_true=1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER_AT),
        _step(_GREATER_EQUAL, _X32_BIT, if_false=1),
        _step(_RETURN, _ERRNO | errno.ENOSYS),
    ]
    for name, number in known.items():
        if name not in _BY_ARGUMENT:
            why = errno.ENOSYS if name in _AS_IF_UNKNOWN else errno.EPERM
            steps += [_step(_EQUAL, number, if_false=1), _step(_RETURN, _ERRNO | why)]
    steps += _argument(known["clone"], _FIRST_ARGUMENT_AT, _ANY_BIT, (_NEW_NAMESPACES,))
    steps += _argument(known["ioctl"], _SECOND_ARGUMENT_AT, _EQUAL, _FAKED_INPUT)
    for name in () if network else ("socket", "socketpair"):
        steps += _unless_unix(known[name])
    return b"".join([*steps, _step(_RETURN, _ALLOW)])


def _step(code: int, value: int, *, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _argument(number: int, at: int, test: int, refused: tuple[int, ...]) -> list[bytes]:
    """Refuse the call if its argument is like one of `refused`; else let it through."""
    body = [_step(_LOAD, at)]
    for value in refused:
        body += [_step(test, value, if_false=1), _step(_RETURN, _ERRNO | errno.EPERM)]
    body += [_step(_RETURN, _ALLOW)]
    return [_step(_EQUAL, number, if_false=len(body)), *body]


def _unless_unix(number: int) -> list[bytes]:
    body = [
        _step(_LOAD, _FIRST_ARGUMENT_AT),
        _step(_EQUAL, _AF_UNIX, if_true=1),
        _step(_RETURN, _ERRNO | errno.EPERM),
        _step(_RETURN, _ALLOW),
    ]
    return [_step(_EQUAL, number, if_false=len(body)), *body]
