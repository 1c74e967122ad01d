"""Which bus a stack speaks through: the one that is set, a NATS server of its own, or a file."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cultivar.bus.opening import check_address
from cultivar.errors import UnavailableError
from cultivar.record import Record
from cultivar.settings import UNNAMED, Settings
from cultivar.stack.kinds import BUS, StackOptions
from cultivar.stack.nats import HOST, HOW_TO_GET_IT, find_server, key_in, make_ready
from cultivar.stack.parts import Part
from cultivar.stack.readiness import FileOpens, NatsAnswers

_FILE: Final = "file:"

_OF_A_SERVER: Final = ("PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH")
"""The variables that a server of others gets; no key is among them."""


_CHATTER: Final = re.compile(r"\[\d+\] \[(INF|DBG|TRC)\] ")
"""How the server's lines begin that are neither warnings nor errors; that it is ready, we see."""


class ChosenBus(Record):
    """The bus of a stack."""

    part: Part | None = None
    """None where it was left out; then it is what the settings say."""
    joining: Mapping[str, str] = {}
    """The variables that bring a program onto it; empty where it is the one that is set anyway."""
    note: str = ""
    """What the user should know about the choice."""


def choose_bus(settings: Settings, options: StackOptions) -> ChosenBus:
    """The bus that was asked for, else the best that is here.

    Raises:
        UnavailableError: NATS was asked for, and is not here.
        UsageError: Program or port, as they were given, cannot be used, or the bus that is set is
            none.
        OSError: The folder of its files cannot be written to.
    """
    url, folder = settings.bus.url, settings.home / "bus"
    check_address(url)
    if options.bus == "local" or (options.bus == "auto" and url.startswith(_FILE)):
        return _file(settings)
    if url and not url.startswith(_FILE) and not _is_ours(settings, folder):
        part = _part(NatsAnswers(url=url))
        note = (
            "The bus is the one that is set; where a hub runs there already, say `--without hub`."
        )
        return ChosenBus(part=part, joining={"CULTIVAR_BUS__URL": url}, note=note)
    program = find_server(options.nats_server, options.path)
    if program is not None:
        return _own_server(program, folder, settings, options)
    if options.bus == "nats":
        raise UnavailableError("There is no `nats-server` here.", HOW_TO_GET_IT)
    note = "There is no `nats-server` here, so the bus is a file, for this machine alone."
    chosen = _file(settings)
    return ChosenBus(part=chosen.part, joining=chosen.joining, note=f"{note} {HOW_TO_GET_IT}")


def _is_ours(settings: Settings, folder: Path) -> bool:
    """Whether the server that is set is the one that an earlier stack here was joined by."""
    return settings.bus.nkey_seed_file == key_in(folder)


def _file(settings: Settings) -> ChosenBus:
    url = settings.bus.url
    if not url.startswith(_FILE):
        url = (settings.home / "bus.db").absolute().as_uri()
    return ChosenBus(part=_part(FileOpens(url=url)), joining=_joining(settings, url))


def _own_server(
    program: Path, folder: Path, settings: Settings, options: StackOptions
) -> ChosenBus:
    files = make_ready(folder, options.bus_port)
    url = f"nats://{HOST}:{files.port}"
    part = Part(
        name=BUS,
        ready=NatsAnswers(
            url=url, server=files.name, ports=files.ports, about="JetStream, a key opens it"
        ),
        command=(str(program), "-c", str(files.configuration)),
        environment={each: os.environ[each] for each in _OF_A_SERVER if each in os.environ},
        matters=lambda line: not _CHATTER.match(line),
        restart=options.restart,
    )
    joining = {**_joining(settings, url), "CULTIVAR_BUS__NKEY_SEED_FILE": str(files.key)}
    return ChosenBus(part=part, joining=joining)


def _part(ready: NatsAnswers | FileOpens) -> Part:
    return Part(name=BUS, ready=ready, ready_within=10.0)


def _joining(settings: Settings, url: str) -> dict[str, str]:
    name = os.environ.get("CULTIVAR_INSTANCE_ID", "")
    if settings.instance_id == UNNAMED:
        name = platform.node() or "unknown"
    named = {"CULTIVAR_INSTANCE_ID": name} if name else {}
    return {"CULTIVAR_BUS__URL": url, **named}
