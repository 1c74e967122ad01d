"""The choices of a question, as a template lists them."""

from __future__ import annotations

from typing import Any

from cultivar.templating.reading.casting import plain
from cultivar.templating.shapes import is_list, is_mapping
from cultivar.templating.template import Choice, Choices


def choices_of(raw: Any) -> Choices:
    """The choices that `raw` lists: values, pairs of label and value, or a mapping of these.

    Raises:
        ValueError: It lists none.
    """
    if is_mapping(raw):
        return tuple(_choice(list(pair)) for pair in raw.items())
    if not is_list(raw):
        raise ValueError("a list of choices, or a mapping of labels to values")
    return tuple(_choice(item) for item in raw)


def _choice(item: Any) -> Choice:
    if not is_list(item):
        return Choice(label=str(item), value=plain(item))
    if len(item) != 2:
        raise ValueError("a pair of label and value")
    label, value = item
    validator = ""
    if is_mapping(value):
        if "value" not in value or not isinstance(value.get("validator", ""), str):
            raise ValueError("a choice with `value`, and `validator` if wanted")
        value, validator = value["value"], value.get("validator", "")
    return Choice(label=str(label), value=plain(value), validator=validator)
