"""Looks after what was released: keeps it, or takes it back by itself and says why.

The invariant: it may be called at any time and as often as one likes; what was interrupted is
finished by the next call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, TypeAlias

from cultivar.errors import ChangedError, NotKnownError
from cultivar.evolution.artifacts.deciding import UndecidedError
from cultivar.evolution.releasing.releases import Releases
from cultivar.evolution.releasing.standing import Outcome, Standing, standing
from cultivar.lifecycle import Artifact, Release, ReleaseStatus
from cultivar.record import Record, replace

_LATEST: Final = 500

UsesOf: TypeAlias = Callable[[Artifact, str, datetime | None], Sequence[Outcome]]
"""The verified uses of an artifact's version, by its tree hash, since a time, the latest first."""


class Watch(Record):
    """How a release is looked after."""

    status: ReleaseStatus
    sentence: str
    """How it does, or why it was kept or taken back."""


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
        decided = map(self._looked_at, watched)
        return tuple(each for each in decided if each is not None)

    def watch(self, release: Release) -> Watch:
        """How a release is looked after, or was."""
        watched = release.status == "watching"
        said = self.standing(release).sentence if watched else release.reason
        return Watch(status=release.status, sentence=said)

    def standing(self, release: Release) -> Standing:
        """How a release does since all have it; what a canary of it did before does not count."""
        before = self.uses(release.artifact, release.before, None)
        after = self.uses(release.artifact, release.after, self._since(release))
        return standing(before, after[::-1])

    def _since(self, release: Release) -> datetime | None:
        """Since when all have it, where a share had it before; else clocks do not matter."""
        made = self.releases.experiments.releases(release.artifact, _LATEST)
        had = any(each.after == release.after and each.share < 1 for each in made)
        return release.released_at if had else None

    def _looked_at(self, release: Release) -> Release | None:
        try:
            with self.releases.registry.deciding.alone(release.artifact, patience=0):
                made = self.releases.experiments.releases(release.artifact, _LATEST)
                return self._decided(release) if release in made else None
        except UndecidedError:
            return None  # somebody decides about it: the next look sees what came of that

    def _decided(self, release: Release) -> Release | None:
        if not self._is_current(release):
            return self._keep(replace(release, status="kept", reason="Another one came after it."))
        found = self.standing(release)
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
