"""What a stack consists of here: the parts that are of use and were not left out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from cultivar.errors import NotKnownError, UsageError, WriteError
from cultivar.record import Record
from cultivar.settings import Settings
from cultivar.stack.addresses import check_free, read_address
from cultivar.stack.buses import ChosenBus, choose_bus
from cultivar.stack.kinds import BUS, HUB, KINDS, Kind, Site, StackOptions
from cultivar.stack.log import TIMED
from cultivar.stack.parts import Part

NAMES: Final = (BUS, *(each.name for each in KINDS))
"""Of all parts that a stack may have."""


class Plan(Record):
    """A stack that can be started."""

    parts: tuple[Part, ...]
    joining: Mapping[str, str]
    """The variables by which an instance joins it."""
    notes: tuple[str, ...]
    """What the user should know about it."""


def plan(settings: Settings, options: StackOptions) -> Plan:
    """What to start.

    Raises:
        NotKnownError: There is no such part.
        StoreUnavailableError: What the hub's database needs is not here.
        UnavailableError: NATS was asked for, and is not here.
        UsageError: Nothing is left to start, a part was asked for that cannot run, or an option
            cannot be used.
        WriteError: `home` cannot be written to.
    """
    names = _wanted(options)
    if HUB in names:
        _check_hub(options)
    bus = _bus(settings, options) if BUS in names else ChosenBus()
    home = {"CULTIVAR_HOME": str(settings.home.absolute()), "PYTHONUNBUFFERED": "1"}
    environment = {**os.environ, **home, TIMED: "1", **bus.joining}
    site = Site(settings=settings, options=options, environment=environment)
    wanted = [each for each in KINDS if each.name in names]
    lacking = {each.name: what for each in wanted if (what := each.missing(site))}
    _check_asked_for(options, lacking)
    return Plan(
        parts=(*filter(None, [bus.part]), *_made(wanted, lacking, site)),
        joining=bus.joining,
        notes=tuple(filter(None, [bus.note, *_left_out(lacking)])),
    )


def _wanted(options: StackOptions) -> frozenset[str]:
    for name in (*options.only, *options.without):
        if name not in NAMES:
            near = tuple(get_close_matches(name, NAMES, n=1))
            raise NotKnownError("part", name, near, f"There are {', '.join(NAMES)}.")
    names = frozenset(options.only or NAMES) - frozenset(options.without)
    if not names:
        raise UsageError("Nothing is left to start.", f"There are {', '.join(NAMES)}.")
    return names


def _check_hub(options: StackOptions) -> None:
    """See that what it is given can be used, before anything is started."""
    check_free(read_address(options.http))
    if options.database_url:
        from cultivar.ledger import database  # slow to load

        database.connect(options.database_url, database.HUB).close()


def _bus(settings: Settings, options: StackOptions) -> ChosenBus:
    try:
        return choose_bus(settings, options)
    except OSError as error:
        raise WriteError(
            f"`{settings.home}` cannot be written to: {error.strerror}.",
            "Make it writable, or set `CULTIVAR_HOME` to another folder.",
        ) from error


def _check_asked_for(options: StackOptions, lacking: Mapping[str, str]) -> None:
    for name in options.only:
        if name in lacking:
            raise UsageError(
                f"`{name}` cannot be started without {lacking[name]}.",
                "Set what is missing, or leave the part out.",
            )


def _made(wanted: list[Kind], lacking: Mapping[str, str], site: Site) -> list[Part]:
    return [each.make(site) for each in wanted if each.name not in lacking]


def _left_out(lacking: Mapping[str, str]) -> list[str]:
    return [f"No {name} is started without {what}." for name, what in lacking.items()]
