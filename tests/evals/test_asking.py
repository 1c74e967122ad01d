"""What defaults cost is measured where all of it happens: asking, counting on, renewing."""

from __future__ import annotations

from pathlib import Path

import pytest

from cultivar.definitions import builtin_root
from cultivar.evals.asking import AskingCost, asking_cost, interviews
from cultivar.evals.simulation import count, opened
from cultivar.evals.worlds import Scenario, World
from cultivar.ledger.tallies import SqlTallies
from cultivar.templating.origins.catalog import Catalog
from cultivar.templating.template import Template


@pytest.fixture(scope="module")
def elixir() -> Template:
    builtin = [builtin_root() / "templates_data"]
    return Catalog([], Path(), builtin=builtin).find("quality_template:elixir-production")


def _cost(template: Template, folder: Path, instances: int) -> AskingCost:
    world = World(Scenario(template=template, generations=600, instances=instances))
    with opened(f"sqlite:///{folder / 'ledger.db'}", mine=False) as database:
        count(world, database)
        before = SqlTallies(database).extent(template.ref.id).uses
        found = asking_cost(world, database, number=20, patience=60)
        assert SqlTallies(database).extent(template.ref.id).uses == before + 20
    return found


def test_where_many_instances_count_renewals_are_part_of_what_is_measured(
    elixir: Template, tmp_path: Path
) -> None:
    found = _cost(elixir, tmp_path, instances=50)
    assert found.never_asked is not None
    assert found.never_asked.samples < found.directly.samples
    assert found.renewed > 0
    assert found.renewal_ms > 0
    assert 0 < found.busy.p50_ms <= found.busy.p99_ms <= found.busy.worst_ms
    assert found.waited.samples == found.busy.samples


def test_where_few_do_nothing_is_kept(elixir: Template, tmp_path: Path) -> None:
    found = _cost(elixir, tmp_path, instances=1)
    assert (found.never_asked, found.renewed) == (None, 0)


@pytest.mark.parametrize("instances", [1, 3])
def test_each_question_is_asked_under_the_answers_before_it(
    elixir: Template, instances: int
) -> None:
    world = World(Scenario(template=elixir, generations=20, instances=instances))
    for interview in interviews(world):
        names = [asked.name for asked, _ in interview.asked]
        for place, (asked, given) in enumerate(interview.asked):
            assert asked.name not in given
            assert set(names[:place]) >= set(given) & set(names)
