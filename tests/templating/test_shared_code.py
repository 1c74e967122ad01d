"""Versions of a template share what Jinja compiled, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from cultivar.model import TemplateRef
from cultivar.templating.rendering.render import Rendered, render
from cultivar.templating.template import Rules, Template
from cultivar.tree import Tree, text_entry

SLOTTED = "def f():\n    {# slot: body | do it #}\n    pass\n    {# endslot #}\n"


def rendered(rules: Rules, **files: str) -> Rendered:
    tree = Tree({name.replace("_", "."): text_entry(text) for name, text in files.items()})
    ref = TemplateRef(id="shared", version="1", tree_hash=tree.hash, origin="somewhere")
    return render(Template(ref=ref, questions=(), rules=rules, tree=tree), ())


def test_a_file_that_two_versions_share_includes_what_each_has() -> None:
    shared = "{% include 'part.txt' %}!"
    rules = Rules(templates_suffix="")
    old = rendered(rules, whole_txt=shared, part_txt="old")
    new = rendered(rules, whole_txt=shared, part_txt="new")
    assert (old.tree.text("whole.txt"), new.tree.text("whole.txt")) == ("old!", "new!")


def test_a_slot_is_found_in_every_version() -> None:
    rules = Rules(templates_suffix="")
    found = [rendered(rules, cache_py=SLOTTED, note_txt=text).slots for text in ("1", "2")]
    assert [[slot.name for slot in slots] for slots in found] == [["body"], ["body"]]


@pytest.mark.parametrize(
    ("envops", "expected"),
    [
        ({}, "\n1\n\n"),
        ({"trim_blocks": True}, "1\n"),
        ({"keep_trailing_newline": False}, "\n1\n"),
    ],
)
def test_an_equal_file_is_rendered_by_the_options_of_its_version(
    envops: dict[str, Any], expected: str
) -> None:
    rules = Rules(templates_suffix="", envops=envops)
    made = rendered(rules, same_txt="{% if true %}\n{{ 1 }}\n{% endif %}\n")
    assert made.tree.text("same.txt") == expected
