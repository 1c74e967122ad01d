"""The filters that Copier's templates have beyond Jinja's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from cultivar.errors import TemplateError, UnsafeError, UntrustedError
from cultivar.templating.jinja.environment import build_environment, render_text
from cultivar.templating.jinja.guards import GuardedEnvironment
from cultivar.templating.template import Rules
from cultivar.tree import Tree

UNTRUSTED = build_environment(GuardedEnvironment, Rules(), Tree({}), trusted=False)
TRUSTED = build_environment(GuardedEnvironment, Rules(), Tree({}), trusted=True)

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def made(expression: str, environment: GuardedEnvironment = UNTRUSTED, **context: Any) -> str:
    return render_text(environment, "{{ " + expression + " }}", context)


EXAMPLES = {
    "'hi'|b64encode": "aGk=",
    "'aGk='|b64decode": "hi",
    "'/a/b.c'|basename": "b.c",
    "'/a/b.c'|dirname": "/a",
    "'a.tar.gz'|splitext|join(' ')": "a.tar .gz",
    "'C:\\\\a\\\\b.c'|win_basename": "b.c",
    "'C:\\\\a\\\\b.c'|win_dirname": "C:\\a",
    "'C:\\\\a\\\\b.c'|win_splitdrive|first": "C:",
    "['yes', 'On', '1', 'TRUE', 1, true]|map('bool')|unique|list": "[True]",
    "['no', 'y', 't', '0', 2, false]|map('bool')|unique|list": "[False]",
    "none|bool": "None",
    "'x'|checksum": "11f6ad8ec52a2984abaafd7c3b516503785c2072",
    "'x'|sha1": "11f6ad8ec52a2984abaafd7c3b516503785c2072",
    "'x'|md5": "9dd4e461268c8034f5c8564e155c67a6",
    "'x'|hash('sha256')|truncate(8, true, '')": "2d711642",
    "'x'|hash('no such hash')": "None",
    "'a\nb'|comment": "#\n# a\n# b\n#",
    "'a'|comment('c')": "//\n// a\n//",
    "'a'|comment('cblock')": "/*\n *\n * a\n *\n */",
    "'a'|comment('erlang')": "%\n% a\n%",
    "'a'|comment('xml')": "<!--\n -\n - a\n -\n-->",
    "'a'|comment('plain', prefix='##', postfix_count=0)": "##\n# a",
    "'a'|extract({'a': {'b': {'c': 1}}}, ['b', 'c'])": "1",
    "[1, [2, [3, none]]]|flatten": "[1, 2, 3]",
    "[1, [2, [3]]]|flatten(levels=1)": "[1, 2, [3]]",
    "'[1, {\"a\": null}]'|from_json": "[1, {'a': None}]",
    "'a: [1, x]'|from_yaml": "{'a': [1, 'x']}",
    "'a: 1\n---\nb: 2'|from_yaml_all|list": "[{'a': 1}, {'b': 2}]",
    "[{'k': 1}, {'k': 2}]|ans_groupby('k')|map('first')|list": "[1, 2]",
    "'there'|mandatory": "there",
    '"it\'s"|quote': "'it'\"'\"'s'",
    "'a.b*'|regex_escape": "a\\.b\\*",
    "'a.b*'|regex_escape('posix_basic')": "a\\.b\\*",
    "'a1 b2'|regex_findall('([a-z])([0-9])')": "[('a', '1'), ('b', '2')]",
    "'Foo'|regex_findall('o', true, true)": "['o', 'o']",
    "'foo bar'|regex_replace('(o+) b', '-\\\\1-')": "f-oo-ar",
    "'FOO'|regex_replace('o', '0', ignorecase=true)": "F00",
    "'foo bar'|regex_search('b.r')": "bar",
    "'foo bar'|regex_search('zzz')": "None",
    "'foo'|regex_search('(f)(?P<n>o)', '\\\\1', '\\\\g<n>')": "['f', 'o']",
    "[{'n': 1, 'l': ['a', 'b']}]|subelements('l')|map('last')|list": "['a', 'b']",
    "[{'n': 1}]|subelements('l', skip_missing=true)": "[]",
    "true|ternary('a', 'b')": "a",
    "none|ternary('a', 'b', 'c')": "c",
    "('2024-03-02 01:00:00'|to_datetime).day": "2",
    "('2024'|to_datetime('%Y')).year": "2024",
    "{'b': 1, 'a': [none]}|to_json": '{"b": 1, "a": [null]}',
    "{'b': 1, 'a': 2}|to_nice_json": '{\n    "a": 2,\n    "b": 1\n}',
    "{'b': [1, 2], 'a': 'é'}|to_yaml": "a: é\nb: [1, 2]\n",
    "[{'b': [1]}]|to_nice_yaml": "-   b:\n    - 1\n",
    "'foo'|to_uuid|length": "36",
    "[1]|type_debug": "list",
    "{'d': '2024-01-02'|from_yaml}|to_json": '{"d": "2024-01-02"}',
    "[1, 2]|map('string')|to_json": '["1", "2"]',
    "('a'|safe)|to_nice_yaml": "a\n...\n",
    "['1', 'null', none]|flatten": "['1']",
    "'a,b'|indent(2)|center(7)|replace(',', '-')": "  a-b  ",
    "{'a': 1}|combine({'b': 2}, [{'a': 3}])": "{'a': 3, 'b': 2}",
    "{'a': {'x': 1}}|combine({'a': {'y': 2}}, recursive=true)": "{'a': {'x': 1, 'y': 2}}",
    "{'a': [1, 2]}|combine({'a': [2, 3]}, list_merge='append_rp')": "{'a': [1, 2, 3]}",
    "{'a': [1, 2]}|combine({'a': [2, 3]}, list_merge='prepend')": "{'a': [2, 3, 1, 2]}",
    "'%Y-%m'|strftime(86400)": "1970-01",
    "5|shuffle": "5",
    "pathjoin('a', 'b', 'c.txt')": "a/b/c.txt",
    "pathjoin('a', 'b', mode='windows')": "a\\b",
}


@pytest.mark.parametrize(("expression", "expected"), EXAMPLES.items())
def test_a_filter_does_what_is_documented(expression: str, expected: str) -> None:
    assert made(expression) == expected


WRONG = [
    "nothing|mandatory",
    "nothing|mandatory('it is needed')",
    "'zz'|random_mac",
    "5|random_mac",
    "1.5|ans_random",
    "[1]|ans_random(start=1)",
    "'abc'|regex_search('(a', '\\\\1')",
    "'abc'|regex_search('(a)', 'x')",
    "'x'|regex_escape('posix_extended')",
    "5|subelements('x')",
    "[{}]|subelements('x')",
    "[{'x': 1}]|subelements('x')",
    "'never'|to_datetime",
    "'%Y'|strftime('never')",
    "{'a': 1}|combine(5)",
    "{'a': 1}|combine({}, list_merge='so')",
    "'x'|comment('nothing')",
    "'[1'|from_json",
    "'a: [1'|from_yaml",
    "nothing|to_json",
]


@pytest.mark.parametrize("expression", WRONG)
def test_a_filter_that_is_used_wrongly_names_the_file_and_the_line(expression: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render_text(UNTRUSTED, "\n{{ " + expression + " }}", {}, file="a.jinja")
    assert (caught.value.file, caught.value.line) == ("a.jinja", 2)


def test_a_seed_makes_chance_repeatable() -> None:
    expression = "[1,2,3,4,5,6,7,8]|shuffle(seed='abc')"
    assert made(expression) == "[5, 1, 4, 2, 7, 3, 6, 8]"
    assert made("100|ans_random(seed=1)") == made("100|ans_random(seed=1)") == "17"
    assert made("'52:54'|random_mac(seed='x')") == "52:54:60:a1:7b:4d"


def test_without_a_seed_chance_is_chance() -> None:
    assert made("(10 ** 30)|ans_random") != made("(10 ** 30)|ans_random")


@pytest.mark.parametrize("name", ["expanduser", "expandvars"])
def test_only_a_trusted_template_sees_the_users_home(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = {"expanduser": "~/x", "expandvars": "$HOME/x"}[name]
    assert made(f"'{path}'|{name}") == path
    assert made(f"'{path}'|{name}", TRUSTED) == f"{tmp_path}/x"


def test_only_a_trusted_template_sees_where_it_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.txt").touch()
    assert made("'x/../y'|realpath") == "/y"
    assert made("'/a/b'|relpath('/a')") == "b"
    assert made("'x/../y'|realpath", TRUSTED) == f"{tmp_path.resolve()}/y"
    assert made("('*.txt'|fileglob)[0]", TRUSTED) == "there.txt"
    with pytest.raises(UntrustedError):
        made("'*.txt'|fileglob")


def test_yaml_is_written_of_plain_values_only() -> None:
    assert made("(1, 2)|to_yaml") == "!!python/tuple [1, 2]\n"
    with pytest.raises(TemplateError):
        made("value|to_yaml", value=object())


def test_a_pattern_is_as_python_has_it() -> None:
    with pytest.raises(TemplateError):
        made("'a'|regex_search('\\\\p{L}')")  # a feature of other engines


@pytest.mark.parametrize(
    "pattern",
    [
        "(((a{99}){99}){99}){99}",
        "a{4294967294}",
        "a{99}{99}{99}{99}",
        "(?:(?:[a-z]?){60000}){60000}",
        "(?x)((a{999} # )\n){999}){999}",
        "a" * 9999,
    ],
)
def test_a_pattern_that_would_fill_the_memory_is_refused(pattern: str) -> None:
    with pytest.raises(UnsafeError, match="repeats itself"):
        made("'a'|regex_search(pattern)", pattern=pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?){1,127}$",
        r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        r"^[\w.+-]{1,64}@[\w-]{1,255}(\.[\w-]{2,63}){1,9}$",
        r"[]{99}]{999}|\({999}",
    ],
)
def test_a_pattern_of_everyday_is_taken(pattern: str) -> None:
    assert made("'!'|regex_search(pattern)", pattern=pattern) == "None"


@given(value=JSON_VALUES)
def test_what_is_written_as_json_reads_back(value: Any) -> None:
    assert json.loads(made("value|to_json", value=value)) == value
    assert json.loads(made("value|to_nice_json", value=value)) == value


@given(value=JSON_VALUES)
def test_what_is_written_as_yaml_reads_back(value: Any) -> None:
    # PyYAML, and so Ansible and Copier, write this line break plainly, where it reads as a space.
    assume("\x85" not in json.dumps(value, ensure_ascii=False))
    assert yaml.safe_load(made("value|to_nice_yaml", value=value)) == value


@given(text=st.text())
def test_base64_reads_back(text: str) -> None:
    assert made("text|b64encode|b64decode", text=text) == text


@given(text=st.text(max_size=30))
def test_an_escaped_text_matches_itself(text: str) -> None:
    assert made("text|regex_search('^' ~ (text|regex_escape) ~ '\\\\Z')", text=text) == text
