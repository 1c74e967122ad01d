"""Puts a tree, records a generation and an upgrade; kills itself after a statement in between."""

import os
import signal
import sys

from sqlalchemy import event

from cultivar.learning.telling.messages import payload_of
from cultivar.ledger.blobs import SqlContentStore
from cultivar.ledger.database import connect
from cultivar.ledger.generations import SqlGenerations
from cultivar.ledger.upgrades import SqlMigrations
from cultivar.testing.generations import TREE, generation_of
from cultivar.testing.upgrades import migration_of, script_of

_, url, statement, generation_id = sys.argv
database = connect(url)


@event.listens_for(database.engine, "after_cursor_execute")
def die(connection: object, cursor: object, executed: str, *rest: object) -> None:
    """End as a process ends whose machine loses its power."""
    if executed.startswith(statement):
        os.kill(os.getpid(), signal.SIGKILL)


SqlContentStore(database).put(TREE)
SqlGenerations(database, payload_of).record(generation_of(TREE.hash, id=generation_id))
SqlMigrations(database).record(migration_of("b51e", scripts=(script_of("one"),)))
