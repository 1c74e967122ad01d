"""Which wall there is here: probed by a real run, the strongest that works, once per process."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from cultivar.errors import SandboxUnavailableError, UnconfinedError
from cultivar.record import Record
from cultivar.sandbox.base import TREE_ROOT, Command, Limits, Sandbox
from cultivar.sandbox.bubblewrap import Bubblewrap
from cultivar.settings import SandboxSettings
from cultivar.tree import Tree, text_entry

_NEWS: Final = "what is in the tree"
_PROBE: Final = Command(argv=("/bin/sh", "-c", "cat news && pwd"))
_PROBE_LIMITS: Final = Limits(wall_seconds=30.0, disk_bytes=8 << 20, memory_bytes=256 << 20)


class Probe(Record):
    """What a real run in one backend has shown."""

    backend: str
    works: bool
    confined: bool
    why_not: str = ""
    remedy: str = ""
    """What to do so that it works; empty where it does."""


def probe(settings: SandboxSettings) -> tuple[Probe, ...]:
    """Try every backend, the strongest first."""
    return tuple(_probe(name, settings.image) for name in _MAKERS)


def choose_sandbox(settings: SandboxSettings) -> Sandbox:
    """The backend that the settings name; of `auto`, the strongest that works here.

    Raises:
        SandboxUnavailableError: The named one does not work, or none does.
    """
    names = tuple(_MAKERS) if settings.use == "auto" else (settings.use,)
    for name in names:
        if _probe(name, settings.image).works:
            return _MAKERS[name](settings.image)
    first = _probe(names[0], settings.image)
    raise SandboxUnavailableError(
        f"The sandbox {first.backend!r} does not work here: {first.why_not}", first.remedy
    )


def may_run(sandbox: Sandbox, *, untrusted: bool, unconfined: bool = False) -> None:
    """Let pass only what may run there.

    Args:
        sandbox: Where it would run.
        untrusted: Whether a model or a template that nobody trusts wrote any of it.
        unconfined: Whether the user said `--unconfined`.

    Raises:
        UnconfinedError: It is untrusted, there is no wall, and the user did not say so.
    """
    if untrusted and not sandbox.confined and not unconfined:
        raise UnconfinedError(
            f"Untrusted code is not run in the sandbox {sandbox.name!r}, which has no wall.",
            "Make bubblewrap work (`cultivar doctor` says how), or pass `--unconfined`"
            " to run it with your own rights.",
        )


def limits_of(settings: SandboxSettings) -> Limits:
    """The limits that the settings ask for."""
    return Limits(
        wall_seconds=settings.wall_seconds,
        cpu_seconds=settings.cpu_seconds,
        memory_bytes=settings.memory_mb << 20,
        processes=settings.processes,
        disk_bytes=settings.disk_mb << 20,
        output_bytes=settings.output_kb << 10,
    )


def _bubblewrap(image: str) -> Sandbox:
    return Bubblewrap()


def _container(image: str) -> Sandbox:
    from cultivar.sandbox.container import Container, find_engine  # where bubblewrap works, unused

    return Container(find_engine(), image)


def _process(image: str) -> Sandbox:
    from cultivar.sandbox.process import PlainProcess  # with psutil, which takes long to import

    return PlainProcess()


_MAKERS: Final[dict[str, Callable[[str], Sandbox]]] = {
    "bubblewrap": _bubblewrap,
    "container": _container,
    "process": _process,
}
"""The strongest first."""


@cache
def _probe(name: str, image: str) -> Probe:
    confined = name != "process"
    try:
        _try(_MAKERS[name](image))
    except SandboxUnavailableError as error:
        remedy = error.remedy if error.remedy and "doctor" not in error.remedy else ""
        return Probe(
            backend=name,
            works=False,
            confined=confined,
            why_not=error.what,
            remedy=remedy or _remedy(name, image),
        )
    return Probe(backend=name, works=True, confined=confined)


def _try(sandbox: Sandbox) -> None:
    done = sandbox.run(_PROBE, Tree({"news": text_entry(_NEWS + "\n")}), _PROBE_LIMITS)
    if done.exit_code or done.output.decode(errors="replace").split("\n")[0] != _NEWS:
        said = done.output.decode(errors="replace").strip()
        raise SandboxUnavailableError(
            f"A first command in `{TREE_ROOT}` ended with {done.exit_code}, and said {said!r}."
        )


def _remedy(name: str, image: str) -> str:
    if name == "container":
        return f"Fetch its image: `podman pull {image}`, or set `sandbox.image` to one you have."
    return namespace_remedy() if name == "bubblewrap" else "Install util-linux (`prlimit`)."


def namespace_remedy(switches: Path = Path("/proc/sys")) -> str:
    """How to let users make namespaces, as far as the kernel's `switches` show what stops them."""
    if _reads(switches / "kernel/apparmor_restrict_unprivileged_userns", "1"):
        return (
            "AppArmor keeps users from making namespaces here (Ubuntu 24.04 and later). Give"
            " `bwrap` a profile (`apt install apparmor-profiles`, then link `bwrap-userns-restrict`"
            " into /etc/apparmor.d), or allow all programs:"
            " `sysctl kernel.apparmor_restrict_unprivileged_userns=0`."
        )
    if _reads(switches / "kernel/unprivileged_userns_clone", "0"):
        return "Allow users to make namespaces: `sysctl kernel.unprivileged_userns_clone=1`."
    if _reads(switches / "user/max_user_namespaces", "0"):
        return "Allow users to make namespaces: `sysctl user.max_user_namespaces=15000`."
    return (
        "It takes bubblewrap 0.8 or later, `prlimit` (util-linux), `tar`, and a kernel that lets"
        " users make namespaces; a container often does not."
    )


def _reads(path: Path, value: str) -> bool:
    return path.is_file() and path.read_text().strip() == value
