"""What litellm's errors mean: whether to try again, when, and what a person can do about it.

litellm tells one kind of failure in several ways, and several kinds in one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any, TypeAlias

from cultivar.errors import ModelUnavailableError
from cultivar.llm.base import ProviderError
from cultivar.settings import ModelSettings

MissingKeys: TypeAlias = Callable[[], Sequence[str]]
"""Says which variables with keys a model wants and the environment lacks."""

_AGAIN = frozenset({408, 425, 429})
_DENIED = frozenset({401, 402, 403})
_CUT_OFF = frozenset({"ReadError", "RemoteProtocolError"})
_LATE = frozenset({408, 504})
"""What is said when no answer came in time; the model may be at it all the same."""


def translated(error: Exception, settings: ModelSettings, missing_keys: MissingKeys) -> Exception:
    """What an error means to the door.

    Args:
        error: What litellm raised, or what was raised on its behalf.
        settings: The model's.
        missing_keys: What the model wants; asked only where it matters.

    Returns:
        A `ProviderError`, or where trying again never helps a `ModelUnavailableError`.
    """
    if isinstance(error, ProviderError):
        return error
    status: object = getattr(error, "status_code", None)
    said = _first_line(error)
    named = f"The model {settings.name!r}"
    if isinstance(error, TimeoutError):
        why = f"No answer within {settings.timeout:g} seconds."
        return ProviderError(why, retry=True, billed=True)
    if "LLM Provider NOT provided" in said:
        return ModelUnavailableError(
            f"{named} is of no provider that litellm knows.",
            "Set `model.name` (or `--model`) to `PROVIDER/NAME`, like `openai/NAME`.",
        )
    if status in _DENIED or _lacks_key(error, settings, missing_keys):
        return ModelUnavailableError(f"{named} was denied: {said}", _key_remedy(missing_keys()))
    if status == 404:
        return ModelUnavailableError(
            f"{named} is not there: {said}",
            "Check `model.name` (or `--model`) and `model.api_base`.",
        )
    again = not isinstance(status, int) or status in _AGAIN or status >= 500
    unheard = status in _LATE or _was_cut_off(error)
    return ProviderError(said, retry=again, after=_retry_after(error), billed=unheard)


def _was_cut_off(error: BaseException | None) -> bool:
    """Whether the connection broke after the request was sent; litellm says the same of both."""
    while error is not None and type(error).__name__ not in _CUT_OFF:
        error = error.__cause__ or error.__context__
    return error is not None


def _lacks_key(error: Exception, settings: ModelSettings, missing_keys: MissingKeys) -> bool:
    """Whether nothing was sent for want of a key, which litellm may call a server's error."""
    answered = getattr(error, "litellm_response_headers", None) is not None
    return not answered and settings.api_key is None and bool(missing_keys())


def _key_remedy(missing_keys: Sequence[str]) -> str:
    names = [*missing_keys, "CULTIVAR_MODEL__API_KEY"]
    return f"Set {' or '.join(f'`{name}`' for name in names)} to a key that is valid for it."


def _first_line(error: Exception) -> str:
    lines = str(error).removeprefix("litellm.").splitlines() or [type(error).__name__]
    return lines[0][:500]


def _retry_after(error: Exception) -> float | None:
    """The wait that the provider asks for, in seconds (RFC 9110, section 10.2.3)."""
    headers: Any = getattr(error, "litellm_response_headers", None) or {}
    value = str(headers.get("retry-after") or "")
    try:
        seconds = float(value)
    except ValueError:
        return _until(value)
    return max(0.0, seconds) if isfinite(seconds) else None


def _until(date: str) -> float | None:
    try:
        then = parsedate_to_datetime(date)
    except ValueError:
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return max(0.0, (then - datetime.now(UTC)).total_seconds())
