"""What the record of what improves must do; a backend runs it by giving the fixtures.

The fixture `ledger` has the four stores, and the content store that keeps the versions' files.
"""

# ruff: noqa: D102 (the name of a test says what it shows)

from __future__ import annotations

from typing import Any, TypeVar
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings

from cultivar.errors import ChangedError, NotKnownError
from cultivar.ledger.improvements import ExperimentQuery
from cultivar.lifecycle import (
    CURRENT,
    Artifact,
    ArtifactVersion,
    Assertion,
    GateVerdict,
    TrialResult,
)
from cultivar.record import replace
from cultivar.testing.generations import ANY_TEXT
from cultivar.testing.lifecycles import (
    PROMPT,
    TOOL,
    Improving,
    any_json,
    candidate_of,
    case_of,
    experiment_of,
    kept,
    opportunity_of,
    pointer_to,
    release_of,
    result_of,
    succeeded,
    tree_of,
    trial_results,
    version_of,
)

Each = TypeVar("Each")

_law = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class ArtifactStoreContract:
    """How versions are kept, and what aliases do; give the fixture `ledger`."""

    def test_versions_come_the_newest_first(self, ledger: Improving) -> None:
        old, new = kept(ledger, "old"), kept(ledger, "new", minutes=1, parent="x")
        assert ledger.artifacts.versions(TOOL) == (new, old)

    def test_versions_of_one_moment_come_the_last_kept_first(self, ledger: Improving) -> None:
        first, second, third = (kept(ledger, text) for text in ("c", "a", "b"))
        assert ledger.artifacts.versions(TOOL) == (third, second, first)

    def test_a_version_that_is_known_stays_as_it_is(self, ledger: Improving) -> None:
        old = kept(ledger, "old")
        ledger.artifacts.keep(replace(old, version="9", made_by="model"))
        assert ledger.artifacts.versions(TOOL) == (old,)

    def test_a_version_without_its_files_is_refused(self, ledger: Improving) -> None:
        with pytest.raises(NotKnownError, match="tree"):
            ledger.artifacts.keep(version_of("never kept"))
        assert ledger.artifacts.artifacts() == ()

    @_law
    @given(name=ANY_TEXT, number=ANY_TEXT, why=ANY_TEXT)
    def test_any_version_comes_back(
        self, ledger: Improving, name: str, number: str, why: str
    ) -> None:
        artifact = Artifact(kind="prompt", name=name + str(uuid4()))
        version = kept(ledger, "old", artifact=artifact, version=number, why=why, made_by=why)
        assert ledger.artifacts.versions(artifact) == (version,)
        assert artifact in ledger.artifacts.artifacts("prompt")

    def test_artifacts_come_by_id(self, ledger: Improving) -> None:
        for artifact in (TOOL, PROMPT):
            kept(ledger, "old", artifact=artifact)
        assert ledger.artifacts.artifacts() == (PROMPT, TOOL)
        assert ledger.artifacts.artifacts("tool") == (TOOL,)
        assert ledger.artifacts.artifacts("template") == ()

    @pytest.mark.parametrize(
        "which",
        ["1.0.1", tree_of("new").hash, tree_of("new").hash[:12]],
        ids=["number", "hash", "beginning"],
    )
    def test_a_version_is_found_by(self, ledger: Improving, which: str) -> None:
        kept(ledger, "old")
        new = kept(ledger, "new", version="1.0.1")
        assert ledger.artifacts.version(TOOL, which) == new

    def test_a_version_is_found_by_its_alias(self, ledger: Improving) -> None:
        old = kept(ledger, "old")
        kept(ledger, "new", minutes=1)
        ledger.artifacts.point(TOOL, pointer_to(old))
        assert ledger.artifacts.version(TOOL, "current") == old

    def test_what_names_no_version_is_told_with_the_nearest(self, ledger: Improving) -> None:
        kept(ledger, "old", version="1.0.1")
        with pytest.raises(NotKnownError, match=r"Did you mean '1\.0\.1'"):
            ledger.artifacts.version(TOOL, "1.0.2")

    def test_a_number_that_two_versions_have_names_neither(self, ledger: Improving) -> None:
        kept(ledger, "old")
        kept(ledger, "new")
        with pytest.raises(NotKnownError, match=r"Give more of the id"):
            ledger.artifacts.version(TOOL, "1.0.0")

    @pytest.mark.parametrize("which", ["", "current", "canary", "\0", "%"])
    def test_what_is_no_version_is_not_known(self, ledger: Improving, which: str) -> None:
        kept(ledger, "old")
        with pytest.raises(NotKnownError):
            ledger.artifacts.version(TOOL, which)

    def test_an_alias_points_where_it_was_pointed_last(self, ledger: Improving) -> None:
        old, new = kept(ledger, "old"), kept(ledger, "new")
        ledger.artifacts.point(TOOL, pointer_to(old))
        ledger.artifacts.point(TOOL, pointer_to(new, share=0.1))
        assert ledger.artifacts.pointer(TOOL, CURRENT) == pointer_to(new, share=0.1)
        assert ledger.artifacts.pointer(TOOL, "canary") is None

    def test_an_alias_moves_from_where_it_is_expected(self, ledger: Improving) -> None:
        old, new = kept(ledger, "old"), kept(ledger, "new")
        ledger.artifacts.point(TOOL, pointer_to(old), expected="")
        ledger.artifacts.point(TOOL, pointer_to(new), expected=old.tree_hash)
        assert ledger.artifacts.pointer(TOOL, CURRENT) == pointer_to(new)

    @pytest.mark.parametrize("expected", ["", "0" * 64])
    def test_an_alias_that_points_elsewhere_by_now_stays(
        self, ledger: Improving, expected: str
    ) -> None:
        old, new = kept(ledger, "old"), kept(ledger, "new")
        ledger.artifacts.point(TOOL, pointer_to(old))
        with pytest.raises(ChangedError, match="tool:calculator"):
            ledger.artifacts.point(TOOL, pointer_to(new), expected=expected)
        assert ledger.artifacts.pointer(TOOL, CURRENT) == pointer_to(old)

    def test_an_alias_that_is_not_there_cannot_move_from_somewhere(self, ledger: Improving) -> None:
        new = kept(ledger, "new")
        with pytest.raises(ChangedError):
            ledger.artifacts.point(TOOL, pointer_to(new), expected="0" * 64)

    def test_an_alias_cannot_point_to_a_version_of_another(self, ledger: Improving) -> None:
        other = kept(ledger, "old", artifact=PROMPT)
        with pytest.raises(NotKnownError):
            ledger.artifacts.point(TOOL, pointer_to(other))

    def test_of_many_that_move_an_alias_at_once_one_does(self, ledger: Improving) -> None:
        old = kept(ledger, "old")
        versions = [kept(ledger, f"new {number}") for number in range(4)]
        ledger.artifacts.point(TOOL, pointer_to(old))

        def move(to: ArtifactVersion) -> None:
            ledger.artifacts.point(TOOL, pointer_to(to), expected=old.tree_hash)

        assert succeeded(move, versions, ChangedError) == 1

    def test_an_alias_that_is_taken_away_points_nowhere(self, ledger: Improving) -> None:
        ledger.artifacts.point(TOOL, pointer_to(kept(ledger, "old")))
        ledger.artifacts.unpoint(TOOL, CURRENT)
        ledger.artifacts.unpoint(TOOL, CURRENT)
        assert ledger.artifacts.pointer(TOOL, CURRENT) is None


class ExperimentStoreContract:
    """How experiments, trials, cases and releases are kept; give the fixture `ledger`."""

    def test_an_experiment_comes_back_as_it_stood_last(self, ledger: Improving) -> None:
        ledger.experiments.keep_experiment(experiment_of("b51e"))
        verdict = GateVerdict(decision="reject", sentence="Worse.", numbers={"low": -0.5})
        stands = experiment_of("b51e", status="rejected", verdict=verdict, money=0.5)
        ledger.experiments.keep_experiment(stands)
        assert ledger.experiments.experiment("b51e") == stands

    @_law
    @given(text=ANY_TEXT)
    def test_any_words_come_back(self, ledger: Improving, text: str) -> None:
        stands = experiment_of(
            str(uuid4()),
            candidate=replace(candidate_of(), description=text, operator=text),
            opportunity=opportunity_of(why=text, examples=(text,)),
            reason=text,
            decided_by=text,
            campaign=text,
        )
        ledger.experiments.keep_experiment(stands)
        assert ledger.experiments.experiment(stands.id) == stands

    def test_an_experiment_is_found_by_its_only_beginning(self, ledger: Improving) -> None:
        for name in ("b51e", "b61e"):
            ledger.experiments.keep_experiment(experiment_of(name))
        assert ledger.experiments.experiment("b5").id == "b51e"

    @pytest.mark.parametrize("name", ["", "b", "c", "%"])
    def test_what_names_no_single_experiment_is_not_known(
        self, ledger: Improving, name: str
    ) -> None:
        for each in ("b51e", "b61e"):
            ledger.experiments.keep_experiment(experiment_of(each))
        with pytest.raises(NotKnownError):
            ledger.experiments.experiment(name)

    def test_experiments_come_the_newest_first(self, ledger: Improving) -> None:
        for minutes, name in enumerate(("a", "c", "b")):
            ledger.experiments.keep_experiment(experiment_of(name, minutes))
        found = ledger.experiments.experiments(ExperimentQuery(limit=2))
        assert [each.id for each in found] == ["b", "c"]

    @pytest.mark.parametrize(
        "query",
        [
            ExperimentQuery(artifact=PROMPT),
            ExperimentQuery(campaign="evening"),
            ExperimentQuery(status="released"),
        ],
        ids=["artifact", "campaign", "status"],
    )
    def test_experiments_are_found_by(self, ledger: Improving, query: ExperimentQuery) -> None:
        ledger.experiments.keep_experiment(experiment_of("other"))
        wanted = experiment_of(
            "wanted",
            campaign="evening",
            status="released",
            candidate=replace(candidate_of(), artifact=PROMPT),
        )
        ledger.experiments.keep_experiment(wanted)
        assert ledger.experiments.experiments(query) == (wanted,)

    def test_what_was_tried_is_known_with_what_became_of_it(self, ledger: Improving) -> None:
        ledger.experiments.keep_experiment(experiment_of("first", status="stopped"))
        ledger.experiments.keep_experiment(experiment_of("again", 1, status="rejected"))
        asked = [tree_of(text).hash for text in ("new", "never", "new")]
        assert ledger.experiments.tried(TOOL, asked) == {asked[0]: "rejected"}
        assert ledger.experiments.tried(PROMPT, asked) == {}

    def test_many_trees_may_be_asked_for(self, ledger: Improving) -> None:
        ledger.experiments.keep_experiment(experiment_of("first"))
        many = [tree_of(str(number)).hash for number in range(1200)]
        asked = [*many, candidate_of().tree_hash]
        assert ledger.experiments.tried(TOOL, asked) == {candidate_of().tree_hash: "running"}

    def test_results_come_in_their_order(self, ledger: Improving) -> None:
        results = [result_of(str(number)) for number in (3, 1, 2)]
        ledger.experiments.keep_results("one", {"z": results[0], "y": results[1]})
        ledger.experiments.keep_results("one", {"x": results[2]})
        ledger.experiments.keep_results("two", {"z": results[0]})
        assert ledger.experiments.results("one") == tuple(results)
        assert ledger.experiments.results("never") == ()

    def test_a_result_that_is_known_stays_as_it_is(self, ledger: Improving) -> None:
        ledger.experiments.keep_results("one", {"z": result_of("1")})
        again = {"z": result_of("1", verdict="failed"), "y": result_of("2")}
        ledger.experiments.keep_results("one", again)
        assert ledger.experiments.results("one") == (result_of("1"), result_of("2"))

    @_law
    @given(result=trial_results())
    def test_any_result_comes_back(self, ledger: Improving, result: TrialResult) -> None:
        key = str(uuid4())
        ledger.experiments.keep_results(key, {key: result})
        assert ledger.experiments.results(key) == (result,)
        assert ledger.experiments.known_results([key]) == {key: result}

    def test_what_is_known_of_a_key_is_what_was_said_first(self, ledger: Improving) -> None:
        ledger.experiments.keep_results("one", {"z": result_of("1", seconds=1.0)})
        ledger.experiments.keep_results("two", {"z": result_of("1", cached=True)})
        known = {"z": result_of("1", seconds=1.0)}
        assert ledger.experiments.known_results(["z", "never"]) == known

    def test_what_could_not_be_tried_is_not_known(self, ledger: Improving) -> None:
        ledger.experiments.keep_results("one", {"z": result_of("1", verdict="not_verified")})
        assert ledger.experiments.known_results(["z"]) == {}
        ledger.experiments.keep_results("two", {"z": result_of("1")})
        assert ledger.experiments.known_results(["z"]) == {"z": result_of("1")}

    def test_cases_come_the_oldest_first(self, ledger: Improving) -> None:
        sealed = case_of("b", origin="sealed", assertions=(Assertion(kind="equals", value=[1]),))
        ledger.experiments.keep_cases(TOOL, iter([case_of("c"), sealed]))
        ledger.experiments.keep_cases(
            TOOL, [case_of("a", origin="failure"), case_of("c", origin="regression")]
        )
        ledger.experiments.keep_cases(PROMPT, [])
        everything = (case_of("c", origin="regression"), sealed, case_of("a", origin="failure"))
        assert ledger.experiments.cases(TOOL) == everything
        assert ledger.experiments.cases(TOOL, {"sealed", "failure"}) == everything[1:]
        assert ledger.experiments.cases(PROMPT) == ()

    @_law
    @given(value=any_json(), name=ANY_TEXT)
    def test_any_case_comes_back(self, ledger: Improving, value: Any, name: str) -> None:
        artifact = Artifact(kind="tool", name=str(uuid4()))
        assertion = Assertion(kind="equals", value=value, path=name, negate=True)
        case = case_of(name, inputs={name: value}, task=name, slice=name, assertions=(assertion,))
        ledger.experiments.keep_cases(artifact, [case])
        assert ledger.experiments.cases(artifact) == (case,)

    def test_a_release_comes_back_as_it_stood_last(self, ledger: Improving) -> None:
        ledger.experiments.keep_release(release_of("one"))
        ledger.experiments.keep_release(release_of("one", status="kept", share=0.5, backup="/b"))
        expected = release_of("one", status="kept", share=0.5, backup="/b")
        assert ledger.experiments.releases() == (expected,)

    def test_releases_come_the_newest_first(self, ledger: Improving) -> None:
        for minutes, name in enumerate(("a", "c", "b")):
            ledger.experiments.keep_release(release_of(name, minutes))
        ledger.experiments.keep_release(release_of("other", artifact=PROMPT))
        assert [each.id for each in ledger.experiments.releases(TOOL, limit=2)] == ["b", "c"]
        assert [each.id for each in ledger.experiments.releases(PROMPT)] == ["other"]
