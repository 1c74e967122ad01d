"""Parses JSON into nodes, with or without comments."""

from __future__ import annotations

from cultivar.upgrade.merging.keyed.margins import dedented_line
from cultivar.upgrade.merging.keyed.nodes import Block, Entry, UnclearError
from cultivar.upgrade.merging.keyed.scanning import JSON, Scanner


def parse_json(text: str) -> Block:
    """The nodes of a JSON file, which may have comments and trailing commas.

    Args:
        text: All of it, with its last line feed.

    Raises:
        UnclearError: It is not JSON, or has no collection.
    """
    found = JSON.trivia.match(text)
    start = found.end() if found else 0
    before = text[:start].split("\n")
    if before.pop():
        raise UnclearError("something stands before the value")
    value, end = Scanner(text=text, grammar=JSON).value(start, "")
    trail, *tail = text[end:].removesuffix("\n").split("\n")
    after = JSON.trivia.match(text, end)
    if after is None or after.end() < len(text):
        raise UnclearError("something stands behind the value")
    entry = Entry(lead=_lines(before), value=value, trail=trail)
    return Block(kind="list", entries=(entry,), tail=_lines(tail))


def _lines(lines: list[str]) -> tuple[str, ...]:
    return tuple(dedented_line(line, "") for line in lines)
