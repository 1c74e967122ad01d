"""Make a folder a workspace: settings, a place for templates, a ledger of its own."""

from __future__ import annotations

from pathlib import Path

from cultivar.errors import WriteError
from cultivar.ownership import HOME, mark

SETTINGS = """\
# The settings of this workspace. All of them, with their defaults, are in the documentation under
# "Settings"; the environment (CULTIVAR_…) comes before this file.

# Folders with templates, looked into before those that Cultivar ships.
template_paths: [templates_data]

# Drafts in one run at most, the first one included.
attempts: 3

# `builtin` is no model at all. Any name that litellm knows makes slots and answers better.
model:
  name: builtin

# What one run may use.
budget:
  money: 1.0
  calls: 20
"""

IGNORE = "*\n"


def make_workspace(folder: Path) -> tuple[str, ...]:
    """Make `folder` a workspace; what is there already stays.

    Its ledger is in its `.cultivar`, unless that was there before: what came with somebody's
    repository is not believed, and the ledger is kept with the user.

    Returns:
        The paths that were added, relative to `folder`.

    Raises:
        WriteError: The folder cannot be written to.
    """
    files = {
        "cultivar.yaml": SETTINGS,
        f"{HOME}/.gitignore": IGNORE,
        "templates_data/.gitkeep": "",
    }
    added = tuple(path for path in files if not (folder / path).exists())
    new = not (folder / HOME).exists()
    try:
        for path in added:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(files[path], encoding="utf-8")
        if new:
            mark(folder / HOME)
    except OSError as error:
        raise WriteError(
            f"`{folder}` cannot be made a workspace: {error.strerror}.", "Choose another folder."
        ) from error
    return added
