"""What a workspace that the user does not trust may set.

The invariant: what could turn Cultivar against its user (what is trusted, where a model's key is
sent, whether there is a wall) is never taken from there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import cast

from msgspec import ValidationError, convert

from cultivar.errors import UntrustedError
from cultivar.record import Record
from cultivar.sources import Values

PROTECTED = (
    *("trust", "home", "cache", "workspace", "database_url", "chroma_url"),
    *("model.api_base", "model.api_key", "model.record", "sandbox.use", "sandbox.image"),
    *("bus.url", "bus.user", "bus.password", "bus.token", "bus.nkey_seed_file", "bus.inbox_prefix"),
    *("bus.credentials_file", "bus.tls_ca", "bus.tls_certificate", "bus.tls_key"),
    *("bus.connect_timeout", "bus.timeout", "bus.in_flight", "bus.replicas"),
    *("bus.duplicate_window", "bus.stream_max_bytes", "bus.sender_max_messages"),
    *("instance_id", "learning.share_open_answers", "learning.ask_hub"),
    *("bridge.models", "bridge.money", "bridge.tokens", "bridge.calls", "bridge.window_seconds"),
    *("bridge.concurrent", "improve.real", "improve.automatic", "improve.error"),
    *("improve.loop_seconds", "improve.loop_money"),
)
"""What a workspace may only set where the user trusts it."""

SERVED = ("model.name",)
"""What such a workspace may not set either where others are served with it."""

LOWERED = (
    *("attempts", "budget.money", "budget.tokens", "budget.calls", "budget.seconds"),
    *("sandbox.wall_seconds", "sandbox.cpu_seconds", "sandbox.memory_mb", "sandbox.processes"),
    *("sandbox.disk_mb", "sandbox.output_kb", "model.timeout", "model.retries"),
    *("model.max_tokens", "learning.hub_timeout", "improve.candidates", "improve.trials"),
    *("improve.slower", "improve.workers"),
)
"""What a workspace that the user does not trust may only lower."""


class Limits(Record):
    """What the user allows a workspace."""

    file: Path
    """The user's own settings."""
    own: Values
    """What is set there."""
    default: Callable[[str], object]
    """What a setting is where nobody sets it."""

    def is_raised_by(self, values: Values, name: str) -> bool:
        """Whether a limit is set to more than the user has it, or by default, or to none."""
        section, _, key = name.rpartition(".")
        inside = _value(values, section) if section else values
        if not isinstance(inside, dict) or key not in inside:
            return False
        users = _value(self.own, name)
        allowed = self.default(name) if users is None else users
        return _limit(_value(values, name)) > _limit(allowed)


def is_trusted(origin: str, trust: tuple[str, ...]) -> bool:
    """Whether `origin`, a folder or an address, is one of `trust` or lies below one of them."""
    stems = [each.rstrip("/") for each in trust]
    return any(stem and (origin == stem or origin.startswith(f"{stem}/")) for stem in stems)


def refuse_protected(root: Path, values: Values, users: Limits, more: tuple[str, ...] = ()) -> None:
    """See that a workspace that nobody trusts sets only what it may.

    Args:
        root: The workspace.
        values: What it sets.
        users: What the user allows.
        more: What it may not set either.

    Raises:
        UntrustedError: It sets more.
    """
    for name in (*PROTECTED, *more):
        if _value(values, name) is not None:
            raise _refusal(root, users.file, f"sets `{name}`", name)
    for name in LOWERED:
        if users.is_raised_by(values, name):
            raise _refusal(root, users.file, f"raises `{name}`", name)
    if "://" in str(_value(values, "model.name")):  # some providers take an address as a model
        raise _refusal(root, users.file, "puts an address into `model.name`", "model.name")


def _limit(value: object) -> float:
    """A limit as it will be read; none at all is endless, and what is no limit is not compared."""
    try:
        number = convert(value, int | float | None, strict=False)
    except ValidationError:
        return math.nan  # reading the settings says so
    return math.inf if number is None else number


def _value(values: Values, name: str) -> object:
    value: object = values
    for key in name.split("."):
        value = cast("dict[str, object]", value).get(key) if isinstance(value, dict) else None
    return value


def _refusal(root: Path, file: Path, what: str, name: str) -> UntrustedError:
    return UntrustedError(
        f"The workspace `{root}` {what}, which only you may do.",
        f"Set it in `{file}` or as `CULTIVAR_{name.replace('.', '__').upper()}`, or add "
        f"the workspace to `trust` there.",
    )
