"""Records generations and publishes them; kills itself at the moment that it is told.

`recorded`: before anything is published. `stored`: when the bus has the first batch, and before
the outbox knows.
"""

import os
import signal
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from cultivar.bus.base import Bus
from cultivar.bus.local import LocalBus
from cultivar.bus.nats import NatsBus
from cultivar.learning.telling.messages import payload_of
from cultivar.learning.telling.publishing import Publisher, PublishPolicy
from cultivar.ledger.database import connect
from cultivar.ledger.outbox import SqlOutbox
from cultivar.ledger.sql import open_ledger
from cultivar.settings import BusSettings
from cultivar.testing.generations import TREE, generation_of

_, file, bus_address, moment, *ids = sys.argv


class DyingOutbox(SqlOutbox):
    """Dies instead of forgetting."""

    def published(self, sequences: Iterable[int]) -> None:
        """End as a process ends whose machine loses its power."""
        os.kill(os.getpid(), signal.SIGKILL)


def open_bus() -> Bus:
    """The bus of the test."""
    if bus_address.startswith("nats:"):
        return NatsBus(BusSettings(url=bus_address))
    return LocalBus(Path(bus_address))


with open_ledger(f"sqlite:///{file}", payload_of) as ledger:
    ledger.content.put(TREE)
    for each in ids:
        ledger.record(generation_of(TREE.hash, id=each))
if moment == "recorded":
    os.kill(os.getpid(), signal.SIGKILL)
with closing(connect(f"sqlite:///{file}")) as database:
    policy = PublishPolicy(batch=2)
    Publisher(DyingOutbox(database), open_bus, "local", policy).publish_pending(60)
