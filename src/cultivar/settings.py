"""One frozen `Settings`, from `CULTIVAR_*`, the workspace's files, then the user's own file.

What a workspace that the user does not trust may set is in `trusting`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from msgspec import Meta
from platformdirs import user_cache_path, user_config_path
from yaml import YAMLError

from cultivar.errors import SettingsError
from cultivar.ownership import home_of, user_folder
from cultivar.record import Record, field
from cultivar.schema import Misfit, MisfitError, check_made, listed, nearest, read_as
from cultivar.sources import (
    Values,
    argument_values,
    environment_values,
    merged,
    project_values,
    yaml_values,
)
from cultivar.trusting import SERVED, Limits, is_trusted, refuse_protected
from cultivar.upgrades import ConflictStyle

SandboxChoice = Literal["auto", "bubblewrap", "container", "process"]
"""Which wall to use; `auto` takes the strongest that works here."""


UNNAMED = "local"
"""The instance that was given no name of its own."""

NO_MODEL = frozenset({"builtin", "none"})
"""The names that mean: without a model."""

BRIDGE = "bridge"
"""The name of the model that a bridge asks for us; `bridge:NAME` is one of several that it has."""


class Secret:
    """A text that is shown to nobody by accident.

    Args:
        text: The secret.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def get_secret_value(self) -> str:
        """The secret itself."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return f"Secret({'**********' if self._text else ''!r})"


class _Section(Record, forbid_unknown_fields=True):
    def __post_init__(self) -> None:
        """Refuse what a setting does not take, also where it was not read."""
        try:
            check_made(self)
        except MisfitError as error:
            raise SettingsError(f"{_told(error.misfit)}.") from error


class BudgetSettings(_Section):
    """What one run may use; None is no limit."""

    money: Annotated[float, Meta(ge=0)] | None = 1.0
    """US dollars."""
    tokens: Annotated[int, Meta(ge=0)] | None = 200_000
    """Of prompts and replies together."""
    calls: Annotated[int, Meta(ge=0)] | None = 20
    """Questions to the model; what is answered from the record is free."""
    seconds: Annotated[float, Meta(ge=0)] | None = 900.0
    """Wall-clock time of the run."""


class BusSettings(_Section):
    """Where the bus is, who we are on it, and what it keeps."""

    url: str = ""
    """Like `nats://host:4222`, several with commas, or `file:///…/bus.db` on one machine.

    Empty is `bus.db` in `home`, for hub and bridge; of generations nobody is told then."""
    user: str = ""
    password: Secret | None = None
    token: Secret | None = None
    nkey_seed_file: Path | None = None
    """A file with the seed of an nkey."""
    credentials_file: Path | None = None
    """A file with a user's JWT and seed, as `nsc` writes it."""
    inbox_prefix: str = "_INBOX"
    """Under which subject our answers come; its own where the server keeps users apart."""
    tls_ca: Path | None = None
    """The certificate of who signed the server's; the system's own where it is not set."""
    tls_certificate: Path | None = None
    """Ours, where the server asks for one."""
    tls_key: Path | None = None
    connect_timeout: Annotated[float, Meta(gt=0)] = 5.0
    """Seconds to reach a server."""
    timeout: Annotated[float, Meta(gt=0)] = 5.0
    """Seconds to wait for an acknowledgement."""
    in_flight: Annotated[int, Meta(ge=1)] = 4000
    """How many messages may wait for their acknowledgement at a time."""
    replicas: Annotated[int, Meta(ge=1)] = 1
    """On how many servers of a cluster each stream is kept."""
    duplicate_window: Annotated[float, Meta(gt=0)] = 3600.0
    """Seconds in which a message with a known id is not stored again."""
    stream_max_bytes: Annotated[int, Meta(ge=-1)] = 10 * 2**30
    """Of each stream, at most; -1 is no limit.

    A full stream of generations refuses more, and loses nothing: they wait with their instances."""
    sender_max_messages: Annotated[int, Meta(ge=-1)] = 2_000_000
    """Of one sender in the stream of generations, so that none fills it alone; -1 is no limit."""


class LearningSettings(_Section):
    """What others learn from us, and we from them."""

    share_open_answers: bool = False
    """Whether answers in a person's own words are told to the hub; secrets never are."""
    ask_hub: bool = True
    """Whether the hub is asked for defaults, where there is a bus; closed answers go along."""
    hub_timeout: Annotated[float, Meta(gt=0)] = 1.0
    """Seconds that one run may wait for the hub, all its questions together."""


class BridgeSettings(_Section):
    """What `cultivar bridge` does for others; a limit is that of one instance, None is no limit."""

    models: tuple[str, ...] = ()
    """What callers may name beside `model.name`, as litellm names it."""
    money: Annotated[float, Meta(ge=0)] | None = 10.0
    """US dollars in one window."""
    tokens: Annotated[int, Meta(ge=0)] | None = 5_000_000
    """Of prompts and replies together, in one window."""
    calls: Annotated[int, Meta(ge=0)] | None = None
    """Questions to the model in one window."""
    window_seconds: Annotated[float, Meta(ge=1, le=31_622_400)] = 86_400.0
    """How long a window is; a day begins at midnight UTC."""
    concurrent: Annotated[int, Meta(ge=1)] = 8
    """How many requests are with the provider at a time; further ones wait."""


class ModelSettings(_Section):
    """Which model answers, and how."""

    name: str = "builtin"
    """`builtin` (none), a litellm name like `openai/gpt-…`, `cassette:FILE`, or `bridge`."""
    api_base: str | None = None
    """The address of the service; the provider's own where it is not set."""
    api_key: Secret | None = None
    """Only needed where the provider's own variable is not set."""
    temperature: Annotated[float, Meta(ge=0, le=2)] = 0.0
    """How freely the model chooses its words; 0 is not at all."""
    max_tokens: Annotated[int, Meta(ge=1)] = 4096
    """Of one reply, at most."""
    timeout: Annotated[float, Meta(gt=0)] = 60.0
    """Seconds of one request."""
    retries: Annotated[int, Meta(ge=0)] = 4
    """How often a request is sent again that was not answered."""
    record: Path | None = None
    """A cassette to record every reply to."""


class SandboxSettings(_Section):
    """The wall, and the limits behind it."""

    use: SandboxChoice = "auto"
    """Which wall; `auto` takes the strongest that works here."""
    image: str = "docker.io/library/python:3.11-slim"
    """For containers."""
    wall_seconds: Annotated[float, Meta(gt=0)] = 120.0
    """What a command may take; a check's own `timeout` may be less."""
    cpu_seconds: Annotated[float, Meta(gt=0)] = 120.0
    """Of CPU."""
    memory_mb: Annotated[int, Meta(ge=64)] = 2048
    """Of all its processes together."""
    processes: Annotated[int, Meta(ge=1)] = 64
    """At once."""
    disk_mb: Annotated[int, Meta(ge=1)] = 256
    """What it may write."""
    output_kb: Annotated[int, Meta(ge=1)] = 1024
    """What is kept of its output; a flood ends it."""


class UpgradeSettings(_Section):
    """How what was generated is brought up to date."""

    test: str = ""
    """The command that runs the project's own tests, in the sandbox; empty: none is run."""
    conflicts: ConflictStyle = "markers"
    """`markers` in the file, or `rej`: the file as it was, the rejected part beside it."""


class ImproveSettings(_Section):
    """How templates, tools and prompts are improved."""

    real: bool = False
    """Whether a better version is put on the disk; else it is only told of."""
    automatic: bool = False
    """Whether it is released without a person's word, where that is safe."""
    threshold: Annotated[float, Meta(ge=0, le=1)] = 0.8
    """The success rate under which something is failing."""
    error: Annotated[float, Meta(gt=0, lt=1)] = 0.05
    """How likely one run may release what is no better, all its candidates together."""
    candidates: Annotated[int, Meta(ge=1)] = 12
    """How many are tried for one opportunity, at most."""
    trials: Annotated[int, Meta(ge=1)] = 2000
    """How many cases a candidate is tried on, repeats counted, at most."""
    slower: Annotated[float, Meta(ge=0)] = 0.2
    """How much slower a better version may be, as a share; costs likewise."""
    canary: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """The share of uses that get a released version first; 0 releases to all at once."""
    workers: Annotated[int, Meta(ge=1)] = 2
    """How many trials run at a time."""
    every_seconds: Annotated[float, Meta(ge=1)] = 21_600.0
    """How long `improve --loop` rests between two looks."""
    loop_seconds: Annotated[float, Meta(ge=0)] | None = None
    """What all rounds of one loop may take together; None is no limit."""
    loop_money: Annotated[float, Meta(ge=0)] | None = None
    """US dollars that all rounds of one loop may cost together; None is no limit."""


class Settings(_Section):
    """All that can be set. See `docs/reference/settings.md`.

    Made by hand it reads nothing: what is not given has its default. `load_settings` reads.
    """

    workspace: Path = field(default_factory=Path.cwd)
    """The folder with `cultivar.yaml`; definitions and templates in it come before ours."""
    home: Path = field(default_factory=user_folder)
    """Where ledger, memory and checkpoints are; `.cultivar` in an initialised workspace."""
    cache: Path = field(default_factory=lambda: _cache_path())
    """Where check environments and clones are; may be deleted at any time."""
    database_url: str | None = None
    """SQLAlchemy's address of the ledger; SQLite in `home` where it is not set."""
    chroma_url: str | None = None
    """`http://host:port` of a Chroma server; a folder in `home` where it is not set."""
    instance_id: str = UNNAMED
    """The name of this installation, which each generation is recorded under."""
    template_paths: tuple[Path, ...] = ()
    """More folders with templates, looked into before ours."""
    trust: tuple[str, ...] = ()
    """Origins (or their prefixes) whose tasks, extensions and Python may run."""
    attempts: Annotated[int, Meta(ge=1, le=20)] = 3
    """Drafts in one run at most, the first one included."""
    unsure_below: Annotated[float, Meta(ge=0, le=1)] = 0.6
    """With `--interactive`, answers of less confidence are asked."""
    learned_defaults: bool = True
    """Whether what nobody answers is answered as earlier generations speak for."""
    budget: BudgetSettings = BudgetSettings()
    model: ModelSettings = ModelSettings()
    sandbox: SandboxSettings = SandboxSettings()
    upgrade: UpgradeSettings = UpgradeSettings()
    bus: BusSettings = BusSettings()
    learning: LearningSettings = LearningSettings()
    bridge: BridgeSettings = BridgeSettings()
    improve: ImproveSettings = ImproveSettings()

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy's address of the ledger."""
        return self.database_url or f"sqlite:///{self.home / 'ledger.db'}"


def load_settings(start: Path | None = None, *, serving: bool = False, **given: Any) -> Settings:
    """Read the settings of the workspace that `start` (else the current folder) is in.

    Arguments come before the environment, `cultivar.yaml`, `[tool.cultivar]` in `pyproject.toml`,
    and `cultivar.yaml` in the user's configuration folder.

    Args:
        start: Where to look from.
        serving: Whether others are served as is set here.
        given: What a caller says.

    Raises:
        SettingsError: A file or a variable holds what no setting takes.
        UntrustedError: An untrusted workspace sets what only the user may set.
    """
    start = (start or Path.cwd()).resolve()
    workspace = find_workspace(start)
    root = workspace or start
    try:
        return read_as(Settings, _found(root, workspace, given, SERVED if serving else ()))
    except MisfitError as error:
        raise _wrong(root, _told(error.misfit), _remedy(error.misfit)) from error
    except (ValueError, YAMLError) as error:
        raise _wrong(root, " ".join(str(error).split())) from error


def find_workspace(start: Path) -> Path | None:
    """The nearest folder above `start` that holds `cultivar.yaml` or `[tool.cultivar]`."""
    for folder in (start, *start.parents):
        project = folder / "pyproject.toml"
        if (folder / "cultivar.yaml").is_file():
            return folder
        if project.is_file() and "[tool.cultivar" in project.read_text(errors="replace"):
            return folder
    return None


def user_file() -> Path:
    """The user's own settings, which are trusted."""
    return user_config_path("cultivar", appauthor=False) / "cultivar.yaml"


def _found(root: Path, workspace: Path | None, given: Values, more: tuple[str, ...] = ()) -> Values:
    """What all sources say together; what is said earlier wins, setting by setting."""
    first = [argument_values(given), environment_values(Settings)]
    own = yaml_values(user_file())
    theirs = [yaml_values(root / "cultivar.yaml"), project_values(root / "pyproject.toml")]
    if not _trusts([*first, own], root):
        users = Limits(file=user_file(), own=own, default=_default)
        for values in theirs:
            refuse_protected(root, values, users, more)
    places = {"workspace": root, "home": home_of(root)} if workspace else {}
    return merged([*first, *theirs, own, places])


def _trusts(sources: list[Values], root: Path) -> bool:
    said = [source.get("trust") for source in sources]
    lists = [
        cast("Iterable[object]", each) for each in said if isinstance(each, list | tuple | set)
    ]
    return any(is_trusted(str(root), tuple(map(str, each))) for each in lists)


def _default(name: str) -> object:
    return attrgetter(name)(Settings(workspace=Path()))


def _wrong(root: Path, why: str, remedy: str = "") -> SettingsError:
    return SettingsError(
        f"The settings of `{root}` are wrong: {why}.",
        f"{remedy} `docs/reference/settings.md` lists them.".strip(),
    )


def _told(misfit: Misfit) -> str:
    """What does not fit; without the value, which may be a secret."""
    name = ".".join(map(str, misfit.place))
    if misfit.why == "unknown":
        return f"`{name}` is no setting"
    return f"`{name}`: expected is {listed(misfit.expected)}"


def _remedy(misfit: Misfit) -> str:
    return nearest(str(misfit.place[-1]), misfit.expected) if misfit.why == "unknown" else ""


def _cache_path() -> Path:
    """The user's cache; of root, one that the unprivileged user in the sandbox can read."""
    if os.geteuid() == 0:
        return Path("/var/cache/cultivar")
    return user_cache_path("cultivar", appauthor=False)
