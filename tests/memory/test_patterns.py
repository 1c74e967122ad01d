"""The store of failure patterns that forgets."""

from __future__ import annotations

import pytest

from cultivar.ledger.base import PatternStore
from cultivar.testing.patterns import MemoryPatternStore
from cultivar.testing.stores import PatternStoreContract


class TestMemoryPatternStore(PatternStoreContract):
    """It keeps the promises of the ledger's."""

    @pytest.fixture
    def patterns(self) -> PatternStore:
        return MemoryPatternStore()
