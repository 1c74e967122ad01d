"""The first rung: git's own merge of texts, with no work tree and no repository of the person's.

Paths, modes and moves are settled before (`pairing`, `files`), so that git is asked only what it
is best at, and never to guess. All files of a merge are done in three short runs of git.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from cultivar.templating.origins.git import run_git
from cultivar.upgrade.merging.base import Texts
from cultivar.upgrade.merging.hunks import Hunk, Piece, Settled, to_lines

_RUN: Final = re.compile(r"^(?:<+|=+|>+|\|+)", re.MULTILINE)
"""What could be taken for a marker."""
_SIDES: Final = ("base", "ours", "theirs")
_SETTINGS: Final = {
    "merge.conflictStyle": "diff3",
    "merge.renames": "false",
    "merge.directoryRenames": "false",
    "merge.renormalize": "false",
    "diff.algorithm": "histogram",
    "core.attributesFile": "",
    "core.compression": "0",
}


def merge_by_git(texts: Sequence[Texts]) -> list[list[Piece]]:
    """Merge each text as git does.

    Args:
        texts: Each with three versions that end with a line feed, or are empty.

    Returns:
        For each text its pieces: what git settled, and the hunks that it left in conflict.
    """
    if not texts:
        return []
    width = 1 + max([7, *(len(run) for each in texts for run in _runs(each))])
    with tempfile.TemporaryDirectory(prefix="cultivar-merge-") as folder:
        repository = _scratch(Path(folder), width)
        place = [
            *(part for key, value in _SETTINGS.items() for part in ("-c", f"{key}={value}")),
            f"--git-dir={repository}",
        ]
        run_git(*place, "fast-import", "--quiet", stdin=b"".join(_commits(texts)))
        answer = run_git(*place, "merge-tree", "-z", "--stdin", stdin=b"ours theirs\n")
        tree = re.split(rb"[\0\n]", answer)[1].decode()
        asked = "".join(f"{tree}:{number}\n" for number in range(len(texts)))
        output = run_git(*place, "cat-file", "--batch", stdin=asked.encode())
    return [_pieces(content, width) for content in _contents(output, len(texts))]


def _runs(texts: Texts) -> Iterator[str]:
    for text in (texts.base, texts.ours, texts.theirs):
        yield from _RUN.findall(text)


def _scratch(folder: Path, width: int) -> Path:
    """The least that git takes for a repository; faster than asking git for one."""
    for name in ("objects", "refs", "info"):
        (folder / name).mkdir()
    (folder / "HEAD").write_text("ref: refs/heads/base\n")
    (folder / "config").write_text("[core]\nrepositoryformatversion = 0\nbare = true\n")
    (folder / "info" / "attributes").write_text(f"* conflict-marker-size={width} merge=text\n")
    return folder


def _commits(texts: Sequence[Texts]) -> Iterator[bytes]:
    for side in _SIDES:
        yield f"commit refs/heads/{side}\ncommitter c <c> 0 +0000\ndata 0\n".encode()
        if side != "base":
            yield b"from refs/heads/base\n"
        for number, each in enumerate(texts):
            content = _encoded(getattr(each, side))
            yield b"M 100644 inline %d\ndata %d\n%s\n" % (number, len(content), content)


def _contents(output: bytes, count: int) -> Iterator[str]:
    at = 0
    for _ in range(count):
        end = output.index(b"\n", at)
        size = int(output[at:end].split()[2])
        yield output[end + 1 : end + 1 + size].decode("utf-8", "surrogateescape")
        at = end + 1 + size + 1


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _pieces(merged: str, width: int) -> list[Piece]:
    """Read the markers; the one that opens a part of a hunk also ends the part before it."""
    marker = re.compile(rf"(<{{{width}}}|\|{{{width}}}|={{{width}}}|>{{{width}}})(?: .*)?\n")
    pieces: list[Piece] = []
    parts: dict[str, list[str]] = {"": []}
    part = ""
    for line in to_lines(merged):
        found = marker.fullmatch(line)
        if found is None:
            parts[part].append(line)
            continue
        sign = found[1][0]
        if sign == "<":
            pieces.append(Settled(lines=tuple(parts[""])))
            parts = {"<": [], "|": [], "=": []}
        if sign == ">":
            ours, base, theirs = (tuple(parts[each]) for each in "<|=")
            pieces.append(Hunk(base=base, ours=ours, theirs=theirs))
            parts = {"": []}
        part = "" if sign == ">" else sign
    return [*pieces, Settled(lines=tuple(parts[""]))]
