"""What is there (sandbox, model, ledger, memory, tools) and what to do about what is not."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from cultivar.bus.base import Bus, Message
from cultivar.bus.subjects import INTELLIGENCE, MODEL_REQUEST, subject_of
from cultivar.errors import CultivarError, SettingsError, UnavailableError
from cultivar.ledger.base import Ledger, PatternStore
from cultivar.ledger.outgoing import Outbox
from cultivar.llm.base import ModelDoor
from cultivar.machine import Machine
from cultivar.memory.base import Memory
from cultivar.ownership import OTHERS
from cultivar.record import Record
from cultivar.sandbox.choose import probe
from cultivar.sandbox.container import ENGINES
from cultivar.settings import BRIDGE, Settings
from cultivar.templating.origins.catalog import Catalog
from cultivar.wiring import Services, line_of

State = Literal["good", "fair", "bad"]
"""`fair`: it works, and could be better; `bad`: something that is needed does not work."""


class Finding(Record):
    """What was found of one part."""

    part: str
    state: State
    what: str
    remedy: str = ""


def examine(services: Services) -> tuple[Finding, ...]:
    """Look at every part by using it."""
    findings = [_python(), _workspace(services), *_programs(), _containers()]
    for part, look in _PARTS.items():
        try:
            findings += look(services)
        except CultivarError as error:
            named = "settings" if isinstance(error, SettingsError) else part
            findings.append(Finding(part=named, state="bad", what=error.what, remedy=error.remedy))
    return tuple(dict.fromkeys(findings))  # what is missing may be missed by several


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(part="python", state="good", what=version)


def _workspace(services: Services) -> Finding:
    settings = services.settings
    if (settings.workspace / "cultivar.yaml").is_file():
        return Finding(part="workspace", state="good", what=str(settings.workspace))
    what = f"none here; the ledger is in {settings.home}"
    remedy = "`cultivar init` makes this folder one."
    return Finding(part="workspace", state="fair", what=what, remedy=remedy)


def _programs() -> list[Finding]:
    needed = {
        "git": "Templates from git need it: install `git`.",
        "mix": "The Elixir template's checks need it: install `elixir`.",
    }
    return [
        Finding(part=name, state="good", what=path)
        if (path := shutil.which(name))
        else Finding(part=name, state="fair", what="not installed", remedy=remedy)
        for name, remedy in needed.items()
    ]


def _containers() -> Finding:
    path = next(filter(None, map(shutil.which, reversed(ENGINES))), None)
    what = path or "not installed; only `compose.yaml` is for it"
    return Finding(part="docker", state="good", what=what)


def _sandbox(services: Services) -> list[Finding]:
    probes = probe(services.settings.sandbox)
    walled = any(each.works and each.confined for each in probes)
    found: list[Finding] = []
    for each in probes:
        kind = "a wall" if each.confined else "no wall: trusted code only"
        what = f"{each.backend} works ({kind})" if each.works else f"{each.backend}: {each.why_not}"
        state: State = "good" if each.works and each.confined else "fair"
        remedy = "" if each.works or walled else each.remedy
        found.append(Finding(part="sandbox", state=state, what=what, remedy=remedy))
    return found


def _model(services: Services) -> list[Finding]:
    name = services.settings.model.name
    if services.need(ModelDoor).available:
        return [Finding(part="model", state="good", what=name)]
    remedy = "Optional: `--model NAME`, or `model.name` in the settings; any that litellm knows."
    return [Finding(part="model", state="fair", what="none (builtin)", remedy=remedy)]


_SHORT: Final = 1.0
"""Seconds for an answer on which nothing depends."""


def _ledger(services: Services) -> list[Finding]:
    services.need(Machine).open()
    known = len(services.need(Ledger).runs(1000))
    what = f"{_without_password(services.settings.ledger_url)}, {known} run{_s(known)}"
    return [Finding(part="ledger", state="good", what=what)]


def _memory(services: Services) -> list[Finding]:
    count = len(services.need(PatternStore).patterns())
    services.need(Memory).recall("doctor", language="")
    return [Finding(part="memory", state="good", what=f"{count} failure pattern{_s(count)}")]


def _bus(services: Services) -> list[Finding]:
    settings = services.settings
    if not settings.bus.url:
        return [Finding(part="bus", state="good", what="none: nobody else learns from it")]
    address = _without_password(settings.bus.url)
    try:
        bus = line_of(services).bus()
    except UnavailableError as error:
        return [Finding(part="bus", state="fair", what=error.what, remedy=error.remedy)]
    good = Finding(part="bus", state="good", what=f"{address}, as {settings.instance_id}")
    return [good, *_streams(bus), _hub(bus, settings)]


def _streams(bus: Bus) -> list[Finding]:
    """The streams that are not as the settings have them."""
    remedy = "Set `bus` as where the hub runs, or have the operator edit the stream on the server."
    try:
        said = bus.complaints()
    except UnavailableError:
        return []  # that it does not answer is said of the hub
    return [Finding(part="bus", state="fair", what=each, remedy=remedy) for each in said]


def _hub(bus: Bus, settings: Settings) -> Finding:
    asked = Message(subject=subject_of(INTELLIGENCE, settings.instance_id), data=b"{}")
    try:
        bus.request(asked, settings.learning.hub_timeout)
    except UnavailableError as error:
        return Finding(part="hub", state="fair", what=error.what, remedy=error.remedy)
    return Finding(part="hub", state="good", what="one answers")


def _bridge(services: Services) -> list[Finding]:
    """Whether a bridge answers, where it is needed or there is a bus; it is not made to work."""
    settings = services.settings
    is_needed = settings.model.name.strip().partition(":")[0] == BRIDGE
    if not is_needed and not settings.bus.url:
        return []
    asked = Message(subject=subject_of(MODEL_REQUEST, settings.instance_id), data=b"{}")
    timeout = settings.learning.hub_timeout
    try:
        line_of(services).bus().request(asked, timeout if is_needed else min(timeout, _SHORT))
    except UnavailableError as error:
        if is_needed:
            remedy = "Start one with `cultivar bridge`, where the model's key is."
            return [Finding(part="bridge", state="bad", what=error.what, remedy=remedy)]
        what = "none answers; `model.name` asks for none"
        return [Finding(part="bridge", state="good", what=what)]
    return [Finding(part="bridge", state="good", what="one answers")]


def _outbox(services: Services) -> list[Finding]:
    outbox, name = services.need(Outbox), services.settings.instance_id
    waiting, parked = outbox.waiting(name), outbox.parked(name)
    found: list[Finding] = []
    if waiting:
        what = f"{_counted(waiting, 'waits', 'wait')} to be told"
        remedy = "`cultivar learn` tells what waits."
        found.append(Finding(part="outbox", state="fair", what=what, remedy=remedy))
    if parked:
        refused = _counted(len(parked), "was", "were")
        what = f"{refused} refused by the bus, the last since: {parked[-1].reason}"
        remedy = "`cultivar learn --retry` tries again, once that is mended."
        found.append(Finding(part="outbox", state="fair", what=what, remedy=remedy))
    return found


def _counted(number: int, one: str, many: str) -> str:
    return f"1 generation {one}" if number == 1 else f"{number:,} generations {many}"


def _files(services: Services) -> list[Finding]:
    """The databases that others can read, where their folder does not keep them out."""
    home = services.settings.home
    open_to_others = sorted(each.name for each in home.glob("*.db*") if _is_open(each))
    if not open_to_others or not home.stat().st_mode & OTHERS:
        return []
    what = f"other users can read {', '.join(open_to_others)} in `{home}`"
    remedy = f"`chmod go= {home}/*.db*` keeps them to yourself."
    return [Finding(part="files", state="fair", what=what, remedy=remedy)]


def _is_open(file: Path) -> bool:
    """Whether others may read or write a file of ours that holds something."""
    found = file.stat()
    return bool(found.st_size and found.st_mode & OTHERS and found.st_uid == os.getuid())


def _templates(services: Services) -> list[Finding]:
    catalog = services.need(Catalog)
    count = len(catalog.all())
    good = Finding(part="templates", state="good", what=f"{count} can be generated from")
    broken = [
        Finding(part="templates", state="fair", what=error.what, remedy=error.remedy)
        for error in catalog.broken.values()
    ]
    return [good, *broken]


def _without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


_PARTS: dict[str, Callable[[Services], list[Finding]]] = {
    "sandbox": _sandbox,
    "model": _model,
    "ledger": _ledger,
    "memory": _memory,
    "bus": _bus,
    "bridge": _bridge,
    "outbox": _outbox,
    "files": _files,
    "templates": _templates,
}


def _s(number: int) -> str:
    """What makes many of a word of one."""
    return "" if number == 1 else "s"
