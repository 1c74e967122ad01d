from __future__ import annotations

import pytest

from cultivar.tree import Tree, text_entry
from cultivar.upgrade.merging.base import MergedFile, Policy, Trees
from cultivar.upgrade.merging.ladder import merge
from cultivar.upgrade.merging.pins import newer_side


def by_lines(base: str, ours: str, theirs: str, path: str = "a.txt") -> MergedFile:
    """What git and the rules for lines make of one file, without the rungs above them."""
    base_tree, ours_tree, theirs_tree = (
        Tree({path: text_entry(f"{text}\n")}) for text in (base, ours, theirs)
    )
    trees = Trees(base=base_tree, ours=ours_tree, theirs=theirs_tree)
    merged = merge(trees, Policy(resolvers=()))
    (file,) = merged.files or merged.kept
    return file


def settled(base: str, ours: str, theirs: str, path: str = "a.txt") -> str:
    file = by_lines(base, ours, theirs, path)
    assert file.conflict is None
    assert file.entry is not None
    return file.entry.content.decode().removesuffix("\n")


def is_open(base: str, ours: str, theirs: str, path: str = "a.txt") -> bool:
    return by_lines(base, ours, theirs, path).conflict is not None


def test_edits_of_neighbouring_lines_are_both_made() -> None:
    base = 'python = "3.8"\nkeywords = []'
    ours = 'python = "3.8"\nkeywords = ["dsm"]'
    theirs = 'python = "3.9"\nkeywords = []'
    assert settled(base, ours, theirs) == 'python = "3.9"\nkeywords = ["dsm"]'


def test_a_line_added_beside_lines_that_the_template_bumped_stays() -> None:
    base = '"black>=23.1",\n"ruff>=0.1",'
    theirs = '"black>=23.9",\n"ruff>=0.4",'
    assert settled(base, f'{base}\n"mine>=1.0",', theirs) == f'{theirs}\n"mine>=1.0",'


def test_lines_written_anew_beside_an_addition_stay_open() -> None:
    assert is_open("RUN old", "COPY mine\nRUN old", "WORKDIR /app\nUSER nobody")


def test_where_only_the_layout_of_ours_differed_theirs_is_taken() -> None:
    base, theirs = 'needs = [\n  "a",\n]', 'needs = [\n  "a",\n  "b",\n]'
    assert settled(base, 'needs = ["a"]', theirs) == theirs


def test_where_only_the_layout_of_the_template_changed_ours_stays() -> None:
    base, ours = 'needs = ["a"]', 'needs = ["a", "mine"]'
    assert settled(base, ours, 'needs = [\n  "a",\n]') == ours


def test_lines_that_a_person_moved_in_take_the_templates_change() -> None:
    base, ours = "run: a\nshell: sh", "  run: a\n  shell: sh"
    assert settled(base, ours, "run: b\nshell: sh") == "  run: b\n  shell: sh"


def test_what_both_say_in_another_layout_stays_as_the_person_has_it() -> None:
    ours = "run(\n    check(a, b),\n    title=c,\n)"
    assert settled("run(x)", ours, "run(check(a, b), title=c)", "a.py") == ours


def test_lists_and_words_that_say_the_same_are_as_the_template_has_them() -> None:
    assert settled("needs: [a, b]", "needs: a", "needs: [a]") == "needs: [a]"


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "expected"),
    [
        ("rev: v1.2.0", "rev: v1.3.0", "rev: v1.4.0", "rev: v1.4.0"),
        ("rev: v1.2.0", "rev: v1.5.0", "rev: v1.4.0", "rev: v1.5.0"),
        ('"pytest>=7"', '"pytest>=8"', '"pytest>=9"', '"pytest>=9"'),
        ('python = ">=3.8"', 'python = ">=3.11"', 'python = ">=3.10"', 'python = ">=3.11"'),
    ],
)
def test_of_two_pins_the_newer_one_is_taken(
    base: str, ours: str, theirs: str, expected: str
) -> None:
    assert settled(base, ours, theirs) == expected


@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [
        ("rev: v2.0", "rev: v1.0", "rev: v3.0"),
        ("numpy<2.0", "numpy<2.1", "numpy<3.0"),
        ("line = 88", "line = 100", "line = 120"),
        ("share = 0.8", "share = 0.85", "share = 0.9"),
        ('python = ">=3.8"', 'python = ">=3.9"', 'python = ">=3.10"'),
    ],
)
def test_a_number_that_a_person_chose_is_not_taken_for_an_old_pin(
    base: str, ours: str, theirs: str
) -> None:
    assert is_open(base, ours, theirs)


def test_a_pre_release_is_older_than_its_release() -> None:
    assert newer_side("rev: 1.2rc1", "rev: 1.2") == "theirs"


def test_a_change_that_a_person_made_before_the_template_is_kept_with_their_own() -> None:
    base, theirs = "a\nprint(x)\nb", "a\nlog(x)\nb"
    ours = "a\nlog(x)\nmine(x)\nb"
    assert settled(base, ours, theirs) == ours


def test_a_change_of_the_persons_that_the_template_has_too_is_settled() -> None:
    theirs = "a\nlog(x)\nflush(x)\nb"
    assert settled("a\nprint(x)\nb", "a\nlog(x)\nb", theirs) == theirs


def test_a_line_that_one_side_deleted_and_the_other_changed_is_not_deleted_by_both() -> None:
    assert is_open("a: x\nb: x\nc: x", "a: y\nb: y\nc: y", "- q")


def test_lines_that_a_person_deleted_do_not_come_back_written_anew() -> None:
    assert is_open("a\nrun: old\nb", "a\nb", "a\nuses: other\nb")


def test_lines_that_both_deleted_are_gone_with_what_else_the_template_deleted() -> None:
    assert settled("a\nx\ny\nb", "a\ny\nb", "a\nb") == "a\nb"


def test_a_change_of_a_word_that_ours_made_too_is_settled() -> None:
    base, theirs = "__all__: List[str] = []  # noqa", "__all__: list[str] = []"
    ours = 'import mine\n\n__all__: list[str] = ["mine"]'
    assert settled(base, ours, theirs, "a.py") == ours


def test_a_comment_that_the_template_took_away_beside_an_edit_is_gone() -> None:
    base = "version = 'a'\nname = 'x'  # noqa"
    ours, theirs = base.replace("'a'", "'mine'"), base.replace("  # noqa", "")
    assert settled(base, ours, theirs, "a.py") == "version = 'mine'\nname = 'x'"


def test_a_line_that_a_person_deleted_stays_deleted_where_the_template_bumps_it() -> None:
    assert settled("a\nduty>=0.7\nb\nc", "a\nb\nc", "a\nduty>=0.8\nb\nc") == "a\nb\nc"


def test_lines_that_a_person_moved_are_not_taken_for_deleted() -> None:
    base, theirs = "[black]\ntarget-version = 'py310'\nx", "[black]\ntarget-version = 'py311'\nx"
    assert is_open(base, "x\n[black]\ntarget-version = 'py38'", theirs, "a.toml")


def test_code_in_the_place_of_a_sample_stays_where_the_template_touches_the_sample() -> None:
    base, theirs = "print(opts)  # noqa: T201", "print(opts)  # noqa: T201,T203"
    ours = "with mine.open() as file:\n    file.write(mine.text)"
    assert settled(base, ours, theirs) == ours


def test_what_a_person_edited_in_lines_that_the_template_took_away_is_open() -> None:
    assert is_open("a\nrun: x --all\nb", "a\nrun: x --all --mine\nb", "a\nb")


def test_pins_in_lines_that_the_template_took_away_go_with_them() -> None:
    assert settled("a\nrev: v1.0\nb", "a\nrev: v1.1\nb", "a\nb") == "a\nb"


def test_pins_in_lines_that_the_template_wrote_anew_go_with_them() -> None:
    theirs = "a\nuses: ./here\nwith: b\nb"
    assert settled("a\nuses: x@v1\nb", "a\nuses: x@v2\nb", theirs) == theirs


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ('"pytest-cov",', '"pytest-xdist",'),
        ("def test_mine(a, b, c, d): pass", "def test_new(a, b, c, d): pass"),
    ],
)
def test_two_additions_that_look_alike_are_not_one(ours: str, theirs: str) -> None:
    assert is_open("a\nb", f"a\n{ours}\nb", f"a\n{theirs}\nb")


def test_an_ignore_file_has_the_lines_of_both() -> None:
    assert settled("a/", "a/\nmine/", "a/\nnew/", ".gitignore") == "a/\nmine/\nnew/"


def test_an_ignore_file_in_which_the_order_counts_is_open() -> None:
    assert is_open("a/", "a/\n!mine/", "a/\nnew/", ".gitignore")


def test_requirements_of_both_are_required() -> None:
    path = "requirements/docs.in"
    assert settled("sphinx", "sphinx\nmine", "sphinx\nnew", path) == "sphinx\nmine\nnew"


def test_one_requirement_that_both_changed_is_open() -> None:
    assert is_open("a", "a\nmine<2", "a\nmine<3", "requirements.txt")


def test_sections_that_both_added_stand_one_after_the_other() -> None:
    ours, theirs = "# A\n\n## Mine\n\nmy text", "# A\n\n## New\n\nnew text"
    assert settled("# A", ours, theirs, "README.md") == f"{ours}\n\n## New\n\nnew text"


def test_lines_of_the_section_above_stand_before_a_new_section() -> None:
    base, ours, theirs = "[a]\nx = 1", "[a]\nx = 1\n\n[mine]\nz = 3", "[a]\nx = 1\ny = 2"
    assert settled(base, ours, theirs, "x.ini") == "[a]\nx = 1\ny = 2\n\n[mine]\nz = 3"


def test_a_section_that_both_added_is_open() -> None:
    assert is_open("# A", "# A\n\n## New\n\nmine", "# A\n\n## New\n\nnew", "README.md")


def test_what_an_old_render_left_as_expressions_is_the_templates() -> None:
    base = "- [[ author ]]\nko_fi: [[ author ]]"
    assert settled(base, "- me\nko_fi: me", "- me\npatreon: me") == "- me\npatreon: me"


def test_a_value_of_the_persons_own_beside_a_left_expression_is_not_taken_away() -> None:
    file = by_lines("- [[ author ]]\nkeep: x", "- me\nkeep: mine", "- me\nkeep: new")
    assert file.conflict is not None


def test_tables_of_toml_are_no_expressions() -> None:
    base, theirs = "[[tool.a]]\nx = 1", "[[tool.b]]\nx = 1"
    assert is_open(base, "[[tool.mine]]\nx = 1", theirs, "a.toml")


def test_a_reason_is_given_for_what_a_rule_decided() -> None:
    file = by_lines("rev: v1.2.0", "rev: v1.3.0", "rev: v1.4.0")
    assert (file.rung, file.reason) == ("lines", "the newer of two versions")


def test_what_is_settled_is_not_shown_as_open() -> None:
    base = "rev: v1.0\nx\ny: a"
    file = by_lines(base, "rev: v1.1\nx\ny: mine", "rev: v1.2\nx\ny: new")
    assert file.entry is not None
    assert file.entry.content.startswith(b"rev: v1.2\nx\n<<<<<<<")


def test_a_long_rewrite_is_left_open_in_short_time() -> None:
    base, ours, theirs = ("\n".join(f"{side} {n}" for n in range(3000)) for side in "abc")
    assert is_open(base, ours, theirs)
