"""What is kept of suggestions and effects, as JSON, and back.

The invariant: what cannot be read was not kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from msgspec import DecodeError, ValidationError, convert
from msgspec import json as quickly

from cultivar.learning.defaults.suggestion import Success, Suggestion
from cultivar.learning.evidence.conditions import Effect, Under
from cultivar.learning.evidence.rates import Interval
from cultivar.record import Record, to_builtins


class Found(Record):
    """What the evidence spoke for when it was last asked; also nothing is an answer."""

    suggestion: Suggestion | None


class Stamp(Record):
    """When something was worked out, and from how much."""

    at: float
    """Seconds since 1970."""
    heard: int
    """How often the template had been used, each instance's uses bounded."""


class _Stamped(Record):
    stamp: Stamp | None = None


def body_of(value: Found | Effect, stamp: Stamp) -> str:
    """The JSON of it."""
    return json.dumps(to_builtins(value) | {"stamp": to_builtins(stamp)}, separators=(",", ":"))


def stamp_in(body: str) -> Stamp | None:
    """The stamp that a body has; None where it has none, as those that an earlier version kept."""
    try:
        return quickly.decode(body, type=_Stamped).stamp
    except DecodeError:
        return None


def effect_in(body: str) -> Effect | None:
    """The effect that a body holds; None where it holds none."""
    try:
        return convert(json.loads(body), Effect)
    except (ValidationError, ValueError):
        return None


def found_in(body: str) -> Found | None:
    """What was found, as a body holds it; None where it holds nothing of that kind."""
    try:
        said = json.loads(body)["suggestion"]
        return Found(suggestion=None if said is None else _suggestion(said))
    except (ValidationError, ValueError, KeyError, TypeError):
        return None


def _suggestion(said: Mapping[str, Any]) -> Suggestion:
    """Values are of any type, which `convert` cannot be told."""
    made: dict[str, Any] = {
        **said,
        "share_interval": convert(said["share_interval"], Interval),
        "success": None if said["success"] is None else _success(said["success"]),
        "rivals": tuple(_success(each) for each in said["rivals"]),
        "under": convert(said.get("under"), Under | None),
    }
    return Suggestion(**made)


def _success(said: Mapping[str, Any]) -> Success:
    made: dict[str, Any] = {**said, "interval": convert(said["interval"], Interval)}
    return Success(**made)
