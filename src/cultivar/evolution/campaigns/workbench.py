"""What a campaign works with, put together from the stores, the place and the registry."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property, partial

from cultivar.errors import BudgetSpentError
from cultivar.evals.executing.base import Executor
from cultivar.evals.suites.suite import distinct
from cultivar.evals.trying.base import Place, Subject
from cultivar.evals.trying.tool_uses import ToolUses
from cultivar.evolution.artifacts.finding import Disk
from cultivar.evolution.artifacts.registry import Registry
from cultivar.evolution.campaigns.cases import template_cases
from cultivar.evolution.campaigns.keeping import recorded, still_meant
from cultivar.evolution.campaigns.leaving import Leaving
from cultivar.evolution.campaigns.prompt_cases import prompt_cases
from cultivar.evolution.campaigns.remaining import (
    failed_executions,
    failed_generations,
    reduced,
)
from cultivar.evolution.campaigns.shadows import Shadows
from cultivar.evolution.campaigns.spending import Spending
from cultivar.evolution.campaigns.suite_cases import SuiteCases
from cultivar.evolution.campaigns.tool_cases import ToolHistory
from cultivar.evolution.campaigns.trials import Trials
from cultivar.evolution.canary.canaries import Canaries
from cultivar.evolution.canary.evidence import CanaryUses
from cultivar.evolution.gate.limits import GateSettings
from cultivar.evolution.releasing.approving import approval
from cultivar.evolution.releasing.lineage import has_code_of_a_model
from cultivar.evolution.releasing.quarantine import rests_until
from cultivar.evolution.releasing.releases import Releases
from cultivar.evolution.releasing.uses import Uses
from cultivar.evolution.releasing.watcher import Watcher
from cultivar.evolution.strategies.choosing import PROMPT, TEMPLATE, Plan
from cultivar.ledger.base import CallRecord, ContentStore, Ledger
from cultivar.ledger.improvements import ExecutionLog, ExperimentStore
from cultivar.lifecycle import (
    Artifact,
    Experiment,
    GateVerdict,
    ImproveOrder,
    Opportunity,
    TrialCase,
)
from cultivar.llm.base import ModelDoor
from cultivar.record import Record, field, replace
from cultivar.settings import BudgetSettings, ImproveSettings


class Workbench(Record, dict=True):
    """What a campaign works with.

    Args:
        settings: How it is improved.
        budget: What one run may use.
        ledger: Knows the generations.
        content: Holds the files of versions.
        experiments: The record.
        executions: Knows the uses of tools.
        disk: Knows what is on it.
        registry: Puts versions there.
        place: Where trials are.
        executor: Who runs them.
        run_id: The run's, which pays.
        began: When it began, or was taken up again, by a clock that never goes back.
    """

    settings: ImproveSettings
    budget: BudgetSettings
    ledger: Ledger
    content: ContentStore
    experiments: ExperimentStore
    executions: ExecutionLog
    disk: Disk
    registry: Registry
    place: Place
    executor: Executor
    run_id: str = ""
    began: float = field(default_factory=time.monotonic)

    @cached_property
    def trials(self) -> Trials:
        """Tries candidates."""
        return Trials(
            content=self.content,
            store=self.experiments,
            place=self.place,
            executor=self.executor,
            gate=GateSettings(
                error=self.settings.error,
                slower=self.settings.slower,
                costlier=self.settings.slower,
                most_pairs=self.settings.trials,
            ),
            trusts=self.trusted,
        )

    @cached_property
    def releases(self) -> Releases:
        """Releases what is proven."""
        return Releases(registry=self.registry, experiments=self.experiments)

    @cached_property
    def watcher(self) -> Watcher:
        """Looks after what was released."""
        uses = Uses(ledger=self.ledger, log=self.executions)
        return Watcher(releases=self.releases, uses=uses.of)

    @cached_property
    def shadows(self) -> Shadows:
        """Looks after what is in the shadow."""
        return Shadows(
            tools=self.tools,
            releases=self.releases,
            release=partial(self.canaries.release, by="gate"),
            may_release=self.is_safe,
            go_on=self.refuse_overspent,
            settings=self.settings,
        )

    @cached_property
    def canaries(self) -> Canaries:
        """Gives what is proven to a share of the uses first, where the settings say so."""
        return Canaries(
            releases=self.releases,
            uses=CanaryUses(
                ledger=self.ledger, log=self.executions, artifacts=self.registry.artifacts
            ),
            settings=self.settings,
        )

    @cached_property
    def tools(self) -> ToolHistory:
        """Knows tools."""
        uses = ToolUses(runner=self.place.runner)
        return ToolHistory(log=self.executions, content=self.content, uses=uses)

    @cached_property
    def spending(self) -> Spending:
        """Knows what runs have cost."""
        return Spending(calls=self.place.context.get(CallRecord), experiments=self.experiments)

    def leaving(self, order: ImproveOrder) -> Leaving:
        """Knows what to leave alone."""
        by_itself = order.real and order.automatic
        return Leaving(
            experiments=self.experiments,
            needs_word=lambda each: not (by_itself and self.is_safe(each)),
        )

    @cached_property
    def suites(self) -> SuiteCases:
        """Knows what people say must hold."""
        return SuiteCases(disk=self.disk, place=self.place)

    def refuse_overspent(self) -> None:
        """See that the run may go on.

        Its calls and tokens are held by the door of the model, where it asks.

        Raises:
            BudgetSpentError: It has used the time or the money that it may.
        """
        seconds, limit = time.monotonic() - self.began, self.budget
        if limit.seconds is not None and seconds > limit.seconds:
            raise BudgetSpentError("seconds", spent=seconds, limit=limit.seconds)
        if limit.money is not None and (money := self.spending.of_run(self.run_id)) > limit.money:
            raise BudgetSpentError("money", spent=money, limit=limit.money)

    def advance(self, experiment: Experiment, cases: Sequence[TrialCase]) -> GateVerdict:
        """Try a candidate on some more cases, as far as there is money, and judge it.

        Raises:
            BudgetSpentError: The trials have cost what they may; what came until then is kept.
            RefusedError: It takes trust or a wall that is not there.
        """
        limit = self.budget.money
        left = None if limit is None else max(0.0, limit - self.spending.of_run(self.run_id))
        try:
            return self.trials.advance(experiment, cases, left)
        except BudgetSpentError:
            self.experiments.keep_experiment(self.spending.with_money(experiment))
            raise

    def cases(self, opportunity: Opportunity) -> tuple[TrialCase, ...]:
        """What candidates are tried on: what was mended once, then what failed, then the rest."""
        artifact = opportunity.artifact
        kept = self.experiments.cases(artifact, ("regression", "sealed"))
        versions = self.registry.history(artifact)
        known = still_meant(kept, versions, self.registry.current(artifact))
        own = self.suites.of(self._subject(opportunity))
        found = (recorded(each, opportunity) for each in (*own, *self._cases(opportunity)))
        cases = distinct((*known, *found))
        self.experiments.keep_cases(artifact, cases)
        return cases

    def remaining(self, opportunity: Opportunity, accepted: Experiment | None) -> Opportunity:
        """What is left of an opportunity, as it may be shown to what makes candidates.

        Args:
            opportunity: As the analyst has it.
            accepted: The last experiment whose candidate is better, if there is one.
        """
        if opportunity.artifact.kind == "template":
            template = self.place.template(self._subject(opportunity))
            failed = failed_generations(opportunity, template, self.ledger)
        else:
            failed = failed_executions(opportunity, self.executions)
        candidate = accepted.candidate if accepted else None
        mended = self.trials.passing(accepted, self.cases(opportunity)) if accepted else ()
        left = reduced(opportunity, failed, mended)
        if candidate is None:
            return left
        return replace(left, tree_hash=candidate.tree_hash, version=candidate.version)

    def plan(self, opportunity: Opportunity) -> Plan:
        """How candidates are tried.

        What a template makes is run behind the wall alone, so its history can be replayed; what a
        prompt leads to is tried on cases.
        """
        kind = opportunity.artifact.kind
        if kind == "tool":
            return self.tools.plan(self._subject(opportunity))
        return TEMPLATE if kind == "template" else PROMPT

    def is_safe(self, experiment: Experiment) -> bool:
        """Whether it may be released without a person's word.

        What a model wrote a person reads first: it has seen how it would be tried.
        """
        if has_code_of_a_model(experiment, self.experiments):
            return False
        return self.plan(experiment.opportunity).automatic

    def why_left(self, opportunity: Opportunity, order: ImproveOrder) -> str:
        """Why nothing is done about an opportunity for now, in words; empty where something is."""
        artifact = opportunity.artifact
        if self.canaries.running(artifact) is not None:
            return f"{artifact.id}: a canary of it runs."
        until = rests_until(self.experiments.releases(artifact))
        if until is not None and datetime.now(UTC) < until:
            when = f"{until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
            return f"{artifact.id} rests until {when}, since a release was taken back."
        if (waiting := self.leaving(order).waiting(opportunity)) is not None:
            return f"{artifact.id}: experiment {waiting.id[:8]} waits for your word."
        return ""

    def fruitless(self, opportunity: Opportunity, *, again: bool) -> str:
        """What there is to say where nothing could be made of an opportunity.

        Args:
            opportunity: Which.
            again: Whether something was made of it in earlier runs.
        """
        artifact, what = opportunity.artifact, "Nothing else" if again else "Nothing"
        without = "" if self.place.context.get(ModelDoor).available else " without a model"
        said = f"{artifact.id}: {what} could be made of it{without}."
        earlier = self._earlier(opportunity) if opportunity.kind == "degrading" else ""
        back = f" `cultivar rollback {artifact.id} --to {earlier}` goes back."
        return said + back if earlier else said

    def _earlier(self, opportunity: Opportunity) -> str:
        """The number of the version before the one that it is about; empty where none is known."""
        known = iter(self.registry.history(opportunity.artifact))
        newer_gone = any(each.tree_hash == opportunity.tree_hash for each in known)
        before = next(known, None) if newer_gone else None
        return before.version if before else ""

    def approval(self, experiment: Experiment, *options: str) -> str:
        """The command by which a person releases what an experiment has proven."""
        return approval(experiment.id, *options, settings=self.settings)

    def trusted(self, artifact: Artifact) -> bool:
        """Whether the code of what is used is as good as the user's own."""
        found = self.disk.at(artifact)
        return found is not None and found.trusted

    def _cases(self, opportunity: Opportunity) -> Sequence[TrialCase]:
        subject = self._subject(opportunity)
        if opportunity.artifact.kind == "tool":
            return self.tools.cases(subject)
        if opportunity.artifact.kind == "template":
            template = self.place.template(subject)
            return template_cases(template, self.ledger, self.place.workshop)
        return prompt_cases(subject.artifact, subject.tree_hash, self.executions)

    def _subject(self, opportunity: Opportunity) -> Subject:
        return Subject(
            artifact=opportunity.artifact,
            tree=self.content.tree(opportunity.tree_hash),
            trusted=self.trusted(opportunity.artifact),
        )
