from __future__ import annotations

from pathlib import Path

import pytest

COPIER = """\
_subdirectory: files
name: {type: str, default: world, help: Whom to greet}
loud: {type: bool, default: false, help: Loudly}
token: {type: str, secret: true, default: "", help: A token}
_cultivar:
  id: test:greeting
  version: 1.0.0
  language: python
  description: A greeting
  keywords: [greeting, greet, hello]
  checks:
    - {name: runs, run: python3 greet.py, required: true, weight: 3}
    - {name: polite, run: "! grep -q rude greet.py", fix: "sed -i s/rude/kind/ greet.py"}
"""

GREET = """\
NAME = "{{ name }}"
{# slot: greeting | set `greeting` to what is said #}
greeting = "hello"
{# endslot #}
print(greeting{% if loud %}.upper(){% endif %}, NAME)
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with one small template, the current folder."""
    root = tmp_path / "workspace"
    files = root / "templates_data" / "greeting" / "files"
    files.mkdir(parents=True)
    (files.parent / "copier.yml").write_text(COPIER)
    (files / "greet.py.jinja").write_text(GREET)
    (files / "settings.ini.jinja").write_text("token={{ token }}\n")
    (root / "cultivar.yaml").write_text("template_paths: [templates_data]\n")
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def template(workspace: Path) -> Path:
    """The small template's folder, to be changed."""
    return workspace / "templates_data" / "greeting"
