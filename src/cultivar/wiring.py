"""The composition root: settings in, services out; it closes what it opened.

What makes a service is imported when it is first asked for, so that a start costs what is used.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

from cultivar.agent import Toolbox
from cultivar.checking.checks import CheckRunner
from cultivar.definitions import Agents, Definitions, builtin_root, load_tool
from cultivar.delivery.journal import Journals
from cultivar.errors import SettingsError, StoreUnavailableError, UnavailableError
from cultivar.evolution.canary.templates import TemplateCanaries
from cultivar.evolution.canary.tools import ToolCanaries
from cultivar.evolution.toolbox import RecordedToolbox, Recorder, Records
from cultivar.generation.templates import TemplateStore
from cultivar.generation.vault import Vault
from cultivar.generation.workshop import Workshop
from cultivar.learning.defaults.learned import Learned, LearnedHere, NothingLearned
from cultivar.ledger.base import CallRecord, ContentStore, Ledger, PatternStore, VerdictCache
from cultivar.ledger.improvements import ArtifactStore, ExecutionLog, ExperimentStore, Leases
from cultivar.ledger.outgoing import Outbox, Telling
from cultivar.ledger.served import LedgerProcess
from cultivar.ledger.tallying import TallyStore
from cultivar.llm.base import ModelDoor, Provider
from cultivar.llm.builtin import ShutDoor
from cultivar.llm.redaction import Redactor, environment_secrets
from cultivar.machine import Event, Listener, Machine, open_checkpointer
from cultivar.memory.base import Memory
from cultivar.sandbox.base import Sandbox
from cultivar.settings import NO_MODEL, UNNAMED, Settings
from cultivar.templating.origins.catalog import Catalog
from cultivar.trusting import is_trusted
from cultivar.upgrade.finding import Finder
from cultivar.upgrade.sources import Sources
from cultivar.upgrade.versions import Versions

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

    from cultivar.bus.opening import Line

_LOG: Final = logging.getLogger(__name__)

Service = TypeVar("Service")


class Stores(Ledger, Protocol):
    """The ledger with the stores that share its database."""

    content: ContentStore
    verdicts: VerdictCache
    patterns: PatternStore
    calls: CallRecord
    tallies: TallyStore
    outbox: Outbox

    @property
    def artifacts(self) -> ArtifactStore:
        """Every version of what improves."""
        ...

    @property
    def experiments(self) -> ExperimentStore:
        """Experiments with their trials, cases and releases."""
        ...

    @property
    def executions(self) -> ExecutionLog:
        """Uses of tools and prompts."""
        ...

    @property
    def leases(self) -> Leases:
        """Who does what only one may do at a time."""
        ...

    def close(self) -> None:
        """Give all connections back."""
        ...


class Services(Mapping[type[Any], object]):
    """The services of one application, each made when it is first asked for.

    So a command that only lists templates opens no ledger, and nothing imports a model's library
    without a model.

    Args:
        settings: What was set.
        replaced: Services that stand in for ours, like a scripted model's door.
    """

    def __init__(self, settings: Settings, replaced: Mapping[type[Any], object]) -> None:
        self.settings = settings
        self._replaced = replaced
        self._made: dict[type[Any], object] = {Settings: settings, **replaced}
        self._stack = ExitStack()
        self._makers = _makers()
        self.listeners: list[Listener] = []

    def __getitem__(self, kind: type[Any]) -> object:
        if kind not in self._made:
            self._made[kind] = self._makers[kind](self)
        return self._made[kind]

    def __iter__(self) -> Iterator[type[Any]]:
        return iter({*self._made, *self._makers})

    def __len__(self) -> int:
        return len({*self._made, *self._makers})

    def need(self, kind: type[Service]) -> Service:
        """The service for `kind`."""
        return cast("Service", self[kind])

    def given(self, kind: type[Service]) -> Service | None:
        """The service that was handed in for `kind`; None where none was."""
        return cast("Service | None", self._made.get(kind))

    def keep(self, kind: type[Service], made: Service) -> Service:
        """Have `made` be the service for `kind` from now on."""
        self._made[kind] = made
        return made

    def enter(self, opened: Any) -> Any:
        """Enter a context manager that is left when the services are closed."""
        return self._stack.enter_context(opened)

    def on_close(self, close: Callable[[], object]) -> None:
        """Call `close` when the services are closed."""
        self._stack.callback(close)

    @contextmanager
    def heard(self, listener: Listener) -> Generator[None]:
        """Let `listener` hear the steps of runs meanwhile."""
        self.listeners.append(listener)
        try:
            yield
        finally:
            self.listeners.remove(listener)

    def tell(self, event: Event) -> None:
        """Hand an event to whoever listens."""
        for listener in self.listeners:
            listener(event)

    def close(self) -> None:
        """Close what was opened, the last first."""
        self._stack.close()

    def renew(self) -> None:
        """Close what was opened, also what is down, so that it is opened anew when it is needed."""
        try:
            self.close()
        except UnavailableError as error:
            _LOG.warning("%s", error)  # what it had to keep is lost; what comes is not
        self._made = {Settings: self.settings, **self._replaced}


Maker = Callable[[Services], object]
"""Makes a service of others."""


def _makers() -> dict[type[Any], Maker]:
    return {
        Definitions: _definitions,
        Agents: lambda s: Agents(definitions=s.need(Definitions), services=s),
        Recorder: _recorder,
        Toolbox: _toolbox,
        Machine: _machine,
        Catalog: _catalog,
        TemplateStore: lambda s: TemplateStore(s.need(ContentStore)),
        TemplateCanaries: _template_canaries,
        Vault: lambda s: Vault(s.need(Redactor)),
        Redactor: lambda s: redactor_of(s.settings),
        Provider: _provider,
        ModelDoor: _door,
        Stores: _stores,
        Ledger: lambda s: s.need(Stores),
        ContentStore: lambda s: s.need(Stores).content,
        VerdictCache: lambda s: s.need(Stores).verdicts,
        PatternStore: lambda s: s.need(Stores).patterns,
        CallRecord: lambda s: s.need(Stores).calls,
        TallyStore: lambda s: s.need(Stores).tallies,
        Outbox: lambda s: s.need(Stores).outbox,
        ArtifactStore: lambda s: s.need(Stores).artifacts,
        ExperimentStore: lambda s: s.need(Stores).experiments,
        ExecutionLog: lambda s: s.need(Stores).executions,
        Leases: lambda s: s.need(Stores).leases,
        Learned: _learned,
        Memory: _memory,
        Sandbox: _sandbox,
        CheckRunner: _runner,
        Workshop: lambda s: Workshop(lambda: s.need(CheckRunner)),
        Finder: lambda s: Finder(ledger=s.need(Ledger), content=s.need(ContentStore)),
        Versions: lambda s: Versions(catalog=s.need(Catalog)),
        Sources: _sources,
        Journals: lambda s: Journals(s.settings.home),
    }


def _definitions(services: Services) -> Definitions:
    settings = services.settings
    trusted = is_trusted(str(settings.workspace), settings.trust)
    return Definitions(workspace=settings.workspace, trusted=trusted)


def _recorder(services: Services) -> Recorder:
    log = services.need(ExecutionLog)
    # A ledger in a process of its own keeps what it is handed while others go on.
    waits = services.given(LedgerProcess) is None
    recorder = Recorder(Records(log=log, redactor=services.need(Redactor), waits=waits))
    services.on_close(recorder.close)
    return recorder


def _toolbox(services: Services) -> Toolbox:
    definitions, recorder = services.need(Definitions), services.need(Recorder)
    name = services.settings.instance_id
    canaries = _tool_canaries(services) if definitions.trusted else None
    return RecordedToolbox(definitions.tool, definitions.tool_file, recorder, name, canaries)


def _tool_canaries(services: Services) -> ToolCanaries:
    return ToolCanaries(
        artifacts=services.need(ArtifactStore),
        experiments=services.need(ExperimentStore),
        content=services.need(ContentStore),
        folder=services.settings.home / "canary",
        load=load_tool,
    )


def _template_canaries(services: Services) -> TemplateCanaries:
    return TemplateCanaries(
        artifacts=services.need(ArtifactStore),
        experiments=services.need(ExperimentStore),
        content=services.need(ContentStore),
    )


def _machine(services: Services) -> Machine:
    settings = services.settings

    @cache
    def opened() -> BaseCheckpointSaver[Any]:
        opening = open_checkpointer(settings.home, settings.ledger_url)
        return cast("BaseCheckpointSaver[Any]", services.enter(opening))

    return Machine(opened, services.tell)


def _catalog(services: Services) -> Catalog:
    settings = services.settings
    folders = [settings.workspace / path for path in settings.template_paths]
    journals = services.need(Journals)
    if any(journals.deliveries.glob("*.json")):
        from cultivar.delivery.transaction import take_back_inside

        take_back_inside(folders, journals)  # a template may be half replaced
    return Catalog(
        folders,
        settings.cache / "git",
        settings.trust,
        builtin=[builtin_root() / "templates_data"],
    )


def _provider(services: Services) -> Provider:
    from cultivar.llm.choose import choose_provider

    settings = services.settings

    def bridge() -> Provider:
        from cultivar.llm.bridge.caller import BridgeProvider

        return BridgeProvider(settings, line_of(services))

    return choose_provider(settings.model, services.need(Redactor), bridge)


def _sandbox(services: Services) -> Sandbox:
    from cultivar.sandbox.choose import choose_sandbox

    return choose_sandbox(services.settings.sandbox)


def redactor_of(settings: Settings) -> Redactor:
    """What knows the secrets of the settings and of the environment."""
    redactor = Redactor(*environment_secrets(os.environ))
    for secret in (settings.model.api_key, settings.bus.password, settings.bus.token):
        if secret is not None:
            redactor.add(secret.get_secret_value())
    return redactor


def _door(services: Services) -> ModelDoor:
    settings = services.settings
    if services.given(Provider) is None and settings.model.name.strip() in NO_MODEL:
        return ShutDoor()
    from cultivar.evolution.prompt_uses import RecordedPrompts
    from cultivar.llm.door import Door
    from cultivar.llm.retrying import Retrying

    return Door(
        services.need(Provider),
        services.need(CallRecord),
        retrying=Retrying(retries=settings.model.retries),
        budget=settings.budget,
        redactor=services.need(Redactor),
        hear=RecordedPrompts(services.need(Recorder), settings.instance_id),
    )


def _stores(services: Services) -> Stores:
    settings = services.settings
    if settings.database_url is None:
        _make_home(settings.home)
    beside = services.given(LedgerProcess)
    if beside is not None:
        services.on_close(beside.close)
        stores = cast("Stores", beside.open(settings.ledger_url, _telling(settings)))
    else:
        from cultivar.ledger.sql import open_ledger

        stores = open_ledger(settings.ledger_url, _telling(settings))
        services.on_close(stores.close)
    if settings.bus.url:
        _publish(services, stores.outbox)
    return stores


def _publish(services: Services, outbox: Outbox) -> None:
    """Publish what waits from earlier, beside whatever the ledger was opened for."""
    from cultivar.learning.telling.publishing import Publisher

    name = services.settings.instance_id
    publisher = Publisher(outbox, line_of(services).bus, name, shares_bus=True)
    services.keep(Publisher, publisher).catch_up()
    services.on_close(publisher.close)


def line_of(services: Services) -> Line:
    """The bus, one for all who use it."""
    from cultivar.bus.opening import Line, open_bus

    line = services.given(Line)
    if line is None:
        settings = services.settings
        line = services.keep(Line, Line(partial(open_bus, settings.bus, settings.home)))
        services.on_close(line.close)
    return line


def _learned(services: Services) -> Learned:
    settings = services.settings
    if not settings.learned_defaults:
        return NothingLearned()
    here = LearnedHere(services.need(TallyStore))
    if not settings.bus.url or not settings.learning.ask_hub:
        return here
    from cultivar.learning.asking.consulting import LearnedByAll

    seconds = settings.learning.hub_timeout
    return LearnedByAll(line_of(services), settings.instance_id, seconds, here)


def _telling(settings: Settings) -> Telling | None:
    """What is told of each generation, where there is a bus to tell it to.

    Raises:
        SettingsError: The instance has no name of its own.
    """
    if not settings.bus.url:
        return None
    if settings.instance_id == UNNAMED:
        raise SettingsError(
            "`bus.url` is set, and `instance_id` is not: others could not tell us apart.",
            "Set `instance_id` to a name that no other instance has.",
        )
    from cultivar.learning.telling.messages import payload_of

    return partial(payload_of, open_answers=settings.learning.share_open_answers)


def _make_home(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailableError(
            f"`{home}` cannot be made: {error.strerror}.",
            "Make the folder above it writable, or set `CULTIVAR_HOME` to another.",
        ) from error


def _sources(services: Services) -> Sources:
    return Sources(
        ledger=services.need(Ledger),
        content=services.need(ContentStore),
        templates=services.need(TemplateStore),
        versions=services.need(Versions),
    )


def _memory(services: Services) -> Memory:
    from cultivar.memory.memory import open_memory

    settings = services.settings
    memory = open_memory(
        services.need(PatternStore), settings.home / "memory", chroma_url=settings.chroma_url
    )
    services.on_close(memory.close)
    return memory


def _runner(services: Services) -> CheckRunner:
    from cultivar.checking.makers import environments_for
    from cultivar.sandbox.choose import limits_of

    settings = services.settings
    return CheckRunner(
        sandbox=services.need(Sandbox),
        environments=environments_for(services.need(Sandbox), settings.cache),
        cache=services.need(VerdictCache),
        limits=limits_of(settings.sandbox),
    )
