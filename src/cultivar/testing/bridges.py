"""What tests of the model bridge share: a bus, a provider's service, bridges and callers."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from json import dumps, loads
from pathlib import Path
from typing import Any

from cultivar.bus.base import Bus
from cultivar.bus.base import Message as BusMessage
from cultivar.bus.opening import Line, open_bus
from cultivar.bus.subjects import MODEL_REQUEST, subject_of
from cultivar.ledger.base import CallRecord
from cultivar.llm.bridge.caller import BridgeProvider
from cultivar.llm.bridge.server import Bridge
from cultivar.llm.redaction import Redactor
from cultivar.record import replace
from cultivar.settings import BridgeSettings, BusSettings, ModelSettings, Secret, Settings
from cultivar.testing.openai_server import OpenAIServer
from cultivar.testing.records import MemoryCallRecord

KEY = "sk-a-key-that-only-the-bridge-has"
"""What opens the provider's service."""

PATIENCE = 3.0
"""What callers here have, in seconds."""

MODEL = "openai/gpt-4o-mini"
"""A model whose price is known."""

Facts = dict[str, Any]
"""An answer, as JSON has it."""


class Bridges:
    """One bus, with bridges and callers on it; all of it ends with the stack.

    Args:
        home: A folder.
        service: What the bridges ask.
        stack: Closes what is opened here.
        url: The bus; empty: that of the folder.
    """

    def __init__(self, home: Path, service: OpenAIServer, stack: ExitStack, url: str = "") -> None:
        self.home, self.service, self.url = home, service, url
        self.record = MemoryCallRecord()
        """Where bridges keep what instances used, unless another is given."""
        self._stack = stack

    def bridge(
        self, model: ModelSettings | None = None, record: CallRecord | None = None, **limits: Any
    ) -> Bridge:
        """One more bridge, in this process.

        Args:
            model: Its model; that of the service without it.
            record: Its record.
            limits: Settings of `bridge`.
        """
        chosen = self._settings(model or self.model(), "bridge", BridgeSettings(**limits))
        made = Bridge(self.bus(), chosen, record or self.record, Redactor(KEY))
        self._stack.callback(made.close, 5)
        return made

    def model(self, **more: Any) -> ModelSettings:
        """The service's model."""
        return replace(
            ModelSettings(
                name=MODEL, api_base=self.service.api_base, api_key=Secret(KEY), timeout=20
            ),
            **more,
        )

    def provider(self, instance: str = "one", **model: Any) -> BridgeProvider:
        """A caller, which has no key.

        Args:
            instance: Who it is.
            model: Settings of its `model`.
        """
        chosen = replace(ModelSettings(name="bridge", timeout=20), **model)
        settings = self._settings(chosen, instance)
        line = Line(lambda: open_bus(settings.bus, settings.home))
        self._stack.callback(line.close)
        return BridgeProvider(settings, line, PATIENCE)

    def bus(self) -> Bus:
        """The bus, opened once more."""
        bus = open_bus(BusSettings(url=self.url), self.home)
        self._stack.callback(bus.close)
        return bus

    def process(self, **environment: str) -> subprocess.Popen[str]:
        """`cultivar bridge` in a process of its own; returns when it is ready."""
        self.home.mkdir(parents=True, exist_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-m", "cultivar", "bridge", "--json"],
            cwd=self.home,
            env={**os.environ, **self.environment(), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._stack.callback(_end, process)
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert ready, "the bridge ended before it was ready"
        assert loads(ready)["model"] == {**self.environment(), **environment}[_NAME]
        return process

    def environment(self) -> dict[str, str]:
        """What a process needs to be a bridge here."""
        return {
            _NAME: MODEL,
            "CULTIVAR_MODEL__API_BASE": self.service.api_base,
            "CULTIVAR_MODEL__API_KEY": KEY,
            "CULTIVAR_HOME": str(self.home),
            "CULTIVAR_BUS__URL": self.url,
        }

    def _settings(
        self, model: ModelSettings, instance: str, bridge: BridgeSettings | None = None
    ) -> Settings:
        return Settings(
            workspace=self.home,
            home=self.home,
            instance_id=instance,
            model=model,
            bridge=bridge or BridgeSettings(),
            bus=BusSettings(url=self.url),
        )


_NAME = "CULTIVAR_MODEL__NAME"


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def message(instance: str = "", **asked: Any) -> BusMessage:
    """A request as any client may write it."""
    conversation = [{"role": "user", "content": "Which cache?"}]
    data = dumps({"messages": conversation, **asked}).encode()
    return BusMessage(subject=subject_of(MODEL_REQUEST, instance), data=data)


def ask(bus: Bus, instance: str = "", **asked: Any) -> Facts:
    """What a bridge answers such a request."""
    answer: Facts = loads(bus.request(message(instance, **asked), asked.get("timeout", 20)))
    return answer
