"""Where settings are said: variables, files of YAML and TOML, arguments; each as plain values.

Nothing is checked here but that a source can be read at all: what a value may be is said by the
record that all of them together are read as.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeGuard, cast

import yaml
from msgspec import DecodeError, Struct, json

from cultivar.record import asdict
from cultivar.yamls import Loader

Values: TypeAlias = dict[str, Any]
"""What one source says, by setting; a section is a mapping of its own."""

_PREFIX: Final = "cultivar_"


def argument_values(given: Mapping[str, object]) -> Values:
    """What a caller said; a section may be a record."""
    return {
        name: asdict(value) if isinstance(value, Struct) else value for name, value in given.items()
    }


def environment_values(kind: type[Struct]) -> Values:
    """What `CULTIVAR_…` variables say about the fields of `kind`; others are somebody else's.

    A list or a section is JSON; `CULTIVAR_MODEL__NAME` is `name` in the section `model`.

    Raises:
        ValueError: A variable that should be JSON is not.
    """
    said = {name.lower(): value for name, value in os.environ.items()}
    said = {name[len(_PREFIX) :]: text for name, text in said.items() if name.startswith(_PREFIX)}
    found: Values = {}
    for name, default in zip(kind.__struct_fields__, kind.__struct_defaults__, strict=True):
        composed = isinstance(default, Struct | tuple)
        value = _composed(name, said) if composed else said.get(name)
        if value is not None:
            found[name] = value
    return found


def yaml_values(file: Path) -> Values:
    """What a YAML file says; nothing where there is none.

    Raises:
        ValueError: It holds something other than settings.
        YAMLError: It is no YAML.
    """
    if not file.is_file():
        return {}
    with file.open(encoding="utf-8") as stream:
        return _mapping(yaml.load(stream, Loader), file)


def project_values(file: Path) -> Values:
    """What `[tool.cultivar]` of a `pyproject.toml` says; nothing where there is none.

    Raises:
        ValueError: It is no TOML, or holds something other than settings.
    """
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    if "cultivar" not in text:  # most have nothing for us, and reading one takes its time
        return {}
    import tomllib

    tools = _mapping(tomllib.loads(text).get("tool"), file)
    return _mapping(tools.get("cultivar"), file)


def merged(sources: Iterable[Values]) -> Values:
    """All of them as one; what is said earlier wins, setting by setting in its section."""
    found: Values = {}
    for source in sources:
        for name, value in source.items():
            first = found.get(name, value)
            if isinstance(value, dict) and isinstance(first, dict):
                first = cast("Values", value | first)
            found[name] = first
    return found


def _composed(name: str, said: Mapping[str, str]) -> object:
    """A list or a section, from its own variable and those of its parts."""
    try:
        whole: object = json.decode(said[name]) if name in said else None
    except DecodeError:
        raise ValueError(f"`CULTIVAR_{name.upper()}`: expected is JSON") from None
    start = f"{name}__"
    parts = {key[len(start) :]: text for key, text in said.items() if key.startswith(start)}
    return merged([parts, whole or {}]) if parts and _is_mapping(whole) else whole


def _mapping(value: object, file: Path) -> Values:
    if not _is_mapping(value):
        raise ValueError(f"`{file}` holds no mapping")
    return value or {}


def _is_mapping(value: object) -> TypeGuard[Values | None]:
    """Whether it is a mapping, or nothing, which says as much as an empty one."""
    return isinstance(value, dict | None)
