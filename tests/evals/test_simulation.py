"""Simulated worlds: what is planted is found, and nothing real is touched."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cultivar.definitions import builtin_root
from cultivar.errors import RefusedError, UsageError
from cultivar.evals.recognition import Recognised, recognised
from cultivar.evals.simulation import address_of, count, opened, record
from cultivar.evals.truths import Effect
from cultivar.evals.ways import Ways
from cultivar.evals.worlds import Scenario, World
from cultivar.learning.defaults.suggesting import default_for
from cultivar.learning.defaults.suggestion import AskedFor
from cultivar.learning.findings.combining import best_combinations
from cultivar.learning.findings.drifting import drift
from cultivar.ledger.base import Query
from cultivar.ledger.sql import SqlLedger, open_ledger
from cultivar.ledger.tallying import TallyStore
from cultivar.model import Generation, Json
from cultivar.record import replace
from cultivar.templating.origins.catalog import Catalog
from cultivar.templating.template import Template
from cultivar.testing.hubs import wait_for
from cultivar.testing.postgres import TEMPLATE as EMPTY
from cultivar.testing.postgres import PostgresServer

ELIXIR = "quality_template:elixir-production"
UNTIL = datetime(2026, 1, 1, tzinfo=UTC)
COPIER = """\
_subdirectory: files
name: {type: str, default: world, help: Whom to greet}
loud: {type: bool, default: false}
times: {type: int, default: 3, when: "{{ loud }}"}
tongue: {type: str, choices: [english, german, latin], default: english}
polite: {type: bool, default: true}
_cultivar:
  id: test:greeting
  version: 1.0.0
  language: python
  description: A greeting
  checks: [{name: runs, run: python3 greet.py, required: true}, {name: lint, run: ruff check}]
"""


@pytest.fixture
def greeting(tmp_path: Path) -> Template:
    return _template(tmp_path / "workspace", COPIER)


@pytest.fixture(scope="session")
def elixir() -> Template:
    return Catalog([], Path(), builtin=[builtin_root() / "templates_data"]).find(ELIXIR)


def _template(workspace: Path, copier: str) -> Template:
    files = workspace / "templates_data" / "greeting" / "files"
    files.mkdir(parents=True)
    (workspace / "cultivar.yaml").write_text("template_paths: [templates_data]\n")
    (files.parent / "copier.yml").write_text(copier)
    (files / "greet.py.jinja").write_text('print("hello {{ name }}")\n')
    return Catalog([], workspace / "git").find(str(files.parent))


def _world(template: Template, generations: int, **changes: Any) -> World:
    return World(Scenario(template=template, generations=generations, until=UNTIL, **changes))


def _recorded(world: World, address: str) -> tuple[Generation, ...]:
    with opened(address, mine=False) as database:
        record(world, database)
        return SqlLedger(database).generations(Query(limit=1000))


def _file(folder: Path) -> str:
    return f"sqlite:///{folder / 'ledger.db'}"


def test_the_same_seed_gives_the_same_ledger(greeting: Template, tmp_path: Path) -> None:
    one = _recorded(_world(greeting, 40, seed=7), _file(tmp_path / "one"))
    other = _recorded(_world(greeting, 40, seed=7), _file(tmp_path / "other"))
    assert len(one) == 40
    assert one == other


def test_another_seed_gives_another_ledger(greeting: Template) -> None:
    one, other = _world(greeting, 40, seed=7), _world(greeting, 40, seed=8)
    assert [each.at for each in one.draws()] != [each.at for each in other.draws()]


def test_what_is_only_counted_is_counted_as_what_is_recorded(
    greeting: Template, tmp_path: Path
) -> None:
    world = _world(greeting, 200, instances=3)
    with opened(_file(tmp_path / "counts"), mine=False) as database:
        count(world, database)
        counted = _tallies(SqlLedger(database).tallies, greeting.ref.id)
    with opened(_file(tmp_path / "all"), mine=False) as database:
        record(world, database)
        assert _tallies(SqlLedger(database).tallies, greeting.ref.id) == counted


def test_postgresql_counts_as_sqlite(
    greeting: Template, tmp_path: Path, postgres: PostgresServer
) -> None:
    world = _world(greeting, 300, instances=3)
    found: list[object] = []
    with postgres.database(EMPTY) as address:
        for each in (_file(tmp_path / "counts"), address):
            with opened(each, mine=False) as database:
                count(world, database)
                found.append(_tallies(SqlLedger(database).tallies, greeting.ref.id))
    assert found[0] == found[1]


def _tallies(store: TallyStore, template_id: str) -> list[object]:
    """All that was counted; sums of fractions depend on their order in the last digits."""
    questions = ("loud", "times", "tongue", "polite")
    given: dict[str, Json] = {"loud": True, "tongue": "latin", "polite": False}
    rows: list[Any] = [
        *store.answers(template_id),
        *store.combinations(template_id),
    ]
    totals = store.totals()[template_id].items()
    return [
        *(sorted(repr(_rounded(each)) for each in rows)),
        *(repr(store.outcomes_under(template_id, name, given)) for name in questions),
        *(sorted(repr((stratum, _exact(tally))) for stratum, tally in totals)),
    ]


def _rounded(row: Any) -> Any:
    return replace(row, tally=_exact(row.tally))


def _exact(tally: Any) -> Any:
    names = ("recent_uses", "recent_succeeded", "recent_failed")
    return replace(tally, **{name: round(getattr(tally, name), 6) for name in names})


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_learning_finds_what_is_planted(elixir: Template, tmp_path: Path, seed: int) -> None:
    world = _world(elixir, 6000, seed=seed, instances=5)
    planted = world.planted
    with opened(_file(tmp_path), mine=False) as database:
        count(world, database)
        store = SqlLedger(database).tallies
        best, *_ = best_combinations(store, ELIXIR)
        assert best.answers == planted.best
        assert best.interval.low < planted.success < best.interval.high + 0.05
        assert _suggested(store, planted.matters, elixir) == [
            (each.value, "success") for each in planted.matters
        ]


def test_learning_notices_what_ceases_to_work(elixir: Template, tmp_path: Path) -> None:
    world = _world(elixir, 12_000, instances=5)
    ceases = world.planted.ceases
    assert ceases is not None
    with opened(_file(tmp_path), mine=False) as database:
        count(world, database)
        found = drift(SqlLedger(database).tallies, ELIXIR)
    assert {ceases.question: ceases.value} in [each.answer for each in found]


def _suggested(
    store: TallyStore, effects: Sequence[Effect], template: Template
) -> list[tuple[Json, str]]:
    defaults = {each.name: each.default for each in template.questions}
    asked = [AskedFor(name=each.question, default=defaults[each.question]) for each in effects]
    found = [default_for(each, {}, store, template.ref.id) for each in asked]
    return [(each.value, each.reason) for each in found if each]


def test_most_choose_another_answer_than_the_one_that_succeeds_most(elixir: Template) -> None:
    for seed in range(20):
        planted = _world(elixir, 1, seed=seed).planted
        first = planted.matters[0]
        assert planted.favourites[first.question] != first.value


def test_instances_and_versions_are_as_many_as_was_asked(
    greeting: Template, tmp_path: Path
) -> None:
    versions = ("1.0.0", "1.10.0", "1.9.0")
    made = _recorded(_world(greeting, 200, instances=4, versions=versions), _file(tmp_path))
    assert {each.instance_id for each in made} == {f"simulated-{n}" for n in range(1, 5)}
    assert {each.template.version for each in made} == set(versions)
    assert made[-1].template.version == "1.0.0"
    assert made[0].generated_at < UNTIL


def test_a_world_without_instances_is_none(greeting: Template) -> None:
    with pytest.raises(UsageError, match="A simulation with 0 instances is none"):
        _world(greeting, 10, instances=0)


def test_a_template_without_a_choice_cannot_be_simulated(tmp_path: Path) -> None:
    template = _template(tmp_path, "name: {type: str, default: world}\n")
    with pytest.raises(UsageError, match="nothing to learn"):
        _world(template, 10)


def test_ways_that_are_not_remembered_are_the_same(greeting: Template) -> None:
    one = Ways(greeting).begin.taking(0).taking(1).taking(2).taking(0)
    other = Ways(greeting, kept=0).begin.taking(0).taking(1).taking(2).taking(0)
    assert one.fork is None
    assert one.answers == other.answers
    assert one.values == {"loud": True, "times": 6, "tongue": "latin", "polite": True}


def test_a_ledger_that_holds_something_is_left_alone(greeting: Template, tmp_path: Path) -> None:
    made = _recorded(_world(greeting, 3), _file(tmp_path))
    with (
        pytest.raises(UsageError, match="holds generations already"),
        opened(_file(tmp_path), mine=False),
    ):
        pass
    with open_ledger(_file(tmp_path)) as ledger:
        assert ledger.generations(Query()) == made


def test_the_users_own_ledger_is_refused_by_whatever_name(tmp_path: Path) -> None:
    own = _file(tmp_path / "home")
    (tmp_path / "link").symlink_to(tmp_path / "home")
    for into in (own, str(tmp_path / "home"), str(tmp_path / "link"), ""):
        with pytest.raises(RefusedError, match="your own ledger"):
            address_of(into, own, mine=False)
    assert address_of("", own, mine=True) == own
    with pytest.raises(UsageError, match="two places"):
        address_of(str(tmp_path), own, mine=True)


def test_simulating_leaves_the_users_own_ledger_alone(greeting: Template, tmp_path: Path) -> None:
    done = _simulate(tmp_path, "-n", "20", "--json", "--into", str(tmp_path / "there"))
    told = json.loads(done.stdout)
    assert told["worlds"][0]["planted"]["template_id"] == greeting.ref.id
    assert not told["counts_only"]
    with open_ledger(f"sqlite:///{told['ledger']}") as ledger:
        assert len(ledger.generations(Query(limit=100))) == 20
    assert list((tmp_path / "data").rglob("*.db")) == []


def test_a_user_may_want_it_among_what_is_real(greeting: Template, tmp_path: Path) -> None:
    for _ in range(2):  # what is there already stays as it is
        _simulate(tmp_path, "-n", "20", "--mine", "--until", "2026-01-01")
    (found,) = (tmp_path / "data").rglob("ledger.db")
    with open_ledger(f"sqlite:///{found}") as ledger:
        assert ledger.stats(greeting.ref.id)[0].template_id == greeting.ref.id
        assert sum(each.uses for each in ledger.stats()) == 20


def test_what_is_only_counted_can_be_learned_from(greeting: Template, tmp_path: Path) -> None:
    told = _simulate(tmp_path, "-n", "400", "--counts-only", "--into", str(tmp_path / "there"))
    assert "Counted 400 generations in " in told.stdout
    assert "and kept nothing else of them" in told.stdout
    assert f"CULTIVAR_HOME={tmp_path / 'there'} cultivar stats test:greeting" in told.stdout
    with open_ledger(_file(tmp_path / "there")) as ledger:
        assert ledger.generations(Query()) == ()
        assert sum(each.uses for each in ledger.tallies.totals()[greeting.ref.id].values()) == 400


def test_what_nobody_asked_to_keep_is_gone(greeting: Template, tmp_path: Path) -> None:
    told = _simulate(tmp_path, "-n", "400").stdout
    assert "Counted 400 generations in " in told
    assert "With `--into FOLDER` you can look at them" in told
    assert json.loads(_simulate(tmp_path, "-n", "9", "--json").stdout)["ledger"] is None
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_where_it_is_interrupted(
    greeting: Template, tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "tmp").mkdir()
    with subprocess.Popen(
        _command("test:greeting", "-n", "100000000"),
        cwd=tmp_path / "workspace",
        env=_environment(tmp_path),
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert wait_for(lambda: any((tmp_path / "tmp").glob("*/ledger.db")))
        running.send_signal(number)
        assert running.stderr
        assert running.stderr.read() == "Interrupted.\n"
    assert running.returncode == 128 + number
    assert list((tmp_path / "tmp").iterdir()) == []


def _all_of(terminal: int) -> bytes:
    """What is shown on a terminal until its other end is closed."""
    shown = b""
    with os.fdopen(terminal, "rb", buffering=0) as opened, suppress(OSError):
        while more := opened.read(4096):
            shown += more
    return shown


def test_on_a_terminal_it_shows_from_the_first_that_it_works(
    greeting: Template, tmp_path: Path
) -> None:
    (tmp_path / "tmp").mkdir()
    ours, theirs = pty.openpty()
    with ThreadPoolExecutor(1) as pool:  # a terminal that nobody reads holds little
        reading = pool.submit(_all_of, ours)
        done = subprocess.run(
            _command("test:greeting", "-n", "2000"),
            cwd=tmp_path / "workspace",
            env={**_environment(tmp_path), "TERM": "xterm"},
            stdout=subprocess.PIPE,
            stderr=theirs,
            check=True,
        )
        os.close(theirs)
        shown = reading.result()
    assert b"reading templates" in shown
    assert b"simulating" in shown
    assert b"Planted in test:greeting" in done.stdout


def test_it_says_what_of_the_planted_is_found(elixir: Template, tmp_path: Path) -> None:
    few, many = _world(elixir, 20, instances=5), _world(elixir, 12_000, instances=5)
    found: list[Recognised] = []
    for name, world in (("few", few), ("many", many)):
        with opened(_file(tmp_path / name), mine=False) as database:
            planted = count(world, database).planted
            found.append(recognised(planted, SqlLedger(database).tallies))
    assert found == [
        Recognised(best=False, matters=(False, False), ceases=False),
        Recognised(best=True, matters=(True, True), ceases=True),
    ]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--instances", "0"), "--instances"),
        (("--until", "yesterday"), "is no date"),
        (("--mine", "--counts-only"), "counted anew"),
        (("--into", "there", "--mine"), "two places"),
    ],
)
def test_what_cannot_be_done_is_said(
    greeting: Template, tmp_path: Path, given: tuple[str, ...], told: str
) -> None:
    assert told in _simulate(tmp_path, *given, code=2).stderr


def test_an_unknown_template_is_said(greeting: Template, tmp_path: Path) -> None:
    done = _simulate(tmp_path, template="test:greetings", code=2)
    assert "There is no template 'test:greetings'" in done.stderr


def _simulate(
    folder: Path, *given: str, template: str = "test:greeting", code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run `cultivar simulate` in the workspace, with places of its own for all that it keeps."""
    (folder / "tmp").mkdir(exist_ok=True)
    done = subprocess.run(
        _command(template, *given),
        cwd=folder / "workspace",
        capture_output=True,
        text=True,
        check=False,
        env=_environment(folder),
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def _command(*given: str) -> list[str]:
    return [sys.executable, "-m", "cultivar", "simulate", *given]


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder / "tmp"), "XDG_DATA_HOME": str(folder / "data")}
