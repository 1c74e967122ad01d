"""Real git repositories with templates, made without the user's own git settings."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

CLEAN: Final = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}
"""The environment that git runs in: nothing of the machine's user reaches a test."""


def git(folder: Path, *arguments: str) -> str:
    """What git says in `folder`."""
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], env=CLEAN, check=True, capture_output=True
    )
    return done.stdout.decode().strip()


def write_template(folder: Path, *, id: str = "", version: str = "1.0.0") -> Path:
    """Write a template of one question; without an id it is named after its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    own = f"_cultivar: {{id: {id}, version: {version}}}\n" if id else ""
    (folder / "copier.yml").write_text(f"name: me\n{own}")
    return folder


def commit(folder: Path, content: str, *tags: str) -> str:
    """Commit the folder with a file of that content, and tag it; returns the commit's id."""
    (folder / "content.txt").write_text(content)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", content)
    for tag in tags:
        git(folder, "tag", tag)
    return git(folder, "rev-parse", "HEAD")
