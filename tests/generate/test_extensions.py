"""Templates whose questions and files need extensions of their own, from start to end."""

from __future__ import annotations

from pathlib import Path

import pytest

from cultivar import Cultivar
from cultivar.errors import UntrustedError

COPIER = """\
_subdirectory: files
_jinja_extensions:
- copier_templates_extensions.TemplateExtensionLoader
- extensions.py:Slugs
- extensions.py:Author
_tasks: ["printf '{{ name | slugify }}' > made-by-a-task"]
name: {type: str, help: What it is called, default: My Thing}
slug: {type: str, default: "{{ name | slugify }}"}
loud: {type: bool, default: false, help: Loudly}
token: {type: str, secret: true, default: "{{ 'No Token' | slugify }}"}
_cultivar: {id: "test:extended", version: 1.0.0, keywords: [thing]}
"""
EXTENSIONS = """\
import re

from copier_templates_extensions import ContextHook
from jinja2.ext import Extension


class Slugs(Extension):
    def __init__(self, environment):
        super().__init__(environment)
        environment.filters["slugify"] = lambda text: re.sub("[^a-z]+", "-", str(text).lower())


class Author(ContextHook):
    def hook(self, context):
        context["author"] = "somebody"
"""


@pytest.fixture
def extended(workspace: Path) -> Path:
    folder = workspace / "templates_data" / "extended"
    (folder / "files").mkdir(parents=True)
    (folder / "copier.yml").write_text(COPIER)
    (folder / "extensions.py").write_text(EXTENSIONS)
    (folder / "files" / "{{ slug }}.txt.jinja").write_text(
        "{{ name }} by {{ author }}{% if loud %}!{% endif %} {{ token }}\n"
    )
    return workspace / "out"


def test_a_trusted_template_works_with_its_own_extensions(extended: Path) -> None:
    with Cultivar() as cultivar:
        made = cultivar.generate(
            "A loud thing",
            template="test:extended",
            output=extended,
            answers={"name": "Old Thing", "token": "s3cr3t"},
            trust=True,
        )
    found = {answer.name: (answer.value, answer.source) for answer in made.answers}
    assert found["slug"] == ("old-thing", "default")
    assert found["loud"] == (True, "task")
    assert (extended / "old-thing.txt").read_text() == "Old Thing by somebody! s3cr3t\n"
    assert (extended / "made-by-a-task").read_text() == "old-thing"


def test_it_is_refused_where_nobody_trusts_it(extended: Path) -> None:
    with Cultivar() as cultivar, pytest.raises(UntrustedError, match="jinja_extensions"):
        cultivar.generate("A thing", template="test:extended", output=extended)
