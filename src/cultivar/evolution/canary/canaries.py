"""Gives a version to a share of the uses first, and to all only where it does as well there.

The invariant: what was decided of a canary is in its experiment and its release before anything
follows from it, and each step may be done twice; so what was interrupted is finished by the next
look. Nothing on the disk changes until a canary is given to all.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Final

from cultivar.errors import (
    ChangedError,
    NotKnownError,
    RefusedError,
    UnavailableError,
    UsageError,
    WriteError,
)
from cultivar.evals.comparing.wording import percent
from cultivar.evolution.artifacts.deciding import UndecidedError
from cultivar.evolution.artifacts.registry import Rehearsal
from cultivar.evolution.canary.evidence import CanaryUses
from cultivar.evolution.canary.judging import CanaryReport, judge_canary, report
from cultivar.evolution.gate.limits import GateSettings
from cultivar.evolution.releasing.approving import approval
from cultivar.evolution.releasing.releases import Releases, refuse_changed, refuse_unproven
from cultivar.ledger.improvements import ArtifactStore, Pointer
from cultivar.lifecycle import CANARY, Artifact, Experiment, ExperimentStatus, Release
from cultivar.record import Record, replace
from cultivar.settings import ImproveSettings

_LATEST: Final = 500
_LATER: Final = (ChangedError, RefusedError, UnavailableError, WriteError)
"""What keeps a good canary from being given to all for now; the next look tries again."""

_ENDED: Final = frozenset[ExperimentStatus]({"rejected", "rolled_back", "stopped"})


class Canaries(Record):
    """Starts canaries, looks after them, and ends them.

    Args:
        releases: Releases to all.
        uses: Knows how versions are used.
        settings: Which share of the uses gets a canary, and what it may lose of time and cost.
        now: The time.
    """

    releases: Releases
    uses: CanaryUses
    settings: ImproveSettings = ImproveSettings()
    now: Callable[[], datetime] = partial(datetime.now, UTC)

    @property
    def artifacts(self) -> ArtifactStore:
        """Where the aliases are."""
        return self.uses.artifacts

    def running(self, artifact: Artifact) -> Release | None:
        """The canary of an artifact that runs now, whether or not anybody gets it yet."""
        made = self.releases.experiments.releases(artifact, _LATEST)
        return next((each for each in made if each.status == "canary"), None)

    def release(self, experiment: Experiment, *, by: str, share: float | None = None) -> Release:
        """Give what an experiment has proven to a share of the uses, or to all.

        Args:
            experiment: The gate has let it pass.
            by: Who decided it: `gate`, or the name of a person.
            share: Of the uses that get it; 1: all of them, also where it is a canary by now;
                without, as the settings say.

        Returns:
            The release: `canary` where a share gets it; `rolled_back`, with the reason, where it
            does not work.

        Raises:
            UsageError: The gate did not let it pass, it was decided already, a canary of another
                version runs, or there is no such share.
            ChangedError: What is used is not what it was made from any more.
        """
        refuse_unproven(experiment)
        wanted = self._wanted(experiment, share)
        with self._deciding(experiment):
            return self._release(experiment, by, share, wanted)

    def _release(
        self, experiment: Experiment, by: str, share: float | None, wanted: float
    ) -> Release:
        runs = self.running(experiment.candidate.artifact)
        if runs is not None and runs.experiment != experiment.id:
            raise self._busy(runs)
        if runs is None:
            if wanted:
                return self._start(experiment, wanted, by)
            return self.releases.release(experiment, by=by)
        if not wanted:
            return self._to_all(runs, experiment, by)
        if share not in (None, runs.share):
            raise self._busy(runs)
        return runs  # it was asked for twice

    def reject(self, experiment: Experiment, *, by: str, reason: str) -> Experiment:
        """Leave what is used as it is, also where a share got the candidate until now.

        Args:
            experiment: It waits for a person's word, or is a canary.
            by: Who decided it.
            reason: Why.

        Raises:
            UsageError: It was decided already.
        """
        with self._deciding(experiment):
            runs = self.running(experiment.candidate.artifact)
            if runs is None or experiment.status != "canary":
                return self.releases.reject(experiment, by=by, reason=reason)
            if runs.experiment != experiment.id:
                raise self._busy(runs)
            self._stop(runs, "rejected", reason or "A person rejected it.", by)
            return self.releases.experiments.experiment(experiment.id)

    def take_back(self, artifact: Artifact, to: str = "", *, by: str, reason: str = "") -> Release:
        """End the canary of an artifact; where none runs, put an earlier version in its place.

        Args:
            artifact: Of what.
            to: The version to go back to; without, the one that the current one took the place of.
            by: Who decided it.
            reason: Why.

        Raises:
            UsageError: A canary runs, and `to` says more than that it should end; or somebody else
                has just decided about the artifact.
            CultivarError: As `Releases.take_back` raises.
        """
        seen = self._used(artifact)
        with self.releases.registry.deciding.alone(artifact):
            if self._used(artifact) != seen:
                raise _decided_meanwhile(artifact)
            runs = self.running(artifact)
            if runs is None:
                return self.releases.take_back(artifact, to, by=by, reason=reason)
            if to:
                raise self._busy(runs)
            return self._stop(runs, "rolled_back", reason or "A person took it back.", by)

    def look_after(self) -> tuple[Release, ...]:
        """Decide about every canary that runs, as far as its uses tell.

        Returns:
            What was decided now: those given to all, and those stopped, with the reason.
        """
        self.releases.registry.recover()
        found = self.releases.experiments.releases(limit=_LATEST)
        decided = [self._looked_at(each) for each in found if each.status == "canary"]
        for artifact in {each.artifact for each in found if each.share < 1}:
            if self.running(artifact) is None:
                self._clear(artifact)
        return tuple(each for each in decided if each is not None)

    def report(self, experiment: Experiment) -> CanaryReport | None:
        """How the canary of an experiment does, or did; None where it never was one."""
        made = self.releases.experiments.releases(experiment.candidate.artifact, _LATEST)
        own = (each for each in made if each.experiment == experiment.id and 0 < each.share < 1)
        canary = next(own, None)
        return None if canary is None else self._report(canary)

    def _report(self, canary: Release) -> CanaryReport:
        until = self.now() if canary.status == "canary" else canary.updated_at
        return report(canary, self.uses.units(canary, until), self._limits, until)

    @property
    def _limits(self) -> GateSettings:
        """What a canary may lose of time, cost and quality."""
        return GateSettings(slower=self.settings.slower, costlier=self.settings.slower)

    def _wanted(self, experiment: Experiment, share: float | None) -> float:
        """The share that is to get it; 0 where all are.

        Raises:
            UsageError: There is no such share, or none of what it is.
        """
        said = self.settings.canary if share is None else share
        if share is not None and not 0 < share <= 1:
            raise UsageError(
                f"A canary's share is {share:g}.",
                "It is above 0, like 0.1; 1 gives it to all; leave it out to go by the settings.",
            )
        if experiment.candidate.artifact.kind != "prompt":
            return 0.0 if said == 1 else said
        if share:
            raise UsageError(
                "Uses of prompts are not told apart, so there is no canary of a prompt.",
                "Leave `--canary` out to release it to all.",
            )
        return 0.0

    def _start(self, experiment: Experiment, share: float, by: str) -> Release:
        rehearsal = self.releases.registry.rehearse(experiment.candidate)
        canary = self._canary(experiment, rehearsal, share)
        if rehearsal.fault:
            return self._stop(canary, "rolled_back", rehearsal.fault, by)
        self._point(canary)
        self.releases.experiments.keep_release(canary)
        self._say_so(canary, experiment, by)
        return canary

    def _canary(self, experiment: Experiment, rehearsal: Rehearsal, share: float) -> Release:
        now = self.now()
        return Release(
            id=str(uuid.uuid4()),
            experiment=experiment.id,
            artifact=experiment.candidate.artifact,
            before=rehearsal.before.tree_hash,
            after=rehearsal.version.tree_hash,
            status="canary",
            share=share,
            reason=experiment.candidate.description,
            released_at=now,
            updated_at=now,
        )

    def _point(self, canary: Release) -> None:
        """Point the alias to a canary; one that is left over from another goes away.

        Raises:
            UsageError: Another canary was begun just now.
        """
        if self.running(canary.artifact) is None:
            self._clear(canary.artifact)
        to = Pointer(
            alias=CANARY,
            tree_hash=canary.after,
            share=canary.share,
            since=canary.released_at,
        )
        try:
            self.artifacts.point(canary.artifact, to, expected="")
        except ChangedError as error:
            raise self._busy(canary) from error

    def _clear(self, artifact: Artifact) -> None:
        """Take away an alias that was left over by what was interrupted."""
        if self.artifacts.pointer(artifact, CANARY) is not None:
            self.artifacts.unpoint(artifact, CANARY)

    def _say_so(self, canary: Release, experiment: Experiment, by: str) -> None:
        units = "runs" if canary.artifact.kind == "template" else "sessions"
        said = (
            f"{percent(canary.share)} of the {units} get it. {self._for_all(canary)} gives it to "
            f"all, `cultivar rollback {canary.artifact.id}` ends it."
        )
        self.releases.decide(experiment, "canary", said, by)

    @contextmanager
    def _deciding(self, experiment: Experiment) -> Generator[None]:
        """Nobody else decides about the artifact meanwhile, or has done so just now."""
        with self.releases.registry.deciding.alone(experiment.candidate.artifact):
            refuse_changed(experiment, self.releases.experiments)
            yield

    def _looked_at(self, canary: Release) -> Release | None:
        try:
            with self.releases.registry.deciding.alone(canary.artifact, patience=0):
                made = self.releases.experiments.releases(canary.artifact, _LATEST)
                return self._decided(canary) if canary in made else None
        except UndecidedError:
            return None  # somebody decides about it: the next look sees what came of that

    def _decided(self, canary: Release) -> Release | None:
        ended = self._settled(canary)
        if ended is not None:
            return ended
        if self._current(canary.artifact) != canary.before:
            reason = "The version that it was compared with is not used any more."
            return self._stop(canary, "stopped", reason, "watch")
        now = self.now()
        found = judge_canary(canary, self.uses.units(canary, now), self._limits, now)
        if found.state == "running":
            return None
        if found.state == "good":
            return self._given_to_all(canary, found.sentence)
        status: ExperimentStatus = "rolled_back" if found.state == "worse" else "stopped"
        return self._stop(canary, status, found.sentence, "watch")

    def _settled(self, canary: Release) -> Release | None:
        """Finish what was interrupted; the release if the canary has ended by that, else None."""
        experiment = self.releases.experiments.experiment(canary.experiment)
        if experiment.status in _ENDED:
            return self._end(replace(canary, status="rolled_back", reason=experiment.reason))
        if self._current(canary.artifact) == canary.after:
            return self._given_to_all(canary, "It was given to all.")
        if self.artifacts.pointer(canary.artifact, CANARY) is None:
            self._point(canary)
        if experiment.status != "canary":
            self._say_so(canary, experiment, "gate")
        return None

    def _given_to_all(self, canary: Release, reason: str) -> Release | None:
        experiment = self.releases.experiments.experiment(canary.experiment)
        try:
            return self._to_all(replace(canary, reason=reason), experiment, "watch")
        except _LATER:
            return None

    def _to_all(self, canary: Release, experiment: Experiment, by: str) -> Release:
        made = self.releases.earlier(experiment) if experiment.status == "released" else None
        made = made or self.releases.release(experiment, by=by)
        if made.status == "rolled_back":
            self._end(replace(canary, status="rolled_back", reason=made.reason))
        else:
            self._end(replace(canary, status="kept"))
        return made

    def _stop(self, canary: Release, status: ExperimentStatus, reason: str, by: str) -> Release:
        experiment = self.releases.experiments.experiment(canary.experiment)
        self.releases.decide(experiment, status, reason, by)
        return self._end(replace(canary, status="rolled_back", reason=reason))

    def _end(self, canary: Release) -> Release:
        """Keep what became of a canary; nobody gets it from then on."""
        ended = replace(canary, updated_at=self.now())
        self.releases.experiments.keep_release(ended)
        self.artifacts.unpoint(canary.artifact, CANARY)
        return ended

    def _busy(self, canary: Release) -> UsageError:
        share = percent(canary.share)
        return UsageError(
            f"A canary of {canary.artifact.id} runs: {share} of its uses get another version.",
            f"`cultivar rollback {canary.artifact.id}` ends it; "
            f"{self._for_all(canary)} gives it to all.",
        )

    def _for_all(self, canary: Release) -> str:
        return approval(canary.experiment, "--canary", "1", settings=self.settings)

    def _used(self, artifact: Artifact) -> tuple[str, str]:
        """The tree hash of what is used, and the id of the canary that runs."""
        runs = self.running(artifact)
        return self._current(artifact), runs.id if runs else ""

    def _current(self, artifact: Artifact) -> str:
        try:
            return self.releases.registry.current(artifact).tree_hash
        except NotKnownError:
            return ""


def _decided_meanwhile(artifact: Artifact) -> UsageError:
    return UsageError(
        f"Somebody else has just decided which version of {artifact.id} is used.",
        "Look at it with `cultivar experiments`; then say again what is to be taken back.",
    )
