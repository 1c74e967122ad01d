"""What is there (sandbox, model, ledger, memory, tools) and what to do about what is not."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from typing import Literal

from cultivar.bus.base import Bus, Message
from cultivar.bus.subjects import INTELLIGENCE, subject_of
from cultivar.errors import CultivarError, UnavailableError
from cultivar.ledger.base import Ledger, PatternStore
from cultivar.ledger.outgoing import Outbox
from cultivar.llm.base import ModelDoor
from cultivar.machine import Machine
from cultivar.memory.base import Memory
from cultivar.record import Record
from cultivar.sandbox.choose import probe
from cultivar.settings import Settings
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
    findings = [_python(), _workspace(services), *_programs()]
    for part, look in _PARTS.items():
        try:
            findings += look(services)
        except CultivarError as error:
            findings.append(Finding(part=part, state="bad", what=error.what, remedy=error.remedy))
    return tuple(findings)


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


def _ledger(services: Services) -> list[Finding]:
    services.need(Machine).open()
    known = len(services.need(Ledger).runs(1000))
    what = f"{_without_password(services.settings.ledger_url)}, {known} runs"
    return [Finding(part="ledger", state="good", what=what)]


def _memory(services: Services) -> list[Finding]:
    count = len(services.need(PatternStore).patterns())
    services.need(Memory).recall("doctor", language="")
    return [Finding(part="memory", state="good", what=f"{count} failure patterns")]


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
    return [good, _hub(bus, settings)]


def _hub(bus: Bus, settings: Settings) -> Finding:
    asked = Message(subject=subject_of(INTELLIGENCE, settings.instance_id), data=b"{}")
    try:
        bus.request(asked, settings.learning.hub_timeout)
    except UnavailableError as error:
        return Finding(part="hub", state="fair", what=error.what, remedy=error.remedy)
    return Finding(part="hub", state="good", what="one answers")


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
    "outbox": _outbox,
    "templates": _templates,
}
