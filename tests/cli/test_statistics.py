"""What is known of a template, as a person sees it: nothing is wider than there is room for."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from cultivar.cli.grid import JOINED, Column, Grid
from cultivar.cli.statistics import show_statistics, show_versions
from cultivar.learning.findings.statistics import TemplateStatistics, statistics_of
from cultivar.ledger.tallying import LOOKED_AT
from cultivar.model import Json
from cultivar.testing.memory_tallies import TEMPLATE_ID, MemoryTallies, observation_of

_LONG = "include_circuit_breaker"


def _counted(tallies: MemoryTallies, answers: dict[str, Json], good: int, bad: int) -> None:
    tallies.count(observation_of(answers, True), good)
    tallies.count(observation_of(answers, False), bad)


@pytest.fixture
def tallies() -> MemoryTallies:
    found = MemoryTallies()
    for breaker, strategy, ttl, good, bad in (
        (True, "one_for_one", 5, 900, 100),
        (False, "one_for_one", 5, 400, 100),
        (True, "one_for_all_of_them", 50, 20, 80),
        (False, "one_for_all_of_them", 500, 300, 200),
    ):
        _counted(found, {_LONG: breaker, "supervisor": strategy, "ttl": ttl}, good, bad)
    return found


def _shown(tallies: MemoryTallies) -> str:
    return _printed(statistics_of(tallies, TEMPLATE_ID))


def _printed(found: TemplateStatistics) -> str:
    with redirect_stdout(io.StringIO()) as piped:
        show_statistics(found, ())
    return piped.getvalue()


def _table(shown: str, title: str) -> list[str]:
    """The rows beneath a title."""
    lines = shown.split("\n")
    start = lines.index(title) + 3
    return lines[start : lines.index("", start)]


@pytest.mark.parametrize("width", [80, 100, 120, 160])
def test_no_line_is_wider_than_the_columns_that_a_pipe_is_told_of(
    tallies: MemoryTallies, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = _shown(tallies).split("\n")
    assert max(map(len, lines)) <= width
    assert any(line.strip().startswith("Failures") for line in lines)


def test_numbers_are_aligned_and_answers_whole_at_80_columns(
    tallies: MemoryTallies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = _shown(tallies)
    assert shown.split("\n")[:2] == [
        TEMPLATE_ID,
        "2,100 uses by 1 instance, 77.1% succeed (75% to 79%)",
    ]
    assert _table(shown, "Answers")[:3] == [
        " include_circuit_breaker",
        "   true                 1,100     52%  ███▏     83.6%  █████   81% to 86%",
        "   false                1,000     48%  ██▉      70.0%  ████▎   67% to 73%",
    ]


def test_wide_enough_each_question_stands_beside_its_answers(
    tallies: MemoryTallies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    first, second, *_ = _table(_shown(tallies), "Answers")
    assert first.split()[:3] == [_LONG, "true", "1,100"]
    assert second.split()[:2] == ["false", "1,000"]


def test_few_combinations_are_told_once(tallies: MemoryTallies) -> None:
    shown = _shown(tallies)
    rates = [row.split()[0] for row in _table(shown, "Combinations")]
    assert rates == ["90.0%", "80.0%", "60.0%", "20.0%"]
    assert "Best" not in shown


def test_of_many_combinations_the_best_and_the_worst_are_told_and_none_twice() -> None:
    tallies = MemoryTallies()
    for number in range(10):
        _counted(tallies, {"kind": f"kind-{number}"}, 50 + 5 * number, 50 - 5 * number)
    shown = _shown(tallies)
    best, worst = _table(shown, "Best combinations"), _table(shown, "Worst combinations")
    assert [row.split()[-1] for row in best] == [f"kind-{n}" for n in (9, 8, 7, 6, 5)]
    assert [row.split()[-1] for row in worst] == [f"kind-{n}" for n in range(5)]


def test_what_goes_with_failure_is_told_with_its_lift(tallies: MemoryTallies) -> None:
    (row,) = (row for row in _table(_shown(tallies), "Failures") if row.endswith("  ttl = 50"))
    fail, without, lift, verified, q, *_ = row.split()
    assert (fail, without, lift, verified, q) == ("80.0%", "20.0%", "4.0x", "100", "<0.001")


def test_of_a_number_with_thousands_of_values_the_most_used_are_told() -> None:
    tallies = MemoryTallies(
        observation_of({"port": number}, True) for number in range(3000) for _ in range(2)
    )
    _counted(tallies, {"port": 8080}, 90, 10)
    found = statistics_of(tallies, TEMPLATE_ID)
    assert (len(found.questions[0].answers), found.questions[0].others) == (LOOKED_AT, 2951)
    rows = _table(_printed(found), "Answers")
    assert rows[0].split()[:3] == ["port", "8080", "100"]
    assert rows[-1].strip() == "… and 2,993 others"


def test_a_ledger_without_generations_has_an_empty_table() -> None:
    with redirect_stdout(io.StringIO()) as piped:
        show_versions(())
    assert "quality" in piped.getvalue()


_word = st.text("ab[/]", min_size=1, max_size=12)


@given(
    rows=st.lists(st.tuples(_word, _word, st.lists(_word, max_size=6)), max_size=5),
    width=st.integers(40, 120),
)
def test_what_is_said_together_goes_on_beneath_and_no_word_is_broken(
    rows: list[tuple[str, str, list[str]]], width: int
) -> None:
    columns = (Column(name="name"), Column(name="number", is_number=True), Column(name="words"))
    cells = [[name, number, JOINED.join(words)] for name, number, words in rows]
    grid = Grid(title="Any", columns=columns, rows=cells)
    lines = [Text.from_markup(line).plain for line in grid.lines(width)][3:]
    assert all(len(line) <= max(width, 1 + 12 + 2 + 12 + 2 + 16) for line in lines)
    said = "".join("".join(lines).split())
    assert said == "".join(name + number + "+".join(words) for name, number, words in rows)


def test_what_is_wide_takes_its_room_and_control_characters_none() -> None:
    columns = (Column(name="name"), Column(name="number", is_number=True))
    grid = Grid(title="", columns=columns, rows=[["日本", "1"], ["a\x1b[b", "22"]])
    lines = [Text.from_markup(line).plain for line in grid.lines(80)]
    assert lines[3:] == [" 日本       1", " a�[b      22"]
