"""Templates with migration scripts, for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

from cultivar.model import Answer, Answers
from cultivar.templating.reading.loading import parse_template
from cultivar.templating.template import Template
from cultivar.tree import Entry, Tree, text_entry

NAME = Answer(name="name", value="Ada's cache", source="user", confidence=1.0)
"""The answer to the one open question of each of these templates."""

SECRET = Answer(name="token", value="<token>", source="user", confidence=1.0, secret=True)
"""The answer to the secret question of a template for Copier."""

ANSWERS: Answers = (NAME,)


def template_of(
    *migrations: Any, trusted: bool = True, files: Mapping[str, Entry] | None = None
) -> Template:
    """A template for Copier, of version 3.0.0, with these migrations and more files."""
    config = {"name": "me", "token": {"type": "str", "default": "", "secret": True}}
    said = yaml.safe_dump({**config, "_migrations": list(migrations)}, sort_keys=False)
    tree = Tree({"copier.yml": text_entry(said), **(files or {})})
    return parse_template(tree, origin="https://x.test/t.git", ref="v3.0.0", trusted=trusted)


def first_system_of(*migrations: Any, files: Mapping[str, Entry] | None = None) -> Template:
    """A template of the first system with these migrations and more files."""
    said = {"id": "t", "questions": [{"name": "name"}], "content": "x", "migrations": migrations}
    tree = Tree({"t.json": text_entry(json.dumps(said)), **(files or {})})
    return parse_template(tree, origin="/t/t.json", trusted=True)
