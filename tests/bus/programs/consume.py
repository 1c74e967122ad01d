"""Consumes until it is killed: `consume.py local|nats ADDRESS FILE` writes each id to the file."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from cultivar.bus.base import Bus, ConsumePolicy, Delivery
from cultivar.bus.local import LocalBus
from cultivar.bus.nats import NatsBus
from cultivar.settings import BusSettings
from cultivar.testing.buses import WORK


def open_bus(kind: str, address: str) -> Bus:
    if kind == "local":
        return LocalBus(Path(address), (WORK,))
    return NatsBus(BusSettings(url=address), (WORK,))


def main(kind: str, address: str, file: str) -> None:
    written = os.open(file, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def write(batch: Sequence[Delivery]) -> None:
        for each in batch:
            os.write(written, f"{each.message.id}\n".encode())
            time.sleep(0.001)

    policy = ConsumePolicy(batch=20, lease=1, max_pending=100)
    open_bus(kind, address).consume("WORK", "hub", write, policy)
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
