"""Gives what is recorded to other tools."""

from __future__ import annotations

from cultivar.ledger.encoding import open_answers
from cultivar.model import Generation
from cultivar.templating.questions.answers_file import as_yaml


def answers_yaml(generation: Generation) -> str:
    """The answers of a generation as YAML, in the order of the questions.

    Like an answers file, it names the template under keys that begin with `_`. Secrets are not in
    it, nor is what was computed, so that it can be given to another generation as its answers.
    """
    named = {
        "_template_id": generation.template.id,
        "_template_version": generation.template.version,
        "_generated_at": generation.generated_at.isoformat(),
    }
    answers = {**named, **open_answers(generation.answers)}
    return as_yaml(answers)
