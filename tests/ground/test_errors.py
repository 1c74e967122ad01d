from __future__ import annotations

import pickle

import pytest

from cultivar import errors
from cultivar.errors import (
    AnswerError,
    BudgetSpentError,
    CultivarError,
    DestinationError,
    NotKnownError,
    TemplateError,
    UnsafeError,
)

EXAMPLES = [
    AnswerError("ttl", 0, why="it is too small", allowed="1 and more"),
    BudgetSpentError("calls", spent=3, limit=2),
    DestinationError(("a.py",), "a diff"),
    NotKnownError("template", "pyton", ("python",)),
    TemplateError("a colon is missing", file="copier.yml", line=3, remedy="Write `a: b`."),
    UnsafeError("It leads out.", "Stay inside."),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling_with_its_data(error: CultivarError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_every_error_is_drawn_in_the_tree() -> None:
    drawn = errors.__doc__ or ""
    kinds = [name for name, kind in vars(errors).items() if isinstance(kind, type)]
    assert [name for name in kinds if name.endswith("Error") and name not in drawn] == []


def test_a_message_says_what_happened_and_then_what_to_do() -> None:
    assert str(NotKnownError("template", "pyton", ("python",))) == (
        "There is no template 'pyton'. Did you mean 'python'?"
    )
