from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.errors import UnsafeError
from cultivar.sandbox.transfer import TooMuchError, collect_archive, pack
from cultivar.tree import Entry, Tree, text_entry

NAMES = st.text(st.characters(exclude_characters="/\\\0", codec="utf-8"), min_size=1).filter(
    lambda name: name not in {".", ".."} and name.lower() != ".git"
)
ENTRIES = st.builds(
    Entry, content=st.binary(max_size=100), mode=st.sampled_from(["file", "executable"])
)
TREES = st.dictionaries(NAMES.map("folder/{}".format), ENTRIES, max_size=8).map(Tree)


@given(tree=TREES)
def test_a_tree_survives_the_way_there_and_back(tree: Tree) -> None:
    assert collect_archive(pack(tree), 1 << 20) == tree


def _archive(*members: tarfile.TarInfo, content: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member in members:
            member.size = len(content) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    "member",
    [
        _member("/etc/passwd"),
        _member("../out"),
        _member("a/../../out"),
        _member("out", tarfile.SYMTYPE, "/etc/passwd"),
        _member("a/out", tarfile.SYMTYPE, "../../out"),
        _member("out", tarfile.LNKTYPE, "/etc/passwd"),
        _member("out", tarfile.LNKTYPE, "../../etc/passwd"),
        _member("null", tarfile.CHRTYPE),
        _member("disk", tarfile.BLKTYPE),
        _member("pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda member: f"{member.type!r}-{member.name}",
)
def test_an_archive_that_reaches_out_is_refused(member: tarfile.TarInfo) -> None:
    with pytest.raises(UnsafeError):
        collect_archive(_archive(member), 1 << 20)


def test_a_file_below_a_link_is_refused() -> None:
    archive = _archive(_member("a", tarfile.SYMTYPE, "b"), _member("a/file"))
    with pytest.raises(UnsafeError):
        collect_archive(archive, 1 << 20)


def test_a_hard_link_within_is_a_file_of_its_own() -> None:
    archive = _archive(_member("one"), _member("two", tarfile.LNKTYPE, "one"), content=b"x")
    expected = Tree({"one": text_entry("x"), "two": text_entry("x")})
    assert collect_archive(archive, 1 << 20) == expected


@pytest.mark.parametrize(
    "content", [b"no archive at all", pack(Tree({"a": text_entry("x")}))[:600]]
)
def test_a_broken_archive_is_refused(content: bytes) -> None:
    with pytest.raises(UnsafeError):
        collect_archive(content, 1 << 20)


def test_an_archive_that_claims_more_than_the_disk_is_too_much() -> None:
    member = tarfile.TarInfo("huge")
    member.size = 1 << 40
    with pytest.raises(TooMuchError):
        collect_archive(member.tobuf() + bytes(1 << 10), 1 << 20)


def test_too_many_files_are_too_much() -> None:
    archive = _archive(*(_member(str(number)) for number in range(300)))
    with pytest.raises(TooMuchError):
        collect_archive(archive, 1 << 20)
