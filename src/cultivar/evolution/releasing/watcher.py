"""Looks after what was released: keeps it, or takes it back by itself and says why.

The invariant: it may be called at any time and as often as one likes; what was interrupted is
finished by the next call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, TypeAlias

from cultivar.errors import ChangedError, NotKnownError
from cultivar.evolution.releasing.releases import Releases
from cultivar.evolution.releasing.standing import Outcome, standing
from cultivar.lifecycle import Artifact, Release
from cultivar.record import Record, replace

_LATEST: Final = 500

UsesOf: TypeAlias = Callable[[Artifact, str], Sequence[Outcome]]
"""The verified uses of an artifact's version, by its tree hash, the latest first."""


class Watcher(Record):
    """Looks after releases.

    Args:
        releases: Takes versions back.
        uses: Knows how versions were used.
    """

    releases: Releases
    uses: UsesOf

    def look_after(self) -> tuple[Release, ...]:
        """Decide about every release that is watched, as far as its uses tell.

        Returns:
            The releases that were decided now: `kept`, or `rolled_back` with the reason.
        """
        self.releases.registry.recover()
        watched = [
            each
            for each in self.releases.experiments.releases(limit=_LATEST)
            if each.status == "watching"
        ]
        decided = map(self._decided, watched)
        return tuple(each for each in decided if each is not None)

    def _decided(self, release: Release) -> Release | None:
        if not self._is_current(release):
            return self._keep(replace(release, status="kept", reason="Another one came after it."))
        before = self.uses(release.artifact, release.before)
        after = self.uses(release.artifact, release.after)[::-1]
        found = standing(before, after)
        if found.state == "worse":
            return self._take_back(release, found.sentence)
        if found.state == "kept":
            return self._keep(replace(release, status="kept", reason=found.sentence))
        return None

    def _is_current(self, release: Release) -> bool:
        try:
            return self.releases.registry.current(release.artifact).tree_hash == release.after
        except NotKnownError:
            return False

    def _take_back(self, release: Release, reason: str) -> Release | None:
        try:
            self.releases.take_back(release.artifact, release.before, by="watch", reason=reason)
        except ChangedError:
            return None  # a person is at work on it: `sync` is first
        return self._keep(replace(release, status="rolled_back", reason=reason))

    def _keep(self, release: Release) -> Release:
        kept = replace(release, updated_at=datetime.now(UTC))
        self.releases.experiments.keep_release(kept)
        return kept
