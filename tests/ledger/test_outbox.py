"""What is to be told of generations is kept with them, in order, until it was told."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from cultivar.errors import NotKnownError, StoreUnavailableError
from cultivar.learning.telling.messages import payload_of
from cultivar.ledger.database import connect
from cultivar.ledger.generations import SqlGenerations
from cultivar.ledger.outgoing import Outbox, Parked, SeenPattern
from cultivar.ledger.served import LedgerProcess
from cultivar.ledger.sql import SqlLedger, open_ledger
from cultivar.model import Generation
from cultivar.record import replace
from cultivar.testing.generations import TREE, attempt_at, generation_of
from cultivar.testing.stores import pattern_of
from cultivar.tree import Tree

PROGRAMS = Path(__file__).parent / "programs"
_ID = "0a1b2c3d-0000-4000-8000-000000000000"


def id_and_task(generation: Generation, patterns: Sequence[SeenPattern] = ()) -> bytes:
    """What is told here of a generation."""
    return f"{generation.id} {generation.task} {[each.signature for each in patterns]}".encode()


@pytest.fixture
def telling(url: str) -> Iterator[SqlLedger]:
    """A ledger that fills its outbox."""
    with open_ledger(url, id_and_task) as opened:
        opened.content.put(TREE)
        yield opened


def record(ledger: SqlLedger, *tasks: str, instance_id: str = "local") -> list[Generation]:
    """Record generations of these tasks."""
    made = [generation_of(TREE.hash, task=task, instance_id=instance_id) for task in tasks]
    for each in made:
        ledger.record(each)
    return made


def payloads(outbox: Outbox, instance_id: str = "local") -> list[bytes]:
    """All that is to be told."""
    return [each.payload for each in outbox.pending(instance_id)]


def test_generations_are_told_in_the_order_in_which_they_are_recorded(telling: SqlLedger) -> None:
    made = record(telling, *map(str, range(20)))
    waiting = telling.outbox.pending("local")
    assert [each.payload for each in waiting] == [id_and_task(each) for each in made]
    assert [each.generation_id for each in waiting] == [each.id for each in made]


def test_only_so_many_are_handed_out_at_once(telling: SqlLedger) -> None:
    record(telling, *"abc")
    assert len(telling.outbox.pending("local", limit=2)) == 2


def test_nothing_is_kept_for_nobody(ledger: SqlLedger) -> None:
    ledger.content.put(TREE)
    record(ledger, "a")
    assert ledger.outbox.pending("local") == ()


def test_a_generation_that_is_recorded_again_is_told_once(telling: SqlLedger) -> None:
    (made,) = record(telling, "a")
    telling.record(made)
    assert len(telling.outbox.pending("local")) == 1


def test_a_generation_that_was_told_is_not_told_again_when_it_is_recorded_again(
    telling: SqlLedger,
) -> None:
    (made,) = record(telling, "a")
    telling.outbox.published([each.sequence for each in telling.outbox.pending("local")])
    telling.record(made)
    assert telling.outbox.pending("local") == ()


def test_what_was_told_is_gone_and_the_rest_stays(telling: SqlLedger) -> None:
    first, second, third = record(telling, *"abc")
    waiting = telling.outbox.pending("local")
    telling.outbox.published([waiting[1].sequence])
    telling.outbox.published([waiting[1].sequence])
    assert [each.generation_id for each in telling.outbox.pending("local")] == [first.id, third.id]
    assert telling.generation(second.id) == second


def test_thousands_may_be_told_at_once(telling: SqlLedger) -> None:
    record(telling, "a")
    telling.outbox.published(range(1, 5000))
    assert telling.outbox.pending("local") == ()


def test_a_number_is_never_given_twice(telling: SqlLedger) -> None:
    record(telling, "a")
    (before,) = telling.outbox.pending("local")
    telling.outbox.published([before.sequence])
    record(telling, "b")
    (after,) = telling.outbox.pending("local")
    assert after.sequence > before.sequence


def test_what_is_parked_is_shown_with_its_reason_and_out_of_the_way(telling: SqlLedger) -> None:
    record(telling, *"abc")
    first, second, third = telling.outbox.pending("local")
    telling.outbox.park(second.sequence, "It is too large.")
    assert telling.outbox.pending("local") == (first, third)
    assert telling.outbox.parked("local") == (Parked(outgoing=second, reason="It is too large."),)


def test_what_was_parked_may_wait_again_in_its_old_place(telling: SqlLedger) -> None:
    record(telling, *"abc")
    (theirs,) = record(telling, "d", instance_id="theirs")
    waiting = telling.outbox.pending("local")
    telling.outbox.park(waiting[0].sequence, "It is too large.")
    telling.outbox.park(telling.outbox.pending("theirs")[0].sequence, "It is too large.")
    assert telling.outbox.waiting("local") == 2
    telling.outbox.unpark("local")
    assert telling.outbox.pending("local") == waiting
    assert (telling.outbox.waiting("local"), telling.outbox.parked("local")) == (3, ())
    assert [each.outgoing.generation_id for each in telling.outbox.parked("theirs")] == [theirs.id]


def test_each_instance_tells_its_own(telling: SqlLedger) -> None:
    (mine,) = record(telling, "a", instance_id="mine")
    (theirs,) = record(telling, "b", instance_id="theirs")
    assert payloads(telling.outbox, "mine") == [id_and_task(mine)]
    assert payloads(telling.outbox, "theirs") == [id_and_task(theirs)]


def test_a_generation_that_is_not_recorded_is_not_told(telling: SqlLedger) -> None:
    with pytest.raises(NotKnownError):
        telling.record(generation_of(Tree({}).hash))
    assert telling.outbox.pending("local") == ()


@pytest.mark.parametrize("statement", ["INSERT INTO outbox", "INSERT INTO combination_stats"])
def test_a_process_killed_while_recording_leaves_generation_and_outbox_alike(
    url: str, statement: str
) -> None:
    program = str(PROGRAMS / "record_and_die.py")
    ended = subprocess.run([sys.executable, program, url, statement, _ID], check=False)
    assert ended.returncode == -signal.SIGKILL
    with open_ledger(url) as ledger:
        assert ledger.outbox.pending("local") == ()
        with pytest.raises(NotKnownError):
            ledger.generation(_ID)


def test_a_ledger_in_another_process_has_an_outbox_too(tmp_path: Path) -> None:
    process = LedgerProcess().open(
        f"sqlite:///{tmp_path}/l.db", partial(payload_of, open_answers=True)
    )
    made = generation_of(process.content.put(TREE))
    process.record(made)
    (waiting,) = process.outbox.pending("local")
    assert waiting.payload == payload_of(made, open_answers=True)
    process.outbox.published((waiting.sequence,))
    assert process.outbox.pending("local") == ()
    process.close()


def test_what_could_not_be_recorded_is_told_to_who_recorded_it(tmp_path: Path) -> None:
    process = LedgerProcess().open(f"sqlite:///{tmp_path}/l.db")
    process.record(generation_of(Tree({}).hash))
    assert process.outbox.pending("local") == ()
    with pytest.raises(NotKnownError):
        process.flush()
    process.close()


def test_an_outbox_whose_process_has_died_says_so(tmp_path: Path) -> None:
    process = LedgerProcess().open(f"sqlite:///{tmp_path}/l.db")
    process.outbox.pending("local")
    subprocess.run(["kill", "-9", str(process.pid)], check=True)
    process.wait()
    with pytest.raises(StoreUnavailableError):
        process.outbox.pending("local")
    process.close()


def test_what_is_told_knows_the_failure_patterns_that_were_seen(telling: SqlLedger) -> None:
    for name in ("a", "b", "c"):
        telling.patterns.add_pattern(pattern_of(name), b"", "words")
    attempts = tuple(
        replace(attempt_at(TREE.hash, number=number), patterns=names)
        for number, names in enumerate([("b", "a"), ("a", "gone")], start=1)
    )
    made = generation_of(TREE.hash, attempts=attempts)
    telling.record(made)
    signatures = [pattern_of("a").signature, pattern_of("b").signature]
    assert payloads(telling.outbox) == [f"{made.id} {made.task} {signatures}".encode()]


@pytest.mark.parametrize(("patterns", "queries"), [((), 0), (("a", "b"), 1)])
def test_to_tell_of_a_generation_takes_one_query_and_none_where_nothing_failed(
    telling: SqlLedger, url: str, patterns: tuple[str, ...], queries: int
) -> None:
    asked: list[str] = []

    def note(*arguments: Any) -> None:
        asked.append(arguments[2])

    with closing(connect(url)) as database:
        event.listen(database.engine, "before_cursor_execute", note)
        attempt = replace(attempt_at(TREE.hash), patterns=patterns)
        made = generation_of(TREE.hash, attempts=(attempt,))
        SqlGenerations(database, id_and_task).record(made)
    assert sum("FROM failure_patterns" in each for each in asked) == queries
