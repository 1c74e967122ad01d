"""Parses YAML into nodes, from the marks of its events: anchors, tags and styles stay text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from cultivar.record import replace
from cultivar.upgrade.merging.keyed.brackets import Brackets, Item, margin_of
from cultivar.upgrade.merging.keyed.headers import Lines, with_header
from cultivar.upgrade.merging.keyed.margins import dedented, dedented_line
from cultivar.upgrade.merging.keyed.nodes import (
    Block,
    Data,
    Entry,
    Flow,
    Key,
    Kind,
    Node,
    Scalar,
    UnclearError,
)
from cultivar.yamls import Loader

_RESOLVER: Final[Any] = yaml.resolver.Resolver()
_NOTHING: Final = Scalar(text="", data=("null", ""))
_LINE: Final = re.compile(r"[ \t]*(?:#[^\n]*)?\n")
_TRAIL: Final = re.compile(r"((?:[ \t]+#[^\n]*)?[ \t]*)(?:\n|\Z)")
_PROPERTIES: Final = re.compile(r"(?:[ ]*[&!][^\s,]*)*")
_SPACE: Final = re.compile(r"[ ]*")
_COLON: Final = re.compile(r"[ ]*:(?=\s)")
_DASH: Final = re.compile(r"-(?=\s)")
_BLANK_END: Final = re.compile(r"(?:\n[ \t]*)+\Z")


def parse_yaml(text: str) -> Block:
    """The nodes of a YAML file: its documents.

    Args:
        text: All of it, with its last line feed.

    Raises:
        UnclearError: It is not YAML, or has what cannot be told apart by lines.
    """
    try:
        events = list(yaml.parse(text, Loader=Loader))
        if "*" in text:
            list(yaml.compose_all(text, Loader=Loader))  # every alias has its anchor
    except yaml.YAMLError as error:
        raise UnclearError("it does not parse") from error
    documents = _Reader(text=text, events=iter(events)).documents()
    part = documents.entries[0].value if len(documents.entries) == 1 else None
    if isinstance(part, Block) and not documents.entries[0].label:
        return replace(with_header(part), tail=documents.tail)
    return documents


@dataclass(kw_only=True)
class _Reader:
    text: str
    events: Iterator[yaml.Event]
    at: int = 0

    def documents(self) -> Block:
        next(self.events)
        entries: list[Entry] = []
        while isinstance(event := next(self.events), yaml.DocumentStartEvent):
            entries.append(self._document(event))
            next(self.events)
        if not entries:
            raise UnclearError("there is no document")
        return Block(kind="list", entries=tuple(entries), tail=self._trivia(""))

    def _document(self, event: yaml.DocumentStartEvent) -> Entry:
        first = next(self.events)
        if event.explicit:
            lead = self._trivia("")
            label = self._until(_end(event))
            return self._placed(first, Entry(lead=lead, label=label, value=_NOTHING), "")
        if not _is_block(first):
            raise UnclearError("there is no collection")
        return Entry(value=self._block(first, "", 0))

    def _placed(self, event: yaml.Event, entry: Entry, margin: str) -> Entry:
        """The entry with its value, which begins behind the label or below it."""
        if _is_block(event):
            return self._placed_block(event, entry, margin)
        start = _start(event)
        empty = start == _end(event)
        label = entry.label + ("" if empty else dedented(self._until(start), margin))
        value = self._inline(event, margin)
        trail = self._match(_TRAIL)[1]
        return replace(entry, label=label, value=value, trail=trail)

    def _placed_block(self, event: yaml.Event, entry: Entry, margin: str) -> Entry:
        label = entry.label + self._match(_PROPERTIES)[0]
        if found := _LINE.match(self.text, self.at):
            label += self._until(found.end())[:-1]
            inner = self._margin_below()
            drop = _below(inner, margin)
            value = self._block(event, inner, len(inner) + (not drop))
            return replace(entry, label=label, drop=drop, value=value)
        label += self._match(_SPACE)[0]
        inner = " " * (self.at - self.text.rfind("\n", 0, self.at) - 1)
        value = self._block(event, inner, len(inner))
        return replace(entry, label=label, depth=_below(inner, margin), value=value)

    def _block(self, event: yaml.Event, margin: str, floor: int) -> Block:
        """The collection whose entries stand at `margin`, and its comments at least at `floor`."""
        keyed = isinstance(event, yaml.MappingStartEvent)
        ends = yaml.MappingEndEvent if keyed else yaml.SequenceEndEvent
        entries: list[Entry] = []
        while not isinstance(event := next(self.events), ends):
            lead = self._lead(margin)
            entries.append(
                self._pair(event, lead, margin) if keyed else self._item(event, lead, margin)
            )
        kind: Kind = "map" if keyed else "list"
        return Block(kind=kind, entries=tuple(entries), tail=self._tail(margin, floor))

    def _pair(self, event: yaml.Event, lead: Lines, margin: str) -> Entry:
        key = _key(event)
        if _start(event) != self.at:
            raise UnclearError("a key begins elsewhere")
        label = self._until(_end(event)) + self._match(_COLON)[0]
        entry = Entry(key=key, lead=lead, label=label, value=_NOTHING)
        return self._placed(next(self.events), entry, margin)

    def _item(self, event: yaml.Event, lead: Lines, margin: str) -> Entry:
        label = self._match(_DASH)[0]
        return self._placed(event, Entry(lead=lead, label=label, value=_NOTHING), margin)

    def _inline(self, event: yaml.Event, margin: str) -> Node:
        start, end = _start(event), _end(event)
        if isinstance(event, yaml.AliasEvent):
            return Scalar(text=self._until(end), data=("alias", str(event.anchor)))
        if isinstance(event, yaml.CollectionStartEvent):
            return self._flow(event, margin)
        if not isinstance(event, yaml.ScalarEvent):
            raise UnclearError("a value is missing")
        text = self.text[start:end]
        if event.style in {"|", ">"}:
            text = _without_blank_end(text)
        self.at += len(text)
        return Scalar(text=dedented(text, margin), data=_meaning(event))

    def _flow(self, event: yaml.CollectionStartEvent, margin: str) -> Flow:
        inside = _end(event)
        if self.text[inside - 1 : inside] not in {"[", "{"}:
            raise UnclearError("a pair without brackets")
        keyed = isinstance(event, yaml.MappingStartEvent)
        items: list[Item] = []
        inner = margin
        while not isinstance(found := next(self.events), yaml.CollectionEndEvent):
            if not items:
                inner = margin_of(self.text, _start(found), margin)
            items.append(self._flow_item(found, inner, keyed=keyed))
        self.at = _end(found)
        brackets = Brackets(
            text=self.text,
            kind="map" if keyed else "list",
            start=_start(event),
            inside=inside,
            close=_start(found),
            outer=margin,
            inner=inner,
        )
        return brackets.flow(items)

    def _flow_item(self, event: yaml.Event, margin: str, *, keyed: bool) -> Item:
        start = _start(event)
        key = _key(event) if keyed else ()
        event = next(self.events) if keyed else event
        self.at = _start(event)
        if self.at == _end(event):
            raise UnclearError("a value is missing")
        value_start, value = self.at, self._inline(event, margin)
        return Item(start=start, value_start=value_start, end=self.at, key=key, value=value)

    def _lead(self, margin: str) -> Lines:
        """The lines before an entry, which then begins."""
        begun = self.at and self.text[self.at - 1] != "\n"
        lead = () if begun else self._trivia(margin)
        if not begun and self._until(self.at + len(margin)) != margin:
            raise UnclearError("an entry does not stand at its margin")
        return lead

    def _trivia(self, margin: str) -> Lines:
        lines: list[str] = []
        while found := _LINE.match(self.text, self.at):
            lines.append(dedented_line(self._until(found.end())[:-1], margin))
        return tuple(lines)

    def _tail(self, margin: str, floor: int) -> Lines:
        """The comments that belong to a collection that has ended, as far as they go."""
        start, end = self.at, self.at
        while found := _LINE.match(self.text, self.at):
            self.at = found.end()
            comment = found[0].lstrip(" ")
            if comment.startswith("#") and len(found[0]) - len(comment) >= floor:
                end = self.at
        self.at = end
        lines = self.text[start:end].split("\n")[:-1]
        return tuple(dedented_line(line, margin) for line in lines)

    def _margin_below(self) -> str:
        """The margin of the next line that is no comment."""
        at = self.at
        while found := _LINE.match(self.text, at):
            at = found.end()
        found = _SPACE.match(self.text, at)
        return found[0] if found else ""

    def _until(self, end: int) -> str:
        start, self.at = self.at, end
        return self.text[start:end]

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise UnclearError("something stands where it is not expected")
        self.at = found.end()
        return found


def _is_block(event: yaml.Event) -> bool:
    return isinstance(event, yaml.CollectionStartEvent) and not event.flow_style


def _start(event: yaml.Event) -> int:
    return _index(event.start_mark)


def _end(event: yaml.Event) -> int:
    return _index(event.end_mark)


def _index(mark: object) -> int:
    index: object = getattr(mark, "index", None)
    if not isinstance(index, int):
        raise UnclearError("it is not known where it stands")
    return index


def _key(event: yaml.Event) -> Key:
    if not isinstance(event, yaml.ScalarEvent):
        raise UnclearError("a key is no scalar")
    return (event.value,)


def _meaning(event: yaml.ScalarEvent) -> Data:
    tag = event.tag
    if tag is None or tag == "!":
        tag = _RESOLVER.resolve(yaml.ScalarNode, event.value, event.implicit)
    return str(tag).removeprefix("tag:yaml.org,2002:"), event.value


def _without_blank_end(text: str) -> str:
    header = text.partition("\n")[0].partition("#")[0]
    if "+" in header:
        raise UnclearError("blank lines are part of a value")
    return _BLANK_END.sub("", text)


def _below(margin: str, outer: str) -> str:
    if not margin.startswith(outer):
        raise UnclearError("what is inside is indented less")
    return margin[len(outer) :]
