from __future__ import annotations

import pytest

from cultivar.sandbox.base import Sandbox
from cultivar.sandbox.bubblewrap import Bubblewrap
from cultivar.sandbox.process import PlainProcess
from cultivar.testing.sandboxes import SandboxContract, WallContract


class TestBubblewrap(WallContract):
    @pytest.fixture
    def sandbox(self) -> Sandbox:
        return Bubblewrap()


class TestPlainProcess(SandboxContract):
    @pytest.fixture
    def sandbox(self) -> Sandbox:
        return PlainProcess()

    def test_it_says_that_it_is_not_confined(self, sandbox: Sandbox) -> None:
        assert not sandbox.confined
