"""How every ledger must count; a backend runs it by giving the fixtures."""

# ruff: noqa: D102 (the name of a test says what it shows)

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cultivar.ledger.base import ContentStore, Ledger
from cultivar.ledger.tallying import (
    HALF_LIFE,
    AnswerTally,
    Extent,
    Judgement,
    Known,
    Outcomes,
    Stratum,
    Tally,
    TallyStore,
)
from cultivar.model import Generation, Json
from cultivar.record import replace
from cultivar.testing.generations import (
    TEMPLATE,
    TREE,
    answer_of,
    attempt_at,
    check_result,
    generation_of,
)

_MADE = datetime(2026, 1, 1, 8, tzinfo=UTC)
_HERE = Stratum(template_version=TEMPLATE.version, instance_id="local")
_ONCE = Tally(
    uses=1,
    chosen=1,
    succeeded=1,
    recent_uses=1.0,
    recent_succeeded=1.0,
    recent_at=_MADE,
)


class TallyStoreContract:
    """How every ledger counts; give the fixtures `ledger`, `content` and `tallies`."""

    @pytest.fixture
    def made(self, ledger: Ledger, content: ContentStore) -> Generation:
        """A recorded generation with each kind of answer."""
        answers = (
            answer_of("ets", True),
            answer_of("backend", "redis"),
            answer_of("ttl", 300),
            answer_of("extras", ["log", "docs"]),
            answer_of("name", "Ada", closed=False),
            answer_of("token", "<token>", secret=True),
            answer_of("slug", "ada", computed=True),
        )
        made = generation_of(content.put(TREE), answers=answers, generated_at=_MADE)
        ledger.record(made)
        return made

    def test_a_template_that_was_never_used_has_no_counts(self, tallies: TallyStore) -> None:
        assert tallies.answers("none") == ()
        assert tallies.combinations("none") == ()
        assert tallies.outcomes("none", "ets") == ()
        assert tallies.outcomes_under("none", "ets", {"backend": "redis"}) == {}
        assert tallies.totals("none") == tallies.totals() == {}

    def test_closed_answers_are_counted_and_no_others(
        self, tallies: TallyStore, made: Generation
    ) -> None:
        values: list[tuple[str, Json]] = [
            ("backend", "redis"),
            ("ets", True),
            ("extras", ["docs", "log"]),
            ("ttl", 300),
        ]
        assert tallies.answers(made.template.id) == tuple(
            AnswerTally(question=question, value=value, stratum=_HERE, tally=_ONCE)
            for question, value in values
        )

    def test_the_answers_to_one_question_are_found(
        self, tallies: TallyStore, made: Generation
    ) -> None:
        found = tallies.answers(made.template.id, "ttl")
        assert [each.value for each in found] == [300]

    def test_questions_that_were_answered_are_known(
        self, tallies: TallyStore, made: Generation
    ) -> None:
        assert tallies.questions(made.template.id) == ("backend", "ets", "extras", "ttl")
        assert tallies.questions("none") == ()

    def test_what_a_default_goes_by_is_part_of_what_was_counted(
        self, tallies: TallyStore, ledger: Ledger, made: Generation
    ) -> None:
        failed = attempt_at(made.tree_hash, check_result(verdict="failed"))
        answers = (answer_of("ets", False, source="default"), answer_of("backend", "redis"))
        ledger.record(generation_of(made.tree_hash, answers=answers, attempts=(failed,)))
        no = Outcomes(value=False, verified={_HERE: (0, 1)}, chosen={})
        yes = Outcomes(value=True, verified={_HERE: (1, 0)}, chosen={_HERE: 1})
        assert tallies.outcomes(made.template.id, "ets") == (no, yes)
        found = tallies.outcomes_under(made.template.id, "ets", {"backend": "redis", "x": "y"})
        assert found == {"backend": (no, yes)}

    def test_what_was_neither_chosen_nor_verified_tells_nothing(
        self, tallies: TallyStore, ledger: Ledger, content: ContentStore
    ) -> None:
        unverified = attempt_at(content.put(TREE), check_result(verdict="not_verified"))
        answers = (answer_of("ets", True, source="default"),)
        ledger.record(generation_of(TREE.hash, answers=answers, attempts=(unverified,)))
        assert tallies.answers(TEMPLATE.id, "ets")
        assert tallies.outcomes(TEMPLATE.id, "ets") == ()

    def test_a_pair_is_found_from_either_side(self, tallies: TallyStore, made: Generation) -> None:
        one, other = ("ets", True), ("backend", "redis")
        for (question, value), (other_question, known) in ((one, other), (other, one)):
            found = tallies.outcomes_under(made.template.id, question, {other_question: known})
            told = Outcomes(value=value, verified={_HERE: (1, 0)}, chosen={_HERE: 1})
            assert found == {other_question: (told,)}

    @pytest.mark.parametrize(
        "given",
        [{}, {"backend": "ets"}, {"ets": True}, {"ttl": 300}, {"name": "Ada"}, {"x": True}],
    )
    def test_what_was_not_answered_together_is_no_pair(
        self, tallies: TallyStore, made: Generation, given: dict[str, Json]
    ) -> None:
        assert tallies.outcomes_under(made.template.id, "ets", given) == {}

    def test_what_was_made_of_the_counts_is_kept_by_question_and_key(
        self, tallies: TallyStore, made: Generation
    ) -> None:
        old, new = (Judgement(body=f'{{"score":{n}}}', uses=n) for n in (1, 2))
        tallies.keep(made.template.id, "ets", {"one": old, "other": old})
        tallies.keep(made.template.id, "ets", {"one": new})
        found = tallies.judgements(made.template.id, "ets", ["one", "other", "third"])
        assert found == {"one": new, "other": old}
        assert tallies.judgements(made.template.id, "backend", ["one"]) == {}
        assert tallies.judgements("none", "ets", ["one"]) == {}
        assert tallies.judgements(made.template.id, "ets", []) == {}

    def test_what_is_kept_is_told_with_how_much_was_counted(
        self, tallies: TallyStore, made: Generation
    ) -> None:
        judgement = Judgement(body="{}", uses=1)
        extent = Extent(uses=1, strata=1, instances=1, told=(1,))
        asked = (made.template.id, "ets", ["one", "other"])
        assert tallies.known(*asked) == Known(extent=extent, kept={})
        tallies.keep(made.template.id, "ets", {"one": judgement, "third": judgement})
        assert tallies.known(*asked) == Known(extent=extent, kept={"one": judgement})
        assert tallies.known(made.template.id, "ets", []) == Known(extent=extent, kept={})
        assert tallies.known("none", "ets", ["one"]) == Known(extent=Extent(), kept={})

    def test_how_much_was_counted_is_known(
        self, tallies: TallyStore, ledger: Ledger, made: Generation
    ) -> None:
        assert tallies.extent("none") == Extent()
        later = replace(TEMPLATE, version="2.0.0")
        ledger.record(generation_of(made.tree_hash, template=later))
        ledger.record(generation_of(made.tree_hash, instance_id="elsewhere"))
        found = tallies.extent(TEMPLATE.id)
        assert (found.uses, found.strata, found.instances) == (3, 3, 2)
        assert sorted(found.told) == [1, 2]

    def test_choices_that_were_made_together_are_one_combination(
        self, tallies: TallyStore, made: Generation
    ) -> None:
        (found,) = tallies.combinations(made.template.id)
        assert found.answers == (("backend", "redis"), ("ets", True))
        assert (found.stratum, found.tally) == (_HERE, _ONCE)

    def test_every_generation_counts_for_its_template(
        self, tallies: TallyStore, ledger: Ledger, made: Generation
    ) -> None:
        ledger.record(generation_of(made.tree_hash, answers=(), generated_at=_MADE))
        both = replace(_ONCE, uses=2, succeeded=2, recent_uses=2.0, recent_succeeded=2.0)
        assert tallies.totals() == {made.template.id: {_HERE: both}}
        assert tallies.totals(made.template.id) == tallies.totals()

    def test_a_known_generation_is_not_counted_again(
        self, tallies: TallyStore, ledger: Ledger, made: Generation
    ) -> None:
        ledger.record(made)
        ledger.record(replace(made, answers=()))
        assert tallies.totals() == {made.template.id: {_HERE: _ONCE}}

    def test_what_is_not_verified_neither_succeeded_nor_failed(
        self, tallies: TallyStore, ledger: Ledger, content: ContentStore
    ) -> None:
        content.put(TREE)
        for verdict in ("failed", "not_verified", "not_verified"):
            attempt = attempt_at(TREE.hash, check_result(verdict=verdict))
            ledger.record(generation_of(TREE.hash, attempts=(attempt,)))
        total = tallies.totals()[TEMPLATE.id][_HERE]
        assert (total.uses, total.succeeded, total.failed) == (3, 0, 1)

    @pytest.mark.parametrize(
        ("source", "task", "chosen"),
        [
            ("user", "A cache", 1),
            ("task", "A cache", 1),
            ("model", "A cache", 1),
            ("learned", "A cache", 0),
            ("default", "A cache", 0),
            ("user", "adopted", 1),
            ("task", "adopted", 0),
        ],
    )
    def test_an_answer_is_chosen_if_somebody_here_chose_it(
        self,
        tallies: TallyStore,
        ledger: Ledger,
        content: ContentStore,
        source: Any,
        task: str,
        chosen: int,
    ) -> None:
        answers = (answer_of("ets", True, source=source),)
        ledger.record(generation_of(content.put(TREE), answers=answers, task=task))
        assert [each.tally.chosen for each in tallies.answers(TEMPLATE.id)] == [chosen]

    @pytest.mark.parametrize("newest_first", [True, False])
    def test_what_was_used_a_half_life_ago_counts_half(
        self, tallies: TallyStore, ledger: Ledger, content: ContentStore, *, newest_first: bool
    ) -> None:
        content.put(TREE)
        for at in sorted([_MADE - HALF_LIFE, _MADE, _MADE], reverse=newest_first):
            ledger.record(generation_of(TREE.hash, generated_at=at))
        total = tallies.totals()[TEMPLATE.id][_HERE]
        assert (total.uses, total.recent_uses, total.recent_at) == (3, 2.5, _MADE)

    def test_versions_and_instances_are_counted_apart(
        self, tallies: TallyStore, ledger: Ledger, made: Generation
    ) -> None:
        later = replace(TEMPLATE, version="2.0.0")
        ledger.record(generation_of(made.tree_hash, template=later))
        ledger.record(generation_of(made.tree_hash, instance_id="elsewhere"))
        assert set(tallies.totals()[TEMPLATE.id]) == {
            _HERE,
            Stratum(template_version="2.0.0", instance_id="local"),
            Stratum(template_version=TEMPLATE.version, instance_id="elsewhere"),
        }

    def test_the_most_used_come_first(
        self, tallies: TallyStore, ledger: Ledger, content: ContentStore
    ) -> None:
        content.put(TREE)
        for value in ("redis", "ets", "ets", "ets", "none", "none"):
            ledger.record(generation_of(TREE.hash, answers=(answer_of("backend", value),)))
        found = tallies.answers(TEMPLATE.id, "backend")
        assert [each.value for each in found] == ["ets", "none", "redis"]
        (first,) = tallies.combinations(TEMPLATE.id, limit=1)
        assert first.answers == (("backend", "ets"),)
