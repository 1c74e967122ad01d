"""What hostile templates try: each is refused with a clear error, soon, and nothing is made."""

from __future__ import annotations

import pytest

from cultivar.errors import (
    CultivarError,
    TemplateError,
    UnconfinedError,
    UnsafeError,
    UntrustedError,
)
from cultivar.model import Answer, Json, TemplateRef
from cultivar.templating.jinja.environment import build_environment, render_text
from cultivar.templating.jinja.guards import GuardedEnvironment
from cultivar.templating.jinja.meter import Meter, RenderLimits
from cultivar.templating.rendering.render import Rendered, render
from cultivar.templating.template import Rules, Template
from cultivar.tree import Entry, Tree, text_entry


def template_of(
    files: dict[str, str | Entry], rules: Rules | None = None, *, trusted: bool = False
) -> Template:
    tree = Tree({path: text_entry(it) if isinstance(it, str) else it for path, it in files.items()})
    ref = TemplateRef(
        id="hostile", version="1", tree_hash=tree.hash, origin="somewhere", trusted=trusted
    )
    return Template(ref=ref, questions=(), rules=rules or Rules(), tree=tree)


def rendered(files: dict[str, str | Entry], rules: Rules | None = None, **values: Json) -> Rendered:
    answers = tuple(
        Answer(name=name, value=value, source="user", confidence=1.0)
        for name, value in values.items()
    )
    return render(template_of(files, rules), answers)


SMALL = RenderLimits(steps=100_000, size=500_000, seconds=0.5)

BOMBS = {
    "a range": "{% for i in range(10**12) %}x{% endfor %}",
    "nested loops": (
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    ),
    "loops that skip all": (
        "{% for i in range(99999) %}{% for j in range(99999) if false %}{% endfor %}{% endfor %}"
    ),
    "a recursive loop": (
        "{% for i in range(9999) recursive %}{% if loop.depth < 9 %}{{ loop(range(9999)) }}"
        "{% endif %}{% endfor %}"
    ),
    "a repeated text": "{{ 'a' * 10**10 }}",
    "a repeated list": "{{ ([1] * 10**9)|length }}",
    "a number of many digits": "{{ (10 ** (10 ** 8)) % 7 }}",
    "numbers multiplied": (
        "{% set ns = namespace(n=3) %}{% for i in range(64) %}{% set ns.n = ns.n * ns.n %}"
        "{% endfor %}{{ ns.n % 2 }}"
    ),
    "a text doubled by `~`": (
        "{% set ns = namespace(s='ab') %}{% for i in range(64) %}{% set ns.s = ns.s ~ ns.s %}"
        "{% endfor %}"
    ),
    "a text doubled by `+`": (
        "{% set ns = namespace(s='ab') %}{% for i in range(64) %}{% set ns.s = ns.s + ns.s %}"
        "{% endfor %}"
    ),
    "a text doubled by output": (
        "{% macro m(s, n) %}{% if n %}{{ m(s ~ '', n - 1) }}{{ m(s, n - 1) }}{% else %}{{ s }}"
        "{% endif %}{% endmacro %}{{ m('aaaaaaaaaaaaaaaa', 40) }}"
    ),
    "a text doubled by `set`": (
        "{% set ns = namespace(s='ab') %}{% for i in range(64) %}{% set x %}{{ ns.s }}{{ ns.s }}"
        "{% endset %}{% set ns.s = x %}{% endfor %}"
    ),
    "a list doubled by slices": (
        "{% set l = range(99999)|list %}{% set k = [] %}{% for i in range(99999) %}"
        "{% set _ = k.append(l[:]) %}{% endfor %}"
    ),
    "a list that holds itself": "{% set l = [] %}{% set _ = l.append(l) %}{{ l|tojson }}",
    "nested lists": (
        "{% set ns = namespace(l=[1]) %}{% for i in range(64) %}{% set ns.l = [ns.l, ns.l] %}"
        "{% endfor %}{{ ns.l }}"
    ),
    "nested lists compared": (
        "{% set a = namespace(l=[1]) %}{% set b = namespace(l=[1]) %}{% for i in range(64) %}"
        "{% set a.l = [a.l, a.l] %}{% set b.l = [b.l, b.l] %}{% endfor %}{{ a.l == b.l }}"
    ),
    "nested lists filled from above": (
        "{% set a = [] %}{% set b = [] %}{% set c = [] %}{% set d = [] %}"
        "{% for i in range(999) %}{% set _ = a.append(b) %}{% set _ = b.append(c) %}"
        "{% set _ = c.append(d) %}{% set _ = d.append(1) %}{% endfor %}{{ a|to_json }}"
    ),
    "nested lists formatted": (
        "{% set ns = namespace(l=[1]) %}{% for i in range(64) %}{% set ns.l = [ns.l, ns.l] %}"
        "{% endfor %}{{ '%s' % (ns.l,) }}"
    ),
    "center": "{{ 'a'|center(10**10) }}",
    "indent": "{{ 'a\nb'|indent(10**10) }}",
    "batch": "{{ [1]|batch(10**10, 'x')|list }}",
    "slice": "{{ [1]|slice(10**10)|list }}",
    "round": "{{ 1.5|round(10**9, 'ceil') }}",
    "tojson": "{{ [1]|tojson(indent=10**10) }}",
    "replace": "{{ ('a' * 60000)|replace('a', 'b' * 60000) }}",
    "join": "{{ range(99999)|list|join('x' * 60000) }}",
    "join of one text": "{{ ([{'a': 'x' * 60000}] * 60000)|map(attribute='a')|join }}",
    "sum of lists": "{{ ([range(99999)|list] * 9999)|sum(start=[])|length }}",
    "format": "{{ '%10000000000d'|format(1) }}",
    "format with a star": "{{ '%*d'|format(10**10, 1) }}",
    "percent": "{{ '%.10000000000f' % 1 }}",
    "str.format": "{{ '{:10000000000}'.format(1) }}",
    "str.format with a field for the width": "{{ '{:{w}}'.format(1, w=10**10) }}",
    "str.format_map": "{{ '{a:10000000000}'.format_map({'a': 1}) }}",
    "str.ljust": "{{ 'a'.ljust(10**10) }}",
    "str.zfill": "{{ 'a'.zfill(10**10) }}",
    "str.expandtabs": "{{ '\t'.expandtabs(10**10) }}",
    "str.replace": "{{ ('a' * 60000).replace('a', 'b' * 60000) }}",
    "str.join": "{{ ('a' * 60000).join(range(60000)|map('string')) }}",
    "str.translate": "{{ ('a' * 60000).translate({97: 'b' * 60000}) }}",
    "bytes.ljust": "{{ 'a'.encode().ljust(10**10) }}",
    "int.to_bytes": "{{ (1).to_bytes(10**10, 'big')|length }}",
    "lipsum": "{{ lipsum(n=10**9) }}",
    "striptags": "{{ ('<!---->' * 999999)|striptags }}",
    "a macro that calls itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "a macro that calls itself twice": (
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}"
    ),
    "an include of itself": "{% include 'hostile.jinja' %}",
    "parentheses": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "a long chain": "{{ 1" + "+1" * 20000 + " }}",
    "filters of filters": "{{ 'ab'"
    + "|replace('a','aaaaaaaaab')|replace('b','bbbbbbbbba')" * 40
    + " }}",
    "a catastrophic pattern": "{{ ('a' * 5000)|regex_search('^(a|aa)+$b') }}",
    "a polynomial pattern": "{{ (' ' * 60000 ~ 'x')|regex_findall('\\s+\\s+\\s+$') }}",
    "a pattern that repeats": "{{ 'a'|regex_search('((a{999}){999}){999}') }}",
    "a replacement that repeats": "{{ ('a' * 60000)|regex_replace('a', 'b' * 60000) }}",
    "YAML's aliases": (
        "{{ 'a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
        "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
        "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
        "g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: &h [*g,*g,*g,*g,*g,*g,*g,*g,*g]'"
        "|from_yaml|to_json }}"
    ),
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_refused(text: str) -> None:
    tree = Tree({"hostile.jinja": text_entry(text)})
    environment = build_environment(GuardedEnvironment, Rules(), tree, trusted=False)
    environment.meter = Meter(SMALL)
    with pytest.raises((UnsafeError, TemplateError)):
        render_text(environment, text, {})


ESCAPES = {
    "class": "{{ ''.__class__ }}{{ ''.__class__.__mro__ }}",
    "class by subscript": "{{ ''['__class__']['__mro__'] }}",
    "map with an attribute": "{{ ['']|map(attribute='__class__.__mro__')|list }}",
    "lipsum": "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "cycler": "{{ cycler.__init__.__globals__.os }}",
    "joiner": "{{ joiner.__init__.__globals__ }}",
    "namespace": "{{ namespace.__init__.__globals__ }}",
    "self": "{{ self._TemplateReference__context.environment }}",
    "self in parts": "{{ self|attr('_TemplateReference__context')|attr('x') }}",
    "format": "{{ '{0.__class__.__mro__}'.format('') }}",
    "format_map": "{{ '{a.__class__.__mro__}'.format_map({'a': ''}) }}",
    "format by attr": "{{ ('{0.__class__.__mro__}'|attr('format'))('') }}",
    "format by map": "{{ ['{0.__class__.__mro__}']|map(attribute='format')|first('') }}",
    "format of Markup": "{{ ('{0.__class__.__mro__}'|safe).format('') }}",
    "a generator's frame": "{{ ([1]|map('string')).gi_frame.f_globals }}",
    "a function's code": "{% macro m() %}{% endmacro %}{{ m._func.__code__ }}",
    "a method's function": "{{ ''.join.__self__.__class__.__mro__ }}",
    "a type's mro": "{{ dict.mro() }}",
    "subclasses": "{{ range.__base__.__subclasses__() }}",
    "a path's module": "{{ _copier_conf.dst_path.parser.os.getcwd() }}",
    "extract": "{{ '__class__'|extract({}) }}",
    "an object as YAML": "{{ self|to_yaml }}",
    "a function as YAML": "{{ lipsum|to_yaml }}",
    "an object from YAML": "{{ '!!python/object/apply:os.system [id]'|from_yaml }}",
    "include of an absolute path": "{% include '/etc/passwd' %}",
    "include of a path above": "{% include '../../../../etc/passwd' %}",
    "include with a backslash": "{% include '..\\\\..\\\\etc\\\\passwd' %}",
    "import of a path above": "{% import '../x' as x %}",
    "extends of a path above": "{% extends '../x' %}",
    "a list of files": "{{ '/etc/*'|fileglob }}",
}


NOTHING = {
    "attr": "{{ (''|attr('__class__'))|attr('__mro__') }}",
    "attr by map": "{{ ['']|map('attr', '__class__')|map('attr', '__mro__')|list }}",
    "pathjoin": "{{ pathjoin.__globals__ }}",
    "now": "{{ now.__globals__ }}",
    "extract below": "{{ 'a'|extract({'a': ''}, '__class__')|attr('__mro__') }}",
}


@pytest.mark.parametrize("text", NOTHING.values(), ids=NOTHING.keys())
def test_what_is_private_is_not_there(text: str) -> None:
    made = rendered({"hostile.jinja": text}).tree.text("hostile")
    assert made in ("", "[Undefined]")


@pytest.mark.parametrize("text", ESCAPES.values(), ids=ESCAPES.keys())
def test_an_escape_is_refused(text: str) -> None:
    with pytest.raises(CultivarError):
        rendered({"hostile.jinja": text})


def link(target: str) -> Entry:
    return Entry(content=target.encode(), mode="link")


OUTSIDE = ["../x", "a/../../x", "/etc/x", "..", "%2e%2e/x", "%2E%2e%2fx", "%252e%252e/x", "a\\b",
           "..\\x", "%5c..%5cx", "a\0b", ".git/hooks/post-checkout", "a/.GIT/config", ".git./x",
           "git~1/x", "%2egit/x", "/", "%2fetc/x"]  # fmt: skip


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize(
    "name", ["{{ name }}", "{{ name }}.jinja", "{% yield n from [name] %}{{ n }}{% endyield %}"]
)
def test_a_path_that_leads_out_is_refused(name: str, path: str) -> None:
    with pytest.raises(UnsafeError):
        rendered({name: "x"}, name=path)


def test_a_path_that_leads_out_from_a_folder_is_refused() -> None:
    with pytest.raises(UnsafeError):
        rendered({"{{ a }}/{{ a }}/x.txt": "x"}, a="..")


def test_a_link_whose_rendered_target_leads_out_is_refused() -> None:
    rules = Rules(preserve_symlinks=True)
    with pytest.raises(UnsafeError):
        rendered({"passwd.jinja": link("{{ target }}")}, rules, target="/etc/passwd")


def test_a_file_that_would_be_written_through_a_link_is_refused() -> None:
    rules = Rules(preserve_symlinks=True)
    with pytest.raises(UnsafeError):
        rendered({"{{ d }}": link("elsewhere"), "docs/x.txt": "x"}, rules, d="docs")


def test_links_in_circles_are_refused() -> None:
    with pytest.raises(UnsafeError):
        rendered({"a": link("b"), "b": link("a")})


def test_links_to_the_folder_above_are_refused() -> None:
    with pytest.raises(UnsafeError):
        rendered({"a/b/up": link("../../a"), "a/x": "x"})


def test_an_answers_file_outside_is_refused() -> None:
    rules = Rules(answers_file="{{ '../answers.yml' }}")
    with pytest.raises(UnsafeError):
        rendered({"{{ _copier_conf.answers_file }}.jinja": "x"}, rules)


def test_a_subdirectory_outside_is_refused() -> None:
    with pytest.raises(UnsafeError):
        rendered({"a": "x"}, Rules(subdirectory="{{ '..' }}"))


def test_external_data_outside_is_refused() -> None:
    rules = Rules(external_data={"passwd": "../../etc/passwd"})
    with pytest.raises(UnsafeError):
        rendered({"a.jinja": "{{ _external_data.passwd }}"}, rules)


def test_a_loop_over_files_has_an_end() -> None:
    name = "{% yield n from range(10**12) %}{{ n }}{% endyield %}"
    with pytest.raises(UnsafeError):
        rendered({name: "x"})


def test_a_loop_that_copies_a_large_file_has_an_end() -> None:
    name = "{% yield n from range(99999) %}{{ n }}{% endyield %}"
    with pytest.raises(UnsafeError, match="characters"):
        rendered({name: Entry(content=b"x" * 1_000_000)})


def test_a_template_is_refused_at_the_limits_that_are_in_force() -> None:
    with pytest.raises(UnsafeError, match="steps"):
        rendered({"a.jinja": BOMBS["nested loops"]})


def test_extensions_need_trust() -> None:
    with pytest.raises(UntrustedError):
        rendered({"a": "x"}, Rules(jinja_extensions=("jinja2.ext.do",)))


def test_a_trusted_templates_own_extensions_are_not_imported_here() -> None:
    rules = Rules(jinja_extensions=("antigravity.Extension",))
    with pytest.raises(UnconfinedError):
        render(template_of({"a": "x"}, rules, trusted=True), ())


def test_an_untrusted_template_learns_nothing_of_this_machine() -> None:
    text = "{{ '~'|expanduser }} {{ '$HOME'|expandvars }} {{ '.'|realpath }} {{ 'x'|relpath }}"
    made = rendered({"a.jinja": text + " {{ _copier_python }}"}).tree.text("a")
    assert made == "~ $HOME / x python3"


def test_the_budget_is_whole_again_for_the_next_render() -> None:
    text = "{% for i in range(60000) %}{% endfor %}done"
    environment = build_environment(GuardedEnvironment, Rules(), Tree({}), trusted=False)
    environment.meter = Meter(SMALL)
    assert [render_text(environment, text, {}) for _ in range(3)] == ["done"] * 3
