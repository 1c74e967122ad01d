"""What every ledger must do; a backend runs it by giving the fixtures.

`cultivar.testing.stores` has the same for the stores beside it.
"""

# ruff: noqa: D102 (the name of a test says what it shows)

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cultivar.errors import NotKnownError, UsageError
from cultivar.ledger.base import ContentStore, Ledger, Query, Run, VersionStats
from cultivar.model import Order, TemplateRef
from cultivar.record import replace
from cultivar.testing.generations import (
    TEMPLATE,
    TREE,
    attempt_at,
    check_result,
    generation_of,
    generations,
)

MORNING = datetime(2026, 1, 1, 8, tzinfo=UTC)

_law = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class RunsContract:
    """How every ledger keeps runs; give the fixture `ledger`."""

    def test_a_run_comes_back_as_it_began(self, ledger: Ledger) -> None:
        ledger.start(run_of("b51e"))
        assert ledger.run("b51e") == run_of("b51e")

    def test_a_run_that_is_known_stays_as_it_is(self, ledger: Ledger) -> None:
        ledger.start(run_of("b51e"))
        ledger.finish("b51e", "waiting")
        ledger.start(run_of("b51e"))
        assert ledger.run("b51e").status == "waiting"

    def test_a_run_says_how_it_ended(self, ledger: Ledger) -> None:
        ledger.start(run_of("b51e"))
        ledger.finish("b51e", "done", generation_id="made")
        assert ledger.run("b51e") == replace(run_of("b51e"), status="done", generation_id="made")

    def test_a_run_that_never_began_cannot_finish(self, ledger: Ledger) -> None:
        with pytest.raises(NotKnownError):
            ledger.finish("b51e", "done")

    def test_a_run_is_found_by_its_only_prefix(self, ledger: Ledger) -> None:
        ledger.start(run_of("b51e"))
        ledger.start(run_of("B51E"))
        assert ledger.run("b5").id == "b51e"

    def test_a_whole_id_is_found_where_others_begin_with_it(self, ledger: Ledger) -> None:
        ledger.start(run_of("b5"))
        ledger.start(run_of("b51e"))
        assert ledger.run("b5").id == "b5"

    @pytest.mark.parametrize("name", ["", "b", "c", "%", "_5"])
    def test_what_names_no_single_run_is_not_known(self, ledger: Ledger, name: str) -> None:
        ledger.start(run_of("b51e"))
        ledger.start(run_of("b52a"))
        with pytest.raises(NotKnownError):
            ledger.run(name)

    def test_runs_come_the_newest_first(self, ledger: Ledger) -> None:
        for minutes, name in enumerate(("a", "c", "b")):
            began = MORNING + timedelta(minutes=minutes)
            ledger.start(replace(run_of(name), started_at=began))
        assert [run.id for run in ledger.runs(2)] == ["b", "c"]

    def test_what_did_not_come_to_its_end_comes_the_oldest_first(self, ledger: Ledger) -> None:
        for minutes, name in enumerate(("a", "c", "b")):
            began = MORNING + timedelta(minutes=minutes)
            ledger.start(replace(run_of(name), started_at=began))
        ledger.finish("c", "done")
        ledger.finish("b", "failed", error="It is down.")
        assert [run.id for run in ledger.unfinished("generate")] == ["a", "b"]
        assert ledger.unfinished("improve") == ()


def run_of(name: str) -> Run:
    """A run of that id, which began in the morning."""
    order = Order(task="An async TTL cache", trust=True)
    return Run(id=name, graph="generate", order=order, status="running", started_at=MORNING)


class GenerationsContract:
    """How every ledger keeps generations; give the fixtures `ledger` and `content`."""

    @_law
    @given(data=st.data())
    def test_any_generation_comes_back(
        self, ledger: Ledger, content: ContentStore, data: st.DataObject
    ) -> None:
        drawn = data.draw(generations(content.put(TREE)))
        generation = replace(drawn, id=str(uuid4()))  # Hypothesis varies the rest, not the id
        ledger.record(generation)
        assert ledger.generation(generation.id) == generation

    def test_recording_a_known_id_changes_nothing(
        self, ledger: Ledger, content: ContentStore
    ) -> None:
        first = generation_of(content.put(TREE))
        ledger.record(first)
        ledger.record(first)
        ledger.record(replace(first, task="other", attempts=first.attempts * 2))
        assert ledger.generations(Query()) == (first,)

    def test_a_generation_of_a_tree_that_is_not_kept_is_refused(self, ledger: Ledger) -> None:
        with pytest.raises(NotKnownError):
            ledger.record(generation_of("0" * 64))
        assert ledger.generations(Query()) == ()

    def test_an_id_that_is_no_uuid_is_refused(self, ledger: Ledger, content: ContentStore) -> None:
        with pytest.raises(UsageError, match="is no UUID"):
            ledger.record(generation_of(content.put(TREE), id="one"))

    def test_a_time_without_a_zone_is_refused(self, ledger: Ledger, content: ContentStore) -> None:
        naive = MORNING.replace(tzinfo=None)
        with pytest.raises(UsageError, match="no time zone"):
            ledger.record(generation_of(content.put(TREE), generated_at=naive))

    def test_a_generation_is_found_by_its_only_prefix(
        self, ledger: Ledger, content: ContentStore
    ) -> None:
        ids = ["0a1b2c3d-0000-4000-8000-000000000001", "0a1b2c3e-0000-4000-8000-000000000001"]
        for each in ids:
            ledger.record(generation_of(content.put(TREE), id=each))
        prefixes = ["0a1b2c3d", "0A1B2C3E-00", "0a1b2c3d00004", ids[1]]
        assert [ledger.generation(each).id for each in prefixes] == [*ids, *ids]

    @pytest.mark.parametrize("name", ["", "0a", "ff", "xy", "%", "0" * 40])
    def test_what_names_no_single_generation_is_not_known(
        self, ledger: Ledger, content: ContentStore, name: str
    ) -> None:
        for last in "01":
            made = f"0a1b2c3d-0000-4000-8000-00000000000{last}"
            ledger.record(generation_of(content.put(TREE), id=made))
        with pytest.raises(NotKnownError):
            ledger.generation(name)

    def test_an_ambiguous_prefix_names_what_it_could_be(
        self, ledger: Ledger, content: ContentStore
    ) -> None:
        ids = tuple(f"0a1b2c3d-0000-4000-8000-00000000000{last}" for last in "01")
        for each in ids:
            ledger.record(generation_of(content.put(TREE), id=each))
        with pytest.raises(NotKnownError) as caught:
            ledger.generation("0a")
        assert caught.value.nearest == ids


class QueriesContract:
    """What every ledger finds; give the fixtures `ledger` and `content`."""

    def test_generations_come_the_newest_first(self, ledger: Ledger, content: ContentStore) -> None:
        made = [
            generation_of(content.put(TREE), generated_at=MORNING + timedelta(hours=hours))
            for hours in (1, 3, 2)
        ]
        for each in made:
            ledger.record(each)
        assert ledger.generations(Query(limit=2)) == (made[1], made[2])

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            (Query(template_id=TEMPLATE.id), "a b"),
            (Query(template_version="2.0.0"), "b c"),
            (Query(instance_id="elsewhere"), "c"),
            (Query(since=MORNING + timedelta(hours=1)), "b c"),
            (Query(success=True), "a"),
            (Query(success=False), "b"),
            (Query(template_id=TEMPLATE.id, success=False), "b"),
            (Query(template_id="none"), ""),
        ],
    )
    def test_a_query_narrows(
        self, ledger: Ledger, content: ContentStore, query: Query, found: str
    ) -> None:
        failed = attempt_at(content.put(TREE), check_result(verdict="failed"))
        unknown = attempt_at(TREE.hash, check_result(verdict="not_verified"))
        later = replace(TEMPLATE, version="2.0.0")
        noon = MORNING + timedelta(hours=4)
        for each in (
            generation_of(TREE.hash, task="a", generated_at=MORNING),
            generation_of(
                TREE.hash, task="b", generated_at=noon, template=later, attempts=(failed,)
            ),
            generation_of(
                TREE.hash,
                task="c",
                generated_at=noon,
                template=replace(later, id="other"),
                attempts=(unknown,),
                instance_id="elsewhere",
            ),
        ):
            ledger.record(each)
        assert sorted(each.task for each in ledger.generations(query)) == found.split()

    @pytest.mark.parametrize(
        "path",
        ["/out/a", "/out/a/", "/out/a/src", "/out/a/src/cache.py", "/out/a/README.md"],
    )
    def test_the_maker_of_a_path_is_the_last_that_wrote_it(
        self, ledger: Ledger, content: ContentStore, path: str
    ) -> None:
        written = {"output": "/out/a", "file_path": "/out/a"}
        first = generation_of(content.put(TREE), generated_at=MORNING, **written)
        last = generation_of(TREE.hash, **written)
        for each in (last, first, generation_of(TREE.hash), generation_of(TREE.hash, output="/b")):
            ledger.record(each)
        assert ledger.maker_of(path) == last

    @pytest.mark.parametrize(
        "path", ["/", "/out", "/out/a/none.py", "/out/a/SRC", "/out/a/sr", "/out/ab", "/src"]
    )
    def test_what_nobody_wrote_has_no_maker(
        self, ledger: Ledger, content: ContentStore, path: str
    ) -> None:
        ledger.record(generation_of(content.put(TREE), output="/out/a", file_path="/out/a"))
        ledger.record(generation_of(TREE.hash))
        assert ledger.maker_of(path) is None

    def test_the_maker_of_a_single_file_is_found(
        self, ledger: Ledger, content: ContentStore
    ) -> None:
        made = generation_of(content.put(TREE), output="/out", file_path="/out/other.py")
        ledger.record(made)
        assert ledger.maker_of("/out/other.py") == made

    def test_stats_say_how_each_version_did(self, ledger: Ledger, content: ContentStore) -> None:
        good = attempt_at(content.put(TREE), check_result(), check_result(weight=3.0))
        bad = attempt_at(TREE.hash, check_result(), check_result(verdict="failed", weight=3.0))
        unknown = attempt_at(TREE.hash, check_result(verdict="not_verified"))
        for hours, attempts in enumerate([(bad, good), (bad,), (unknown,)]):
            made = MORNING + timedelta(hours=hours)
            ledger.record(generation_of(TREE.hash, attempts=attempts, generated_at=made))
        assert ledger.stats() == (
            VersionStats(
                template_id=TEMPLATE.id,
                template_version=TEMPLATE.version,
                uses=3,
                succeeded=1,
                failed=1,
                not_verified=1,
                quality=0.625,
                last_used=MORNING + timedelta(hours=2),
            ),
        )

    def test_stats_come_by_name_and_version(self, ledger: Ledger, content: ContentStore) -> None:
        content.put(TREE)
        versions = [("b", "1.9.0"), ("b", "1.10.0"), ("a", "2.0.0"), ("b", "main")]
        for name, version in versions:
            template = TemplateRef(id=name, version=version, tree_hash="", origin="builtin")
            ledger.record(generation_of(TREE.hash, id=str(uuid4()), template=template))
        assert [each.template_version for each in ledger.stats("b")] == ["main", "1.9.0", "1.10.0"]
        assert [each.template_id for each in ledger.stats()] == ["a", "b", "b", "b"]
