"""Whoever is killed in the middle: told in order, counted once each, and nothing is left over.

What is expected was counted from the recorded generations alone, without any bus or hub.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from random import Random

import pytest

from cultivar.testing.crowds import Counts, Crowd, counts_in, kept_in
from cultivar.testing.hubs import Places
from cultivar.testing.nats import NatsServer
from cultivar.testing.ordeals import Ordeal, ordeal
from cultivar.testing.victims import PostgresVictim, Victim, moments

PROGRAMS = Path(__file__).parent / "programs"


def stands(trial: Ordeal, database: str, schedule: Sequence[tuple[int, Victim]]) -> None:
    """Have an ordeal stood, and see that nothing of what was recorded differs at its end."""
    killed_at = trial.endure(schedule)
    assert max(killed_at) < trial.crowd.size
    assert kept_in(database) == trial.crowd.size
    assert trial.told() == {each.instance_id: [*each.ids] for each in trial.crowd.members}
    assert (trial.untold(), trial.dead_letters()) == (0, 0)
    assert_equal(counts_in(database), trial.crowd.counts)


def assert_equal(found: Counts, expected: Counts) -> None:
    """All is equal; what fades is rounded, in the order in which it came."""
    assert found.keys() == expected.keys()
    for key, row in expected.items():
        assert found[key] == {name: rounded(each) for name, each in row.items()}, key


def rounded(value: object) -> object:
    return pytest.approx(value, rel=1e-6) if isinstance(value, float) else value


def thrice(victim: Victim, seed: int) -> list[tuple[int, Victim]]:
    return [(each, victim) for each in moments(seed, 3, 500, 14_000)]


def test_all_is_told_in_order_and_counted_once_though_the_bus_dies(
    telling: Crowd, server: NatsServer, database: PostgresVictim, tmp_path: Path
) -> None:
    places = Places(address=server.url, database=database.url)
    with ordeal(telling, places, PROGRAMS, tmp_path) as trial:
        stands(trial, database.url, thrice(server, seed=11))
        assert trial.hub.starts == trial.publisher.starts == 1


def test_all_is_told_in_order_and_counted_once_though_the_database_dies(
    telling: Crowd, server: NatsServer, database: PostgresVictim, tmp_path: Path
) -> None:
    places = Places(address=server.url, database=database.url)
    with ordeal(telling, places, PROGRAMS, tmp_path) as trial:
        stands(trial, database.url, thrice(database, seed=12))
        assert trial.hub.starts == trial.publisher.starts == 1


def test_all_is_told_in_order_and_counted_once_though_the_hub_dies(
    telling: Crowd, server: NatsServer, database: PostgresVictim, tmp_path: Path
) -> None:
    places = Places(address=server.url, database=database.url)
    with ordeal(telling, places, PROGRAMS, tmp_path) as trial:
        stands(trial, database.url, thrice(trial.hub, seed=13))


def test_the_hub_of_the_command_line_dies_and_stops_as_well_as_any(
    telling: Crowd, server: NatsServer, database: PostgresVictim, tmp_path: Path
) -> None:
    places = Places(address=server.url, database=database.url)
    with ordeal(telling, places, PROGRAMS, tmp_path, command=True) as trial:
        stands(trial, database.url, [(2000, trial.hub)])
        assert trial.hub.interrupt() == 0


def test_all_is_told_in_order_and_counted_once_though_publishers_die(
    telling: Crowd, server: NatsServer, database: PostgresVictim, tmp_path: Path
) -> None:
    places = Places(address=server.url, database=database.url)
    with ordeal(telling, places, PROGRAMS, tmp_path) as trial:
        stands(trial, database.url, thrice(trial.publisher, seed=14))


def test_all_is_told_in_order_and_counted_once_whoever_dies(
    telling: Crowd, server: NatsServer, database: PostgresVictim, tmp_path: Path
) -> None:
    places = Places(address=server.url, database=database.url)
    with ordeal(telling, places, PROGRAMS, tmp_path) as trial:
        victims: list[Victim] = [server, database, trial.hub] * 3
        victims.append(trial.publisher)
        Random(15).shuffle(victims)
        schedule = [*zip(moments(15, len(victims), 500, 16_000), victims, strict=True)]
        stands(trial, database.url, schedule)


@pytest.mark.parametrize("bus", ["file", "server"])
def test_a_file_for_a_database_is_as_exact_when_hub_and_publishers_die(
    bus: str, telling: Crowd, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    address = str(tmp_path / "bus.db")
    if bus == "server":
        server: NatsServer = request.getfixturevalue("server")
        address = server.url
    places = Places(address=address, database=f"sqlite:///{tmp_path / 'hub.db'}")
    with ordeal(telling, places, PROGRAMS, tmp_path) as trial:
        both = cycle([trial.hub, trial.publisher])
        schedule = [*zip(moments(16, 6, 500, 16_000), both, strict=False)]
        stands(trial, places.database, schedule)
