"""Tells which items of the versions of a list are the same item.

An item is known by a name that it carries: an `id`, a `repo`, an action without its version, a
requirement's package. Where names are not enough, it is known by all it means.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import Final

from cultivar.record import Record, replace
from cultivar.upgrade.merging.keyed.nodes import Block, Data, Entry, Flow

Identity = tuple[Hashable, ...]
"""What an entry is known by in all versions."""

Collection = Block | Flow

_EXACT: Final = "all of it"
_NAMES: Final = ("id", "name", "package-ecosystem", "label", "module", "path")
_SOURCES: Final = ("repo", "uses")
_REQUIREMENT: Final = re.compile(
    r"(?P<name>[A-Za-z][\w.-]*)\s*(?:\[[^\]]*\])?\s*"
    r"(?P<pin>(?:[=<>~!^]=?|===)[^;@]*|@[^;]*)?\s*(?P<marker>;.*)?"
)
_LANGUAGE_VERSION: Final = re.compile(
    r"(?:.* :: )?(?:py|cp|pypy|python|node)?-?v?\d+(?:\.\d+)*(?:\.x)?(?:-dev)?", re.IGNORECASE
)
_SETS: Final = re.compile(
    r"""
    .*dependenc(?:y|ies) | dependency-groups | requires | .*markers | classifiers | keywords
    | extras | (?:extend-|per-file-)?(?:un)?(?:select|ignores?|fixable) | .*exclude[sd]?
    | exclude_(?:also|lines) | omit | source-includes | disable | enable | .*ignore.* | packages
    | tags(?:-ignore)? | branches(?:-ignore)? | paths(?:-ignore)? | files | words | watch | include
    | repos | hooks | plugins | markdown_extensions | extra_(?:css|javascript) | features
    | recommendations | types_or | known_.* | needs | default-groups | env_?list
    | labels | reviewers | assignees
    """,
    re.VERBOSE,
)
"""Keys of lists that are sets."""

_GROUPS: Final = frozenset(
    {"dependency-groups", "optional-dependencies", "dev-dependencies", "extras_require"}
)


class Lined(Record):
    """Three versions of a collection, with what each entry is known by."""

    base: dict[Identity, Entry]
    ours: dict[Identity, Entry]
    theirs: dict[Identity, Entry]
    exact: frozenset[Identity] = frozenset()
    """Items that are known by all they mean, so that a changed item is another one."""


def lined_up(base: Collection, ours: Collection, theirs: Collection) -> Lined:
    """The entries of three versions of one collection, by identity.

    Args:
        base: What the old template made.
        ours: The person's.
        theirs: What the new template makes.
    """
    versions = (base.entries, ours.entries, theirs.entries)
    if base.kind == "map":
        return _lined(versions, [[entry.key for entry in each] for each in versions])
    if base.kind == "tables":
        return _lined(versions, [_table_identities(each) for each in versions])
    return _lined_items(versions)


def is_set(path: Sequence[str], entries: Iterable[Entry]) -> bool:
    """Whether the order of a list says nothing, so that both sides may add at one place.

    Args:
        path: The keys that lead to the list.
        entries: What is in it, in any version.
    """
    if path and (_SETS.fullmatch(path[-1]) or _GROUPS & set(path[-2:-1])):
        return True
    texts = [_string(entry.value.data) for entry in entries]
    return all(text is not None and _is_pinned(text) for text in texts)


def language_versions(identities: Iterable[Identity]) -> set[Identity]:
    """Those that are versions of a language: `3.12`, `py312`, a classifier.

    Args:
        identities: Of the items of a list.
    """
    return {each for each in identities if _LANGUAGE_VERSION.fullmatch(str(each[-1]))}


def package(text: str) -> str:
    """The package that a requirement names, as it is compared; empty: it is no requirement.

    Args:
        text: What may be a requirement.
    """
    found = _REQUIREMENT.fullmatch(text.strip())
    return re.sub(r"[-_.]+", "-", found["name"]).lower() if found else ""


def _is_pinned(text: str) -> bool:
    found = _REQUIREMENT.fullmatch(text.strip())
    return bool(found and found["pin"]) or " :: " in text


def _lined(versions: Sequence[Sequence[Entry]], found: Sequence[Sequence[Identity]]) -> Lined:
    base, ours, theirs = (
        dict(zip(identities, entries, strict=True))
        for identities, entries in zip(found, versions, strict=True)
    )
    return Lined(base=base, ours=ours, theirs=theirs)


def _table_identities(entries: Sequence[Entry]) -> list[Identity]:
    """A table below one of an array of tables is known by that one too."""
    found: list[Identity] = []
    many: dict[Identity, Identity] = {}
    for entry in entries:
        above = (entry.key[:size] for size in range(len(entry.key) - 1, 0, -1))
        owner = next((path for path in above if path in many), ())
        identity: Identity = (*many.get(owner, ()), *entry.key[len(owner) :])
        if entry.many:
            identity = (*identity, _name(entry.value.data, _NAMES) or _all_of(entry.value.data))
            many[entry.key] = identity
        found.append(identity)
    return _numbered(found)


def _lined_items(versions: Sequence[Sequence[Entry]]) -> Lined:
    for known in (_by_source, _by_name, _by_requirement):
        found = [[known(entry.value.data) for entry in entries] for entries in versions]
        if _is_clear(found):
            break
    else:
        found = [[(_EXACT, _all_of(entry.value.data)) for entry in each] for each in versions]
    lined = _lined(versions, [_numbered(each) for each in found])
    known_wholly = {key for each in (lined.base, lined.ours, lined.theirs) for key in each}
    return replace(lined, exact=frozenset(key for key in known_wholly if key[0] == _EXACT))


def _is_clear(found: Sequence[Sequence[Identity]]) -> bool:
    """Whether what stands twice stands as often in every version, so that it can be counted."""
    counts = [Counter(each) for each in found]
    twice = {key for each in counts for key, times in each.items() if times > 1}
    return all(len({each[key] for each in counts}) == 1 for key in twice)


def _numbered(identities: Sequence[Identity]) -> list[Identity]:
    seen: Counter[Identity] = Counter()
    found: list[Identity] = []
    for each in identities:
        found.append((*each, seen[each]) if seen[each] else each)
        seen[each] += 1
    return found


def _by_source(data: Data) -> Identity:
    """What a step uses says more than its name, which may come later."""
    return _by_keys(data, (*_SOURCES, *_NAMES))


def _by_name(data: Data) -> Identity:
    return _by_keys(data, (*_NAMES, *_SOURCES))


def _by_keys(data: Data, keys: Sequence[str]) -> Identity:
    text = _string(data)
    if text is not None:
        return (package(text),) if package(text) else (_EXACT, text)
    name = _name(data, keys)
    command = _string(data.get("run", [])) if isinstance(data, dict) else None
    return (name,) if name else (_EXACT, command or _all_of(data))


def _by_requirement(data: Data) -> Identity:
    """A package may be required once for each environment."""
    text = _string(data) or ""
    found = _REQUIREMENT.fullmatch(text.strip())
    if found is None:
        return (_EXACT, _all_of(data))
    return (package(text), (found["marker"] or "").replace(" ", ""))


def _name(data: Data, keys: Sequence[str]) -> str:
    """What a mapping calls itself; empty: nothing."""
    if not isinstance(data, dict):
        return ""
    for key in keys:
        if text := _string(data.get(key, [])):
            return f"{key} {text.partition('@')[0] if key == 'uses' else text}"
    return next(iter(data)) if len(data) == 1 and "run" not in data else ""


def _all_of(data: Data) -> str:
    return json.dumps(data, sort_keys=True)


def _string(data: Data) -> str | None:
    return data[1] if isinstance(data, tuple) else None
