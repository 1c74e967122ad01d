"""The secret answers of the runs of this process.

The invariant: a secret is here and in what is written for the user, nowhere else: not in a
checkpoint, the ledger, a prompt, a log, the sandbox or the answers file. Everywhere else a
placeholder stands for it.
"""

from __future__ import annotations

from collections.abc import Mapping

from cultivar.errors import UsageError
from cultivar.llm.redaction import Redactor
from cultivar.model import Json
from cultivar.record import Record, field


class Vault(Record, kw_only=False):
    """Secret answers by run and name.

    Args:
        redactor: Masks them wherever a model's door or its record might show them.
    """

    redactor: Redactor
    _held: dict[str, dict[str, Json]] = field(default_factory=dict[str, dict[str, Json]])

    def hold(self, run_id: str, secrets: Mapping[str, Json]) -> None:
        """Hold the secrets of a run, with those that it holds already."""
        self._held.setdefault(run_id, {}).update(secrets)
        self.redactor.add(*(str(value) for value in secrets.values() if value not in (None, "")))

    def of(self, run_id: str) -> Mapping[str, Json]:
        """The secrets of a run, by question."""
        return dict(self._held.get(run_id, {}))

    def demand(self, run_id: str, names: tuple[str, ...]) -> None:
        """See that the secrets that the user gave to the run are here.

        Raises:
            UsageError: One is not: the run was begun by another process.
        """
        missing = [name for name in names if name not in self.of(run_id)]
        if missing:
            given = " ".join(f"--answer {name}=…" for name in missing)
            raise UsageError(
                f"The run {run_id!r} needs the secret {', '.join(map(repr, missing))} again.",
                f"Secrets are never kept: pass {given} to `cultivar resume`.",
            )
