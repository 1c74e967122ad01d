"""The parts that a stack of ours may have; one more is one more entry in `KINDS`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal, TypeAlias

from cultivar.record import Record
from cultivar.settings import BRIDGE, NO_MODEL, UNNAMED, Settings
from cultivar.stack.parts import Part, RestartPolicy
from cultivar.stack.readiness import HealthIsGood, SaysSo

BUS: Final = "bus"
"""The name of the part that all others speak through."""

HUB: Final = "hub"
"""The name of the part that counts."""

BusChoice: TypeAlias = Literal["auto", "local", "nats"]
"""Which bus; `auto` is what the settings name, else NATS where it is installed, else a file."""


class StackOptions(Record):
    """What a user may choose of a stack."""

    bus: BusChoice = "auto"
    nats_server: Path | None = None
    """The program; else it is looked for."""
    path: str = ""
    """Where it is looked for; else in `PATH`, and where packages put servers."""
    bus_port: int = 0
    """Of our own server; 0 is one that is free."""
    http: str = "127.0.0.1:8790"
    """Where the hub tells how it is."""
    database_url: str = ""
    """The hub's database; else a file in `home`."""
    take_over: bool = False
    """Whether the hub counts what another database was counting."""
    only: tuple[str, ...] = ()
    """The parts to start; else all that are of use."""
    without: tuple[str, ...] = ()
    """The parts not to start."""
    restart: RestartPolicy = RestartPolicy()


class Site(Record):
    """Where the parts are to run."""

    settings: Settings
    options: StackOptions
    environment: Mapping[str, str]
    """The variables for all of them."""


class Kind(Record):
    """A part that a stack may have."""

    name: str
    make: Callable[[Site], Part]
    """Describes it."""
    missing: Callable[[Site], str] = lambda _: ""
    """What it is of no use without, in words; empty where nothing lacks."""


def own_command(*words: str) -> tuple[str, ...]:
    """A command of Cultivar's; nothing that lies in the current folder is taken for a module."""
    return (sys.executable, "-P", "-m", "cultivar", *words)


def _hub(site: Site) -> Part:
    database = site.options.database_url
    where = ["--database-url", database] if database else []
    more = ["--take-over"] if site.options.take_over else []
    return Part(
        name=HUB,
        ready=HealthIsGood(about="/health and /metrics"),
        command=own_command("hub", "--json", "--http", site.options.http, *where, *more),
        environment=site.environment,
        needs=(BUS,),
        restart=site.options.restart,
    )


def _bridge(site: Site) -> Part:
    return Part(
        name="bridge",
        ready=SaysSo(key="model", about="instances ask it with `--model bridge`"),
        command=own_command("bridge", "--json"),
        environment=site.environment,
        needs=(BUS,),
        restart=site.options.restart,
        ready_within=60.0,  # it loads a model's library first
    )


def _publisher(site: Site) -> Part:
    about = "tells what waits in its ledger"
    return Part(
        name="publisher",
        ready=SaysSo(key="waiting", where=str(site.settings.home), about=about),
        command=own_command("learn", "--follow", "--json"),
        environment=site.environment,
        needs=(BUS,),
        restart=site.options.restart,
    )


def _name_missing(site: Site) -> str:
    """What telling others takes: a bus, and a name that we are known by there."""
    settings, given = site.settings, site.environment
    if not given.get("CULTIVAR_BUS__URL", settings.bus.url):
        return "a bus"
    if given.get("CULTIVAR_INSTANCE_ID", settings.instance_id) == UNNAMED:
        return "a name of this instance; `instance_id` is not set"
    return ""


def _model_missing(site: Site) -> str:
    name = site.settings.model.name.strip()
    if name in NO_MODEL or name.partition(":")[0] == BRIDGE:
        return f"a model of its own; `model.name` is {name!r}"
    return ""


KINDS: Final[tuple[Kind, ...]] = (
    Kind(name=HUB, make=_hub),
    Kind(name="bridge", make=_bridge, missing=_model_missing),
    Kind(name="publisher", make=_publisher, missing=_name_missing),
)
"""All beside the bus, which each of them needs."""
