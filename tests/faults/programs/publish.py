"""Publishes what ledgers hold until it is killed: `publish.py BUS INSTANCE=LEDGER…`."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from cultivar.bus.base import Bus
from cultivar.bus.local import LocalBus
from cultivar.bus.nats import NatsBus
from cultivar.learning.telling.publishing import Publisher, PublishPolicy
from cultivar.ledger.database import connect
from cultivar.ledger.outbox import SqlOutbox
from cultivar.settings import BusSettings

POLICY = PublishPolicy(interval=0.05, backoff=0.05, longest_pause=0.5)


def main(address: str, *members: str) -> None:
    def open_bus() -> Bus:
        if address.startswith("nats:"):
            return NatsBus(BusSettings(url=address, timeout=2))
        return LocalBus(Path(address))

    for member in members:
        instance_id, _, ledger = member.partition("=")
        outbox = SqlOutbox(connect(f"sqlite:///{ledger}"))
        Publisher(outbox, open_bus, instance_id, POLICY).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
