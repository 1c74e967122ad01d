"""How large the results of text methods and filters will be, told before they are made."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from cultivar.templating.jinja.meter import CONTAINERS, LISTS, MAPPINGS, TEXTS, Meter, longest

_WIDTH = re.compile(r"%(?:\([^)]{0,99}\))?[-+ #0]{0,9}(\d{6,}|\*)|%[^%.]{0,99}\.(\d{6,}|\*)")


def check_percent(meter: Meter, text: Any, given: Any) -> None:
    """`text % given`."""
    shown: str = text.decode("latin-1") if isinstance(text, bytes) else text
    values: Any = list(given.values()) if isinstance(given, MAPPINGS) else given
    values = list(values) if isinstance(values, LISTS) else [values]
    for found in _WIDTH.finditer(shown):
        width = found[1] or found[2]
        for number in list(values) if width == "*" else [int(width[:20])]:
            meter.widen(number)
    for value in values:
        meter.weigh_container(value)
    meter.charge(len(shown) + shown.count("%") * longest(values))


def check_method(
    meter: Meter, method: Any, args: tuple[Any, ...], named: Mapping[str, Any]
) -> tuple[Any, ...]:
    """A call of `method` with `args`, which come back as they are to be passed on."""
    owner: Any = getattr(method, "__self__", None)
    name: str = getattr(method, "__name__", "")
    if isinstance(owner, CONTAINERS):
        meter.charge(len(owner) if name != "append" else 1)
    elif isinstance(owner, TEXTS) and name == "join" and args:
        args = (list(args[0]), *args[1:])
        _join(meter, args[0], owner)
    elif isinstance(owner, TEXTS) and name in _METHODS:
        _METHODS[name](meter, owner, *args, **named)
    elif isinstance(owner, int) and name == "to_bytes":
        meter.widen(named.get("length", args[0] if args else 1))
    return args


def _pad(meter: Meter, text: Any, width: Any = 0, *_: Any, **__: Any) -> None:
    meter.widen(width)


def _tabs(meter: Meter, text: Any, tabsize: Any = 8) -> None:
    meter.widen(tabsize)
    meter.charge(len(text) + int(tabsize) * text.count("\t" if isinstance(text, str) else b"\t"))


def _replace(
    meter: Meter, text: Any, old: Any = "", new: Any = "", count: Any = None, **named: Any
) -> None:
    text = text if isinstance(text, TEXTS) else str(text)
    if isinstance(old, type(text)) and isinstance(new, type(text)):
        found = text.count(old) if len(old) else len(text) + 1
        meter.charge(len(text) + found * len(new))


def _translate(meter: Meter, text: Any, table: Any = None, *_: Any, **__: Any) -> None:
    if isinstance(table, MAPPINGS):
        meter.charge(len(text) * longest(table.values()))


def _join(meter: Meter, values: Any, between: Any = "", attribute: Any = None) -> None:
    if not isinstance(values, CONTAINERS):
        return  # an iterator makes what it yields only as it is read
    for value in values:
        meter.weigh(value)
    meter.charge(len(values) * (len(between) if isinstance(between, TEXTS) else 1))


def _indent(meter: Meter, text: Any, width: Any = 4, *_: Any, **__: Any) -> None:
    meter.widen(width)
    step = width if isinstance(width, int) else len(str(width))
    meter.charge(str(text).count("\n") * step)


def _wrap(meter: Meter, text: Any, width: Any = 79, *args: Any, **named: Any) -> None:
    wrapstring: Any = named.get("wrapstring", args[1] if len(args) > 1 else "\n")
    _slow(meter, text)
    if wrapstring is not None:
        meter.charge(len(str(text)) * len(str(wrapstring)))


def _format(meter: Meter, text: Any, *args: Any, **named: Any) -> None:
    check_percent(meter, str(text), args or dict(named))


def _sum(meter: Meter, values: Any, attribute: Any = None, start: Any = 0) -> None:
    if not isinstance(start, int | float):
        meter.charge(sum(len(v) for v in values if isinstance(v, LISTS)) * len(values))


def _count(meter: Meter, values: Any, *args: Any, **named: Any) -> None:
    for number in (*args, *named.values()):
        meter.widen(number)


def _precision(meter: Meter, value: Any, precision: Any = 0, *_: Any, **__: Any) -> None:
    if isinstance(precision, int):
        meter.number(abs(precision) * 4)


def _layout(meter: Meter, value: Any, *args: Any, **named: Any) -> None:
    for number in (*args, *named.values()):
        if isinstance(number, int) and not isinstance(number, bool):
            meter.widen(number * 100)


def _slow(meter: Meter, text: Any, *_: Any, **__: Any) -> None:
    """The time that these take grows with the square of the text."""
    length = len(str(text))
    meter.charge(length * length // 10_000)


_METHODS: Final[Mapping[str, Callable[..., None]]] = {
    "center": _pad,
    "ljust": _pad,
    "rjust": _pad,
    "zfill": _pad,
    "expandtabs": _tabs,
    "striptags": _slow,
    "replace": _replace,
    "translate": _translate,
}
FILTERS: Final[Mapping[str, Callable[..., None]]] = {
    "batch": _count,
    "center": _pad,
    "format": _format,
    "indent": _indent,
    "join": _join,
    "replace": _replace,
    "round": _precision,
    "slice": _count,
    "striptags": _slow,
    "sum": _sum,
    "to_json": _layout,
    "to_nice_json": _layout,
    "to_nice_yaml": _layout,
    "to_yaml": _layout,
    "tojson": _layout,
    "title": _slow,
    "urlize": _slow,
    "wordcount": _slow,
    "wordwrap": _wrap,
}
"""What to look at before a filter runs; what it returns is counted for all of them."""
