"""What a large installation needs: worked out from what one generation was measured to take."""

from __future__ import annotations

from typing import Final

from cultivar.record import Record

_DAY: Final = 86_400.0
_MONTH: Final = 365.25 / 12
"""Days."""


class Load(Record):
    """What is to be borne."""

    instances: int
    generations: int
    """Of all instances together, in `days`."""
    days: float = 365.0
    peak: float = 10.0
    """How many times the mean comes in the busiest hour."""
    stream_days: float = 30.0
    """For how long the bus keeps messages."""
    kept_days: float = 365.0
    """For how long the hub keeps rows; its counts stay for ever."""


class Measured(Record):
    """What one generation takes."""

    stream: float
    """Bytes in the bus's stream."""
    row: float
    """Bytes in the hub's database, with indexes."""
    counts: float
    """Bytes of the hub's counts for each instance that uses a template."""
    ledger: float
    """Bytes in the ledger of its own instance, with files and checks."""
    ingest: float
    """Messages that one hub counts in a second."""


class Needs(Record):
    """What bears a load."""

    mean: float
    """Messages a second."""
    peak: float
    stream: float
    """Bytes on each server of the bus."""
    month: float
    """Bytes of a month's partition."""
    rows: float
    """Bytes of all rows that are kept."""
    counts: float
    """Bytes of the counts of one template that all instances use."""
    hub_share: float
    """How much of one hub the busiest hour takes: 1 is all of it."""
    catch_up: float
    """Seconds in which one hub counts what a day without any has left."""
    ledger: float
    """Bytes in the ledger of each instance."""


def needs_of(load: Load, measured: Measured) -> Needs:
    """What bears `load`, where a generation takes what was `measured`."""
    a_day = load.generations / load.days
    mean = a_day / _DAY
    return Needs(
        mean=mean,
        peak=mean * load.peak,
        stream=a_day * min(load.stream_days, load.days) * measured.stream,
        month=a_day * _MONTH * measured.row,
        rows=a_day * min(load.kept_days, load.days) * measured.row,
        counts=load.instances * measured.counts,
        hub_share=mean * load.peak / measured.ingest,
        catch_up=a_day / measured.ingest,
        ledger=load.generations / load.instances * measured.ledger,
    )
