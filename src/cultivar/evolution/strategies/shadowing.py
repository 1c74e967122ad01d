"""A new version in the shadow of the used one: it gets live inputs, and nobody gets its answers.

The invariant: who uses the tool has its answer before the shadow sees the input, and no trouble of
the shadow's is theirs.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cultivar.evals.trying.base import Subject
from cultivar.evals.trying.spelling import canonical, spelled
from cultivar.evals.trying.tool_uses import ToolUses
from cultivar.evals.trying.tools import try_tool_on
from cultivar.evolution.strategies.choosing import PLANS
from cultivar.evolution.strategies.replaying import replay_of
from cultivar.evolution.strategies.trying import Known, Repeated, Report, repeated, report_of
from cultivar.ledger.improvements import ExecutionLog, ExecutionQuery
from cultivar.lifecycle import Execution, TrialCase, TrialResult
from cultivar.record import replace

_AT_ONCE: Final = 32
_WAITING: Final = 256
"""So many inputs may wait; more are not looked at."""

_MOST: Final = 1000
"""So many inputs are looked at, all in all."""


class Shadow:
    """Tries a new version on the inputs that a used one gets.

    Give `see` to what records uses. Both versions are run in the sandbox, so that their times can
    be compared, and what the used one does otherwise there than in use is left out.

    Args:
        known: The version that is used.
        new: The one in its shadow.
        uses: Where both are used again.
    """

    def __init__(self, known: Known, new: Subject, uses: ToolUses) -> None:
        self._known, self._new, self._uses = known, new, uses
        self._waiting: queue.Queue[Execution | None] = queue.Queue(_WAITING)
        self._seen: list[Execution] = []
        self._tried: dict[str, tuple[TrialCase, TrialResult, TrialResult]] = {}
        self._otherwise: set[str] = set()
        self._missed = 0
        self.trouble = ""
        """Why nothing can be tried for now; empty where it can."""
        self._thread = threading.Thread(target=self._work, name="shadow", daemon=True)
        self._thread.start()

    def see(self, execution: Execution) -> None:
        """Take note of a use; returns at once, whatever happens."""
        artifact, tree_hash = self._known.subject.artifact, self._known.subject.tree_hash
        if (execution.artifact, execution.tree_hash) != (artifact, tree_hash):
            return
        try:
            self._waiting.put_nowait(execution)
        except queue.Full:
            self._missed += 1

    def catch_up(self, log: ExecutionLog, since: datetime | None = None) -> int:
        """See what others have recorded, who use the tool in processes of their own.

        Args:
            log: The record.
            since: From when on.

        Returns:
            How many uses there were.
        """
        subject = self._known.subject
        query = ExecutionQuery(
            artifact=subject.artifact, tree_hash=subject.tree_hash, since=since, limit=_MOST
        )
        found = log.executions(query)
        for each in reversed(found):
            self._waiting.put(each)
        return len(found)

    def report(self) -> Report:
        """What came of all that was seen until now; it waits for what is still to be tried.

        An input that was not verified, because the sandbox was down, is tried once more by the
        next one that comes.
        """
        self._waiting.join()
        tried = list(self._tried.values())
        same = Repeated(
            cases=tuple(case for case, _, _ in tried),
            results=tuple(old for _, old, _ in tried),
            others=len(self._otherwise),
        )
        report = report_of(PLANS["SHADOW"], self._known, same, [new for _, _, new in tried])
        return replace(report, notes=(*report.notes, *self._remarks()))

    def close(self) -> None:
        """Try what waits, and end."""
        self._waiting.put(None)
        self._thread.join()

    def _remarks(self) -> list[str]:
        missed = f"{self._missed} live inputs came too fast to be looked at."
        return [missed] * bool(self._missed) + [self.trouble] * bool(self.trouble)

    def _work(self) -> None:
        over = False
        while not over:
            taken = self._taken()
            over = None in taken
            try:
                self._try([each for each in taken if each is not None])
            except Exception as error:  # whatever it is, uses go on, and so does the shadow
                self.trouble = str(error) or type(error).__name__
            finally:
                for _ in taken:
                    self._waiting.task_done()

    def _taken(self) -> list[Execution | None]:
        """What waits, one at least."""
        taken = [self._waiting.get()]
        while len(taken) < _AT_ONCE and not self._waiting.empty():
            taken.append(self._waiting.get())
        return taken

    def _try(self, executions: Sequence[Execution]) -> None:
        """Try both versions on what came now, and on what could not be verified before."""
        self._seen = [*executions, *self._seen][:_MOST]
        # What is expected of a failure is clearer the more is known, so all is looked at.
        replay = replay_of(self._seen, self._known.described, self._known.source)
        done = self._tried.keys() | self._otherwise
        cases = [each for each in replay.cases if _key(each) not in done]
        if not cases:
            return
        first = try_tool_on(self._known.subject, cases, self._uses)
        same = repeated(cases, first)
        after = try_tool_on(self._new, same.cases, self._uses)
        for case, old, new in zip(same.cases, same.results, after, strict=True):
            if "not_verified" not in (old.verdict, new.verdict):
                self._tried[_key(case)] = (case, old, new)
        kept = {_key(each) for each in same.cases}
        self._otherwise |= {_key(each) for each in cases} - kept


def _key(case: TrialCase) -> str:
    return canonical(spelled(case.inputs))
