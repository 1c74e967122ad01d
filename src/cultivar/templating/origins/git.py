"""Git repositories, read straight from their objects: nothing is checked out.

The invariant: git is run without a shell, without prompts, without hooks, with no transport that
runs commands, and never for longer than it should take.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from cultivar.errors import NotKnownError, TemplateError, UnavailableError, UsageError
from cultivar.record import Record, replace
from cultivar.templating.numbering import version_or_none
from cultivar.tree import Entry, Mode, Tree, read_entry

_LOCAL_SECONDS: Final = 60.0
_REMOTE_SECONDS: Final = 180.0
_MAX_BYTES: Final = 256 * 2**20
_ALIASES: Final = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/"}
_SCHEMES: Final = ("https://", "http://", "ssh://", "git://", "file://", "git@", "git+")
_MODES: Final[dict[str, Mode]] = {"100644": "file", "100755": "executable", "120000": "link"}
_KEPT: Final = re.compile(
    r"PATH|HOME|USER|LOGNAME|TMPDIR|XDG_CONFIG_HOME|SSH_AUTH_SOCK|SSL_CERT_\w+|GIT_SSL_CAINFO"
    r"|GIT_CONFIG_(?:GLOBAL|SYSTEM|NOSYSTEM)"
    r"|(?i:https?_proxy|all_proxy|no_proxy)"
)
_CONFIG: Final = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.pager": "cat",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.allow": "never",
    **{f"protocol.{name}.allow": "always" for name in ("https", "http", "ssh", "git", "file")},
}


class Checkout(Record):
    """The files of a commit, or of the working tree over it."""

    tree: Tree
    described: str = ""
    """What `git describe --tags --always` says of the commit."""
    modules: tuple[tuple[str, str], ...] = ()
    """Path and commit of each submodule."""


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A repository on this machine."""

    folder: Path
    bare: bool
    _resolved: dict[str, str] = field(default_factory=dict[str, str], compare=False, repr=False)
    """What names were found to be, so that git is asked once for each."""

    def checkout(self, ref: str = "", *, pre_releases: bool = False) -> Checkout:
        """The files at `ref`; without one, at the newest release.

        A folder with changes that are not committed is taken as it is, without `ref` or at `HEAD`;
        so is one without any commit.

        Raises:
            NotKnownError: There is no such tag, branch or commit.
            UnavailableError: Git cannot read the repository.
        """
        if not self.bare and ref in {"", "HEAD"}:
            head, here = self.resolve("HEAD"), self.working_tree()
            if head is None or here != self.tree(head):
                return replace(self.at(head), tree=here) if head else Checkout(tree=here)
        wanted = ref or self.newest_tag(pre_releases=pre_releases) or "HEAD"
        commit = self.resolve(wanted)
        if commit is None:
            near = get_close_matches(wanted, self.tags())
            raise NotKnownError("tag, branch or commit", wanted, tuple(near))
        return self.at(commit)

    def at(self, commit: str) -> Checkout:
        """All there is to know of `commit`."""
        with ThreadPoolExecutor(max_workers=1) as beside:
            described = beside.submit(self.describe, commit)
            entries = list(self._entries(commit))
            modules = tuple((path, module) for path, mode, module, _ in entries if mode == "160000")
            tree = self._tree(entries)
        return Checkout(tree=tree, described=described.result(), modules=modules)

    def tags(self) -> list[str]:
        """The names of all tags."""
        listed = self._git("for-each-ref", "--format=%(refname:strip=2)", "refs/tags")
        return os.fsdecode(listed).splitlines()

    def newest_tag(self, *, pre_releases: bool = False) -> str:
        """The tag of the newest release by PEP 440; empty without one."""
        versions = [(version, tag) for tag in self.tags() if (version := version_or_none(tag))]
        wanted = [each for each in versions if pre_releases or not each[0].is_prerelease]
        return max(wanted)[1] if wanted else ""

    def resolve(self, ref: str) -> str | None:
        """The commit that `ref` names; None where it names none."""
        if re.search(r"\s", ref):
            return None
        if ref not in self._resolved and (found := self._look_up(ref)):
            self._resolved[ref] = found
        return self._resolved.get(ref)

    def _look_up(self, ref: str) -> str | None:
        # By standard input, so that no name can be taken for an option.
        asked = "".join(f"{prefix}{ref}^{{commit}}\n" for prefix in ("", "refs/remotes/origin/"))
        answers = self._git("cat-file", "--batch-check=%(objectname)", stdin=asked.encode())
        lines = answers.decode(errors="replace").splitlines()
        return next((line for line in lines if re.fullmatch(r"[0-9a-f]{40,64}", line)), None)

    def describe(self, commit: str) -> str:
        """The commit by the nearest tag before it."""
        return self._git("describe", "--tags", "--always", commit).decode().strip()

    def is_before(self, earlier: str, later: str) -> bool:
        """Whether all of the commit `earlier` is in the history of `later`, which has more."""
        sides = self._git("rev-list", "--left-right", "--count", f"{earlier}...{later}", "--")
        return sides.split()[0] == b"0" != sides.split()[1]

    def tree(self, commit: str) -> Tree:
        """The files of `commit`, with their modes and links."""
        return self._tree(self._entries(commit))

    def _tree(self, entries: Iterable[tuple[str, str, str, str]]) -> Tree:
        found = list(self._listed(entries))
        if sum(size for *_, size in found) > _MAX_BYTES:
            raise TemplateError(f"The repository is larger than {_MAX_BYTES >> 20} MiB.")
        contents = self._contents([blob for _, _, blob, _ in found])
        return Tree(
            {
                path: Entry(content=content, mode=mode)
                for (path, mode, _, _), content in zip(found, contents, strict=True)
            }
        )

    def working_tree(self) -> Tree:
        """The files that stand in the folder, those aside that git ignores."""
        listed = self._git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        paths = {name: self.folder / name for name in os.fsdecode(listed).split("\0") if name}
        there = {name: path for name, path in paths.items() if path.is_symlink() or path.is_file()}
        return Tree({name: read_entry(path) for name, path in there.items()})

    @staticmethod
    def _listed(
        entries: Iterable[tuple[str, str, str, str]],
    ) -> Iterator[tuple[str, Mode, str, int]]:
        for path, mode, blob, size in entries:
            if size == "-":
                continue
            if not size.isdigit():
                raise UnavailableError(
                    f"The repository lacks the content of {path!r}.", "Clone it again, in full."
                )
            yield path, _MODES.get(mode, "file"), blob, int(size)

    def _entries(self, commit: str) -> Iterator[tuple[str, str, str, str]]:
        """Path, mode, object and size of all that is in `commit`."""
        for line in self._git("ls-tree", "-r", "-l", "-z", "--full-tree", commit).split(b"\0"):
            about, _, path = os.fsdecode(line).partition("\t")
            if about:
                mode, _, name, size = about.split()
                yield path, mode, name, size

    def _contents(self, blobs: list[str]) -> Iterable[bytes]:
        output = self._git("cat-file", "--batch", stdin="".join(f"{b}\n" for b in blobs).encode())
        at = 0
        for _ in blobs:
            end = output.index(b"\n", at)
            size = int(output[at:end].split()[2])
            yield output[end + 1 : end + 1 + size]
            at = end + 1 + size + 1

    def _git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        place = [f"--git-dir={self.folder}"] if self.bare else ["-C", str(self.folder)]
        return run_git(*place, *arguments, stdin=stdin)


def git_address(reference: str) -> str | None:
    """The address that git takes for `reference`; None where it is none.

    Raises:
        UsageError: It tries to be an option, or climbs with `..`.
    """
    address = reference
    for alias, site in _ALIASES.items():
        if reference.startswith(alias):
            address = f"{site}{reference.removeprefix(alias).lstrip('/').removesuffix('.git')}.git"
    if not address.startswith(_SCHEMES) and not re.fullmatch(r"[\w.-]+@[\w.-]+:.+", address):
        return None
    address = address.removeprefix("git+")
    if address.startswith("-") or ".." in re.split(r"[/:\\]", unquote(address)):
        raise UsageError(
            f"The address {reference!r} is refused.", "Name the repository without `..` in it."
        )
    return address


def without_credentials(address: str) -> str:
    """`address` without the user and the password that may stand in it."""
    parts = urlsplit(address)
    if parts.scheme in {"http", "https"} and "@" in parts.netloc:
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    if parts.scheme == "ssh" and parts.password:
        netloc = f"{parts.username}@{parts.netloc.rpartition('@')[2]}"
        return urlunsplit(parts._replace(netloc=netloc))
    return address


def local_repository(folder: Path) -> Repository | None:
    """The repository whose root is `folder`; None where it is none."""
    if (folder / ".git").exists():
        return Repository(folder=folder.resolve(), bare=False)
    if (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir():
        return Repository(folder=folder.resolve(), bare=True)
    return None


def on_this_machine(address: str) -> Repository | None:
    """The repository at `address` as it stands on this machine, by the user's git settings too.

    None where it is somewhere else.
    """
    place = run_git("ls-remote", "--get-url", "--", address).decode(errors="replace").strip()
    path = unquote(place.removeprefix("file://"))
    if not path.startswith("/"):
        return None
    places = (f"{path}/.git", path, f"{path}.git")
    found = (local_repository(Path(each)) for each in places if Path(each).is_dir())
    return next((each for each in found if each is not None and each.bare), None)


def cached(address: str, cache: Path) -> Repository | None:
    """The copy of the repository at `address` that `cache` has already, however old it is."""
    folder = _place(address, cache)
    return Repository(folder=folder, bare=True) if (folder / "objects").is_dir() else None


def mirror(address: str, cache: Path, ref: str = "") -> Repository:
    """A bare copy of the repository at `address`, kept in `cache` and brought up to date.

    It is not brought up to date for a tag or a commit that it already has.

    Raises:
        UnavailableError: The repository cannot be reached.
    """
    from filelock import FileLock  # it imports much, and few templates come from afar

    folder = _place(address, cache)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock"), timeout=_REMOTE_SECONDS):
            return _mirrored(address, folder, ref)
    except (OSError, TimeoutError) as error:
        raise UnavailableError(
            f"The cache {str(folder.parent)!r} cannot be used: {error}.",
            "Set `cache` to a folder that can be written.",
        ) from error


def _place(address: str, cache: Path) -> Path:
    name = hashlib.sha256(without_credentials(address).encode()).hexdigest()[:32]
    return cache / f"{name}.git"


def _mirrored(address: str, folder: Path, ref: str) -> Repository:
    repository = Repository(folder=folder, bare=True)
    if not (folder / "objects").is_dir():
        _clone(address, folder)
        return _with_ref(repository, address, ref)
    fixed = ref and (ref in repository.tags() or re.search(r"(^|-g)[0-9a-f]{7,64}$", ref))
    if not (fixed and repository.resolve(ref)):
        _fetch(folder, address, "--prune", "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    return _with_ref(repository, address, ref)


def _with_ref(repository: Repository, address: str, ref: str) -> Repository:
    """The repository with `ref` in it, should the server have it under another kind of name."""
    full = re.fullmatch(r"[0-9a-f]{40,64}|refs/[\w./-]+", ref)
    if full and repository.resolve(ref) is None:
        _fetch(
            repository.folder, address, "", f"+{ref}:{ref if '/' in ref else f'refs/kept/{ref}'}"
        )
    return repository


def _fetch(folder: Path, address: str, option: str, *refs: str) -> None:
    options = [option] if option else []
    run_git(
        f"--git-dir={folder}",
        *("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", *options, "--", address),
        *refs,
        seconds=_REMOTE_SECONDS,
    )


def _clone(address: str, folder: Path) -> None:
    """Clone beside `folder` and move it there, so that half a clone is never seen."""
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="clone-") as beside:
        made = Path(beside) / "repository"
        run_git(
            *("clone", "--bare", "--quiet", "--template=", "--", address, str(made)),
            seconds=_REMOTE_SECONDS,
        )
        # A clone remembers its address, with the password that may stand in it.
        run_git(f"--git-dir={made}", "config", "--remove-section", "remote.origin")
        made.rename(folder)


def run_git(
    *arguments: str, stdin: bytes = b"", seconds: float = _LOCAL_SECONDS, index: Path | None = None
) -> bytes:
    """What git prints.

    Args:
        arguments: The command, without `git`.
        stdin: What it reads.
        seconds: How long it may take.
        index: The file that it takes for the index, in the place of the repository's own.

    Raises:
        UnavailableError: Git is not there, failed, or took longer than `seconds`.
    """
    settings = [part for key, value in _CONFIG.items() for part in ("-c", f"{key}={value}")]
    command = ["git", *settings, *arguments]
    environ = _environ() if index is None else {**_environ(), "GIT_INDEX_FILE": str(index)}
    try:
        done = subprocess.run(
            command, input=stdin, capture_output=True, timeout=seconds, env=environ, check=False
        )
    except FileNotFoundError as error:
        raise UnavailableError("There is no `git` here.", "Install git.") from error
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(
            f"Git did not answer within {seconds:g} seconds.", "Is the network there?"
        ) from error
    if done.returncode:
        raise UnavailableError(
            f"Git failed: {_told(done.stderr)}", "Check the address and the ref."
        )
    return done.stdout


def _environ() -> dict[str, str]:
    """The user's own settings for git and the network, and none of a git that called us."""
    kept = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
    return {
        **kept,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C.UTF-8",
    }


def _told(stderr: bytes) -> str:
    """What git said, in one line and without credentials."""
    text = " ".join(stderr.decode(errors="replace").split())
    return re.sub(r"(https?://)[^/\s@]*@", r"\1", text) or "it did not say why."
