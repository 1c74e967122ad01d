from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cultivar.errors import StoreUnavailableError, UnavailableError
from cultivar.testing.nats import nats_server
from cultivar.testing.postgres import PostgresServer, postgres_server
from cultivar.testing.stray_calls import no_stray_model_calls

guard = pytest.fixture(autouse=True, scope="session")(no_stray_model_calls)


@pytest.fixture(autouse=True)
def no_settings_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine's user has set does not count, nor how wide a runner of tests is."""
    monkeypatch.delenv("COLUMNS", raising=False)
    for name in [each for each in os.environ if each.startswith("CULTIVAR_")]:
        if name != "CULTIVAR_ALLOW_MODEL_CALLS":
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-configuration"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server, one for all processes of the run."""
    try:
        with postgres_server(os.environ.get("PYTEST_XDIST_TESTRUNUID", "")) as server:
            yield server
    except StoreUnavailableError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def servers() -> None:
    """Whether NATS can be started here; where not, what needs it is skipped, by name."""
    try:
        with nats_server():
            return
    except UnavailableError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))
