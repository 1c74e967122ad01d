"""A hub that runs until it is killed: `hub.py BUS DATABASE`; a short lease spares tests time."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from cultivar.bus.base import Bus
from cultivar.bus.local import LocalBus
from cultivar.bus.nats import NatsBus
from cultivar.learning.hub.hub import Hub, HubSettings
from cultivar.learning.hub.store import HubStore
from cultivar.settings import BusSettings


def main(address: str, database: str) -> None:
    is_nats = address.startswith("nats:")
    bus: Bus = NatsBus(BusSettings(url=address)) if is_nats else LocalBus(Path(address))
    Hub(bus, HubStore(database), HubSettings(batch=500, lease=2))
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
