"""Prompts leave a record of each use.

The invariant: a use stands in the record once, however often its run is taken up again; and no
trouble of the record's is the run's.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

from cultivar.evals.trying.conversations import content_of, inputs_of
from cultivar.evals.trying.spelling import digest
from cultivar.evolution.toolbox import Recorder
from cultivar.lifecycle import Execution
from cultivar.llm.base import Asked, Said


class RecordedPrompts:
    """Hears what was asked by prompts, and keeps it: it is a `Hear`.

    A reply that does not fit is a failure of all prompts in the conversation; one that cannot be
    rendered fails alone. What became of a reply later, in checks, is not put down to its prompt:
    the template may be to blame as well, and nobody could tell which.

    Args:
        recorder: Keeps uses, beside whoever makes them.
        instance_id: Who we are.
    """

    def __init__(self, recorder: Recorder, instance_id: str = "") -> None:
        self._recorder, self._instance_id = recorder, instance_id

    def __call__(self, asked: Asked) -> None:
        """Keep the uses of the prompts in a conversation."""
        try:
            for use in self._uses(asked):
                self._recorder.keep(use)
        except Exception as error:  # who asks has nothing to do with the record
            self._recorder.lost += 1
            self._recorder.trouble = str(error) or type(error).__name__

    def _uses(self, asked: Asked) -> Iterator[Execution]:
        prompts = [each for each in asked.turns if isinstance(each, Said)]
        broken = [each for each in prompts if not each.is_readable]
        for own in broken or prompts:
            yield self._use(asked, own)

    def _use(self, asked: Asked, own: Said) -> Execution:
        inputs = inputs_of(asked, own)
        return Execution(
            id=_id(asked, own),
            artifact=own.prompt.artifact,
            tree_hash=own.prompt.tree.hash,
            inputs=inputs,
            output=asked.reply,
            error=asked.error,
            message=asked.message,
            seconds=asked.seconds,
            money=asked.money,
            instance_id=self._instance_id,
            executed_at=datetime.now(UTC),
        )


def _id(asked: Asked, own: Said) -> str:
    """The same for the same question of the same run."""
    said = [
        asked.run_id,
        asked.purpose,
        asked.schema_name,
        own.prompt.artifact.id,
        own.prompt.tree.hash,
        *(digest(content_of(each)) for each in asked.turns),
    ]
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "\0".join(said)))
