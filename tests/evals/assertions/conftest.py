from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def cache() -> Iterator[Path]:
    """A cache that the sandbox's user can read, outside of the temporary folders."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="cultivar-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
