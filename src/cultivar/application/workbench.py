"""Puts together what improving takes: registry, evidence, the place of trials, a campaign."""

from __future__ import annotations

from functools import partial

from cultivar.application.evaluating import OpenPlaceOf, open_executor, place_of
from cultivar.checking.checks import CheckRunner
from cultivar.definitions import builtin_root
from cultivar.errors import NotKnownError
from cultivar.evals.executing.together import Together
from cultivar.evolution.artifacts.finding import Disk, Folders
from cultivar.evolution.artifacts.recording import Recorded
from cultivar.evolution.artifacts.registry import Registry
from cultivar.evolution.artifacts.verifying import Verifier
from cultivar.evolution.campaigns.campaign import Campaign
from cultivar.evolution.campaigns.tool_cases import ToolHistory
from cultivar.evolution.campaigns.workbench import Workbench
from cultivar.evolution.canary.canaries import Canaries
from cultivar.evolution.canary.evidence import CanaryUses
from cultivar.evolution.opportunities.looking import History
from cultivar.evolution.releasing.releases import Releases
from cultivar.evolution.releasing.uses import Uses
from cultivar.evolution.releasing.watcher import Watcher
from cultivar.generation.workshop import Workshop
from cultivar.ledger.base import ContentStore, Ledger, PatternStore
from cultivar.ledger.improvements import ArtifactStore, ExecutionLog, ExperimentStore, Leases
from cultivar.ledger.tallying import TallyStore
from cultivar.lifecycle import Artifact, ArtifactVersion, ImproveOrder
from cultivar.settings import BudgetSettings
from cultivar.templating.origins.catalog import Catalog
from cultivar.trusting import is_trusted
from cultivar.wiring import Services


def disk_of(services: Services) -> Disk:
    """What is on the disk of the workspace."""
    settings = services.settings
    folders = Folders(
        workspace=settings.workspace,
        shipped=builtin_root(),
        trusted=is_trusted(str(settings.workspace), settings.trust),
        templates=tuple(settings.workspace / each for each in settings.template_paths),
    )
    return Disk(folders, services.need(Catalog))


def registry_of(services: Services) -> Registry:
    """The artifacts of the workspace, on the disk and in the record."""
    recorded = Recorded(
        content=services.need(ContentStore),
        artifacts=services.need(ArtifactStore),
        experiments=services.need(ExperimentStore),
        leases=services.need(Leases),
    )
    verify = Verifier(
        open_runner=lambda: services.need(CheckRunner), workshop=services.need(Workshop)
    )
    return Registry(recorded, disk_of(services), services.settings.home, verify)


def canaries_of(services: Services) -> Canaries:
    """What gives a version to a share of the uses first, and knows how it does there."""
    registry = registry_of(services)
    return Canaries(
        releases=Releases(registry=registry, experiments=services.need(ExperimentStore)),
        uses=CanaryUses(
            ledger=services.need(Ledger),
            log=services.need(ExecutionLog),
            artifacts=registry.artifacts,
        ),
        settings=services.settings.improve,
    )


def watcher_of(services: Services) -> Watcher:
    """What looks after releases."""
    uses = Uses(ledger=services.need(Ledger), log=services.need(ExecutionLog))
    experiments = services.need(ExperimentStore)
    releases = Releases(registry=registry_of(services), experiments=experiments)
    return Watcher(releases=releases, uses=uses.of)


def open_campaign(
    services: Services, run_id: str, order: ImproveOrder, budget: BudgetSettings | None = None
) -> Campaign:
    """Make the campaign of a run, and what its agents go by, services of the graph.

    Args:
        services: What is open.
        run_id: The run's.
        order: What was asked.
        budget: What the run may use; as the settings say without.
    """
    registry = registry_of(services)
    settings = services.settings
    place, workers = place_of(services), settings.improve.workers
    executor = Together(
        open_executor("local", OpenPlaceOf(settings=settings), workers), place, workers
    )
    if services.given(Together) is None:  # of many runs, the last one's is closed
        services.on_close(lambda: services.need(Together).close())
    services.keep(Together, executor)
    workbench = Workbench(
        settings=settings.improve,
        budget=budget or settings.budget,
        ledger=services.need(Ledger),
        content=services.need(ContentStore),
        experiments=services.need(ExperimentStore),
        executions=services.need(ExecutionLog),
        disk=disk_of(services),
        registry=registry,
        place=place,
        executor=executor,
        run_id=run_id,
    )
    services.keep(Workbench, workbench)
    services.keep(History, _history(services, registry, workbench.tools))
    return services.keep(Campaign, Campaign(run_id, order, workbench))


def _history(services: Services, registry: Registry, tools: ToolHistory) -> History:
    return History(
        ledger=services.need(Ledger),
        tallies=services.need(TallyStore),
        patterns=services.need(PatternStore),
        executions=services.need(ExecutionLog),
        meant_to_fail=tools.meant_to_fail,
        current=partial(_current, registry),
    )


def _current(registry: Registry, artifact: Artifact) -> ArtifactVersion | None:
    try:
        return registry.current(artifact)
    except NotKnownError:
        return None  # it was used, and is not here
