"""Records 25 generations, among them some with trees that others put too."""

import sys

from cultivar.ledger.sql import open_ledger
from cultivar.model import FailurePattern
from cultivar.record import replace
from cultivar.testing.generations import TREE, attempt_at, generation_of
from cultivar.tree import text_entry

_, url, number = sys.argv
pattern = FailurePattern(
    id="same", signature="", check="lint", language="python", kind="E501", example=""
)
sys.stdin.readline()
with open_ledger(url) as ledger:
    for i in range(25):
        who = f"everybody {i}" if i % 2 else f"{number} {i}"
        tree = TREE.replace({"who.txt": text_entry(who)})
        attempt = replace(attempt_at(ledger.content.put(tree)), patterns=("same",))
        ledger.patterns.add_pattern(pattern, b"", "words")
        ledger.record(generation_of(tree.hash, attempts=(attempt,)))
