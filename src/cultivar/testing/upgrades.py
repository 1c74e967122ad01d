"""What every ledger must do with upgrades; a backend runs it by giving the fixtures."""

# ruff: noqa: D102 (the name of a test says what it shows)

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cultivar.errors import NotKnownError
from cultivar.ledger.base import ContentStore, Ledger, Query, Run
from cultivar.model import Attempt, Draft, Generation, Proof
from cultivar.record import replace
from cultivar.testing.generations import (
    ANY_TEXT,
    TEMPLATE,
    TREE,
    check_results,
    generation_of,
)
from cultivar.testing.ledgers import MORNING
from cultivar.upgrades import Migration, MigrationOutcome, ScriptRun, UpgradeOrder

_law = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
_AMOUNT = st.floats(min_value=0, max_value=1e12)


def script_of(script: str, **changes: Any) -> ScriptRun:
    """One script that did its work."""
    done: dict[str, Any] = {"succeeded": True, "idempotent": True, **changes}
    return ScriptRun(script=script, version="2.0.0", stage="after", command="true", **done)


def migration_of(name: str, **changes: Any) -> Migration:
    """An upgrade by the run of that id, of the folder `/out` in the morning."""
    given: dict[str, Any] = {
        "template_id": TEMPLATE.id,
        "from_version": "1.0.0",
        "to_version": "2.0.0",
        "output": "/out",
        "answers_file": ".template-answers.yml",
        "generation_before": "",
        "generation_after": "",
        "outcome": "done",
        "instance_id": "local",
        "migrated_at": MORNING,
    }
    return Migration(id=name, **{**given, **changes})


def upgraded(migration: Migration, tree_hash: str, **changes: Any) -> Generation:
    """The generation that an upgrade made an hour after the morning; nothing was checked of it."""
    attempt = Attempt(number=1, draft=Draft(tree_hash=tree_hash), proof=Proof(results=()))
    given: dict[str, Any] = {
        "run_id": migration.id,
        "attempts": (attempt,),
        "generated_at": MORNING + timedelta(hours=1),
        "output": migration.output,
        "file_path": migration.output,
    }
    return generation_of(tree_hash, **{**given, **changes})


def migrations() -> SearchStrategy[Migration]:
    """Any upgrade."""
    texts = st.lists(ANY_TEXT, max_size=3).map(tuple)
    results = st.lists(check_results(), max_size=2).map(tuple)
    names = ("template_id", "from_version", "to_version", "output", "answers_file")
    return st.builds(
        Migration,
        id=st.just(""),
        **{name: ANY_TEXT for name in names},
        **{name: ANY_TEXT for name in ("generation_before", "generation_after", "error")},
        instance_id=ANY_TEXT,
        outcome=st.sampled_from(["done", "conflicts", "failed", "undone"]),
        migrated_at=st.just(MORNING),
        changed=st.integers(min_value=0, max_value=2**31 - 1),
        conflicts=texts,
        rungs=st.dictionaries(ANY_TEXT, st.integers(min_value=0), max_size=3),
        scripts=st.lists(_scripts(), max_size=3).map(tuple),
        proof=st.builds(Proof, results=results, sandbox=ANY_TEXT),
        seconds=_AMOUNT,
    )


def _scripts() -> SearchStrategy[ScriptRun]:
    return st.builds(
        ScriptRun,
        **{name: ANY_TEXT for name in ("script", "version", "command", "output")},
        stage=st.sampled_from(["before", "after"]),
        succeeded=st.booleans(),
        idempotent=st.booleans(),
        changed=st.lists(ANY_TEXT, max_size=3).map(tuple),
        seconds=_AMOUNT,
    )


class MigrationsContract:
    """How every ledger keeps upgrades; give the fixture `ledger`."""

    @_law
    @given(migration=migrations())
    def test_any_upgrade_comes_back(self, ledger: Ledger, migration: Migration) -> None:
        new = replace(migration, id=str(uuid4()))  # Hypothesis varies the rest, not the id
        ledger.record_migration(new)
        assert ledger.migration(new.id) == new

    def test_an_upgrade_that_is_known_stays_as_it_is(self, ledger: Ledger) -> None:
        first = migration_of("b51e", scripts=(script_of("one"),))
        ledger.record_migration(first)
        ledger.record_migration(replace(first, changed=9, scripts=first.scripts * 2))
        assert ledger.migrations() == (first,)

    def test_an_upgrade_that_was_taken_up_again_is_no_longer_failed(self, ledger: Ledger) -> None:
        failed = migration_of("b51e", outcome="failed", scripts=(script_of("one"),) * 3)
        done = replace(failed, outcome="done", scripts=(script_of("two"),))
        ledger.record_migration(failed)
        ledger.record_migration(done)
        assert ledger.migrations() == (done,)

    def test_an_upgrade_that_was_taken_back_stays_so(self, ledger: Ledger) -> None:
        done = migration_of("b51e")
        ledger.record_migration(done)
        ledger.mark_undone("b51e")
        ledger.mark_undone("b51e")
        ledger.record_migration(done)
        assert ledger.migration("b51e") == replace(done, outcome="undone")

    def test_an_upgrade_that_nobody_made_cannot_be_taken_back(self, ledger: Ledger) -> None:
        ledger.record_migration(migration_of("b51e"))
        with pytest.raises(NotKnownError):
            ledger.mark_undone("b5")
        assert ledger.migration("b51e").outcome == "done"

    def test_an_upgrade_is_found_by_its_only_prefix(self, ledger: Ledger) -> None:
        for name in ("b51e", "B51E", "c0"):
            ledger.record_migration(migration_of(name))
        assert ledger.migration("b5").id == "b51e"

    @pytest.mark.parametrize("name", ["", "b", "c", "%", "_5"])
    def test_what_names_no_single_upgrade_is_not_known(self, ledger: Ledger, name: str) -> None:
        ledger.record_migration(migration_of("b51e"))
        ledger.record_migration(migration_of("b52a"))
        with pytest.raises(NotKnownError):
            ledger.migration(name)

    def test_upgrades_come_the_newest_first(self, ledger: Ledger) -> None:
        for minutes, name in enumerate(("a", "c", "b")):
            when = MORNING + timedelta(minutes=minutes)
            ledger.record_migration(migration_of(name, migrated_at=when))
        assert [each.id for each in ledger.migrations(limit=2)] == ["b", "c"]

    def test_upgrades_are_found_by_their_folder(self, ledger: Ledger) -> None:
        for name, output in (("a", "/out"), ("b", "/out/inner"), ("c", "/OUT")):
            ledger.record_migration(migration_of(name, output=output))
        assert [each.id for each in ledger.migrations("/out/")] == ["a"]

    def test_scripts_come_back_in_the_order_in_which_they_ran(self, ledger: Ledger) -> None:
        scripts = tuple(script_of(name) for name in ("z", "a", "m"))
        for name in ("a", "b"):
            ledger.record_migration(migration_of(name, scripts=scripts))
        assert [each.scripts for each in ledger.migrations()] == [scripts, scripts]

    def test_only_scripts_that_succeeded_are_done(self, ledger: Ledger) -> None:
        scripts = (script_of("one"), script_of("two", succeeded=False))
        ledger.record_migration(migration_of("a", scripts=scripts))
        ledger.record_migration(migration_of("b", scripts=(script_of("three"),)))
        assert ledger.scripts_done("/out/", TEMPLATE.id) == {"one", "three"}

    def test_scripts_are_done_in_one_folder_by_one_template(self, ledger: Ledger) -> None:
        ledger.record_migration(migration_of("a", scripts=(script_of("one"),)))
        assert ledger.scripts_done("/elsewhere", TEMPLATE.id) == frozenset()
        assert ledger.scripts_done("/out", "other") == frozenset()

    @pytest.mark.parametrize(
        ("outcome", "done"),
        [("done", {"one"}), ("conflicts", {"one"}), ("failed", set[str]()), ("undone", set[str]())],
    )
    def test_scripts_of_an_upgrade_that_left_nothing_are_not_done(
        self, ledger: Ledger, outcome: MigrationOutcome, done: set[str]
    ) -> None:
        ledger.record_migration(migration_of("a", outcome=outcome, scripts=(script_of("one"),)))
        assert ledger.scripts_done("/out", TEMPLATE.id) == done

    def test_a_run_of_an_upgrade_comes_back_with_its_order(self, ledger: Ledger) -> None:
        order = UpgradeOrder(folder="/out", answers_file=".template-answers.yml", to="2.0.0")
        run = Run(id="u", graph="upgrade", order=order, status="running", started_at=MORNING)
        ledger.start(run)
        assert ledger.run("u") == run
        assert ledger.runs() == (run,)


class StandingContract:
    """Which generation stands after upgrades; give the fixtures `ledger` and `content`."""

    @pytest.fixture
    def before(self, ledger: Ledger, content: ContentStore) -> Generation:
        """What was generated into `/out` in the morning."""
        made = generation_of(
            content.put(TREE), generated_at=MORNING, output="/out", file_path="/out"
        )
        ledger.record(made)
        return made

    @pytest.mark.parametrize("outcome", ["done", "conflicts"])
    def test_the_generation_of_an_upgrade_is_the_latest(
        self, ledger: Ledger, before: Generation, outcome: MigrationOutcome
    ) -> None:
        migration = migration_of("u", outcome=outcome)
        after = upgraded(migration, before.tree_hash)
        ledger.record(after)
        ledger.record_migration(migration)
        assert ledger.latest_at("/out/", TEMPLATE.id) == after

    @pytest.mark.parametrize("outcome", ["failed", "undone"])
    def test_an_upgrade_that_left_nothing_leaves_the_generation_before_it(
        self, ledger: Ledger, before: Generation, outcome: MigrationOutcome
    ) -> None:
        migration = migration_of("u", outcome=outcome)
        ledger.record(upgraded(migration, before.tree_hash))
        ledger.record_migration(migration)
        assert ledger.latest_at("/out", TEMPLATE.id) == before

    def test_each_upgrade_that_is_taken_back_uncovers_the_one_before(
        self, ledger: Ledger, before: Generation
    ) -> None:
        made: list[Generation] = []
        for hours, name in enumerate(("first", "second"), start=1):
            migration = migration_of(name)
            when = MORNING + timedelta(hours=hours)
            made.append(upgraded(migration, before.tree_hash, generated_at=when))
            ledger.record(made[-1])
            ledger.record_migration(migration)
        for undone, uncovered in (("second", made[0]), ("first", before)):
            ledger.mark_undone(undone)
            assert ledger.latest_at("/out", TEMPLATE.id) == uncovered
            assert ledger.maker_of("/out/README.md") == uncovered

    def test_what_stands_is_of_the_template_the_folder_and_the_file(
        self, ledger: Ledger, before: Generation
    ) -> None:
        other = replace(before.template, id="other")
        late = MORNING + timedelta(hours=3)
        beside = generation_of(
            before.tree_hash,
            template=other,
            generated_at=late,
            output="/out",
            file_path="/out/cache.py",
        )
        ledger.record(beside)
        ledger.record(generation_of(before.tree_hash, generated_at=late, output="/out/inner"))
        assert ledger.latest_at("/out", TEMPLATE.id) == before
        assert ledger.latest_at("/out") == beside
        assert ledger.latest_at("/out", "other", "/out/cache.py") == beside
        assert ledger.latest_at("/out", "other", "/out/other.py") is None

    @pytest.mark.parametrize("output", ["", "/", "/ou", "/OUT", "/out/src"])
    def test_where_nothing_was_written_nothing_stands(
        self, ledger: Ledger, before: Generation, output: str
    ) -> None:
        ledger.record(replace(before, id="0a1b2c3d-0000-4000-8000-000000000000", output=""))
        assert ledger.latest_at(output, TEMPLATE.id) is None

    def test_the_generation_of_an_upgrade_is_neither_success_nor_failure(
        self, ledger: Ledger, before: Generation
    ) -> None:
        after = upgraded(migration_of("u"), before.tree_hash)
        ledger.record(after)
        assert ledger.generation(after.id) == after
        assert ledger.generations(Query(success=True)) == (before,)
        assert ledger.generations(Query(success=False)) == ()
        stats = ledger.stats()[0]
        told = (stats.uses, stats.succeeded, stats.failed, stats.not_verified, stats.quality)
        assert told == (2, 1, 0, 1, 1.0)
