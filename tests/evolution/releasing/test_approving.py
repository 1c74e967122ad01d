from __future__ import annotations

import pytest

from cultivar.evolution.releasing.approving import approval
from cultivar.settings import ImproveSettings


@pytest.mark.parametrize(
    ("real", "said"),
    [
        (False, "`cultivar approve 3f2a91c0 --real --reviewed`"),
        (True, "`cultivar approve 3f2a91c0 --reviewed`"),
    ],
)
def test_the_command_that_is_told_works_as_it_stands(real: bool, said: str) -> None:
    settings = ImproveSettings(real=real)
    assert approval("3f2a91c0-beef", "--reviewed", settings=settings) == said
