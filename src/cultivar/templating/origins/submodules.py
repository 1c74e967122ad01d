"""Submodules: files of other repositories that belong to a commit, taken as Copier takes them.

The invariant: a template can make us fetch over the network only, never from this machine's files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cultivar.errors import TemplateError, UnsafeError
from cultivar.templating.origins.git import Checkout, git_address, mirror, run_git
from cultivar.tree import Entry, Tree

_DEEPEST: Final = 8
_FILE: Final = ".gitmodules"


def with_submodules(checkout: Checkout, address: str, cache: Path, depth: int = 0) -> Tree:
    """The files of `checkout`, which is from `address`, and those of its submodules.

    Raises:
        TemplateError: A submodule has no address, or they nest without end.
        UnsafeError: A submodule is a folder on this machine.
        UnavailableError: A submodule cannot be fetched.
    """
    if not checkout.modules:
        return checkout.tree
    if depth > _DEEPEST:
        raise TemplateError("The submodules nest without end.", file=_FILE)
    addresses = _addresses(checkout.tree)
    entries: dict[str, Entry] = dict(checkout.tree)
    for path, commit in checkout.modules:
        target = _target(path, addresses.get(path, ""), address)
        inner = mirror(target, cache, commit).at(commit)
        found = with_submodules(inner, target, cache, depth + 1)
        entries.update({f"{path}/{name}": entry for name, entry in found.items()})
    return Tree(entries)


def _addresses(tree: Tree) -> dict[str, str]:
    """The address of each submodule, by its path."""
    if _FILE not in tree or tree[_FILE].mode == "link":
        return {}
    listed = run_git("config", "--file", "-", "-z", "--list", stdin=tree[_FILE].content)
    paths: dict[str, str] = {}
    urls: dict[str, str] = {}
    for line in listed.decode(errors="replace").split("\0"):
        key, _, value = line.partition("\n")
        name, _, option = key.rpartition(".")
        if option in {"path", "url"}:
            (paths if option == "path" else urls)[name] = value
    return {path: urls[name] for name, path in paths.items() if name in urls}


def _target(path: str, url: str, address: str) -> str:
    if not url:
        raise TemplateError(f"The submodule `{path}` has no address.", file=_FILE)
    relative = url.startswith(("./", "../"))
    target = git_address(_joined(address, url) if relative else url)
    if target is None or target.startswith("file:"):
        raise UnsafeError(
            f"The submodule `{path}` is at {url!r}, on this machine.",
            "Expected is an address on the network, as git expects it by default.",
        )
    return target


def _joined(address: str, url: str) -> str:
    """`url`, which is relative, taken from `address`, by git's rules."""
    base = address.rstrip("/")
    while url.startswith(("./", "../")):
        if url.startswith("../"):
            base = base[: max(base.rfind("/"), base.rfind(":"))]
        url = url.partition("/")[2]
    return f"{base}/{url}"
