from __future__ import annotations

from cultivar.testing.buses import BusContract


class TestBus(BusContract):
    """On the local bus and on a NATS server."""
