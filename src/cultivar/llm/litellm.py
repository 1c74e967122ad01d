"""Any model that litellm knows, one attempt at a time.

litellm takes seconds to import, so nothing here imports it before it is used. It retries, logs,
reads `.env` files and fetches prices of its own accord; all of that is turned off, because
retries, records and the environment are ours.
"""

from __future__ import annotations

import atexit
import importlib
import json
import logging
import os
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import cache
from ipaddress import ip_address
from math import isfinite
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from cultivar.errors import RefusedError
from cultivar.llm.base import ModelReply, ModelRequest, ProviderError, Tell
from cultivar.llm.litellm_errors import translated
from cultivar.llm.strict import strict_schema
from cultivar.model import Json
from cultivar.settings import ModelSettings

ALLOW_CALLS = "CULTIVAR_ALLOW_MODEL_CALLS"
"""The variable that, set to `0`, refuses every model that is not on the loopback."""

_logger = logging.getLogger("cultivar.llm")
_SCHEMA = Path(__file__).with_name("schema.md").read_text(encoding="utf-8").strip()


class LitellmModel:
    """A `Provider` over litellm.

    Args:
        settings: The model's name and how to reach it.
        grace: Seconds beyond `settings.timeout` after which an attempt is given up even though
            bytes still trickle in, which restarts the time-out of every read.
    """

    def __init__(self, settings: ModelSettings, *, grace: float = 10.0) -> None:
        self._settings, self._grace = settings, grace
        self._unpriced = False

    @property
    def name(self) -> str:
        """The model's name, as litellm has it."""
        return self._settings.name

    def warm(self) -> threading.Thread:
        """Begin to import litellm beside other work; the first call waits for the rest of it."""
        thread = threading.Thread(target=_litellm, name="cultivar-litellm", daemon=True)
        thread.start()
        return thread

    def complete(self, request: ModelRequest) -> ModelReply:
        """Answer `request`.

        Raises:
            ProviderError: It did not answer; says whether trying again may help.
            ModelUnavailableError: It never will, as things are configured.
            RefusedError: Model calls are not allowed here.
        """
        return self._answer(request, lambda arguments: _litellm().completion(**arguments))

    def stream(self, request: ModelRequest, tell: Tell) -> ModelReply:
        """Answer `request`, and tell each piece of the text when it comes.

        Raises:
            ProviderError: It did not answer to the end; says whether trying again may help.
            ModelUnavailableError: It never will, as things are configured.
            RefusedError: Model calls are not allowed here.
        """
        reading = _Reading(tell)
        try:
            return self._answer(request, reading.whole)
        finally:
            reading.give_up()

    def _answer(
        self, request: ModelRequest, complete: Callable[[Mapping[str, Any]], Any]
    ) -> ModelReply:
        self._refuse_stray()
        arguments = self._arguments(request)
        began = time.monotonic()
        outcome = self._attempt(lambda: complete(arguments))
        if isinstance(outcome, Exception):
            # Raised here and not where it was caught: what litellm raised may quote the key, and
            # would be printed with the traceback.
            raise translated(outcome, self._settings, self._missing_keys)
        return self._reply(outcome, time.monotonic() - began)

    def _refuse_stray(self) -> None:
        allowed = os.environ.get(ALLOW_CALLS, "1").strip().lower() not in {"0", "false", "no"}
        if not allowed and not _on_loopback(self._settings.api_base):
            raise RefusedError(
                f"A call of the model {self.name!r} was refused: `{ALLOW_CALLS}` is 0.",
                "Use a scripted model, a cassette or a server on the loopback, or set it to 1.",
            )

    def _attempt(self, complete: Callable[[], Any]) -> Any:
        """What litellm returned, or the exception that it raised."""
        _litellm()  # so that loading it does not count as waiting for the model
        try:
            return _within(self._settings.timeout + self._grace, complete)
        except Exception as error:  # litellm lets through whatever a strange body trips over
            return error

    def _arguments(self, request: ModelRequest) -> dict[str, Any]:
        settings, key = self._settings, self._settings.api_key
        arguments: dict[str, Any] = {
            "model": self.name,
            "messages": [{"role": m.role, "content": m.content} for m in request.messages],
            "temperature": settings.temperature,
            "max_tokens": settings.max_tokens,
            "timeout": settings.timeout,
            "num_retries": 0,
            "max_retries": 0,
            "drop_params": True,  # models that think take no temperature
            "api_base": settings.api_base,
            "api_key": key.get_secret_value() if key else None,
        }
        return arguments | self._structure(request, arguments["messages"])

    def _structure(self, request: ModelRequest, messages: list[dict[str, str]]) -> dict[str, Any]:
        """The schema: as a parameter where the model takes it, else in words."""
        if not request.schema:
            return {}
        if _litellm().supports_response_schema(self.name):
            schema = strict_schema(request.schema)
            given: dict[str, Any] = {
                "name": request.schema_name,
                "schema": schema or request.schema,
                "strict": schema is not None,
            }
            return {"response_format": {"type": "json_schema", "json_schema": given}}
        return {"messages": [*messages, {"role": "user", "content": _in_words(request.schema)}]}

    def _reply(self, response: Any, seconds: float) -> ModelReply:
        choices: list[Any] = response.choices or []
        if not choices:
            raise ProviderError("It answered without any choice.", retry=True, billed=True)
        usage = getattr(response, "usage", None)
        return ModelReply(
            text=str(choices[0].message.content or ""),
            model=self.name,
            prompt_tokens=_count(usage, "prompt_tokens"),
            completion_tokens=_count(usage, "completion_tokens"),
            money=self._money(response),
            seconds=seconds,
        )

    def _missing_keys(self) -> list[str]:
        found = cast("dict[str, list[str]]", _litellm().validate_environment(self.name))
        return [name for name in found.get("missing_keys", []) if "KEY" in name]

    def _money(self, response: Any) -> float:
        hidden: Mapping[str, Any] = getattr(response, "_hidden_params", None) or {}
        cost = hidden.get("response_cost")
        if isinstance(cost, int | float) and isfinite(cost) and cost >= 0:
            return float(cost)
        if not self._unpriced:
            self._unpriced = True
            _logger.warning(
                "The price of the model %r is not known: its calls count as 0 dollars. "
                "Limit the run by `budget.tokens` or `budget.calls`, a bridge by `bridge.tokens`.",
                self.name,
            )
        return 0.0


class _Reading:
    """Reads a reply that comes piece by piece, until it ends or is given up.

    Args:
        tell: Hears each piece.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._is_given_up = self._has_told = False

    def whole(self, arguments: Mapping[str, Any]) -> Any:
        """The whole reply, as if it had come at once."""
        asked = {**arguments, "stream": True, "stream_options": {"include_usage": True}}
        pieces: list[Any] = []
        for piece in _litellm().completion(**asked):
            self._hear(piece)
            pieces.append(piece)
        # litellm makes an empty reply of a body that is no stream at all.
        if not self._has_told and not any(getattr(each, "usage", None) for each in pieces):
            raise ProviderError("It answered with nothing.", retry=True, billed=True)
        return _litellm().stream_chunk_builder(pieces, messages=arguments["messages"])

    def give_up(self) -> None:
        """Tell nothing any more; the connection is closed at the next piece."""
        with self._lock:
            self._is_given_up = True

    def _hear(self, piece: Any) -> None:
        text = str(piece.choices[0].delta.content or "") if piece.choices else ""
        with self._lock:
            if self._is_given_up:
                raise TimeoutError
            if text:
                self._has_told = True
                self._tell(text)


@cache
def _configured() -> Any:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")  # else it loads `.env` of any folder
    _silence()
    litellm: Any = importlib.import_module("litellm")
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.client_session = _connections()
    if "LITELLM_LOG" not in os.environ:
        for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    return litellm


def _connections() -> Any:
    """One pool for all calls: of two first calls at once, each would make one and drop the other's.

    As litellm makes it.
    """
    httpx: Any = importlib.import_module("httpx")
    handler: Any = importlib.import_module("litellm.llms.custom_httpx.http_handler")
    client = httpx.Client(verify=handler.get_ssl_configuration(), follow_redirects=True)
    atexit.register(client.close)
    return client


def _litellm() -> Any:
    with _importing:
        litellm = _configured()
    _silence()  # again: whoever collects warnings, like pytest, forgets filters in between
    return litellm


_importing = threading.Lock()


def _silence() -> None:
    """Ignore the warnings of litellm and what it drags in, and no others."""
    warnings.filterwarnings("ignore", module=r"litellm(\.|$)")
    warnings.filterwarnings("ignore", message="Pydantic serializer warnings", module="pydantic")
    warnings.filterwarnings("ignore", message=".*`ReadOnly` qualifier", module="pydantic")


def _within(seconds: float, call: Callable[[], Any]) -> Any:
    """The result of `call`, made in a thread of its own.

    On the main thread litellm opens an event loop that nobody closes. A call that takes longer is
    left behind; its thread ends with the process at the latest.

    Raises:
        TimeoutError: It takes longer than `seconds`.
    """
    future: Future[Any] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # for the caller, who waits in another thread
            future.set_exception(error)

    threading.Thread(target=work, name="cultivar-model-call", daemon=True).start()
    return future.result(seconds)


def _count(usage: Any, name: str) -> int:
    value: object = getattr(usage, name, 0)
    return max(0, value) if isinstance(value, int) else 0


def _in_words(schema: Mapping[str, Json]) -> str:
    return f"{_SCHEMA}\n\n{json.dumps(schema, sort_keys=True)}"


def _on_loopback(address: str | None) -> bool:
    host = urlsplit(address or "").hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
