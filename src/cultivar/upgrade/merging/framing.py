"""What surrounds a text: its line ends, and whether the last line has one.

They are merged apart from the lines, so that a person who uses other line ends, or whose editor
adds a last one, is in conflict with no one.
"""

from __future__ import annotations

from cultivar.record import Record
from cultivar.upgrade.merging.base import Texts, Versions


class Frame(Record):
    """How the merged text is to be written."""

    windows: bool
    open_end: bool

    def bytes(self, text: str) -> bytes:
        """`text`, whose lines end with line feeds, as the file's content."""
        if self.open_end:
            text = text.removesuffix("\n")
        if self.windows:
            text = text.replace("\n", "\r\n")
        return text.encode("utf-8", "surrogateescape")


def framed(versions: Versions) -> tuple[Texts, Frame]:
    """The three texts with one kind of line end, and the frame of their merge."""
    raw = [
        (each.content if each is not None else b"").decode("utf-8", "surrogateescape")
        for each in (versions.base, versions.ours, versions.theirs)
    ]
    known = versions.base is not None
    uniform = all(text.count("\r\n") in {0, text.count("\n")} for text in raw)
    windows = uniform and _merged([("\r\n" in text) for text in raw], known=known)
    open_end = not any(text.endswith("\n") for text in raw[1:])
    base, ours, theirs = (_plain(text, uniform=uniform) for text in raw)
    texts = Texts(path=versions.path, base=base, ours=ours, theirs=theirs)
    return texts, Frame(windows=windows, open_end=open_end)


def _merged(sides: list[bool], *, known: bool) -> bool:
    base, ours, theirs = sides
    return theirs if known and ours == base else ours


def _plain(text: str, *, uniform: bool) -> str:
    if uniform:
        text = text.replace("\r\n", "\n")
    return text if text.endswith("\n") or not text else f"{text}\n"
