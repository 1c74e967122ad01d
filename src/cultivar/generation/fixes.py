"""What made a failure go away, found by comparing two attempts, and applied to another tree."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable

from cultivar.model import Edit, Fix
from cultivar.tree import Tree, text_entry

MAX_EDITS = 12
"""A fix is small; what changes more places than this is another draft."""

MAX_LINES = 80
"""Lines in all edits of one fix together."""


def fix_between(failed: Tree, passed: Tree, description: str) -> Fix | None:
    """The edits that lead from a tree that failed to one that passed.

    Args:
        failed: The tree whose check failed.
        passed: The next attempt, whose check passed.
        description: What the fix is about, a phrase.

    Returns:
        The fix, or None where files came, went, are not text, or too much changed.
    """
    if set(failed) != set(passed):
        return None
    changed = [path for path in failed if failed[path] != passed[path]]
    try:
        edits = [e for path in changed for e in _edits(path, failed.text(path), passed.text(path))]
    except UnicodeDecodeError:
        return None
    size = sum(len((edit.search + edit.replace).splitlines()) for edit in edits)
    if not edits or len(edits) > MAX_EDITS or size > MAX_LINES:
        return None
    return Fix(id=_digest(edits), description=description, edits=tuple(edits))


def command_fix(command: str) -> Fix:
    """The fix that a check itself names: a command run over the tree."""
    digest = hashlib.sha256(command.encode()).hexdigest()[:16]
    return Fix(id=f"command-{digest}", description=f"run `{command}`", command=command)


def apply_edits(tree: Tree, edits: Iterable[Edit]) -> Tree | None:
    """The tree with all edits made; None where one has no place, or more than one."""
    for edit in edits:
        if edit.path not in tree or tree[edit.path].mode == "link":
            return None
        try:
            text = tree.text(edit.path)
        except UnicodeDecodeError:
            return None
        if not _stands_once(edit.search, text):
            return None
        changed = text.replace(edit.search, edit.replace)
        tree = tree.replace({edit.path: text_entry(changed, tree[edit.path].mode)})
    return tree


def _edits(path: str, old: str, new: str) -> list[Edit]:
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    blocks = [code[1:] for code in matcher.get_opcodes() if code[0] != "equal"]
    edits = [_edit(path, before, after, block) for block in blocks]
    made = apply_edits(Tree({path: text_entry(old)}), edits)
    if made is not None and made.text(path) == new:
        return edits
    # Their surroundings overlap: one edit from the first change to the last.
    (i1, _, j1, _), (_, i2, _, j2) = blocks[0], blocks[-1]
    return [_edit(path, before, after, (i1, i2, j1, j2))]


def _edit(path: str, before: list[str], after: list[str], block: tuple[int, int, int, int]) -> Edit:
    """The block with as many lines around it as make its place the only one."""
    i1, i2, j1, j2 = block
    old = "".join(before)
    for context in range(1, len(before) + 1):
        head, tail = before[max(0, i1 - context) : i1], before[i2 : i2 + context]
        search = "".join([*head, *before[i1:i2], *tail])
        if search and _stands_once(search, old):
            return Edit(path=path, search=search, replace="".join([*head, *after[j1:j2], *tail]))
    return Edit(path=path, search=old, replace="".join(after))


def _stands_once(search: str, text: str) -> bool:
    """Whether there is one place for it, counting places that overlap."""
    return text.find(search) == text.rfind(search) != -1


def _digest(edits: list[Edit]) -> str:
    text = "\0".join(f"{edit.path}\0{edit.search}\0{edit.replace}" for edit in edits)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
