"""Users of a template as there are many: they leave most questions to their defaults."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Final

from cultivar import Cultivar
from cultivar.evals.suites.expanding import closed_values
from cultivar.model import Json
from cultivar.templating.template import Template

ANSWERED: Final = 1 / 4
"""How many of the users answer a question that offers choices, or is yes or no."""

TASK: Final = "As it is asked for"
"""What they say beside their answers: nothing that answers a question."""


def drawn(template: Template, count: int, seed: int) -> Sequence[Mapping[str, Json]]:
    """The answers of so many users, drawn by one rule, which nothing that came of uses changes.

    One in four answers a question, whatever else he answers; each of its values is as likely as
    the others. Questions without a closed set of values are left to their defaults.

    Args:
        template: What asks.
        count: How many users.
        seed: The same users come of the same seed.
    """
    luck, values = Random(seed), closed_values(template)
    return [
        {name: luck.choice(each) for name, each in values.items() if luck.random() < ANSWERED}
        for _ in range(count)
    ]


def used(cultivar: Cultivar, reference: str, uses: Iterable[Mapping[str, Json]]) -> Sequence[bool]:
    """Generate from a template with the answers of users, each into a folder that nobody keeps.

    Args:
        cultivar: Where all of it is recorded.
        reference: The template's id or folder.
        uses: The answers.

    Returns:
        Of each use whether it succeeded.
    """
    found: list[bool] = []
    for answers in uses:
        with tempfile.TemporaryDirectory() as folder:
            made = cultivar.generate(TASK, template=reference, answers=answers, output=folder)
        found.append(bool(cultivar.generation(made.generation_id).success))
    return found
