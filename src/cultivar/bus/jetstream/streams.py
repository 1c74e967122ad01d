"""How streams are to be set up, and where one that exists is not so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cultivar.bus.base import Stream
from cultivar.settings import BusSettings

_NANO: Final = 1_000_000_000

NOT_FOUND: Final = 10059
"""The server's error where there is no such stream."""

NO_ROOM: Final = (10002, 10023, 10047)
"""Its errors where it cannot set aside as many bytes as a stream may take."""

_LEAST: Final = 2**26
"""Bytes below which a stream is not worth making."""

_COMPARED: Final = (
    *("subjects", "retention", "max_age", "max_bytes", "discard", "duplicate_window"),
    *("max_msgs_per_subject", "discard_new_per_subject"),
)

_FIXED: Final = ("retention",)
"""What no server changes of a stream that is there."""

_BYTES: Final = ("max_bytes", "discard", "discard_new_per_subject")
_OF_ONE: Final = ("max_msgs_per_subject", "discard_new_per_subject")
"""What goes together."""

Configuration = dict[str, Any]
"""As JetStream's API has it."""


def configuration(stream: Stream, settings: BusSettings) -> Configuration:
    """How a stream is to be set up.

    A full stream refuses new messages: who publishes keeps them and tries again, so none is lost;
    and of one subject, which is one sender's, there are never so many that they fill it. Where a
    stream has a limit of its own, the oldest make room: the latest news are worth more there.
    """
    refuses = stream.max_bytes < 0
    each_sender = settings.sender_max_messages if refuses else -1
    age = int(stream.max_age * _NANO)
    window = int(settings.duplicate_window * _NANO)
    return {
        "name": stream.name,
        "subjects": list(stream.subjects),
        "retention": "limits",
        "storage": "file",
        "discard": "new" if refuses else "old",
        "discard_new_per_subject": each_sender >= 0,
        "max_age": age,
        "max_bytes": _least(stream.max_bytes, settings.stream_max_bytes),
        "max_msgs": -1,
        "max_msgs_per_subject": each_sender,
        "max_consumers": -1,
        "num_replicas": settings.replicas,
        "duplicate_window": min(window, age) if age else window,
    }


def smaller(wanted: Configuration) -> Configuration | None:
    """The same for half as many bytes; None where that is too little."""
    half = wanted["max_bytes"] // 2
    return {**wanted, "max_bytes": half} if half >= _LEAST else None


def differing(found: Mapping[str, Any], wanted: Configuration) -> tuple[str, ...]:
    """In what a stream that is there is not as it is to be."""
    return tuple(each for each in _COMPARED if _of(found, each) != _of(wanted, each))


def changed(info: Mapping[str, Any], wanted: Configuration) -> Configuration | None:
    """How a stream that is there is to be set up from now on; None where nothing is to change.

    It is not made smaller than what it holds: that would refuse, or remove, what is there.

    Args:
        info: What the server says of it.
        wanted: How it is to be.
    """
    found: Configuration = info["config"]
    kept = {*_FIXED, *_too_tight(info.get("state", {}), wanted)}
    names = [each for each in differing(found, wanted) if each not in kept]
    return {**found, **{each: wanted[each] for each in names}} if names else None


def _too_tight(state: Mapping[str, Any], wanted: Configuration) -> tuple[str, ...]:
    """What would take messages away that are there."""
    bytes_too = 0 <= wanted["max_bytes"] < state.get("bytes", 0)
    of_one_too = 0 <= wanted["max_msgs_per_subject"] < state.get("messages", 0)
    return (*(_BYTES if bytes_too else ()), *(_OF_ONE if of_one_too else ()))


def in_words(name: str, found: Mapping[str, Any], wanted: Configuration) -> str:
    """In what a stream is not as it is to be; empty where it is."""
    said = [
        f"`{each}` is {_of(found, each)!r}, not {_of(wanted, each)!r}"
        for each in differing(found, wanted)
    ]
    return f"The stream {name} is not as the settings have it: {', '.join(said)}." if said else ""


def _of(found: Mapping[str, Any], name: str) -> Any:
    """A part of a configuration; the order of subjects means nothing."""
    return sorted(found.get(name) or ()) if name == "subjects" else found.get(name, False)


def _least(*limits: int) -> int:
    """The lowest limit; -1 is none."""
    return min((each for each in limits if each >= 0), default=-1)
