"""One frozen `Settings`, from `CULTIVAR_*`, then `cultivar.yaml`, then `[tool.cultivar]`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_cache_path, user_data_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    PyprojectTomlConfigSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from cultivar.errors import SettingsError

SandboxChoice = Literal["auto", "bubblewrap", "container", "process"]
"""Which wall to use; `auto` takes the strongest that works here."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BudgetSettings(_Section):
    """What one run may use; None is no limit."""

    money: float | None = Field(default=1.0, ge=0)
    """US dollars."""
    tokens: int | None = Field(default=200_000, ge=0)
    calls: int | None = Field(default=20, ge=0)
    seconds: float | None = Field(default=900.0, ge=0)
    """Wall-clock time of the run."""


class ModelSettings(_Section):
    """Which model answers, and how."""

    name: str = "builtin"
    """`builtin` (none), a litellm name like `openai/gpt-…`, or `cassette:FILE`."""
    api_base: str | None = None
    api_key: SecretStr | None = None
    """Only needed where the provider's own variable is not set."""
    temperature: float = Field(default=0.0, ge=0, le=2)
    max_tokens: int = Field(default=4096, ge=1)
    timeout: float = Field(default=60.0, gt=0)
    """Seconds of one request."""
    retries: int = Field(default=4, ge=0)
    record: Path | None = None
    """A cassette to record every reply to."""


class SandboxSettings(_Section):
    """The wall, and the limits behind it."""

    use: SandboxChoice = "auto"
    image: str = "docker.io/library/python:3.11-slim"
    """For containers."""
    wall_seconds: float = Field(default=120.0, gt=0)
    cpu_seconds: float = Field(default=120.0, gt=0)
    memory_mb: int = Field(default=2048, ge=64)
    processes: int = Field(default=64, ge=1)
    disk_mb: int = Field(default=256, ge=1)
    output_kb: int = Field(default=1024, ge=1)


class Settings(BaseSettings):
    """All that can be set. See `docs/reference/settings.md`."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="CULTIVAR_",
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
        yaml_file="cultivar.yaml",
        pyproject_toml_table_header=("tool", "cultivar"),
    )

    workspace: Path = Field(default_factory=Path.cwd)
    """The folder with `cultivar.yaml`; definitions and templates in it come before ours."""
    home: Path = Field(default_factory=lambda: user_data_path("cultivar", appauthor=False))
    """Where ledger, memory and checkpoints are; `.cultivar` in an initialised workspace."""
    cache: Path = Field(default_factory=lambda: _cache_path())
    """Where check environments and clones are; may be deleted at any time."""
    database_url: str | None = None
    """SQLAlchemy's address of the ledger; SQLite in `home` where it is not set."""
    chroma_url: str | None = None
    """`http://host:port` of a Chroma server; a folder in `home` where it is not set."""
    instance_id: str = "local"
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

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, environment, `cultivar.yaml`, `pyproject.toml`, in this order."""
        return (
            init_settings,
            env_settings,
            YamlConfigSettingsSource(settings_cls),
            PyprojectTomlConfigSettingsSource(settings_cls),
        )

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy's address of the ledger."""
        return self.database_url or f"sqlite:///{self.home / 'ledger.db'}"


def load_settings(start: Path | None = None, **given: Any) -> Settings:
    """Read the settings of the workspace that `start` (else the current folder) is in.

    Raises:
        SettingsError: A file or a variable holds what no setting takes.
    """
    start = (start or Path.cwd()).resolve()
    workspace = find_workspace(start)
    if workspace is not None:
        given = {"workspace": workspace, "home": workspace / ".cultivar", **given}
        if os.environ.get("CULTIVAR_HOME"):
            given.pop("home")
    root = workspace or start
    try:
        return _settings_of(root)(**given)
    except (ValidationError, ValueError) as error:
        raise SettingsError(
            f"The settings of `{root}` are wrong: {_first_line(error)}.",
            "See `cultivar doctor` for the settings in force.",
        ) from error


def find_workspace(start: Path) -> Path | None:
    """The nearest folder above `start` that holds `cultivar.yaml` or `[tool.cultivar]`."""
    for folder in (start, *start.parents):
        project = folder / "pyproject.toml"
        if (folder / "cultivar.yaml").is_file():
            return folder
        if project.is_file() and "[tool.cultivar" in project.read_text(errors="replace"):
            return folder
    return None


def _settings_of(root: Path) -> type[Settings]:
    """`Settings` that reads the files of `root`, wherever the process stands."""

    class Rooted(Settings):
        model_config = SettingsConfigDict(yaml_file=root / "cultivar.yaml")

        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *sources: Any, **named: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            init, env, yaml, _ = super().settings_customise_sources(settings_cls, *sources, **named)
            project = PyprojectTomlConfigSettingsSource(settings_cls, root / "pyproject.toml")
            return init, env, yaml, project

    return Rooted


def _first_line(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"`{'.'.join(map(str, first['loc']))}`: {first['msg']}"
    return str(error).splitlines()[0]


def _cache_path() -> Path:
    """The user's cache; of root, one that the unprivileged user in the sandbox can read."""
    if os.geteuid() == 0:
        return Path("/var/cache/cultivar")
    return user_cache_path("cultivar", appauthor=False)
