"""Edits of a template's `copier.yml`: one value is exchanged, all else stays to the byte.

The invariant: comments, order and quotes of everything else are as they were.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import yaml

from cultivar.model import Json
from cultivar.record import Record
from cultivar.templating.reading.copier_yaml import Config, read_config
from cultivar.templating.template import Question, Rules
from cultivar.tree import Tree, text_entry

_OURS: Final = "_cultivar"


class Place(Record):
    """Where a text of a file stands, and what is to stand there."""

    file: str
    start: int
    end: int
    text: str

    def put(self, tree: Tree) -> Tree:
        """The files with the text there."""
        before = tree.text(self.file)
        text = f"{before[: self.start]}{self.text}{before[self.end :]}"
        return tree.replace({self.file: text_entry(text, tree[self.file].mode)})


def with_default(tree: Tree, question: Question, default: Json) -> Tree | None:
    """The template whose `question` has another default; None where its own cannot be found.

    Args:
        tree: The template's files.
        question: Which.
        default: A value, or the text of a Jinja template.
    """
    config = read_config(tree)
    if config is None or question.name not in config.nodes:
        return None
    key, value = config.nodes[question.name]
    kind, text = f"type: {question.type}", json.dumps(default, ensure_ascii=False)
    if not isinstance(value, yaml.MappingNode):
        if not isinstance(value, yaml.ScalarNode):
            return None
        inner = " " * (key.start_mark.column + 2)
        return _at(value, f"\n{inner}{kind}\n{inner}default: {text}", lead=key).put(tree)
    pairs = _pairs(value)
    if "default" not in pairs:
        return None
    spot, old = pairs["default"]
    if not isinstance(old, yaml.ScalarNode):
        return None
    if "type" in pairs:
        return _at(old, text).put(tree)
    return _at(old, f"{kind}{_apart(value, spot)}default: {text}", lead=spot).put(tree)


def with_validator(tree: Tree, question: Question, validator: str) -> Tree | None:
    """The template whose `question` has a validator; None where it has one, or no place for it.

    Args:
        tree: The template's files.
        question: Which.
        validator: The text of a Jinja template that says why an answer is refused.
    """
    config = read_config(tree)
    node = config.nodes.get(question.name) if config else None
    if node is None or not isinstance(node[1], yaml.MappingNode) or "validator" in _pairs(node[1]):
        return None
    first = node[1].value[0][0]
    text = json.dumps(validator, ensure_ascii=False)
    return _before(first, f"validator: {text}{_apart(node[1], first)}").put(tree)


def with_requirement(tree: Tree, requirement: str) -> Tree | None:
    """The template whose checks have one more package in reach; None where it cannot be said."""
    config = read_config(tree)
    ours = _ours(config)
    if ours is None:
        return None
    pairs, text = _pairs(ours), json.dumps(requirement)
    if "requires" not in pairs:
        first = ours.value[0][0]
        apart = _apart(ours, first)
        return _before(first, f"requires: [{text}]{apart}").put(tree)
    _, listed = pairs["requires"]
    if not isinstance(listed, yaml.SequenceNode):
        return None
    if not listed.value:
        return _at(listed, f"[{text}]").put(tree)
    # Before what is there, so that a comment behind it stays with it.
    first = listed.value[0]
    apart = ", " if listed.flow_style else f"\n{' ' * listed.start_mark.column}- "
    return _before(first, f"{text}{apart}").put(tree)


def with_command(tree: Tree, check: str, run: str) -> Tree | None:
    """The template whose check of that name runs another command; None where it is not found."""
    ours = _ours(read_config(tree))
    listed = _pairs(ours).get("checks") if ours is not None else None
    if listed is None or not isinstance(listed[1], yaml.SequenceNode):
        return None
    for each in listed[1].value:
        pairs = _pairs(each) if isinstance(each, yaml.MappingNode) else {}
        if "run" in pairs and "name" in pairs and pairs["name"][1].value == check:
            old = pairs["run"][1]
            end = "\n" if isinstance(old, yaml.ScalarNode) and old.style in {"|", ">"} else ""
            return _at(old, f"{json.dumps(run, ensure_ascii=False)}{end}").put(tree)
    return None


def condition(answers: Mapping[str, Json]) -> str:
    """The Jinja expression that holds where questions have these answers."""
    return " and ".join(_holds(name, value) for name, value in answers.items())


def chosen_by(test: str, then: str, other: str, rules: Rules) -> str:
    """A Jinja template that is `then` where `test` holds, else `other`."""
    return f"{block(f'if {test}', rules)}{then}{block('else', rules)}{other}{block('endif', rules)}"


def block(said: str, rules: Rules, *, tight: bool = False) -> str:
    """A tag of a block, in the template's own delimiters.

    Args:
        said: What stands in it.
        rules: They say which delimiters.
        tight: Whether it takes away the space before it.
    """
    start = rules.envops.get("block_start_string", "{%")
    end = rules.envops.get("block_end_string", "%}")
    return f"{start}{'-' if tight else ''} {said} {end}"


def written(value: Json) -> str:
    """A value as a default that is rendered has it."""
    return value if isinstance(value, str) else json.dumps(value)


def _holds(name: str, value: Json) -> str:
    if isinstance(value, bool):
        return name if value else f"not {name}"
    if value is None:
        return f"{name} is none"
    return f"{name} == {value!r}"


def _ours(config: Config | None) -> yaml.MappingNode | None:
    node = config.nodes.get(_OURS) if config else None
    return node[1] if node and isinstance(node[1], yaml.MappingNode) and node[1].value else None


def _pairs(node: yaml.MappingNode) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    pairs: Any = node.value
    return {str(key.value): (key, value) for key, value in pairs}


def _apart(node: yaml.MappingNode, key: yaml.Node) -> str:
    """What stands between two keys of a mapping."""
    return ", " if node.flow_style else f"\n{' ' * key.start_mark.column}"


def _at(node: yaml.Node, text: str, lead: yaml.Node | None = None) -> Place:
    """In the place of a node; with `lead`, of all from that key on, which is kept if it is ours."""
    mark = node.start_mark
    if lead is None:
        return Place(file=mark.name, start=mark.index, end=node.end_mark.index, text=text)
    start = lead.start_mark.index
    if text.startswith("\n"):  # the key stays, and its value begins below it
        start, text = lead.end_mark.index, f":{text}"
    return Place(file=mark.name, start=start, end=node.end_mark.index, text=text)


def _before(node: yaml.Node, text: str) -> Place:
    mark = node.start_mark
    return Place(file=mark.name, start=mark.index, end=mark.index, text=text)
