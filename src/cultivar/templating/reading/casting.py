"""From what was given to what a question takes: casting by Copier's rules.

Copier casts generously (`maybe` is a true boolean, `5.7` the integer 5). Of a template's own
defaults we take that; of a user's words we do not: those are refused by `refuse_lossy`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Final, cast

import yaml

from cultivar.errors import AnswerError, TemplateError, UsageError
from cultivar.model import Json
from cultivar.templating.jinja.environment import is_true
from cultivar.templating.reading.copier_yaml import parse_yaml
from cultivar.templating.template import Question, QuestionType

MASK: Final = "********"
"""What stands for a secret wherever a person may read it."""

_TRUTHS: Final = frozenset({"y", "yes", "t", "true", "on"})
_FALSEHOODS: Final = frozenset({"n", "no", "f", "false", "off", "~", "null", "none", ""})
_ARTICLES: Final[Mapping[QuestionType, str]] = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "yaml": "a value as YAML",
    "json": "a value as JSON",
    "path": "a path",
}


def cast_answer(question: Question, value: object) -> Json:
    """`value` as an answer to `question`, whose choices and validator are not looked at.

    Raises:
        AnswerError: It cannot be one.
    """
    try:
        if question.multiselect and value is not None:
            return [cast_value(question.type, item) for item in listed(value)]
        refuse_lossy(question.type, value)
        return cast_value(question.type, value)
    except (ValueError, TypeError) as error:
        shown = MASK if question.secret else value
        why = masked(str(error), value) if question.secret else str(error)
        raise AnswerError(
            question.name, shown, why=why, allowed=type_in_words(question.type)
        ) from None


def cast_value(kind: QuestionType, value: object) -> Json:
    """`value` as a `kind`, the way Copier casts it.

    Raises:
        ValueError: It cannot be one.
    """
    if value is None and kind not in {"json", "yaml"}:
        raise ValueError("there is no value")
    try:
        return _CASTS[kind](value)
    except RecursionError:
        raise ValueError("it nests too deep") from None


def refuse_lossy(kind: QuestionType, value: object) -> None:
    """Refuse what Copier would take only by losing what was meant.

    Raises:
        ValueError: It is no boolean, or not a whole number.
    """
    if kind == "bool" and not _is_bool_like(value):
        raise ValueError("it is neither true nor false")
    if kind == "int" and isinstance(value, float) and not value.is_integer():
        raise ValueError("it is not a whole number")


def listed(value: object) -> list[object]:
    """The items of an answer to a question that takes several: a list, or a YAML list.

    Raises:
        ValueError: It is neither.
    """
    if isinstance(value, str):
        return list(yaml_list(value))
    if isinstance(value, Iterable) and not isinstance(value, bytes | Mapping):
        return list(cast("Iterable[object]", value))
    raise ValueError("it is not a list")


def yaml_list(text: str) -> list[str]:
    """The items of a YAML list, each as it is written, plain quotes aside (as Copier has it).

    Raises:
        ValueError: `text` is not a YAML list.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(_first_line(error)) from error
    if not isinstance(node, yaml.SequenceNode):
        raise ValueError("it is not a YAML list like `[one, two]`")
    return [_written(text, item) for item in node.value]


def _written(text: str, item: yaml.Node) -> str:
    raw = text[item.start_mark.index : item.end_mark.index].strip()
    quoted = len(raw) > 1 and raw[0] == raw[-1] and raw[0] in "'\""
    return raw[1:-1] if quoted and item.tag == "tag:yaml.org,2002:str" else raw


def type_in_words(kind: QuestionType) -> str:
    """What a question of this type takes, for a person."""
    return _ARTICLES[kind]


def parse_answer_text(text: str) -> tuple[str, str]:
    """Take `--answer name=value` apart.

    Raises:
        UsageError: There is no name or no `=` in it.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UsageError(
            f"{text!r} is no answer.",
            "Expected is `--answer name=value`; several choices are `--answer 'name=[one, two]'`.",
        )
    return name.strip(), value


def masked(text: str, value: object) -> str:
    """`text` with every trace of the secret `value` hidden."""
    for trace in {repr(value), str(value)} - {"", "''"}:
        text = text.replace(trace, MASK)
    return text


def plain(value: object) -> Json:
    """`value` with nothing in it but what JSON has: dates become texts, sets lists.

    Raises:
        ValueError: There is something else in it.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value).items()
        return cast("Json", {_key(key): plain(item) for key, item in pairs})
    if isinstance(value, Sequence | set) and not isinstance(value, bytes):
        return [plain(item) for item in cast("Iterable[object]", value)]
    raise ValueError(f"{type(value).__name__} is nothing that JSON has")


def _key(key: object) -> object:
    """Keys stay numbers where they are: a template may look them up as such."""
    return key if isinstance(key, str | int | float) or key is None else str(key)


def _to_int(value: object) -> Json:
    try:
        return int(cast("str", value))
    except (ValueError, OverflowError, TypeError):
        raise ValueError("it is not a whole number") from None


def _to_float(value: object) -> Json:
    try:
        return _finite(float(cast("str", value)))
    except (TypeError, OverflowError):
        raise ValueError("it is not a number") from None


def _to_str(value: object) -> Json:
    if isinstance(value, str):
        return value
    if isinstance(value, float | int):
        return str(value)
    raise ValueError("it is not a text")


def _to_yaml(value: object) -> Json:
    if not isinstance(value, str):
        return plain(value)
    try:
        return plain(parse_yaml(value))
    except TemplateError as error:
        raise ValueError(error.what) from error


def _to_json(value: object) -> Json:
    if not isinstance(value, str):
        return plain(value)
    try:
        return plain(json.loads(value))
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error}") from error


def _to_path(value: object) -> Json:
    return str(value)


_CASTS: Final[Mapping[QuestionType, Callable[[object], Json]]] = {
    "bool": is_true,
    "float": _to_float,
    "int": _to_int,
    "json": _to_json,
    "str": _to_str,
    "yaml": _to_yaml,
    "path": _to_path,
}


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("it is not a finite number")
    return value


def _is_bool_like(value: object) -> bool:
    with suppress(TypeError, ValueError):
        float(cast("str", value))
        return True
    return isinstance(value, str) and value.strip().lower() in _TRUTHS | _FALSEHOODS


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())
