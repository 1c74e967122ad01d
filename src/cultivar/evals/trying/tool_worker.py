"""Uses one version of a tool on many inputs, behind a wall; each use in a process of its own.

It runs as it is on a Python that has nothing but its own library. Three kinds of process share the
work. The keeper tells the results on standard output, each signed with a key that it has read
after it started the driver; so no process in which the tool's code ever runs has seen the key. It
alone knows all inputs, too: the driver asks for each once the tool is loaded, so that nothing can
be prepared for what comes later. The driver measures, and starts a process for each use. What the
tool's code can do there, whatever it prints, writes or kills, is to spoil its own use.
"""

from __future__ import annotations

import contextlib
import ctypes
import hmac
import json
import os
import resource
import select
import shutil
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final, NoReturn, cast

from cultivar.evals.trying.spelling import canonical, digest, spelled
from cultivar.tool import Tool

KEY: Final = "key"
"""The file with the key; it is gone before the tool's code runs."""

JOB: Final = "job.json"
"""The file with what is to be done; it is gone before the tool's code runs."""

SIGNED: Final = b"cultivar-use"
"""The word that begins each line of results."""

SHOWN: Final = 64 << 10
"""So many characters of a spelled value are told; of a longer one, its hash."""

_LENGTH: Final = struct.Struct("<Q")
_MOST: Final = 4 << 20
_SET_DUMPABLE: Final = 4
_SET_CHILD_SUBREAPER: Final = 36
"""Of `prctl`; Python has no words for them."""

_ROUNDS: Final = 20
_LEFT_BYTES: Final = 1 << 20
_READY: Final = b"\n"
_TRACE: Final = 2000
_LOADING_SECONDS: Final = 20.0


class _Gone(Exception):  # noqa: N818 - the other end has gone, which is for its waiter to explain
    """The other end of a pipe was closed, or the time was over."""


def main() -> NoReturn:
    """Do the job in the working folder."""
    _hide()
    told, tell = os.pipe()
    go, start = os.pipe()
    if os.fork() == 0:
        os.close(told)
        os.close(start)
        _drive(go, tell)
    os.close(tell)
    os.close(go)
    key, job = _taken(KEY), json.loads(_taken(JOB))
    inputs = [json.dumps(each).encode() for each in job.pop("inputs")]
    _send(start, json.dumps({**job, "uses": len(inputs)}).encode())
    _keep(key, inputs, told, start)
    os._exit(0)


def _taken(file: str) -> bytes:
    """What a file says, which is gone then."""
    content = Path(file).read_bytes()
    Path(file).unlink()
    return content


def _hide() -> None:
    """Let no other process look into this one, nor into those that it starts."""
    _control(_SET_DUMPABLE, 0)


def _control(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def _keep(key: bytes, inputs: list[bytes], told: int, give: int) -> None:
    """Sign and print what the driver tells, line by line; give it the input that it asks for."""
    with contextlib.suppress(_Gone, BrokenPipeError):
        while True:
            line = _message(told, None)
            if line.isdigit():
                _send(give, inputs[int(line)])
                continue
            mac = hmac.new(key, line, "sha256").hexdigest().encode()
            _write(1, b"\n" + b" ".join([SIGNED, mac, line]) + b"\n")


def _drive(go: int, tell: int) -> NoReturn:
    """Use the tool on each of the inputs, and tell what came of it."""
    _control(_SET_CHILD_SUBREAPER, 1)  # what leaves its parent becomes a child of this process
    job: dict[str, Any] = json.loads(_message(go, None))
    root = Path.cwd()
    until, before = time.monotonic() + job["all_seconds"], _left_over()
    for number in range(job["uses"]):
        asking = partial(_input, number, go, tell)
        _send(tell, json.dumps({**_used(root, job, asking), "number": number}).encode())
        if time.monotonic() > until or not _swept() or _grew(before, _left_over()):
            break  # the others are used elsewhere
    os._exit(0)


def _input(number: int, go: int, tell: int) -> bytes:
    """An input, as the keeper gives it."""
    _send(tell, str(number).encode())
    return _message(go, None, sys.maxsize)


def _swept() -> bool:
    """Whether no process of a use is alive any more; it ends those that are."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children")
    for _ in range(_ROUNDS):
        children = [int(each) for each in listed.read_text().split()]
        if not children:
            return True
        for each in children:
            _end(each)
    return False


def _left_over() -> tuple[frozenset[Path], int]:
    """What lies in the place for temporary files, and how many bytes are free there."""
    place = Path(os.environ.get("TMPDIR", "/tmp"))
    found = os.statvfs(place)
    return frozenset(place.iterdir()), found.f_bavail * found.f_frsize


def _grew(before: tuple[frozenset[Path], int], now: tuple[frozenset[Path], int]) -> bool:
    """Whether a use left something where the next one would find it."""
    return now[0] != before[0] or now[1] < before[1] - _LEFT_BYTES


def _used(root: Path, job: Mapping[str, Any], asking: Callable[[], bytes]) -> dict[str, Any]:
    """What came of one use, as its driver saw it."""
    folder = mkdtemp(dir=os.environ.get("TMPDIR", "/tmp"))
    ask, asked = os.pipe()
    said, say = os.pipe()
    child = os.fork()
    if child == 0:
        _become_user(folder, job, ask, say)
        _use(root, job, ask, say)
    os.close(ask)
    os.close(say)
    try:
        return _watched(child, asked, said, job["seconds"], asking)
    finally:
        os.close(asked)
        os.close(said)
        shutil.rmtree(folder, ignore_errors=True)


def _watched(
    child: int, asked: int, said: int, seconds: float, asking: Callable[[], bytes]
) -> dict[str, Any]:
    """See a use to its end, and say what came of it, and how long it and loading took."""
    began, loaded = time.perf_counter(), False
    try:
        _exactly(said, 1, time.monotonic() + _LOADING_SECONDS)  # nothing of the tool runs before
        loading = began = time.perf_counter()
        if _exactly(said, 1, time.monotonic() + _LOADING_SECONDS) != _READY:
            return {"trouble": "it wrote over what tells its result"}
        loaded, began = True, time.perf_counter()
        _send(asked, asking())
        told = json.loads(_message(said, time.monotonic() + seconds))
        took = time.perf_counter() - began
        return {**_checked(told), "seconds": took, "loading": began - loading}
    except _Gone:
        took = time.perf_counter() - began
        limit = seconds if loaded else _LOADING_SECONDS
        return {"trouble": _ended(child, took >= limit, limit), "seconds": took}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {"trouble": "it wrote over what tells its result"}
    finally:
        _end(child)


def _checked(told: Any) -> dict[str, Any]:
    """What a use said of itself, as far as it has the form of that."""
    if "value" in told:
        value = spelled(told["value"])  # it may say anything: nothing is nested without end
        return {"value": value, "hash": digest(canonical(value))}
    if "hash" in told:
        return {"begins": str(told["begins"]), "hash": str(told["hash"])}
    if "described" in told:
        return {"described": told["described"]}
    raised = [str(each)[:200] for each in told["raised"]][:20]
    error = {"raised": raised, "message": str(told["message"]), "trace": str(told["trace"])}
    return error | ({"trouble": "it cannot be loaded"} if told.get("unloaded") else {})


def _ended(child: int, late: bool, limit: float) -> str:
    """Why nothing came of a use."""
    if late:
        return f"it took more than {limit:g} seconds"
    for _ in range(200):
        # It is not reaped before it is killed: its number might be another's by then.
        ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended and ended.si_code == os.CLD_EXITED:
            return f"it ended its process, with exit code {ended.si_status}"
        if ended:
            return f"its process was ended by the signal {ended.si_status}"
        time.sleep(0.01)
    return "it closed what tells its result"


def _end(child: int) -> None:
    """End a use with all of its processes that did not leave its session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(child, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(child, 0)


def _become_user(folder: str, job: Mapping[str, Any], *kept: int) -> None:
    """Leave all behind that belongs to the driver."""
    os.setsid()
    os.chdir(folder)
    os.environ.update(HOME=folder, TMPDIR=folder)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    last = 3
    for each in sorted(kept):
        os.closerange(last, each)
        last = each + 1
    os.closerange(last, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    memory: int = job["memory_bytes"]
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _use(root: Path, job: Mapping[str, Any], ask: int, say: int) -> NoReturn:
    """Load the tool, use it once, and say what came of it."""
    try:
        _write(say, _READY)
        found = _told_of(lambda: {"tool": _tool(root / job["file"], job["name"])})
        _write(say, _READY)
        inputs = json.loads(_message(ask, None))
        tool: Tool[..., Any] | None = found.get("tool")
        if tool is None:
            told = {**found, "unloaded": True}
        elif inputs is None:
            told = _told_of(lambda: {"described": _described(tool)})
        else:
            told = _told_of(lambda: _result(tool(**inputs)))
        _send(say, json.dumps(told).encode())
    finally:
        os._exit(0)


def _result(value: object) -> dict[str, Any]:
    """What a tool gave; of what is too large, what tells it apart."""
    made = spelled(value)
    text = canonical(made)
    return {"value": made} if len(text) <= SHOWN else {"hash": digest(text), "begins": text[:800]}


def _told_of(act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `act` tells; what it raises, whatever that is, in words."""
    try:
        return act()
    except BaseException as error:  # it is somebody's code, which may raise anything
        classes = [each.__name__ for each in type(error).__mro__ if each is not object]
        told = {"raised": classes, "message": _words(error)[:_TRACE], "trace": _trace(error)}
        return told


def _words(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # its own words are somebody's code, too
        return ""


def _trace(error: BaseException) -> str:
    """Where it was raised, in the tool's own file."""
    places = traceback.extract_tb(error.__traceback__)
    own = [each for each in places if "/cultivar/" not in each.filename][-5:]
    shown = [f"line {each.lineno}, in {each.name}: {each.line}" for each in own]
    return "\n".join(shown)[-_TRACE:]


def _tool(path: Path, name: str) -> Tool[..., Any]:
    """The tool in the file at `path`."""
    spec = spec_from_file_location(f"cultivar_definitions.tools.{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is no Python file")
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    found: object = vars(module).get(name)
    if not isinstance(found, Tool):
        raise ImportError(f"`{path.name}` declares no tool {name!r}")
    return cast("Tool[..., Any]", found)


def _described(tool: Tool[..., Any]) -> dict[str, Any]:
    """What a tool says of itself."""
    names = ("input", "expected_output", "should_raise", "description")
    cases = [{name: spelled(getattr(case, name)) for name in names} for case in tool.cases]
    like = tool.characteristics
    return {
        "characteristics": {name: bool(getattr(like, name)) for name in type(like).__annotations__},
        "cases": cases,
    }


def _send(pipe: int, content: bytes) -> None:
    _write(pipe, _LENGTH.pack(len(content)) + content)


def _write(pipe: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(pipe, left) :]


def _message(pipe: int, until: float | None, most: int = _MOST) -> bytes:
    (length,) = _LENGTH.unpack(_exactly(pipe, _LENGTH.size, until))
    if length > most:
        raise ValueError(length)
    return _exactly(pipe, length, until)


def _exactly(pipe: int, length: int, until: float | None) -> bytes:
    """So many bytes of the pipe, waited for until then."""
    read = bytearray()
    while len(read) < length:
        left = None if until is None else max(0.0, until - time.monotonic())
        if not select.select([pipe], [], [], left)[0]:
            raise _Gone
        chunk = os.read(pipe, min(length - len(read), 1 << 16))
        if not chunk:
            raise _Gone
        read += chunk
    return bytes(read)
