"""Opens the ledger at the address that it is given, as soon as it is told to."""

import sys

from cultivar.ledger.base import Query
from cultivar.ledger.sql import open_ledger

sys.stdin.readline()
with open_ledger(sys.argv[1]) as ledger:
    ledger.generations(Query())
