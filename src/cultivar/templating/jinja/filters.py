"""The filters that Copier's templates may use beyond Jinja's own: those that Ansible documents.

Written from Ansible's documentation and from what Copier's templates make of them.
"""

from __future__ import annotations

import base64
import datetime as clock
import hashlib
import json
import random
import shlex
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any, Final

import yaml
from jinja2 import Environment, Undefined, pass_environment
from jinja2.exceptions import FilterArgumentError
from jinja2.filters import do_groupby

from cultivar.templating.jinja.combining import combine
from cultivar.templating.jinja.places import place_filters
from cultivar.templating.jinja.regexes import FILTERS as REGEX_FILTERS

_ANSIBLE: Final = uuid.UUID("361E6D51-FAEC-444A-9079-341386DA8E2E")
"""The namespace that Ansible documents for its `to_uuid`."""

_STYLES: Final[Mapping[str, Mapping[str, str]]] = {
    "plain": {"decoration": "# "},
    "erlang": {"decoration": "% "},
    "c": {"decoration": "// "},
    "cblock": {"beginning": "/*", "decoration": " * ", "end": " */"},
    "xml": {"beginning": "<!--", "decoration": " - ", "end": "-->"},
}
# Of type `Any`, since what a template computes has no type to narrow.
_LIST: Any = list
_LISTS: Any = (list, tuple)
_MAPPING: Any = Mapping
_MANY: Any = (set, frozenset, Iterator)
_TRUE: Final = frozenset({"yes", "on", "1", "true"})


def filters_of(*, trusted: bool) -> Mapping[str, Callable[..., Any]]:
    """The filters by name; an untrusted template's tell nothing of this machine."""
    return {**_FILTERS, **REGEX_FILTERS, **place_filters(trusted=trusted)}


class _Dumper(yaml.SafeDumper):
    """Writes plain values only, so that no object of ours can be looked into."""


def _tuple(dumper: yaml.SafeDumper, value: tuple[Any, ...]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:python/tuple", value)


def _text(dumper: yaml.SafeDumper, value: Any) -> yaml.Node:
    return dumper.represent_str(str(value))


def _mapping(dumper: yaml.SafeDumper, value: Mapping[Any, Any]) -> yaml.Node:
    return dumper.represent_dict(value)


_Dumper.add_representer(tuple, _tuple)
_Dumper.add_multi_representer(str, _text)
_Dumper.add_multi_representer(PurePath, _text)
_Dumper.add_multi_representer(dict, _mapping)


def b64encode(value: Any, encoding: str = "utf-8") -> str:
    """Base64 of a text."""
    return base64.b64encode(str(value).encode(encoding)).decode("ascii")


def b64decode(value: Any, encoding: str = "utf-8") -> str:
    """The text that was base64."""
    return base64.b64decode(str(value)).decode(encoding)


def to_bool(value: Any) -> bool | None:
    """Whether `value` is one of Ansible's words for yes; nothing stays nothing."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.lower() in _TRUE
    return isinstance(value, int | float) and value == 1


def hash_of(value: Any, hashtype: str = "sha1") -> str | None:
    """The hash of `value` as text, in hexadecimal; None where there is no such hash."""
    try:
        digest = hashlib.new(hashtype, str(value).encode(), usedforsecurity=False)
    except ValueError:
        return None
    return digest.hexdigest()


def sha1(value: Any) -> str | None:
    """The SHA-1 of `value`."""
    return hash_of(value, "sha1")


def md5(value: Any) -> str | None:
    """The MD5 of `value`."""
    return hash_of(value, "md5")


def comment(text: str, style: str = "plain", **options: Any) -> str:
    """`text` as a comment, framed as Ansible frames it."""
    chosen: dict[str, Any] = {"newline": "\n", **_STYLES[style], **options}
    decoration, newline = str(chosen["decoration"]), str(chosen["newline"])
    bare = decoration.rstrip()
    body = decoration + text.replace(newline, newline + decoration)
    body = body.replace(decoration + newline, bare + newline)
    frame = [
        str(chosen.get("beginning", "")),
        *[str(chosen.get("prefix", bare))] * int(chosen.get("prefix_count", 1)),
        body,
        *[str(chosen.get("postfix", bare))] * int(chosen.get("postfix_count", 1)),
        str(chosen.get("end", "")),
    ]
    return newline.join(frame[(not frame[0]) : len(frame) - (not frame[-1])])


@pass_environment
def extract(environment: Environment, key: Any, container: Any, morekeys: Any = None) -> Any:
    """The item `key` of `container`, then the items `morekeys` below it."""
    more: list[Any] = (
        morekeys if isinstance(morekeys, _LIST) else [] if morekeys is None else [morekeys]
    )
    found = container[key]
    for step in more:
        found = environment.getitem(found, step)
    return found


def flatten(values: Iterable[Any], levels: int | None = None) -> list[Any]:
    """`values` with the lists in it opened, `levels` deep; what is null falls out."""
    flat: list[Any] = []
    for value in values:
        if value in (None, "None", "null"):
            continue
        if isinstance(value, _LISTS) and (levels is None or levels >= 1):
            flat.extend(flatten(value, None if levels is None else levels - 1))
        else:
            flat.append(value)
    return flat


def from_json(text: str) -> Any:
    """What the JSON says."""
    return json.loads(text)


def from_yaml(text: Any) -> Any:
    """What the YAML says; what is no text stays as it is."""
    return yaml.safe_load(text) if isinstance(text, str) else text


def from_yaml_all(text: Any) -> Any:
    """What each document of the YAML says."""
    return yaml.safe_load_all(text) if isinstance(text, str) else text


def mandatory(value: Any, msg: str | None = None) -> Any:
    """`value`, which has to be defined."""
    if isinstance(value, Undefined):
        name = getattr(value, "_undefined_name", None) or "value"
        raise FilterArgumentError(msg or f"The variable {name!r} is mandatory and not defined.")
    return value


def quote(value: Any) -> str:
    """`value` as one word of a shell."""
    return shlex.quote(str(value))


def _dice(seed: Any) -> random.Random:
    """Repeatable with a seed. Without one, fit for the secrets that templates draw."""
    return random.SystemRandom() if seed is None else random.Random(seed)


def ans_random(end: Any, start: Any = None, step: Any = None, seed: Any = None) -> Any:
    """A number below `end`, or an item of a list."""
    if isinstance(end, int):
        return _dice(seed).randrange(start or 0, end, step or 1)
    if not hasattr(end, "__len__"):
        raise FilterArgumentError("A random choice takes a whole number or a list.")
    if start or step:
        raise FilterArgumentError("`start` and `step` go with a whole number only.")
    return _dice(seed).choice(end)


def shuffle(values: Any, seed: Any = None) -> Any:
    """`values` in another order; what is no list stays as it is."""
    try:
        shuffled = list(values)
    except TypeError:
        return values
    _dice(seed).shuffle(shuffled)
    return shuffled


def random_mac(prefix: Any, seed: Any = None) -> str:
    """A MAC address that begins with `prefix`."""
    if not isinstance(prefix, str):
        raise FilterArgumentError(f"A MAC address begins with a text, not with {prefix!r}.")
    parts = prefix.lower().strip(":").split(":")
    if len(parts) > 5 or not all(_is_hexadecimal(part) for part in parts):
        raise FilterArgumentError(f"No MAC address begins with {prefix!r}.")
    number = f"{_dice(seed).randint(0x10_0000_0000, 0xFF_FFFF_FFFF):x}"
    drawn = [number[at : at + 2] for at in range(0, len(number), 2)]
    return ":".join([prefix.lower().strip(":"), *drawn[: 6 - len(parts)]])


def _is_hexadecimal(text: str) -> bool:
    return bool(text) and all(letter in "0123456789abcdef" for letter in text)


def strftime(string_format: str, second: Any = None) -> str:
    """The time `second` (seconds since 1970; now, without it) as `string_format` has it."""
    if second is None:
        return time.strftime(string_format)
    try:
        at = float(second)
    except ValueError as error:
        raise FilterArgumentError(f"{second!r} is no number of seconds.") from error
    return time.strftime(string_format, time.localtime(at))


def to_datetime(text: str, format: str = "%Y-%m-%d %H:%M:%S") -> clock.datetime:
    """The time that `text` tells in `format`."""
    return clock.datetime.strptime(text, format)


def subelements(values: Any, path: Any, skip_missing: bool = False) -> list[tuple[Any, Any]]:
    """Each item of `values` with each item of the list at `path` in it."""
    if isinstance(values, _MAPPING):
        values = list(values.values())
    if not isinstance(values, _LIST):
        raise FilterArgumentError("`subelements` takes a list of mappings, or a mapping of them.")
    steps = path.split(".") if isinstance(path, str) else path
    return [(item, below) for item in values for below in _below(item, steps, skip_missing)]


def _below(item: Any, steps: list[str], skip_missing: bool) -> list[Any]:
    found = item
    for step in steps:
        if not isinstance(found, _MAPPING):
            raise FilterArgumentError(f"There is no mapping at {step!r} in {item!r}.")
        if step not in found:
            if skip_missing:
                return []
            raise FilterArgumentError(f"There is no {step!r} in {item!r}.")
        found = found[step]
    if not isinstance(found, _LIST):
        raise FilterArgumentError(f"At {steps[-1]!r} there is {found!r}, not a list.")
    below: list[Any] = found
    return below


def ternary(value: Any, true_val: Any, false_val: Any, none_val: Any = None) -> Any:
    """One of two values, by whether `value` is true; a third one where it is none."""
    if value is None and none_val is not None:
        return none_val
    return true_val if value else false_val


def _plain(value: Any) -> Any:
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, clock.datetime | clock.date | clock.time):
        return value.isoformat()
    if isinstance(value, _MAPPING):
        return dict(value)
    if isinstance(value, _MANY):
        return list(value)
    raise TypeError(f"A {type(value).__name__} cannot be written as JSON.")


def to_json(value: Any, **options: Any) -> str:
    """`value` as JSON."""
    given: dict[str, Any] = {"default": _plain, **options}
    return json.dumps(value, **given)


def to_nice_json(value: Any, indent: int | str = 4, sort_keys: bool = True, **options: Any) -> str:
    """`value` as JSON for people."""
    return json.dumps(value, indent=indent, sort_keys=sort_keys, separators=(",", ": "), **options)


def to_yaml(value: Any, **options: Any) -> str:
    """`value` as YAML, its innermost lists in one line."""
    given: dict[str, Any] = {"default_flow_style": None, "allow_unicode": True, **options}
    dump: Any = yaml.dump
    return str(dump(value, None, _Dumper, **given))


def to_nice_yaml(value: Any, indent: int = 4, **options: Any) -> str:
    """`value` as YAML for people."""
    return to_yaml(value, **{"indent": indent, "default_flow_style": False, **options})


def to_uuid(value: Any) -> str:
    """The UUID of `value` among Ansible's."""
    return str(uuid.uuid5(_ANSIBLE, str(value)))


def type_debug(value: Any) -> str:
    """The name of the type of `value`."""
    return type(value).__name__


@pass_environment
def ans_groupby(environment: Environment, values: Any, attribute: str | int) -> list[Any]:
    """Jinja's `groupby`, its groups as plain pairs."""
    groups: Any = do_groupby(environment, values, attribute)
    return [tuple(group) for group in groups]


_FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "ans_groupby": ans_groupby,
    "ans_random": ans_random,
    "b64decode": b64decode,
    "b64encode": b64encode,
    "bool": to_bool,
    "checksum": sha1,
    "combine": combine,
    "comment": comment,
    "extract": extract,
    "flatten": flatten,
    "from_json": from_json,
    "from_yaml": from_yaml,
    "from_yaml_all": from_yaml_all,
    "hash": hash_of,
    "mandatory": mandatory,
    "md5": md5,
    "quote": quote,
    "random_mac": random_mac,
    "sha1": sha1,
    "shuffle": shuffle,
    "strftime": strftime,
    "subelements": subelements,
    "ternary": ternary,
    "to_datetime": to_datetime,
    "to_json": to_json,
    "to_nice_json": to_nice_json,
    "to_nice_yaml": to_nice_yaml,
    "to_uuid": to_uuid,
    "to_yaml": to_yaml,
    "type_debug": type_debug,
}
