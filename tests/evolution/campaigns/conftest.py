from __future__ import annotations

from pathlib import Path

import pytest

from cultivar.testing.toolrooms import Workspace, toolroom_in


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return toolroom_in(tmp_path / "workspace", tmp_path / "cache")
