"""Reading foreign data by a record: what is taken, and what is told of the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from cultivar.record import Record, field
from cultivar.schema import Misfit, MisfitError, check_made, listed, nearest, read_as


class Part(Record, forbid_unknown_fields=True):
    name: str
    size: Annotated[int, Meta(ge=1, le=9)] = 1


class Whole(Record, forbid_unknown_fields=True):
    place: Path = Path()
    sure: bool | str = True
    limit: Annotated[float, Meta(gt=0)] | None = None
    side: Literal["left", "right"] = "left"
    words: tuple[str, ...] = ()
    parts: tuple[str | Part, ...] = ()
    by_name: dict[str, Part] = field(default_factory=dict[str, Part])


def misfit(data: object) -> Misfit:
    with pytest.raises(MisfitError) as caught:
        read_as(Whole, data)
    return caught.value.misfit


def test_numbers_and_paths_may_be_written_as_text() -> None:
    read = read_as(Whole, {"place": "a/b", "limit": "2.5", "parts": [{"name": "x", "size": "3"}]})
    assert read == Whole(place=Path("a/b"), limit=2.5, parts=(Part(name="x", size=3),))


def test_what_is_of_its_type_already_stays() -> None:
    part, place = Part(name="x"), Path("a")
    read = read_as(Whole, {"place": place, "parts": [part]})
    assert (read.place, read.parts) == (place, (part,))


@pytest.mark.parametrize(
    ("data", "place", "expected"),
    [
        ([], (), "a mapping"),
        ({"place": 5}, ("place",), "a path"),
        ({"sure": None}, ("sure",), "`true`, `false` or a text"),
        ({"limit": 0}, ("limit",), "a number of more than 0 or `null`"),
        ({"limit": "x"}, ("limit",), "a number of more than 0 or `null`"),
        ({"side": "up"}, ("side",), "`left` or `right`"),
        ({"words": "one"}, ("words",), "a list"),
        ({"words": ["one", 2]}, ("words", 1), "a text"),
        ({"parts": [5]}, ("parts", 0), "a text or a mapping"),
        (
            {"parts": ["a", {"name": "b", "size": 10}]},
            ("parts", 1, "size"),
            "a whole number of at least 1 and at most 9",
        ),
        ({"by_name": []}, ("by_name",), "a mapping"),
        ({"by_name": {"a b": {"name": 5}}}, ("by_name", "a b", "name"), "a text"),
        ({"by_name": {5: {"name": "x"}}}, ("by_name", 5), "a text"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(
    data: object, place: tuple[str | int, ...], expected: str
) -> None:
    found = misfit(data)
    assert (found.place, found.why, listed(found.expected)) == (place, "wrong", expected)


def test_a_key_that_no_field_has_is_told_before_all_else() -> None:
    found = misfit({"limit": 0, "parts": [{"size": 1}, {"nam": "a"}]})
    assert (found.place, found.why) == (("parts", 1, "nam"), "unknown")
    assert found.expected == ("name", "size")


def test_a_key_that_is_missing_is_told_before_a_wrong_value() -> None:
    found = misfit({"limit": 0, "parts": [{"size": 1}]})
    assert (found.place, found.why) == (("parts", 0, "name"), "missing")


@pytest.mark.parametrize(
    "made",
    [
        Part(name="x", size=0),
        Whole(words=cast("Any", ["a"])),
        Whole(place=cast("Any", "a")),
        Whole(parts=(Part(name="x"), cast("Any", {"name": "y"}))),
    ],
)
def test_a_record_made_by_hand_must_hold_what_its_fields_take(made: Record) -> None:
    with pytest.raises(MisfitError):
        check_made(made)


def test_a_record_made_well_passes() -> None:
    check_made(Whole(place=Path("a"), limit=1, words=("a",), parts=(Part(name="x"),)))


def test_the_nearest_word_is_offered_or_all_of_them() -> None:
    assert nearest("nmae", ("name", "size")) == "Did you mean `name`?"
    assert nearest("zzz", ("name", "size")) == "Expected is one of `name`, `size`."


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.binary(max_size=4)
    | st.dates()
    | st.sampled_from(["null", "1e999", "9" * 5000, 10**400])
)
NAMES = st.sampled_from(["name", "size", "limit", "parts", "by_name", "words", "sure", "side"])
DATA = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(NAMES | st.text(max_size=3) | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(DATA)
def test_whatever_it_is_it_is_read_or_told_where_it_does_not_fit(data: Any) -> None:
    try:
        assert isinstance(read_as(Whole, data), Whole)
    except MisfitError as error:
        place, why = error.misfit.place, error.misfit.why
        above = data
        for key in place[:-1]:
            above = above[key]
        assert not place or why == "missing" or place[-1] in [*above, *range(len(above))]
