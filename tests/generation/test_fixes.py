from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from cultivar.generation.fixes import apply_edits, fix_between
from cultivar.model import Edit
from cultivar.tree import Entry, Tree, text_entry

LINES = st.lists(
    st.sampled_from(["a\n", "b\n", "import os\n", "\n", "    return 1\n"]), max_size=12
)
TEXTS = LINES.map("".join)


@given(failed=TEXTS, passed=TEXTS)
def test_a_fix_leads_from_what_failed_to_what_passed(failed: str, passed: str) -> None:
    assume(failed != passed)
    before, after = Tree({"x.py": text_entry(failed)}), Tree({"x.py": text_entry(passed)})
    fix = fix_between(before, after, "mends F401")
    assert fix is None or apply_edits(before, fix.edits) == after


def test_a_fix_is_taken_to_another_file_of_the_same_lines() -> None:
    before = Tree({"m.py": text_entry("import os\nimport re\n\nx = re.compile('a')\n")})
    after = Tree({"m.py": text_entry("import re\n\nx = re.compile('a')\n")})
    fix = fix_between(before, after, "mends F401")
    assert fix is not None
    other = Tree({"m.py": text_entry("import os\nimport re\n\ny = re.compile('b')\n")})
    mended = apply_edits(other, fix.edits)
    assert mended is not None
    assert mended.text("m.py") == "import re\n\ny = re.compile('b')\n"


def test_an_edit_whose_place_is_not_there_or_not_the_only_one_is_not_made() -> None:
    tree = Tree({"m.py": text_entry("a\na\n"), "raw": Entry(content=b"\xff")})
    assert apply_edits(tree, [Edit(path="m.py", search="b", replace="c")]) is None
    assert apply_edits(tree, [Edit(path="m.py", search="a", replace="c")]) is None
    assert apply_edits(tree, [Edit(path="raw", search="a", replace="c")]) is None
    assert apply_edits(tree, [Edit(path="none", search="a", replace="c")]) is None


def test_another_draft_is_no_fix() -> None:
    before = Tree({"m.py": text_entry("".join(f"x{n} = {n}\n" for n in range(100)))})
    after = Tree({"m.py": text_entry("".join(f"y{n} = {n}\n" for n in range(100)))})
    assert fix_between(before, after, "") is None
    assert fix_between(before, Tree({"other.py": text_entry("")}), "") is None
    assert fix_between(before, before, "") is None
