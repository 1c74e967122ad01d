"""An agent's prompt as it is used: its text, and which version of which artifact that is."""

from __future__ import annotations

from functools import cached_property

from cultivar.errors import DefinitionError
from cultivar.lifecycle import Artifact
from cultivar.record import Record
from cultivar.tree import Tree


class Prompt(Record, dict=True):
    """A prompt: one file, Jinja inside.

    Args:
        artifact: What it is a version of.
        tree: The one file.
    """

    artifact: Artifact
    tree: Tree

    @property
    def file(self) -> str:
        """The name of its file."""
        (name,) = self.tree
        return name

    @cached_property
    def text(self) -> str:
        """What stands in it.

        Raises:
            DefinitionError: It is no UTF-8.
        """
        try:
            return self.tree.text(self.file)
        except UnicodeDecodeError as error:
            raise DefinitionError(
                f"The prompt {self.artifact.name!r} is no UTF-8: {error.reason}.",
                f"Save `{self.file}` as UTF-8.",
            ) from error
