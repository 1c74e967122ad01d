"""One frozen `Settings`, from `CULTIVAR_*`, the workspace's files, then the user's own file.

The invariant: what could turn Cultivar against its user (what is trusted, where a model's key is
sent, whether there is a wall) is never taken from a workspace that the user does not trust.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, cast

from platformdirs import user_cache_path, user_config_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    PyprojectTomlConfigSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)
from yaml import YAMLError

from cultivar.errors import SettingsError, UntrustedError
from cultivar.model import ConflictStyle
from cultivar.ownership import home_of, user_folder

SandboxChoice = Literal["auto", "bubblewrap", "container", "process"]
"""Which wall to use; `auto` takes the strongest that works here."""


PROTECTED = (
    *("trust", "home", "cache", "workspace", "database_url", "chroma_url"),
    *("model.api_base", "model.api_key", "model.record", "sandbox.use", "sandbox.image"),
)
"""What a workspace may only set where the user trusts it."""


LOWERED = (
    *("attempts", "budget.money", "budget.tokens", "budget.calls", "budget.seconds"),
    *("sandbox.wall_seconds", "sandbox.cpu_seconds", "sandbox.memory_mb", "sandbox.processes"),
    *("sandbox.disk_mb", "sandbox.output_kb", "model.timeout", "model.retries"),
    "model.max_tokens",
)
"""What a workspace that the user does not trust may only lower."""


NO_MODEL = frozenset({"builtin", "none"})
"""The names that mean: without a model."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BudgetSettings(_Section):
    """What one run may use; None is no limit."""

    money: float | None = Field(default=1.0, ge=0)
    """US dollars."""
    tokens: int | None = Field(default=200_000, ge=0)
    """Of prompts and replies together."""
    calls: int | None = Field(default=20, ge=0)
    """Questions to the model; what is answered from the record is free."""
    seconds: float | None = Field(default=900.0, ge=0)
    """Wall-clock time of the run."""


class ModelSettings(_Section):
    """Which model answers, and how."""

    name: str = "builtin"
    """`builtin` (none), a litellm name like `openai/gpt-…`, or `cassette:FILE`."""
    api_base: str | None = None
    """The address of the service; the provider's own where it is not set."""
    api_key: SecretStr | None = None
    """Only needed where the provider's own variable is not set."""
    temperature: float = Field(default=0.0, ge=0, le=2)
    """How freely the model chooses its words; 0 is not at all."""
    max_tokens: int = Field(default=4096, ge=1)
    """Of one reply, at most."""
    timeout: float = Field(default=60.0, gt=0)
    """Seconds of one request."""
    retries: int = Field(default=4, ge=0)
    """How often a request is sent again that was not answered."""
    record: Path | None = None
    """A cassette to record every reply to."""


class SandboxSettings(_Section):
    """The wall, and the limits behind it."""

    use: SandboxChoice = "auto"
    """Which wall; `auto` takes the strongest that works here."""
    image: str = "docker.io/library/python:3.11-slim"
    """For containers."""
    wall_seconds: float = Field(default=120.0, gt=0)
    """What a command may take; a check's own `timeout` may be less."""
    cpu_seconds: float = Field(default=120.0, gt=0)
    """Of CPU."""
    memory_mb: int = Field(default=2048, ge=64)
    """Of all its processes together."""
    processes: int = Field(default=64, ge=1)
    """At once."""
    disk_mb: int = Field(default=256, ge=1)
    """What it may write."""
    output_kb: int = Field(default=1024, ge=1)
    """What is kept of its output; a flood ends it."""


class UpgradeSettings(_Section):
    """How what was generated is brought up to date."""

    test: str = ""
    """The command that runs the project's own tests, in the sandbox; empty: none is run."""
    conflicts: ConflictStyle = "markers"
    """`markers` in the file, or `rej`: the file as it was, the rejected part beside it."""


class Settings(BaseSettings):
    """All that can be set. See `docs/reference/settings.md`."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="CULTIVAR_",
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    workspace: Path = Field(default_factory=Path.cwd)
    """The folder with `cultivar.yaml`; definitions and templates in it come before ours."""
    home: Path = Field(default_factory=user_folder)
    """Where ledger, memory and checkpoints are; `.cultivar` in an initialised workspace."""
    cache: Path = Field(default_factory=lambda: _cache_path())
    """Where check environments and clones are; may be deleted at any time."""
    database_url: str | None = None
    """SQLAlchemy's address of the ledger; SQLite in `home` where it is not set."""
    chroma_url: str | None = None
    """`http://host:port` of a Chroma server; a folder in `home` where it is not set."""
    instance_id: str = "local"
    """The name of this installation, which each generation is recorded under."""
    template_paths: tuple[Path, ...] = ()
    """More folders with templates, looked into before ours."""
    trust: tuple[str, ...] = ()
    """Origins (or their prefixes) whose tasks, extensions and Python may run."""
    attempts: int = Field(default=3, ge=1, le=20)
    """Drafts in one run at most, the first one included."""
    unsure_below: float = Field(default=0.6, ge=0, le=1)
    """With `--interactive`, answers of less confidence are asked."""
    budget: BudgetSettings = BudgetSettings()
    model: ModelSettings = ModelSettings()
    sandbox: SandboxSettings = SandboxSettings()
    upgrade: UpgradeSettings = UpgradeSettings()

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy's address of the ledger."""
        return self.database_url or f"sqlite:///{self.home / 'ledger.db'}"


def load_settings(start: Path | None = None, **given: Any) -> Settings:
    """Read the settings of the workspace that `start` (else the current folder) is in.

    Arguments come before the environment, `cultivar.yaml`, `[tool.cultivar]` in `pyproject.toml`,
    and `cultivar.yaml` in the user's configuration folder.

    Raises:
        SettingsError: A file or a variable holds what no setting takes.
        UntrustedError: An untrusted workspace sets what only the user may set.
    """
    start = (start or Path.cwd()).resolve()
    workspace = find_workspace(start)
    root = workspace or start
    try:
        settings = _rooted(root, workspace)(**given)
    except (ValidationError, ValueError, YAMLError) as error:
        raise SettingsError(
            f"The settings of `{root}` are wrong: {_first_line(error)}.",
            "`docs/reference/settings.md` lists them.",
        ) from error
    return settings


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


def _rooted(root: Path, workspace: Path | None) -> type[Settings]:
    """`Settings` that reads the files of `root`, wherever the process stands."""

    class Rooted(Settings):
        model_config = SettingsConfigDict(pyproject_toml_table_header=("tool", "cultivar"))

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            own = YamlConfigSettingsSource(settings_cls, user_file())
            trusted = _trusts([init_settings(), env_settings(), own()], root)
            theirs = [
                YamlConfigSettingsSource(settings_cls, root / "cultivar.yaml"),
                PyprojectTomlConfigSettingsSource(settings_cls, root / "pyproject.toml"),
            ]
            if not trusted:
                for source in theirs:
                    _refuse_protected(root, source(), own())
            places = {"workspace": root, "home": home_of(root)} if workspace else {}
            found = InitSettingsSource(settings_cls, init_kwargs=places)
            return init_settings, env_settings, *theirs, own, found

    return Rooted


def _trusts(sources: list[dict[str, Any]], root: Path) -> bool:
    trusted = [each for source in sources for each in source.get("trust", ())]
    return any(is_trusted(str(root), (str(each),)) for each in trusted)


def is_trusted(origin: str, trust: tuple[str, ...]) -> bool:
    """Whether `origin`, a folder or an address, is one of `trust` or lies below one of them."""
    stems = [each.rstrip("/") for each in trust]
    return any(stem and (origin == stem or origin.startswith(f"{stem}/")) for stem in stems)


def _refuse_protected(root: Path, values: dict[str, Any], own: dict[str, Any]) -> None:
    for name in PROTECTED:
        if _value(values, name) is not None:
            raise _refusal(root, f"sets `{name}`", name)
    for name in LOWERED:
        if _is_raised(values, own, name):
            raise _refusal(root, f"raises `{name}`", name)
    if "://" in str(_value(values, "model.name")):  # some providers take an address as a model
        raise _refusal(root, "puts an address into `model.name`", "model.name")


def _is_raised(values: dict[str, Any], own: dict[str, Any], name: str) -> bool:
    """Whether a limit is set to more than the user has it, or by default, or to none."""
    section, _, key = name.rpartition(".")
    inside = _value(values, section) if section else values
    if not isinstance(inside, dict) or key not in inside:
        return False
    value, users = _value(values, name), _value(own, name)
    limit = _value(Settings.model_construct().model_dump(), name) if users is None else users
    try:
        return value is None or float(str(value)) > float(str(limit))
    except ValueError:
        return False  # it is no number; reading the settings says so


def _value(values: dict[str, Any], name: str) -> object:
    value: object = values
    for key in name.split("."):
        value = cast("dict[str, object]", value).get(key) if isinstance(value, dict) else None
    return value


def _refusal(root: Path, what: str, name: str) -> UntrustedError:
    return UntrustedError(
        f"The workspace `{root}` {what}, which only you may do.",
        f"Set it in `{user_file()}` or as `CULTIVAR_{name.replace('.', '__').upper()}`, or add "
        f"the workspace to `trust` there.",
    )


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"`{'.'.join(map(str, first['loc']))}`: {first['msg']}"
    return " ".join(str(error).split())


def _cache_path() -> Path:
    """The user's cache; of root, one that the unprivileged user in the sandbox can read."""
    if os.geteuid() == 0:
        return Path("/var/cache/cultivar")
    return user_cache_path("cultivar", appauthor=False)
