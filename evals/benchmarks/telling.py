"""What it costs an instance to tell others of a generation, also where the bus is no help.

With no bus, with a healthy one, with an address where nobody listens, and with a server that takes
connections and says nothing: recording alone, one more generation in a running session, and the
whole command. All are measured in turn, so that all see the same machine.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from cultivar import Cultivar, load_settings
from cultivar.bus.nats import NatsBus
from cultivar.learning.telling.messages import payload_of
from cultivar.learning.telling.publishing import Publisher
from cultivar.ledger.sql import SqlLedger, open_ledger
from cultivar.settings import BusSettings
from cultivar.testing.generations import TREE, answer_of, generation_of
from cultivar.testing.nats import nats_server

ROUNDS = 9
RECORDINGS = 10
TASK = "An async TTL cache with a circuit breaker and metrics, entries expire after 5 minutes"
INSTANCE = "benchmark"
BIN = Path(sys.executable).parent


def measure(rounds: int = ROUNDS) -> dict[str, object]:
    """Median seconds of each, by the state of the bus, and as a multiple of having none."""
    with _addresses() as addresses, ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        found = {
            "record": _in_turn(_recordings(folder, addresses, opened), 20 * rounds),
            "session": _in_turn(_sessions(folder, addresses, opened), rounds),
            "command": _in_turn(_commands(folder, addresses), rounds),
        }
    return {"rounds": rounds, "unit": "seconds, median", **found}


@contextmanager
def _addresses() -> Generator[Mapping[str, str]]:
    """Of each bus; that of none is empty."""
    with (
        nats_server() as server,
        socket.create_server(("127.0.0.1", 0), backlog=1000) as silent,
        socket.socket() as unused,
    ):
        unused.bind(("127.0.0.1", 0))
        ports = {"dead": unused.getsockname()[1], "hanging": silent.getsockname()[1]}
        others = {name: f"nats://127.0.0.1:{port}" for name, port in ports.items()}
        yield {"none": "", "healthy": server.url, **others}


def _in_turn(timed: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, object]:
    taken: dict[str, list[float]] = {name: [] for name in timed}
    for serial in range(rounds + 1):
        for name, run in timed.items():
            began = time.perf_counter()
            run()
            if serial:  # the first is to warm up
                taken[name].append(time.perf_counter() - began)
    seconds = {name: median(each) for name, each in taken.items()}
    ratios = {name: round(each / seconds["none"], 3) for name, each in seconds.items()}
    return {"seconds": {name: round(each, 5) for name, each in seconds.items()}, "ratio": ratios}


def _recordings(
    folder: Path, addresses: Mapping[str, str], opened: ExitStack
) -> Mapping[str, Callable[[], object]]:
    """Recording many, while a publisher takes them away in the background."""
    timed: dict[str, Callable[[], object]] = {}
    for name, address in addresses.items():
        url = f"sqlite:///{folder / f'{name}.db'}"
        ledger = opened.enter_context(open_ledger(url, payload_of if address else None))
        ledger.content.put(TREE)
        if address:
            bus = partial(NatsBus, BusSettings(url=address))
            publisher = Publisher(ledger.outbox, bus, INSTANCE)
            opened.callback(publisher.close)
            publisher.start()
        timed[name] = partial(_record, ledger)
    return timed


def _record(ledger: SqlLedger) -> None:
    for _ in range(RECORDINGS):
        answers = tuple(answer_of(f"question_{n}", n % 2 == 0) for n in range(8))
        ledger.record(generation_of(TREE.hash, answers=answers, instance_id=INSTANCE))


def _sessions(
    folder: Path, addresses: Mapping[str, str], opened: ExitStack
) -> Mapping[str, Callable[[], object]]:
    """One more generation in a running session."""
    timed: dict[str, Callable[[], object]] = {}
    for name, address in addresses.items():
        settings = load_settings(
            folder,
            home=folder / f"home-{name}",
            instance_id=INSTANCE,
            bus=BusSettings(url=address),
        )
        cultivar = opened.enter_context(Cultivar(settings))
        output = folder / f"session-{name}"
        timed[name] = partial(cultivar.generate, TASK, output=output, force=True)
    return timed


def _commands(folder: Path, addresses: Mapping[str, str]) -> Mapping[str, Callable[[], object]]:
    """The whole command, in a process of its own."""
    timed: dict[str, Callable[[], object]] = {}
    for name, address in addresses.items():
        environment = {
            **os.environ,
            "CULTIVAR_HOME": str(folder / f"home-{name}"),
            "CULTIVAR_INSTANCE_ID": INSTANCE,
            "CULTIVAR_BUS__URL": address,
        }
        output = str(folder / f"command-{name}")
        command = [str(BIN / "cultivar"), "generate", TASK, "--output", output, "--force"]
        timed[name] = partial(
            subprocess.run, command, check=True, capture_output=True, env=environment
        )
    return timed


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(), indent=2) + "\n")
