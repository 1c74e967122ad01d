"""Slots: found without a trace in the text, filled only as long as the file parses."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cultivar.errors import TemplateError
from cultivar.model import TemplateRef
from cultivar.templating.rendering.render import Rendered, render
from cultivar.templating.rendering.slots import LONGEST_BODY, fill
from cultivar.templating.template import Rules, Template
from cultivar.tree import Tree, text_entry

CACHE = """\
class Cache:
    def evict(self):
        {# slot: eviction | evict the least recently used entry #}
        self.entries.popitem()
        {# endslot #}
        return None
"""
TRIMMED = Rules(envops={"trim_blocks": True, "lstrip_blocks": True})


def rendered(text: str, path: str = "cache.py", rules: Rules | None = None) -> Rendered:
    tree = Tree({f"{path}.jinja": text_entry(text)})
    ref = TemplateRef(id="slots", version="1", tree_hash=tree.hash, origin="somewhere")
    return render(Template(ref=ref, questions=(), rules=rules or Rules(), tree=tree), ())


def test_a_slot_has_a_name_an_instruction_and_a_default() -> None:
    (slot,) = rendered(CACHE).slots
    assert (slot.path, slot.name) == ("cache.py", "eviction")
    assert slot.instruction == "evict the least recently used entry"
    assert slot.default.strip() == "self.entries.popitem()"


@pytest.mark.parametrize("rules", [Rules(), TRIMMED])
def test_a_slot_is_where_it_says(rules: Rules) -> None:
    made = rendered(CACHE, rules=rules)
    (slot,) = made.slots
    assert made.tree.text("cache.py")[slot.start : slot.end] == slot.default


def test_a_body_is_indented_as_the_slot_is() -> None:
    body = "key = min(self.entries)\nif key:\n    del self.entries[key]\n"
    filled = fill(rendered(CACHE, rules=TRIMMED), {("cache.py", "eviction"): body})
    assert filled.refused == ()
    assert filled.tree.text("cache.py") == (
        "class Cache:\n"
        "    def evict(self):\n"
        "        key = min(self.entries)\n"
        "        if key:\n"
        "            del self.entries[key]\n"
        "        return None\n"
    )


def test_without_trimming_the_white_space_around_a_slot_stays() -> None:
    filled = fill(rendered(CACHE), {("cache.py", "eviction"): "    pass"})
    assert filled.tree.text("cache.py") == (
        "class Cache:\n"
        "    def evict(self):\n"
        "        \n"
        "        pass\n"
        "        \n"
        "        return None\n"
    )


def test_a_slot_within_a_line_takes_an_expression() -> None:
    made = rendered("x = {# slot: value #}1{# endslot #}  # a number\n", "x.py")
    filled = fill(made, {("x.py", "value"): "compute()"})
    assert filled.tree.text("x.py") == "x = compute()  # a number\n"


@pytest.mark.parametrize("rules", [Rules(), TRIMMED])
@pytest.mark.parametrize("inside", ["", "\n        "])
def test_an_empty_slot_takes_a_body(rules: Rules, inside: str) -> None:
    text = (
        "def f():\n    if 1:\n        {# slot: more #}"
        + inside
        + "{# endslot #}\n        return 1\n"
    )
    filled = fill(rendered(text, "f.py", rules), {("f.py", "more"): "        a = 1\n        b = 2"})
    assert filled.refused == ()
    assert [line for line in filled.tree.text("f.py").split("\n") if line.strip()] == [
        "def f():",
        "    if 1:",
        "        a = 1",
        "        b = 2",
        "        return 1",
    ]


BROKEN = [
    ("a.py", "x = 1", "x = ("),
    ("a.py", "x = 1", "def f(:"),
    ("a.json", "[1]", "[1"),
    ("a.toml", "a = 1", "a = = 1"),
    ("a.yaml", "a: 1", "a: [1"),
    ("a.yml", "a: 1", "a: 'x"),
    ("a.ex", "x = 1", "if x do\n  1"),
    ("a.ex", "x = 1", "x = 1\nend"),
    ("a.exs", "x = 1", 'x = "1'),
    ("a.ts", "let x = 1", "let x = (1"),
    ("a.rs", "let x = 1;", "} fn f() {{"),
    ("a.go", "x := 1", 'x := "1'),
]


@pytest.mark.parametrize(("path", "default", "body"), BROKEN)
def test_a_body_that_breaks_the_file_is_refused_and_the_default_stays(
    path: str, default: str, body: str
) -> None:
    made = rendered("{# slot: s #}" + default + "{# endslot #}\n", path)
    filled = fill(made, {(path, "s"): body})
    assert filled.tree == made.tree
    assert [refused.slot for refused in filled.refused] == ["s"]


SOUND = [
    ("a.ex", 'if x, do: 1, else: "end"\nEnum.map(l, fn a -> a end)\nx = ?" # do'),
    ("a.ex", "if failure?(x) and String.contains?(y, z), do: 1"),
    ("a.ex", 'def f do\n  """\n  "quoted" do (\n  """\nend'),
    ("a.ts", 'const x = `a ${b} ( `; // it\'s (\nconst y = { "a": [1] }; /* ( */'),
    ("a.rs", "fn f<'a>(x: &'a str) -> char { '{' }"),
    ("a.yaml", "a: !Ref b"),
    ("a.md", "anything ( goes"),
    ("a.py", "x = '\\d'"),
]


@pytest.mark.parametrize(("path", "body"), SOUND)
def test_a_sound_body_is_taken(path: str, body: str) -> None:
    made = rendered("{# slot: s #}{# endslot #}\n", path)
    filled = fill(made, {(path, "s"): body})
    assert filled.refused == ()
    assert filled.tree.text(path) == body + "\n"


@pytest.mark.parametrize(
    "body",
    ["{# slot: x #}", "{#- endslot -#}", "x = 1 \uf8f2", "x = '\x00'", "x\x1b[2J", "#" * 20_001],
)
def test_a_body_that_is_no_body_is_refused(body: str) -> None:
    made = rendered(CACHE)
    filled = fill(made, {("cache.py", "eviction"): body})
    assert filled.tree == made.tree
    assert len(filled.refused) == 1


def test_one_refused_body_does_not_keep_another_out() -> None:
    text = "a = {# slot: a #}1{# endslot #}\nb = {# slot: b #}2{# endslot #}\n"
    filled = fill(rendered(text, "x.py"), {("x.py", "a"): "(", ("x.py", "b"): "3 + 4"})
    assert filled.tree.text("x.py") == "a = 1\nb = 3 + 4\n"
    assert [body.slot for body in filled.taken] == ["b"]
    assert [refused.slot for refused in filled.refused] == ["a"]


def test_a_body_for_no_slot_is_reported() -> None:
    filled = fill(rendered(CACHE), {("cache.py", "nope"): "pass"})
    assert [(refused.slot, refused.why) for refused in filled.refused] == [
        ("nope", "there is no such slot")
    ]


def test_slots_that_a_loop_repeats_are_told_apart() -> None:
    text = "{% for n in 'ab' %}{{ n }} = {# slot: v #}1{# endslot #}\n{% endfor %}"
    made = rendered(text, "x.py")
    assert [slot.name for slot in made.slots] == ["v", "v-2"]
    filled = fill(made, {("x.py", "v"): "10", ("x.py", "v-2"): "20"})
    assert filled.tree.text("x.py") == "a = 10\nb = 20\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n{# slot: a #}", 2),
        ("{# endslot #}", 1),
        ("{# slot: a #}\n{# slot: b #}{# endslot #}{# endslot #}", 2),
    ],
)
def test_slots_that_do_not_match_name_their_line(text: str, line: int) -> None:
    with pytest.raises(TemplateError) as caught:
        rendered(text)
    assert (caught.value.file, caught.value.line) == ("cache.py.jinja", line)


@pytest.mark.parametrize("mark", ["\uf8f09\uf8f1", "\uf8f2", "\uf8f00\uf8f1"])
def test_a_file_that_forges_marks_is_refused(mark: str) -> None:
    with pytest.raises(TemplateError):
        rendered(CACHE + mark)


def test_a_slot_in_a_filter_that_its_marks_would_change_is_refused() -> None:
    text = "{% filter wordwrap(9) %}aaaa {# slot: s #}bb cc{# endslot #} dd{% endfilter %}"
    with pytest.raises(TemplateError, match="changes what is rendered"):
        rendered(text)


@settings(max_examples=60, deadline=None)
@given(body=st.text(max_size=60))
def test_whatever_the_body_the_file_parses(body: str) -> None:
    made = rendered(CACHE, rules=TRIMMED)
    filled = fill(made, {("cache.py", "eviction"): body})
    compile(filled.tree.text("cache.py"), "cache.py", "exec")
    assert len(filled.taken) + len(filled.refused) == 1
    assert len(body) <= LONGEST_BODY
