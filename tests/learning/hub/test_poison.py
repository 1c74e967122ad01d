"""Nobody moves a default alone, whatever it sends."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec import json

from cultivar.learning.hub.intelligence import Intelligence, Request
from cultivar.learning.hub.metrics import Metrics
from cultivar.learning.hub.snapshots import Snapshots
from cultivar.learning.hub.store import HubStore
from cultivar.learning.telling.messages import decoded
from cultivar.testing.hubs import TEMPLATE, told

HONEST = [
    told(
        number,
        instance_id=f"instance-{number // 6 % 6}",
        answers={"backend": "ets" if number % 3 else "redis"},
        success=number % 3 != 0 or number % 2 == 0,
    )
    for number in range(600)
]


def suggested(store: HubStore) -> dict[str, Any]:
    with closing(Snapshots(0)) as snapshots:
        answers = Intelligence(store, snapshots, Metrics())
        request = Request(action="suggest_defaults", template_id=TEMPLATE)
        found: dict[str, Any] = answers.answer(request)["suggested_answers"]
        return found


@pytest.mark.parametrize(
    "poison",
    [
        {"answers": {"backend": "ets"}, "success": False},
        {"answers": {"backend": "redis"}, "success": True},
        {"answers": {"backend": "impossible"}, "success": True},
    ],
)
def test_an_instance_that_poisons_moves_no_default(tmp_path: Path, poison: dict[str, Any]) -> None:
    with closing(HubStore(f"sqlite:///{tmp_path / 'hub.db'}")) as store:
        store.ingest([decoded(json.encode(each)) for each in HONEST])
        assert suggested(store) == {"backend": "ets"}
        lies = [told(n, instance_id="liar", **poison) for n in range(1000, 11_000)]
        store.ingest([decoded(json.encode(each)) for each in lies])
        assert suggested(store) == {"backend": "ets"}


def test_a_few_do_not_take_the_word_from_many_by_newer_and_newer_versions(
    store: HubStore,
) -> None:
    honest = [
        told(
            number,
            instance_id=f"instance-{number % 20}",
            template_version="2.4.0",
            answers={"backend": "ets" if number // 20 % 2 else "redis"},
            success=number // 20 % 2 == 1 or number // 40 % 2 == 0,
        )
        for number in range(2000)
    ]
    lies = [
        told(
            10_000 + number,
            instance_id=f"liar-{number % 3}",
            template_version=f"9999.{number // 60}.0",
            answers={"backend": "redis" if number // 3 % 2 else "ets"},
            success=number // 3 % 2 == 1,
        )
        for number in range(600)
    ]
    store.ingest([decoded(json.encode(each)) for each in honest])
    assert suggested(store) == {"backend": "ets"}
    store.ingest([decoded(json.encode(each)) for each in lies])
    assert suggested(store).get("backend") != "redis"
