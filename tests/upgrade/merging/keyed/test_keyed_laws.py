"""What holds for every merge by key, over files that are made up."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cultivar.upgrade.merging.base import Texts
from cultivar.upgrade.merging.keyed.margins import dedented, freed, indented
from cultivar.upgrade.merging.keyed.resolving import resolve

Value = int | str | list[str]
Tables = dict[str, dict[str, Value]]
Comments = dict[tuple[str, str], str]

TABLES = ["alpha", "beta"]
KEYS = [f"k{number}" for number in range(5)]
WORDS = st.text("abc é", min_size=1, max_size=5)
VALUES: st.SearchStrategy[Value] = st.one_of(
    st.integers(0, 99), WORDS, st.lists(WORDS, max_size=3, unique=True)
)
SIDES = st.sampled_from(["", "ours", "theirs"])


@dataclass(frozen=True, kw_only=True)
class Edits:
    """A file, and edits of either side that never meet at one key."""

    base: Tables
    ours: Tables
    theirs: Tables
    expected: Tables
    comments: Comments
    """What the person wrote beside keys of their own."""


@st.composite
def edits(draw: st.DrawFn) -> Edits:
    base: Tables = {name: {"kept": 0, **draw(_tables())} for name in TABLES}
    sides = [{name: dict(keys) for name, keys in base.items()} for _ in range(3)]
    comments: Comments = {}
    for name in TABLES:
        for key in [*base[name], "added by ours", "added by theirs"]:
            side = key.partition("added by ")[2] or (draw(SIDES) if key != "kept" else "")
            value = draw(VALUES) if key not in base[name] else draw(st.none() | VALUES)
            if side:
                _edit([sides[side == "theirs"], sides[2]], name, key, value)
            if side == "ours" and value is not None and draw(st.booleans()):
                comments[name, key.replace(" ", "-")] = f"because of {len(comments)}"
    ours, theirs, expected = (_dashed(each) for each in sides)
    return Edits(base=base, ours=ours, theirs=theirs, expected=expected, comments=comments)


def _tables() -> st.SearchStrategy[dict[str, Value]]:
    return st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4)


def _edit(files: list[Tables], name: str, key: str, value: Value | None) -> None:
    for file in files:
        file[name].pop(key, None) if value is None else file[name].update({key: value})


def _dashed(tables: Tables) -> Tables:
    return {
        name: {key.replace(" ", "-"): value for key, value in keys.items()}
        for name, keys in tables.items()
    }


def as_toml(tables: Tables, comments: Comments) -> str:
    lines: list[str] = []
    for name, keys in tables.items():
        lines += ["", f"# about {name}", f"[{name}]"]
        for key, value in keys.items():
            comment = comments.get((name, key))
            lines += [f"# {comment}"] if comment else []
            lines += [f"{key} = {_json(value)}" + ("  # beside" if comment else "")]
    return "\n".join(lines[1:]) + "\n"


def as_yaml(tables: Tables, comments: Comments) -> str:
    lines: list[str] = ["---"]
    for name, keys in tables.items():
        lines += [f"# about {name}", f"{name}:"]
        for key, value in keys.items():
            comment = comments.get((name, key))
            lines += [f"  # {comment}"] if comment else []
            lines += _yaml_lines(key, value)
    return "\n".join(lines) + "\n"


def _yaml_lines(key: str, value: Value) -> list[str]:
    if isinstance(value, list) and value:
        return [f"  {key}:", *(f"    - {_json(item)}" for item in value)]
    return [f"  {key}: {_json(value)}"]


def as_json(tables: Tables, comments: Comments) -> str:
    text = json.dumps(tables, indent=2, ensure_ascii=False)
    for (name, key), comment in comments.items():
        start = text.index(f'"{name}": {{')
        at = text.index(f'    "{key}": ', start)
        text = f"{text[:at]}    // {comment}\n{text[at:]}"
    return text + "\n"


def _json(value: Value) -> str:
    return json.dumps(value, ensure_ascii=False)


def _from_json(text: str) -> Any:
    return json.loads(re.sub(r"(?m)^\s*//.*$", "", text))


@dataclass(frozen=True, kw_only=True)
class Language:
    """How a file of one language is written and read."""

    path: str
    write: Callable[[Tables, Comments], str]
    read: Callable[[str], Any]


TOML = Language(path="pyproject.toml", write=as_toml, read=tomllib.loads)
YAML = Language(path="config.yaml", write=as_yaml, read=yaml.safe_load)
JSON = Language(path="settings.json", write=as_json, read=_from_json)
LANGUAGES = pytest.mark.parametrize("language", [TOML, YAML, JSON], ids=lambda each: each.path)


def merged(language: Language, base: str, ours: str, theirs: str) -> str | None:
    resolution = resolve(Texts(path=language.path, base=base, ours=ours, theirs=theirs))
    return resolution.text if resolution is not None else None


def versions(language: Language, made: Edits) -> tuple[str, str, str]:
    return (
        language.write(made.base, {}),
        language.write(made.ours, made.comments),
        language.write(made.theirs, {}),
    )


@LANGUAGES
@settings(max_examples=40)
@given(made=edits())
def test_edits_of_different_keys_are_all_in_the_result(language: Language, made: Edits) -> None:
    result = merged(language, *versions(language, made))
    assert result is not None
    assert language.read(result) == made.expected
    assert all(comment in result for comment in made.comments.values())


@LANGUAGES
@settings(max_examples=40)
@given(made=edits())
def test_a_side_that_changed_nothing_yields_to_the_other(language: Language, made: Edits) -> None:
    base, ours, theirs = versions(language, made)
    assert merged(language, base, ours, base) == ours
    assert merged(language, base, base, theirs) == theirs
    assert merged(language, base, ours, ours) == ours


@LANGUAGES
@settings(max_examples=40)
@given(made=edits())
def test_merging_again_changes_nothing(language: Language, made: Edits) -> None:
    base, ours, theirs = versions(language, made)
    result = merged(language, base, ours, theirs)
    assert result is not None
    assert merged(language, theirs, result, theirs) == result
    assert merged(language, base, result, theirs) == result


@LANGUAGES
@settings(max_examples=40)
@given(one=edits(), other=edits())
def test_a_result_is_readable_and_keeps_what_only_the_person_has(
    language: Language, one: Edits, other: Edits
) -> None:
    base = language.write(one.base, {})
    ours = language.write(one.ours, one.comments)
    theirs = language.write(other.theirs, {})
    result = merged(language, base, ours, theirs)
    if result is not None:
        read = cast(Tables, language.read(result))
        own = [(name, key) for name in TABLES for key in one.ours[name] if "ours" in key]
        assert all(read[name][key] == one.ours[name][key] for name, key in own)
        assert all(comment in result for comment in one.comments.values())


@pytest.mark.parametrize("path", ["a.toml", "a.yaml", "a.json"])
@given(text=st.text("ab#:-=[]{}|>/\"', \n\t.&*", max_size=60))
def test_any_text_is_kept_byte_for_byte_or_refused(path: str, text: str) -> None:
    versions = Texts(path=path, base=f"{text}\n", ours=f"{text}\n", theirs=f"{text}\n")
    resolution = resolve(versions)
    assert resolution is None or resolution.text == f"{text}\n"


@given(text=st.text("ab \t\n", max_size=40), margin=st.sampled_from(["", "  ", "\t"]))
def test_a_margin_that_is_taken_away_can_be_put_back(text: str, margin: str) -> None:
    assert freed(indented(dedented(text, margin), margin)) == text
