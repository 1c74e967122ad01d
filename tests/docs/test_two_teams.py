"""The page about a hub for two teams is played as it stands, on real servers."""

from __future__ import annotations

import re
import shutil
import socket
from pathlib import Path

import pytest

from cultivar.testing.postgres import PostgresServer
from tests.docs.test_examples import ROOT, perform

PAGE = ROOT / "docs" / "concepts" / "two-teams.md"
CREATE = re.compile(r"^\$ sudo -u postgres .*\n", re.MULTILINE)
MARK = re.compile(r"^<!-- not run: .* -->\n", re.MULTILINE)


@pytest.fixture
def ports() -> tuple[int, int]:
    """Two that are free."""
    with socket.socket() as one, socket.socket() as two:
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
        found = one.getsockname()[1], two.getsockname()[1]
    return found


def test_what_it_shows_is_what_happens(
    servers: None, postgres: PostgresServer, ports: tuple[int, int], tmp_path: Path
) -> None:
    folder, (bus, http) = tmp_path / "work", ports
    (folder / "deploy").mkdir(parents=True)
    shutil.copy(ROOT / "deploy" / "nats.conf", folder / "deploy")
    configuration = folder / "deploy" / "nats.conf"
    text = configuration.read_text().replace("listen: 0.0.0.0:4222", f"listen: 127.0.0.1:{bus}")
    configuration.write_text(text)
    with postgres.database() as url:
        told = CREATE.sub("$ true\n", MARK.sub("", PAGE.read_text()))
        told = told.replace("postgresql://hub@127.0.0.1/hub", f"'{url}'")
        told = told.replace("`postgresql://hub…`", "`postgresql://…`")
        told = told.replace("cultivar hub ", f"cultivar hub --http 127.0.0.1:{http} ")
        told = told.replace(":4222", f":{bus}").replace(":8790", f":{http}")
        page = tmp_path / "two-teams.md"
        page.write_text(told)
        perform(page, folder)
