from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from cultivar.llm.base import Provider
from cultivar.testing.workrooms import OpenWorkroom, Workroom, open_workroom


@pytest.fixture
def workroom(tmp_path: Path) -> Iterator[OpenWorkroom]:
    """Opens a workspace whose template has these files."""
    opened: list[Workroom] = []

    def open_with(files: Mapping[str, str], model: Provider | None = None) -> Workroom:
        opened.append(open_workroom(tmp_path / "workspace", files, model))
        return opened[-1]

    yield open_with
    for each in opened:
        each.cultivar.close()
