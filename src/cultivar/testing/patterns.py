"""A store of failure patterns in this process's memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cultivar.errors import NotKnownError
from cultivar.model import FailurePattern, Fix, Generation, Trial
from cultivar.record import Record, replace


class _Kept(Record):
    pattern: FailurePattern
    vector: bytes
    embedder: str
    added: int


class MemoryPatternStore:
    """A `PatternStore` that forgets all when it goes."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._revision = 0

    def revision(self) -> int:
        """Grows with every change; 0 while there is no pattern."""
        return self._revision

    def add_pattern(self, pattern: FailurePattern, vector: bytes, embedder: str) -> None:
        """Keep a new pattern with its vector; one of a known id stays as it is."""
        if pattern.id in self._kept:
            return
        self._revision += 1
        self._kept[pattern.id] = _Kept(
            pattern=pattern, vector=vector, embedder=embedder, added=self._revision
        )

    def patterns(self, ids: Iterable[str] | None = None) -> tuple[FailurePattern, ...]:
        """The patterns of these ids, in their order; all, the newest first, without ids."""
        if ids is None:
            return tuple(kept.pattern for kept in reversed(self._kept.values()))
        wanted = dict.fromkeys(ids)
        return tuple(self._kept[each].pattern for each in wanted if each in self._kept)

    def vectors(self, embedder: str, after: int = 0) -> Mapping[str, bytes]:
        """All vectors that this embedder made of patterns that were added after that revision."""
        kept = reversed(self._kept.values())  # the newest come first: stop at the first old one
        found: dict[str, bytes] = {}
        for each in kept:
            if each.added <= after:
                break
            if each.embedder == embedder:
                found[each.pattern.id] = each.vector
        return dict(reversed(found.items()))

    def add_fix(self, pattern_id: str, fix: Fix) -> None:
        """Keep a fix of the pattern; a known one stays as it is.

        Raises:
            NotKnownError: There is no such pattern.
        """
        pattern = self._pattern(pattern_id)
        if fix.id not in {known.id for known in pattern.fixes}:
            self._put(replace(pattern, fixes=(*pattern.fixes, fix)))

    def count(self, generation: Generation) -> None:
        """Count the failures of a generation to their patterns, and what became of fixes."""
        for attempt in generation.attempts:
            for pattern_id in attempt.patterns:
                if pattern_id in self._kept:
                    pattern = self._pattern(pattern_id)
                    self._put(replace(pattern, seen=pattern.seen + 1))
        for trial in generation.trials:
            if trial.pattern_id in self._kept:
                self._count_trial(trial)

    def _count_trial(self, trial: Trial) -> None:
        pattern = self._pattern(trial.pattern_id)
        fixes = (
            replace(fix, tried=fix.tried + 1, worked=fix.worked + int(trial.worked))
            if fix.id == trial.fix_id
            else fix
            for fix in pattern.fixes
        )
        self._put(replace(pattern, fixes=tuple(fixes)))

    def _pattern(self, pattern_id: str) -> FailurePattern:
        if pattern_id not in self._kept:
            raise NotKnownError("failure pattern", pattern_id)
        return self._kept[pattern_id].pattern

    def _put(self, pattern: FailurePattern) -> None:
        self._revision += 1
        self._kept[pattern.id] = replace(self._kept[pattern.id], pattern=pattern)
