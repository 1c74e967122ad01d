"""Making what templates with extensions of their own ask for, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from cultivar.errors import (
    AnswerError,
    CultivarError,
    NotKnownError,
    TemplateError,
    UnsafeError,
    UntrustedError,
)
from cultivar.model import Answer
from cultivar.templating.making.boot import recompile
from cultivar.templating.making.engine import START, engine, files_of_engine
from cultivar.templating.making.jobs import files_of
from cultivar.templating.making.making import Made, Making, make
from cultivar.templating.making.results import MissingPackageError, read_results
from cultivar.templating.reading.loading import parse_template
from cultivar.templating.rendering.render import needs_worker
from cultivar.templating.template import Template
from cultivar.tree import Entry, Tree, read_tree, text_entry

COPIER = """\
_subdirectory: files
_jinja_extensions:
- {package}.TemplateExtensionLoader
- extensions/words.py:Words
- extensions/context.py:Kind
project_name: {{type: str, help: What it is called}}
slug: {{type: str, default: "{{{{ project_name | slugify }}}}"}}
flavour: {{type: str, choices: [plain, sweet], default: plain}}
"""

WORDS = """\
import re
import subprocess

from jinja2.ext import Extension


def slugify(value, separator="-"):
    return re.sub(r"[^a-z0-9]+", separator, str(value).lower()).strip(separator)


class Words(Extension):
    def __init__(self, environment):
        super().__init__(environment)
        environment.filters["slugify"] = slugify
        environment.filters["sha1"] = lambda text: f"not the hash of {text}"
        environment.globals["this_year"] = 2026
"""

CONTEXT = """\
from {package} import ContextHook


class Kind(ContextHook):
    update = False

    def hook(self, context):
        if "flavour" in context:
            context["module"] = context["flavour"] + "_module"
"""

FILES = {
    "files/{{ module }}.py.jinja": "name = '{{ slug }}'  # {{ this_year }}, {{ 'x' | sha1 }}\n",
    "files/copied.txt": "{{ not rendered }}",
}


def template_of(files: Mapping[str, str | Entry], *, trusted: bool = True) -> Template:
    entries = {path: text_entry(it) if isinstance(it, str) else it for path, it in files.items()}
    return parse_template(Tree(entries), origin="somewhere", trusted=trusted)


def extended(package: str = "copier_template_extensions", **more: str) -> Template:
    return template_of(
        {
            "copier.yml": COPIER.format(package=package),
            "extensions/words.py": WORDS,
            "extensions/context.py": CONTEXT.format(package=package),
            **FILES,
            **more,
        }
    )


def plain(copier: str, **files: str | Entry) -> Template:
    return template_of({"copier.yml": copier, **files})


def left_by(makings: Sequence[Making], folder: Path, modules: bytes) -> Tree:
    """What the worker leaves of a folder of jobs."""
    tree = Tree({**files_of(makings), **files_of_engine(modules)})
    for path, entry in tree.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if entry.mode == "link":
            (folder / path).symlink_to(entry.content.decode())
        else:
            (folder / path).write_bytes(entry.content)
            (folder / path).chmod(0o755 if entry.mode == "executable" else 0o644)
    argv = [sys.executable, "-I", "-S", START]
    with TemporaryDirectory() as elsewhere:
        places = {"TMPDIR": elsewhere}
        subprocess.run(argv, cwd=folder, check=True, env=places, timeout=60)
    return read_tree(folder)


def work(*makings: Making, folder: Path) -> tuple[Made, ...]:
    return read_results(left_by(makings, folder, engine(compiled=True)), makings)


@pytest.mark.parametrize("package", ["copier_template_extensions", "copier_templates_extensions"])
def test_questions_and_files_use_extensions_from_the_templates_own_files(
    package: str, tmp_path: Path
) -> None:
    template = extended(package)
    (made,) = work(Making(template=template, given={"project_name": "My Thing"}), folder=tmp_path)
    assert {answer.name: (answer.value, answer.source) for answer in made.answers} == {
        "project_name": ("My Thing", "user"),
        "slug": ("my-thing", "default"),
        "flavour": ("plain", "default"),
    }
    assert {path: made.rendered.tree.text(path) for path in made.rendered.tree} == {
        "copied.txt": "{{ not rendered }}",
        "plain_module.py": "name = 'my-thing'  # 2026, not the hash of x\n",
    }


def test_a_hook_may_return_what_is_to_be_added(tmp_path: Path) -> None:
    hook = CONTEXT.format(package="copier_template_extensions").replace("update = False", "")
    hook = hook.replace('context["module"] = ', "return dict(module=").rstrip() + ")\n"
    template = extended(**{"extensions/context.py": hook})
    (made,) = work(Making(template=template, given={"project_name": "a"}), folder=tmp_path)
    assert "plain_module.py" in made.rendered.tree


def test_a_hook_may_need_answers_that_are_still_to_come(tmp_path: Path) -> None:
    hook = CONTEXT.format(package="copier_template_extensions").replace("if", "if 1 or")
    template = extended(**{"extensions/context.py": hook})
    (made,) = work(Making(template=template, given={"project_name": "a"}), folder=tmp_path)
    assert "plain_module.py" in made.rendered.tree


def test_a_hook_that_needs_what_never_comes_fails(tmp_path: Path) -> None:
    hook = CONTEXT.format(package="copier_template_extensions").replace("if", "if 1 or")
    template = extended(**{"extensions/context.py": hook.replace("flavour", "never")})
    with pytest.raises(TemplateError, match="never"):
        work(Making(template=template, given={"project_name": "a"}), folder=tmp_path)


def test_two_versions_of_one_template_do_not_meet(tmp_path: Path) -> None:
    new = WORDS.replace("2026", "2027").replace('separator="-"', 'separator="_"')
    given = {"project_name": "My Thing"}
    jobs = [
        Making(template=each, given=given)
        for each in (extended(), extended(**{"extensions/words.py": new}))
    ]
    old_made, new_made = work(*jobs, folder=tmp_path)
    assert old_made.rendered.tree.text("plain_module.py").startswith("name = 'my-thing'  # 2026")
    assert new_made.rendered.tree.text("plain_module.py").startswith("name = 'my_thing'  # 2027")


def test_an_extension_may_use_all_of_pythons_library(tmp_path: Path) -> None:
    used = "import ipaddress, pickle, tempfile, uuid\n" + WORDS.replace(
        "2026",
        "uuid.UUID(int=pickle.loads(pickle.dumps(int(ipaddress.ip_address('0.0.0.7'))))).int"
        " if tempfile.gettempdir() else 0",
    )
    template = extended(**{"extensions/words.py": used})
    (made,) = work(Making(template=template, given={"project_name": "a"}), folder=tmp_path)
    assert made.rendered.tree.text("plain_module.py").startswith("name = 'a'  # 7")


def test_an_extension_reads_the_files_beside_it(tmp_path: Path) -> None:
    beside = "(__import__('pathlib').Path(__file__).parent / 'year.txt').read_text()"
    template = extended(
        **{"extensions/words.py": WORDS.replace("2026", beside), "extensions/year.txt": "1999"}
    )
    (made,) = work(Making(template=template, given={"project_name": "a"}), folder=tmp_path)
    assert made.rendered.tree.text("plain_module.py").startswith("name = 'a'  # 1999")


def test_only_results_are_left_to_be_brought_back(tmp_path: Path) -> None:
    making = Making(template=extended(), given={"project_name": "a"})
    left = left_by([making], tmp_path, engine(compiled=True))
    assert set(left) == {
        START,
        "jobs/0/rendered/copied.txt",
        "jobs/0/rendered/plain_module.py",
        "jobs/0/result.json",
    }


def test_what_stands_already_goes_along_only_where_the_template_reads_of_it() -> None:
    existing = {"data.yml": text_entry("key: there")}
    for copier, goes in (("name: x", False), ("_external_data: {other: data.yml}", True)):
        files = files_of([Making(template=plain(copier), existing=existing)])
        assert any(b"key: there" in entry.content for entry in files.values()) == goes


EVERYTHING = """\
_preserve_symlinks: true
_skip_if_exists: ["*.cfg"]
_message_after_copy: "made {{ name }}"
_external_data: {other: data.yml}
name: {type: str, default: world}
many: {type: yaml, default: [1, {a: null}]}
loud: {type: bool, default: "{{ name == 'world' }}"}
token: {type: str, secret: true, default: ""}
hidden: {type: int, default: 3, when: false}
pick: {type: str, multiselect: true, choices: {One: a, Two: b}, default: [b]}
found: {type: str, default: "{{ _external_data.other.key }}"}
"""


FILES_OF_EVERYTHING: dict[str, str | Entry] = {
    "a.py.jinja": "x = '{{ name }}{{ token }}'\n{# slot: s | do #}pass{# endslot #}\n",
    "b.cfg.jinja": "{{ pick }} {{ many | to_json }} {{ found | regex_replace('h.', '-') }}",
    "run": Entry(content=b"#!/bin/sh\n", mode="executable"),
    "back": Entry(content=b"a.py", mode="link"),
}


def everything() -> Making:
    template = plain(EVERYTHING, **FILES_OF_EVERYTHING)
    return Making(
        template=template,
        given={"name": "hey", "token": "s3cr3t"},
        proposals={
            "loud": Answer(name="loud", value="yes", source="task", confidence=0.9),
            "pick": Answer(name="pick", value="nothing like it", source="task", confidence=0.9),
        },
        secrets={"token": "s3cr3t"},
        folder_name="here",
        existing={"data.yml": text_entry("key: there")},
        held={"token": "s3cr3t"},
        texts=("{{ name }} in {{ _folder_name }}", "{{ _copier_phase }}"),
    )


def test_a_worker_makes_what_is_made_in_process(tmp_path: Path) -> None:
    making = everything()
    assert not needs_worker(making.template)
    assert work(making, folder=tmp_path) == (make(making),)


def test_an_engine_of_sources_and_one_compiled_from_it_do_the_same(tmp_path: Path) -> None:
    (tmp_path / "sources.bin").write_bytes(engine(compiled=False))
    recompile(str(tmp_path / "sources.bin"), str(tmp_path / "compiled.bin"))
    making = everything()
    for name in ("sources", "compiled"):
        (tmp_path / name).mkdir()
        modules = (tmp_path / f"{name}.bin").read_bytes()
        assert read_results(left_by([making], tmp_path / name, modules), [making]) == (
            make(making),
        )


def test_the_questions_that_are_open_are_told_where_no_files_are_wanted(tmp_path: Path) -> None:
    making = Making(template=extended(), files=False, complete=False)
    (made,) = work(making, folder=tmp_path)
    assert [asked.name for asked in made.asked] == ["project_name", "slug", "flavour"]
    assert made.asked[0].required
    assert not made.rendered.tree


def test_a_refused_answer_is_refused_by_name(tmp_path: Path) -> None:
    making = Making(template=extended(), given={"project_name": "x", "flavour": "sour"})
    with pytest.raises(AnswerError, match="'sour'") as refused:
        work(making, folder=tmp_path)
    assert (refused.value.question, refused.value.value) == ("flavour", "sour")


def test_an_unknown_question_is_refused_before_anything_runs() -> None:
    with pytest.raises(NotKnownError, match="flavor"):
        files_of([Making(template=extended(), given={"flavor": "sweet"})])


@pytest.mark.parametrize(
    ("extensions", "package"),
    [("acme_words.Words", "acme_words"), ("words.py:Words", "acme_base")],
)
def test_a_package_that_is_not_there_is_named(
    extensions: str, package: str, tmp_path: Path
) -> None:
    template = plain(f"_jinja_extensions: [{extensions!r}]", **{"words.py": "import acme_base"})
    with pytest.raises(MissingPackageError, match="Name what brings it") as missing:
        work(Making(template=template), folder=tmp_path)
    assert missing.value.package == package


@pytest.mark.parametrize(
    ("text", "words", "kind", "match"),
    [
        ("{{ nothing.at.all }}", WORDS, TemplateError, "nothing"),
        ("{{ ''.__class__.__mro__ }}", WORDS, UnsafeError, "__class__"),
        ("x", "raise OSError('broken')", TemplateError, "broken"),
        ("x", "x = 1", TemplateError, "Words"),
        ("x", "import os\nos._exit(0)", UnsafeError, "no proper result"),
        ("x", "raise SystemExit", UnsafeError, "no proper result"),
    ],
)
def test_what_goes_wrong_is_told(
    text: str, words: str, kind: type[CultivarError], match: str, tmp_path: Path
) -> None:
    files = {"files/a.jinja": text, "extensions/words.py": words}
    making = Making(template=extended(**files), given={"project_name": "x"})
    with pytest.raises(kind, match=match):
        work(making, folder=tmp_path)


def test_there_is_no_job_for_a_template_that_nobody_trusts() -> None:
    copier = COPIER.format(package="copier_template_extensions")
    template = template_of({"copier.yml": copier, **FILES}, trusted=False)
    with pytest.raises(UntrustedError):
        files_of([Making(template=template)])


ASKED = Making(
    template=plain("name: {type: str, default: x}\nkey: {type: str, secret: true, default: y}"),
    given={"name": "mine"},
)
NAME: dict[str, Any] = {
    **{"name": "name", "value": "mine", "source": "user", "confidence": 1.0},
    **{"evidence": "", "secret": False, "computed": False},
}
GOOD: dict[str, Any] = {
    **{"answers": [NAME], "asked": [], "texts": [], "slots": [], "secrets": {}},
    **{"skip_if_exists": [], "message": ""},
}
SLOT = {"path": "a", "name": "s", "instruction": "", "default": "other", "start": 0}
FORGED: list[Any] = [
    *("", [], {}, {"error": 5}, {"refused": {}}),
    GOOD | {"slots": 5},
    GOOD | {"slots": [SLOT]},
    GOOD | {"texts": ["one too many"]},
    GOOD | {"answers": [NAME, NAME]},
    GOOD | {"secrets": {"other": "x"}},
    GOOD | {"answers": [NAME | {"name": "other"}]},
    GOOD | {"answers": [{"name": "name"}]},
    GOOD | {"answers": [NAME | {"name": "key", "source": "task"}]},
]


@pytest.mark.parametrize("said", FORGED)
def test_a_result_that_is_none_is_refused(said: Any) -> None:
    files = {
        "jobs/0/result.json": text_entry(json.dumps(said)),
        "jobs/0/rendered/a": text_entry("x"),
    }
    with pytest.raises(UnsafeError):
        read_results(Tree(files), [ASKED])


def test_a_result_that_leads_elsewhere_is_refused() -> None:
    with pytest.raises(UnsafeError):
        read_results(Tree({"jobs/0/result.json": Entry(content=b"a", mode="link")}), [ASKED])


def test_what_is_known_here_is_not_taken_from_a_result() -> None:
    forged = [
        NAME | {"source": "learned", "confidence": 7.0, "secret": True},
        NAME | {"name": "key", "source": "default", "confidence": 7.0, "secret": False},
    ]
    files = {"jobs/0/result.json": text_entry(json.dumps(GOOD | {"answers": forged}))}
    (made,) = read_results(Tree(files), [ASKED])
    found = {each.name: (each.source, each.confidence, each.secret) for each in made.answers}
    assert found == {"name": ("user", 1.0, False), "key": ("default", 1.0, True)}
