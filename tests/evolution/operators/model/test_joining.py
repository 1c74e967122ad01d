"""Two versions that mend different failures, joined to one."""

from __future__ import annotations

import pytest

from cultivar.evolution.operators.base import Proposed
from cultivar.evolution.operators.model.joining import joined
from cultivar.lifecycle import KNOWN_FIX, MODEL
from cultivar.tree import Tree, text_entry

TEXT = "one\ntwo\nthree\nfour\nfive\nsix\n"
PARENT = Tree({"app.py": text_entry(TEXT)})


def proposed(old: str, new: str, aim: str, operator: str = "import") -> Proposed:
    tree = PARENT.replace({"app.py": text_entry(TEXT.replace(old, new))})
    return Proposed(operator=operator, tree=tree, description=f"{new}.", aims_at=(aim,))


def test_what_two_mend_is_mended_by_one() -> None:
    made = (proposed("one", "1", "a"), proposed("six", "6", "b"))
    (both,) = joined(PARENT, made)
    assert both.tree.text("app.py") == "1\ntwo\nthree\nfour\nfive\n6\n"
    assert (both.operator, both.description, both.aims_at) == ("merge", "1. 6.", ("a", "b"))


def test_what_is_in_each_other_s_way_is_not_joined() -> None:
    made = (proposed("one", "1", "a"), proposed("one", "I", "b"))
    assert list(joined(PARENT, made)) == []


def test_two_ways_to_mend_the_same_are_not_joined() -> None:
    made = (proposed("one", "1", "a"), proposed("six", "6", "a"))
    assert list(joined(PARENT, made)) == []


@pytest.mark.parametrize("operator", [MODEL, KNOWN_FIX])
def test_what_a_model_wrote_stays_a_model_s_when_it_is_joined(operator: str) -> None:
    made = (proposed("one", "1", "a", operator), proposed("six", "6", "b"))
    assert [each.operator for each in joined(PARENT, made)] == [MODEL]
