from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.checking.output import KEPT, readable


@pytest.mark.parametrize(
    ("printed", "read"),
    [
        (b"\x1b[1;31mred\x1b[0m and \x1b[2Kplain", "red and plain"),
        (b"\x1b]0;a title\x07text", "text"),
        (b"\x1b]8;;https://example.invalid\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1bPdevice\x1b\\text", "text"),
        (b"one\r\ntwo\r\n", "one\ntwo"),
        (b"10 %\r50 %\rdone\n", "done"),
        (b"a\x00b\x08c\x7f", "abc"),
        (b"tab\tstays", "tab\tstays"),
        (b"\xff\xfe", "��"),
        ("left‮right".encode(), "leftright"),
        (b"/tmp/tree/src/a.py:1: x", "src/a.py:1: x"),
        (b"rootdir: /tmp/tree\n", "rootdir: ."),
        (b"file:///tmp/tree/a", "a"),
        (b"/tmp/tree-of-others/a", "/tmp/tree-of-others/a"),
    ],
)
def test_an_output_is_plain_text_with_paths_of_the_tree(printed: bytes, read: str) -> None:
    assert readable(printed) == read


def test_of_a_long_output_whole_lines_of_the_end_are_kept() -> None:
    text = readable(b"".join(b"line %d\n" % number for number in range(5000)))
    assert text.startswith("…\nline ")
    assert text.endswith("\nline 4999")
    assert len(text.encode()) <= KEPT + len("…\n".encode())


@given(printed=st.binary(max_size=3 * KEPT))
def test_whatever_is_printed_can_be_kept_and_shown(printed: bytes) -> None:
    text = readable(printed)
    assert len(text.encode()) <= KEPT + 4
    assert not [c for c in text if c not in "\n\t" and ord(c) < 32]
