from __future__ import annotations

import pytest

from cultivar.testing.clock import SteppedClock
from cultivar.testing.records import MemoryCallRecord


@pytest.fixture
def record() -> MemoryCallRecord:
    return MemoryCallRecord()


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()
