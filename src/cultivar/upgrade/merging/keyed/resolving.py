"""The rung for TOML, YAML and JSON: merges what they say, and keeps how it is written.

The invariant: a result means what the merge of the three meanings is, and has every comment that
a person added; where that is not certain there is no result.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Final

from cultivar.upgrade.merging.base import Resolution, Texts
from cultivar.upgrade.merging.keyed.merging import Merger
from cultivar.upgrade.merging.keyed.nodes import MERGED, Block, Data, UnclearError, document_text

Parse = Callable[[str], Block]
"""Reads a text into nodes; raises `UnclearError` where it cannot."""

_LOCKS: Final = re.compile(r".*[.-]lock(?:[.-].*)?|npm-shrinkwrap\.json", re.IGNORECASE)
_WORD: Final = re.compile(r"\w+|[^\w\s,\[\]{}\"']")
_VERSION_COMMENT: Final = re.compile(r"#\s*(?:tag[:=]?\s*)?v?\d+(?:\.\d+)*")


def resolve(texts: Texts) -> Resolution | None:
    """The merge of three texts by key, or None where it is not certain.

    Args:
        texts: Three versions of one file.
    """
    parse = _parser(texts.path)
    if parse is None or "\r" in texts.ours or "\0" in f"{texts.base}{texts.ours}{texts.theirs}":
        return None
    try:
        return _merged(parse, texts)
    except (UnclearError, RecursionError):
        return None


def _parser(path: str) -> Parse | None:
    name = PurePosixPath(path).name
    if _LOCKS.fullmatch(name):
        return None
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in {".yml", ".yaml"} or name in {".clang-format", ".clang-tidy", ".clangd"}:
        from cultivar.upgrade.merging.keyed.yaml_nodes import parse_yaml

        return parse_yaml
    if suffix == ".toml":
        from cultivar.upgrade.merging.keyed.toml_nodes import parse_toml

        return parse_toml
    if suffix in {".json", ".jsonc"}:
        from cultivar.upgrade.merging.keyed.json_nodes import parse_json

        return parse_json
    return None


def _merged(parse: Parse, texts: Texts) -> Resolution:
    base, ours, theirs = (_nodes(parse, text) for text in (texts.base, texts.ours, texts.theirs))
    merger = Merger()
    merged = merger.documents(base, ours, theirs)
    text = document_text(merged)
    read = _nodes(parse, text)
    if not _means(read.data, merged.data):
        raise UnclearError("the result means something else")
    _check_comments(base, ours, theirs, read)
    if not merger.reasons:
        _check_words(texts, text)
    reason = "; ".join(("each key was changed by one side, or by both alike", *merger.reasons))
    return Resolution(text=text, rung="keys", reason=reason)


def _nodes(parse: Parse, text: str) -> Block:
    """The nodes of a text of which every byte is understood."""
    document = parse(text)
    if document_text(document) != text:
        raise UnclearError("it has what the nodes do not keep")
    return document


def _means(data: Data, merged: Data) -> bool:
    """Whether the two are equal; a text that was merged line by line may be any text."""
    if isinstance(data, dict) and isinstance(merged, dict):
        return data.keys() == merged.keys() and all(_means(data[key], merged[key]) for key in data)
    if isinstance(data, list) and isinstance(merged, list):
        return len(data) == len(merged) and all(map(_means, data, merged))
    if isinstance(data, tuple) and isinstance(merged, tuple):
        return merged[0] == MERGED or data == merged
    return False


def _check_words(texts: Texts, text: str) -> None:
    """Lines do not tell: of one, a side may have the value and the other side the comment."""
    base, ours, merged = (Counter(_WORD.findall(each)) for each in (texts.base, texts.ours, text))
    if ours - base - merged:
        raise UnclearError("something that the person wrote would be lost")


def _check_comments(base: Block, ours: Block, theirs: Block, merged: Block) -> None:
    one, other = Counter(ours.comments), Counter(theirs.comments)
    wanted = (one - Counter(base.comments)) | (one & other)
    lost = wanted - Counter(merged.comments)
    if any(not _VERSION_COMMENT.fullmatch(comment) for comment in lost):
        raise UnclearError("a comment would be lost")
