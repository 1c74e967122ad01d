"""What becomes of the old answers: kept, renamed, adopted, refused, dropped, and asked anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cultivar.errors import AnswerError, NotKnownError, TemplateError
from cultivar.model import Answer, Json, Source
from cultivar.templating.questions.answers_file import KeptAnswers, kept_answers
from cultivar.templating.questions.interview import interview
from cultivar.templating.reading.loading import parse_template
from cultivar.templating.template import Template
from cultivar.tree import Tree, text_entry
from cultivar.upgrade.answers import Carried, OldAnswers, carry, same
from cultivar.upgrade.edited import refuse_mistyped
from cultivar.upgrades import AnswerChange


def template_of(copier: str, *, trusted: bool = False) -> Template:
    return parse_template(
        Tree({"copier.yml": text_entry(copier)}), origin="somewhere", trusted=trusted
    )


def carried(
    old: str | None,
    new: str,
    kept: Mapping[str, Json],
    *,
    said: Mapping[str, Json] | None = None,
    sources: Mapping[str, Source] | None = None,
    between: tuple[str, ...] = (),
    trusted: bool = False,
) -> Carried:
    """What becomes of `kept`; `sources` are those that the ledger knows."""
    recorded = [
        Answer(name=name, value=kept[name], source=source, confidence=0.7, evidence="so it was")
        for name, source in (sources or {}).items()
    ]
    known = OldAnswers(
        kept=KeptAnswers(answers=kept),
        recorded=None if sources is None else tuple(recorded),
        template=None if old is None else template_of(old, trusted=trusted),
        between=tuple(map(template_of, between)),
    )
    return carry(known, template_of(new, trusted=trusted), said or {})


def sources_of(found: Carried) -> dict[str, Source]:
    return {answer.name: answer.source for answer in found.answers}


NAME = "name: {type: str, default: me, help: Your name}\n"


def test_an_answer_stays_and_only_new_questions_are_open() -> None:
    found = carried(NAME, NAME + "port: {type: int, default: 80}", {"name": "Ann"})
    assert found.given == {"name": "Ann"}
    assert found.new == ("port",)
    assert found.changes == (AnswerChange(name="port", kind="new", new=80),)


def test_a_renamed_question_keeps_its_answer() -> None:
    new = "full_name: {type: str}\n_cultivar: {questions: {full_name: {renamed_from: name}}}"
    found = carried(NAME, new, {"name": "Ann"})
    assert found.given == {"full_name": "Ann"}
    assert found.new == ()
    assert found.changes == (
        AnswerChange(name="full_name", kind="renamed", old="Ann", new="Ann", why="name"),
    )


def test_a_question_renamed_twice_keeps_its_answer() -> None:
    second = "title: {type: str}\n_cultivar: {questions: {title: {renamed_from: name}}}"
    third = "label: {type: int}\n_cultivar: {questions: {label: {renamed_from: title}}}"
    found = carried("name: {type: int}", third, {"name": 7}, between=(second,))
    assert found.given == {"label": 7}


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        ("pkg_name: {type: str, default: x}", "package_name: {type: str, default: x}", "thing"),
        (
            "ci: {type: str, help: Which CI runs the tests?, choices: [gha, gitlab]}",
            "runner: {type: str, help: Which CI runs the tests?, choices: [gha, gitlab]}",
            "gitlab",
        ),
    ],
)
def test_a_question_that_came_for_one_that_vanished_keeps_its_answer(
    old: str, new: str, value: Json
) -> None:
    name = new.partition(":")[0]
    found = carried(old, new, {old.partition(":")[0]: value})
    assert found.given == {name: value}
    assert [change.kind for change in found.changes] == ["renamed"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("docker: {type: bool, default: false}", "licence: {type: bool, default: false}"),
        ("name_a: {type: str, default: x}", "name_b: {type: int, default: 3}"),
        (
            "pkg_name: {type: str, default: x}",
            "pkg_names: {type: str, default: x}\npkg_namex: {type: str, default: x}",
        ),
    ],
)
def test_what_may_be_another_question_is_asked(old: str, new: str) -> None:
    name = old.partition(":")[0]
    value: Json = True if "bool" in old else "value"
    found = carried(old, new, {name: value})
    assert found.given == {}
    assert AnswerChange(name=name, kind="dropped", old=value) in found.changes


@pytest.mark.parametrize(
    ("new", "value"),
    [
        ("size: {type: str, choices: [s, m]}", "xl"),
        ("size: {type: int}", "xl"),
        ("size: {type: str, validator: \"{% if size == 'xl' %}too large{% endif %}\"}", "xl"),
        ("size: {type: str}", True),
        ("size: {type: bool}", 0),
    ],
)
def test_an_answer_that_is_not_taken_any_more_is_told_and_open(new: str, value: Json) -> None:
    found = carried(None, new, {"size": value})
    assert found.given == {}
    assert found.new == ("size",)
    assert [(each.name, each.kind, each.old) for each in found.changes] == [
        ("size", "refused", value)
    ]
    assert found.changes[0].why


def test_an_answer_to_a_question_that_is_gone_is_told() -> None:
    found = carried(NAME + "old: {type: bool}", NAME, {"name": "Ann", "old": True})
    assert found.changes == (AnswerChange(name="old", kind="dropped", old=True),)


def test_a_key_that_never_was_a_question_is_tolerated_and_told() -> None:
    found = carried(NAME, NAME, {"name": "Ann", "note": "mine"})
    assert (found.given, found.unknown, found.changes) == ({"name": "Ann"}, ("note",), ())


def test_what_is_not_asked_any_more_is_computed() -> None:
    new = NAME + "port: {type: int, default: 80, when: \"{{ name == 'Bob' }}\"}"
    found = carried(new, new, {"name": "Ann", "port": 99})
    assert found.given == {"name": "Ann"}
    assert found.changes == (AnswerChange(name="port", kind="dropped", old=99),)


def test_secrets_are_not_carried_and_only_new_ones_are_open() -> None:
    key, token = "key: {type: str, secret: true, default: x}\n", "token: {type: str, default: y}\n"
    new = NAME + key + token + "_secret_questions: [token]"
    found = carried(NAME + key, new, {"name": "Ann"}, said={"key": "s3cr3t"})
    assert found.given == {"name": "Ann"}
    assert found.new == ("token",)


V1, V2 = "python: {type: str, default: '3.9'}", "python: {type: str, default: '3.12'}"


@pytest.mark.parametrize("source", ["default", "learned"])
def test_a_better_default_is_adopted_where_nobody_chose(source: Source) -> None:
    found = carried(V1, V2, {"python": "3.9"}, sources={"python": source})
    assert found.given == {"python": "3.12"}
    assert sources_of(found) == {"python": "default"}
    assert found.changes == (AnswerChange(name="python", kind="adopted", old="3.9", new="3.12"),)
    assert found.new == ()


@pytest.mark.parametrize("source", ["user", "task", "model"])
def test_what_somebody_chose_stays_though_it_was_the_default(source: Source) -> None:
    found = carried(V1, V2, {"python": "3.9"}, sources={"python": source})
    assert found.given == {"python": "3.9"}
    assert sources_of(found) == {"python": source}
    assert found.changes == ()


def test_without_the_ledger_the_old_default_counts_as_not_chosen() -> None:
    assert carried(V1, V2, {"python": "3.9"}).given == {"python": "3.12"}
    assert carried(V1, V2, {"python": "3.10"}).given == {"python": "3.10"}


def test_without_the_old_template_nothing_is_adopted() -> None:
    found = carried(None, V2, {"python": "3.9"})
    assert (found.given, sources_of(found)) == ({"python": "3.9"}, {"python": "user"})


def test_an_answer_that_was_edited_since_is_chosen() -> None:
    recorded = (Answer(name="python", value="3.8", source="default", confidence=0.5),)
    old = OldAnswers(
        kept=KeptAnswers(answers={"python": "3.9"}), recorded=recorded, template=template_of(V2)
    )
    found = carry(old, template_of(V1.replace("3.9", "3.13")), {})
    assert (found.given, sources_of(found)) == ({"python": "3.9"}, {"python": "user"})


def test_the_old_default_is_what_it_was_under_the_old_answers() -> None:
    old = NAME + "slug: {type: str, default: '{{ name | lower }}-x'}"
    new = NAME + "slug: {type: str, default: '{{ name | lower }}-y'}"
    assert carried(old, new, {"name": "Ann", "slug": "ann-x"}).given["slug"] == "ann-y"
    assert carried(old, new, {"name": "Ann", "slug": "Ann-x"}).given["slug"] == "Ann-x"


def test_a_default_that_the_template_did_not_change_is_not_adopted() -> None:
    year = "year: {type: int, default: '{{ now().year }}'}"
    found = carried(year, year, {"year": 1999}, sources={"year": "default"})
    assert (found.given, found.changes) == ({"year": 1999}, ())


def test_a_renamed_question_adopts_its_new_default_where_nobody_chose() -> None:
    new = "py: {type: str, default: '3.12'}\n_cultivar: {questions: {py: {renamed_from: python}}}"
    found = carried(V1, new, {"python": "3.9"})
    assert found.given == {"py": "3.12"}
    assert [change.kind for change in found.changes] == ["renamed", "adopted"]


def test_what_the_user_says_now_counts_before_all_else() -> None:
    new = V2 + "\nport: {type: int, default: 80}"
    found = carried(V1, new, {"python": "3.9"}, said={"python": "3.14", "port": "99"})
    assert found.given == {"python": "3.14", "port": 99}
    assert (found.new, found.changes) == ((), ())
    with pytest.raises(AnswerError):
        carried(V1, new, {}, said={"port": "many"})
    with pytest.raises(NotKnownError):
        carried(V1, new, {}, said={"ports": "99"})


def test_the_new_answers_say_again_where_the_old_came_from() -> None:
    kept: dict[str, Json] = {"name": "Ann", "python": "3.9"}
    found = carried(NAME + V1, NAME + V1, kept, sources={"name": "task", "python": "default"})
    asked = interview(template_of(NAME + V1), found.given)
    again = found.sourced(asked)
    assert [(each.source, each.evidence) for each in again] == [
        ("task", "so it was"),
        ("default", "so it was"),
    ]


FAR = "_jinja_extensions: [words.py:Words]\n"


def test_questions_that_only_a_worker_can_ask_keep_their_answers() -> None:
    old = FAR + V1 + "\nslug: {type: str, default: '{{ python | slugify }}'}"
    new = FAR + V2 + "\nslug: {type: str, default: '{{ python | slugify }}-x'}"
    new += "\nlate: {type: str, default: '{{ slug | slugify }}', when: '{{ python | odd }}'}"
    new += "\nsize: {type: str, choices: [s, m], validator: '{{ size | refuse }}'}"
    kept: dict[str, Json] = {"python": "3.9", "slug": "3-9", "size": "xl"}
    found = carried(old, new, kept, trusted=True)
    assert found.given == {"python": "3.12", "slug": "3-9"}
    assert found.new == ("late", "size")


def test_a_value_of_another_type_is_refused_by_its_line() -> None:
    content = b"# mine\n_commit: v1\nname: Ann\nport: many\nextra: 1\n"
    template = template_of(NAME + "port: {type: int, default: 80}")
    with pytest.raises(TemplateError, match=r"line 4.*'many'"):
        refuse_mistyped(content, ".copier-answers.yml", template)
    refuse_mistyped(content.replace(b"many", b"'8080'"), ".copier-answers.yml", template)


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "str": st.text(
        st.characters(codec="ascii", exclude_categories=["Cc"], exclude_characters="{}")
    ),
    "int": st.integers(-99, 99),
    "bool": st.booleans(),
    "yaml": st.lists(st.integers() | st.booleans(), max_size=2),
}


@st.composite
def questions(draw: st.DrawFn) -> dict[str, Any]:
    """A template's questions: few names, so that two versions share some."""
    names = draw(st.lists(st.sampled_from(["one", "two", "pkg_name", "package_name"]), unique=True))
    found: dict[str, Any] = {}
    for name in names:
        kind = draw(st.sampled_from(sorted(VALUES)))
        found[name] = {"type": kind, "default": draw(VALUES[kind])}
        if draw(st.booleans()) and kind != "yaml":
            choices = draw(st.lists(VALUES[kind], min_size=1, max_size=3, unique=True))
            found[name] |= {"choices": choices, "default": choices[0]}
        if draw(st.booleans()):
            found[name]["help"] = draw(st.sampled_from(["What is it?", "How many?"]))
    return found


@st.composite
def answered(draw: st.DrawFn, asked: Mapping[str, Any]) -> dict[str, Json]:
    """Answers that the questions take, among them their defaults."""
    return {
        name: draw(
            st.just(said["default"])
            | (st.sampled_from(said["choices"]) if "choices" in said else VALUES[said["type"]])
        )
        for name, said in asked.items()
    }


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_carrying_to_the_same_template_changes_nothing(data: st.DataObject) -> None:
    asked = data.draw(questions())
    kept = data.draw(answered(asked))
    text = yaml.safe_dump(asked)
    found = carried(text, text, kept)
    assert all(same(found.given[name], kept[name]) for name in kept)
    assert set(found.given) == set(kept)
    assert (found.new, found.changes, found.unknown) == ((), (), ())
    answers = found.sourced(interview(template_of(text), found.given))
    again = OldAnswers(
        kept=KeptAnswers(answers=kept_answers(template_of(text), answers)),
        recorded=answers,
        template=template_of(text),
    )
    assert carry(again, template_of(text), {}) == found


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_what_a_person_chose_is_never_replaced_without_a_word(data: st.DataObject) -> None:
    old, new = data.draw(questions()), data.draw(questions())
    kept = data.draw(answered(old))
    by_person = data.draw(st.booleans())
    sources: dict[str, Source] = dict.fromkeys(kept, "user")
    found = carried(
        yaml.safe_dump(old), yaml.safe_dump(new), kept, sources=sources if by_person else None
    )
    told = {change.why if change.kind == "renamed" else change.name for change in found.changes}
    for name, value in kept.items():
        chosen = by_person or not same(value, old[name]["default"])
        stays = name in found.given and (
            isinstance(value, str) or str(found.given[name]) == str(value)
        )
        assert not chosen or stays or name in told
    adopted = {change.name for change in found.changes if change.kind == "adopted"}
    assert not (by_person and adopted)
    assert set(found.new) | set(found.given) == set(new)
    assert all(answer.source == "default" for answer in found.answers if answer.name in adopted)
