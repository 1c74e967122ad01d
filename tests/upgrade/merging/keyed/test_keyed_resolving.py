from __future__ import annotations

from textwrap import dedent

import pytest

from cultivar.upgrade.merging.base import Texts
from cultivar.upgrade.merging.keyed.resolving import resolve


def merged(path: str, *versions: str) -> str | None:
    """What base, ours and theirs come to."""
    base, ours, theirs = (dedent(version).lstrip("\n") for version in versions)
    resolution = resolve(Texts(path=path, base=base, ours=ours, theirs=theirs))
    return resolution.text if resolution is not None else None


def text(version: str) -> str:
    return dedent(version).lstrip("\n")


def test_neighbouring_keys_of_toml_take_each_its_own_change() -> None:
    result = merged(
        "pyproject.toml",
        """
        [project]
        requires-python = ">=3.8"
        keywords = []
        """,
        """
        [project]
        requires-python = ">=3.8"
        keywords = ["tasks"]  # what people search for
        """,
        """
        [project]
        requires-python = ">=3.9"
        keywords = []
        """,
    )
    assert result == text(
        """
        [project]
        requires-python = ">=3.9"
        keywords = ["tasks"]  # what people search for
        """
    )


def test_a_list_of_dependencies_takes_what_both_added() -> None:
    result = merged(
        "pyproject.toml",
        """
        [dependency-groups]
        maintain = [
            "black>=23.1",
            "toml~=0.10",
        ]
        """,
        """
        [dependency-groups]
        maintain = [
            "black>=23.1",
            # sorts the code
            "ssort>=0.10",
            "toml~=0.10",
        ]
        """,
        """
        [dependency-groups]
        maintain = [
            "black>=23.9",
            "build>=1.2",
        ]
        """,
    )
    assert result == text(
        """
        [dependency-groups]
        maintain = [
            "black>=23.9",
            # sorts the code
            "ssort>=0.10",
            "build>=1.2",
        ]
        """
    )


def test_what_was_only_laid_out_differently_takes_the_templates_change() -> None:
    result = merged(
        "pyproject.toml",
        'requires = [\n  "setuptools>=68",\n  "wheel",\n]\nname = "a"\n',
        'requires = ["setuptools>=68", "wheel"]\nname = "b"\n',
        'requires = [\n  "setuptools>=77",\n  "wheel",\n]\nname = "a"\n',
    )
    assert result == 'requires = [\n  "setuptools>=77",\n  "wheel",\n]\nname = "b"\n'


def test_a_list_in_one_line_stays_in_one_line() -> None:
    result = merged(
        "pyproject.toml",
        'dependencies = ["a>=1", "b>=1"]\n',
        'dependencies = ["a>=1", "b>=1", "mine"]\n',
        'dependencies = ["a>=2", "b>=1"]\n',
    )
    assert result == 'dependencies = ["a>=2", "b>=1", "mine"]\n'


def test_an_item_with_a_comment_is_not_put_into_one_line() -> None:
    result = merged(
        "pyproject.toml",
        'dependencies = [\n  "a>=1",\n  "b>=1",\n]\n',
        'dependencies = ["a>=1", "b>=1", "mine"]\n',
        'dependencies = [\n  "a>=2",\n  "b>=1",\n  "c", # new\n]\n',
    )
    assert result is None


@pytest.mark.parametrize(
    ("ours", "theirs", "newer"),
    [
        ("pytest>=7.0", "pytest>=8.0", "pytest>=8.0"),
        ("pytest>=9.1", "pytest>=8.0", "pytest>=9.1"),
        ("pytest>=8.0.0", "pytest>=8.0", "pytest>=8.0"),
    ],
)
def test_of_two_pins_of_one_package_the_newer_is_taken(ours: str, theirs: str, newer: str) -> None:
    pins = [f'[project]\ndependencies = ["{pin}"]\n' for pin in ("pytest", ours, theirs, newer)]
    assert merged("pyproject.toml", *pins[:3]) == pins[3]


def test_the_reason_says_that_a_version_was_chosen() -> None:
    base, ours, theirs = (f'dependencies = ["pytest>={each}"]\n' for each in (6, 7, 8))
    resolution = resolve(Texts(path="a.toml", base=base, ours=ours, theirs=theirs))
    assert resolution is not None
    assert "of two versions the newer" in resolution.reason


@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [
        ("pytest>=7", "pytest>=6", "pytest>=8"),
        ("pytest>=7", "pytest>=7,<8", "pytest>=8"),
        ("pytest>=7", "pytest @ git+https://example.org/pytest", "pytest>=8"),
    ],
    ids=["held back", "bounded", "from elsewhere"],
)
def test_a_pin_that_the_person_chose_for_a_reason_is_not_overruled(
    base: str, ours: str, theirs: str
) -> None:
    versions = [f'[project]\ndependencies = ["{pin}"]\n' for pin in (base, ours, theirs)]
    assert merged("pyproject.toml", *versions) is None


def test_a_version_that_is_no_pin_is_not_chosen() -> None:
    versions = [f'[project]\nversion = "{each}"\n' for each in ("0.1.0", "1.4.2", "2.0.0")]
    assert merged("pyproject.toml", *versions) is None


def test_a_dependency_that_the_person_took_away_stays_away() -> None:
    result = merged(
        "pyproject.toml",
        '[tool.x.dev-dependencies]\nduty = ["duty>=0.7"]\nmypy = ["mypy>=1"]\n',
        '[tool.x.dev-dependencies]\nmypy = ["mypy>=1"]\n',
        '[tool.x.dev-dependencies]\nduty = ["duty>=0.8"]\nmypy = ["mypy>=2"]\n',
    )
    assert result == '[tool.x.dev-dependencies]\nmypy = ["mypy>=2"]\n'


def test_what_the_person_changed_and_the_template_took_away_is_not_certain() -> None:
    result = merged("a.toml", "a = 1\nb = 1\n", "a = 2\nb = 1\n", "b = 1\n")
    assert result is None


def test_which_versions_of_a_language_are_supported_is_one_decision() -> None:
    result = merged(
        "ci.yml",
        'python-version: ["3.8", "3.9", "3.10", "3.11"]\n',
        'python-version: ["3.9", "3.10", "3.11"]\n',
        'python-version: ["3.10", "3.11", "3.12"]\n',
    )
    assert result is None


def test_tables_that_the_template_moved_keep_the_persons_edits() -> None:
    result = merged(
        "a.toml",
        "[one]\na = 1\n\n# second\n[two]\nb = 1\n",
        "[one]\na = 1\n\n# second\n[two]\nb = 2 # mine\n\n[mine]\nc = 1\n",
        "# second\n[two]\nb = 1\n\n[one]\na = 3\n",
    )
    assert result is not None
    assert [line for line in result.splitlines() if line] == [
        *("# second", "[two]", "b = 2 # mine", "[mine]", "c = 1", "[one]", "a = 3")
    ]


def test_tables_of_an_array_are_known_by_what_they_are_about() -> None:
    def override(module: str, value: str) -> str:
        return f'[[tool.mypy.overrides]]\nmodule = "{module}"\nstrict = {value}\n'

    a, b = override("a", "true"), override("b", "true")
    changed = override("b", "false")
    assert merged("a.toml", a + b, f"{a}{b}# mine\n{override('c', 'true')}", a + changed) == (
        f"{a}{changed}# mine\n{override('c', 'true')}"
    )


def test_steps_of_a_workflow_are_known_by_their_action_without_its_version() -> None:
    result = merged(
        ".github/workflows/ci.yml",
        """
        jobs:
          docs:
            steps:
              - uses: actions/checkout@v4
              - run: tox -e docs
              - run: tox -e linkcheck
                if: ${{ inputs.linkcheck }}
              - uses: actions/upload-artifact@v4
        """,
        """
        jobs:
          docs:
            steps:
              - uses: actions/checkout@v4
              - run: tox -e docs
              # - run: tox -e linkcheck
              #   if: ${{ inputs.linkcheck }}
              - uses: actions/upload-artifact@v4
                id: upload
        """,
        """
        jobs:
          docs:
            steps:
              - uses: actions/checkout@v6
              - run: tox -e docs
              - run: tox -e linkcheck
                if: ${{ inputs.linkcheck }}
              - uses: actions/upload-artifact@v7
        """,
    )
    assert result == text(
        """
        jobs:
          docs:
            steps:
              - uses: actions/checkout@v6
              - run: tox -e docs
              # - run: tox -e linkcheck
              #   if: ${{ inputs.linkcheck }}
              - uses: actions/upload-artifact@v7
                id: upload
        """
    )


def test_a_comment_that_the_person_took_away_does_not_come_back_with_a_new_item() -> None:
    result = merged(
        "environment.yml",
        "dependencies:\n  # TODO: add yours\n  - a=1\n",
        "dependencies:\n  - a=1\n  - mine=1\n",
        "dependencies:\n  # TODO: add yours\n  - new=1\n  - a=2\n",
    )
    assert result == "dependencies:\n  - new=1\n  - a=2\n  - mine=1\n"


def test_a_step_of_a_job_that_the_person_renamed_is_not_left_behind_in_silence() -> None:
    def job(name: str, version: str) -> str:
        return f"jobs:\n  {name}:\n    steps:\n      - uses: a/b@{version}\n  last: {{}}\n"

    theirs = job("test", "v2") + "  new: {}\n"
    assert merged("ci.yml", job("test", "v1"), job("tests", "v1"), theirs) is None


def test_a_release_is_not_given_up_for_what_is_not_released_yet() -> None:
    versions = [f'dependencies = ["a=={each}"]\n' for each in ("3.0.0", "3.1.0", "4.0.0a8")]
    assert merged("a.toml", *versions) is None


def test_an_action_keeps_what_the_person_gave_it() -> None:
    result = merged(
        "ci.yml",
        """
        steps:
          - uses: actions/checkout@v4
          - uses: actions/setup-python@v5
            with:
              python-version: "3.12"
        """,
        """
        steps:
          - uses: actions/checkout@v4
            with:
              fetch-depth: 0  # for the version
          - uses: actions/setup-python@v5
            with:
              python-version: "3.12"
              cache: pip
        """,
        """
        steps:
        - uses: actions/checkout@v6
        - uses: actions/setup-python@v6
          with:
            python-version: "3.12"
        """,
    )
    assert result == text(
        """
        steps:
        - uses: actions/checkout@v6
          with:
            fetch-depth: 0  # for the version
        - uses: actions/setup-python@v6
          with:
            python-version: "3.12"
            cache: pip
        """
    )


def test_hooks_of_pre_commit_take_the_newer_revision() -> None:
    def config(revision: str, more: str = "") -> str:
        return (
            "repos:\n"
            "  - repo: https://github.com/astral-sh/ruff-pre-commit\n"
            f"    rev: {revision}\n"
            "    hooks:\n"
            "      - id: ruff\n"
            f"{more}"
        )

    mine = "        args: [--fix]\n  - repo: local\n    hooks:\n      - id: mine\n"
    result = merged(
        ".pre-commit-config.yaml", config("v0.8.0"), config("v0.11.12", mine), config("v0.14.6")
    )
    assert result == config("v0.14.6", mine)


def test_an_action_that_is_pinned_by_its_commit_goes_by_the_version_beside_it() -> None:
    def step(digit: str, version: str) -> str:
        return f"steps:\n  - uses: actions/checkout@{digit * 40} # {version}\n"

    versions = (step("a", "v4.0.0"), step("b", "v4.2.2"), step("c", "v4.1.7"))
    assert merged("ci.yml", *versions) == step("b", "v4.2.2")


def test_steps_that_both_added_at_one_place_are_not_put_in_an_order() -> None:
    base = "steps:\n  - run: a\n"
    assert merged("ci.yml", base, f"{base}  - run: b\n", f"{base}  - run: c\n") is None


def test_anchors_multi_line_values_and_documents_are_kept() -> None:
    base = """
        # header

        ---
        defaults: &defaults
          image: alpine:3.1
        job:
          <<: *defaults
          script: |
            one

            two
          note: "a
            b"
        ---
        - x
        """
    ours = base.replace("- x", "- x  # mine").replace("    two", "    two # no comment")
    theirs = base.replace("alpine:3.1", "alpine:3.2").replace("- x", "- x\n        - z")
    result = merged("a.yaml", base, ours, theirs)
    assert result == text(
        """
        # header

        ---
        defaults: &defaults
          image: alpine:3.2
        job:
          <<: *defaults
          script: |
            one

            two # no comment
          note: "a
            b"
        ---
        - x  # mine
        - z
        """
    )


def test_an_alias_whose_anchor_the_template_took_away_is_not_certain() -> None:
    base = "a: &a 1\nb: 2\nc: 3\n"
    assert merged("a.yaml", base, base + "d: *a\n", "b: 2\nc: 3\n") is None


def test_texts_of_several_lines_are_merged_line_by_line() -> None:
    def config(*lines: str) -> str:
        return '[tool.tox]\nini = """\n' + "".join(f"{line}\n" for line in lines) + '"""\n'

    result = merged(
        "pyproject.toml",
        config("[tox]", "a = 1", "b = 1", "c = 1", "d = 1"),
        config("[tox]", "a = 2", "b = 1", "c = 1", "d = 1"),
        config("[tox]", "a = 1", "b = 1", "c = 1", "d = 2"),
    )
    assert result == config("[tox]", "a = 2", "b = 1", "c = 1", "d = 2")


def test_json_with_comments_is_merged() -> None:
    result = merged(
        ".vscode/settings.json",
        '{\n    "a": false,\n    "b": {\n        "c": 1\n    }\n}\n',
        '{\n    "a": false,\n    // mine\n    "z": 1,\n    "b": {\n        "c": 2\n    }\n}\n',
        '{\n    "a": true,\n    "b": {\n        "c": 1,\n        "d": [1, 2],\n    },\n}\n',
    )
    assert result == (
        '{\n    "a": true,\n    // mine\n    "z": 1,\n'
        '    "b": {\n        "c": 2,\n        "d": [1, 2],\n    },\n}\n'
    )


def test_json_stays_strict_where_both_are() -> None:
    result = merged(
        "package.json",
        '{\n\t"version": "1.0.0",\n\t"dependencies": {\n\t\t"a": "^1.0.0"\n\t}\n}\n',
        '{\n\t"version": "1.0.0",\n\t"dependencies": {\n\t\t"a": "^1.2.0",\n\t\t"b": "1"\n\t}\n}\n',
        '{\n\t"version": "1.0.0",\n\t"dependencies": {\n\t\t"a": "^1.4.0"\n\t},\n'
        '\t"private": true\n}\n',
    )
    assert result == (
        '{\n\t"version": "1.0.0",\n\t"dependencies": {\n\t\t"a": "^1.4.0",\n\t\t"b": "1"\n\t},\n'
        '\t"private": true\n}\n'
    )


@pytest.mark.parametrize(
    "path", ["uv.lock", "poetry.lock", "package-lock.json", "pnpm-lock.yaml", "Makefile", "a.py"]
)
def test_locks_and_other_files_are_left_alone(path: str) -> None:
    assert merged(path, "a: 1\nb: 1\n", "a: 2\nb: 1\n", "a: 1\nb: 2\n") is None


@pytest.mark.parametrize(
    ("path", "broken"),
    [
        ("a.toml", "a = \n"),
        ("a.toml", "a = 1\na = 2\n"),
        ("a.yaml", "a: [1\n"),
        ("a.yaml", "a: 1\na: 2\n"),
        ("a.yaml", "? [a]\n: 1\n"),
        ("a.yaml", "just text\n"),
        ("a.yaml", "{% if x %}\na: 1\n{% endif %}\n"),
        ("a.json", '{"a": 1\n'),
        ("a.json", '{"a": nothing}\n'),
        ("a.json", '{"a": 1 "b": 2}\n'),
        ("a.json", '{"a": 1, "a": 2}\n'),
    ],
)
def test_what_does_not_parse_is_not_merged(path: str, broken: str) -> None:
    whole = {"a.toml": "a = 1\n", "a.yaml": "a: 1\n", "a.json": '{"a": 1}\n'}[path]
    other = whole.replace("1", "7")
    assert merged(path, whole, broken, other) is None


def test_a_key_that_the_template_moved_to_another_table_takes_the_persons_edit_along() -> None:
    result = merged(
        "pyproject.toml",
        """
        [tool.ruff]
        line-length = 88
        select = ["E", "F"]
        """,
        """
        [tool.ruff]
        line-length = 100
        # what we care for
        select = ["E", "F", "N"]

        [tool.mine]
        a = 1
        """,
        """
        [tool.ruff]
        line-length = 88

        [tool.ruff.lint]
        select = ["E", "F", "W"]
        """,
    )
    assert result == text(
        """
        [tool.ruff]
        line-length = 100

        [tool.ruff.lint]
        # what we care for
        select = ["E", "F", "N", "W"]

        [tool.mine]
        a = 1
        """
    )


def test_a_key_that_the_template_made_part_of_another_keeps_its_place() -> None:
    base = '[tool.ruff]\nselect = ["E", "F"]\nline-length = 88\n'
    ours = '[tool.ruff]\nselect = ["E", "F", "N"]\nline-length = 88\n'
    theirs = '[tool.ruff]\nlint.select = ["E", "F"]\nline-length = 88\n'
    assert merged("pyproject.toml", base, ours, theirs) == (
        '[tool.ruff]\nlint.select = ["E", "F", "N"]\nline-length = 88\n'
    )


def test_groups_of_dependencies_move_and_the_persons_own_stay() -> None:
    result = merged(
        "pyproject.toml",
        """
        [project.optional-dependencies]
        dev = [
            "black",
            "pytest",
        ]
        """,
        """
        [project.optional-dependencies]
        plots = ["matplotlib"]
        dev = [
            "black",
            "mine",
            "pytest",
        ]
        """,
        """
        [dependency-groups]
        dev = [
            "pytest",
            "tox-uv",
        ]
        """,
    )
    assert result is not None
    assert "plots = " in result.partition("[dependency-groups]")[0]
    assert [line.strip() for line in result.partition("dev = ")[2].splitlines()] == [
        *("[", '"mine",', '"pytest",', '"tox-uv",', "]")
    ]


def test_the_parts_of_a_requirement_are_merged_apart() -> None:
    pins = ["mkdocstrings>=0.18", "mkdocstrings[python]>=0.18", "mkdocstrings>=0.29"]
    versions = [f'dependencies = ["{pin}"]\n' for pin in pins]
    assert merged("a.toml", *versions) == 'dependencies = ["mkdocstrings[python]>=0.29"]\n'


def test_a_package_that_is_required_once_for_each_environment_is_not_mixed_up() -> None:
    def config(*items: str) -> str:
        return "dependencies = [\n" + "".join(f'  "{item}",\n' for item in items) + "]\n"

    old, new = "flake8<5; python_version < '3.8'", "flake8>=4; python_version >= '3.8'"
    result = merged(
        "a.toml",
        config("black>=1", old),
        config("black>=1", old, new),
        config("black>=2", old.replace("<5", "<6")),
    )
    assert result == config("black>=2", old.replace("<5", "<6"), new)


def test_of_what_both_added_the_fuller_is_taken() -> None:
    base = "[a]\nx = 1\n"
    less, more = "b = {c = 1}\n", "b = {c = 1, d = 2}\n"
    assert merged("a.toml", base, base + less, "[a]\nx = 2\n" + more) == "[a]\nx = 2\n" + more
    assert merged("a.toml", base, base + more, "[a]\nx = 2\n" + less) == "[a]\nx = 2\n" + more


def test_of_what_both_added_the_newer_version_is_taken() -> None:
    base, ours, theirs = 'a = ["x"]\n', 'a = ["x", "y>=1.13"]\n', 'a = ["x", "y>=1.16"]\n'
    assert merged("a.toml", base, ours, theirs) == theirs


def test_what_both_added_with_another_meaning_is_not_certain() -> None:
    assert merged("a.toml", "a = 1\n", "a = 1\nb = {c = 1}\n", "a = 2\nb = {d = 1}\n") is None


def test_comments_of_both_at_different_places_are_kept() -> None:
    result = merged(
        "a.yaml",
        "# one\n# two\n# three\na: 1\nb: 1\n",
        "# one, mine\n# two\n# three\na: 1\nb: 2\n",
        "# one\n# two\n# three, new\na: 2\nb: 1\n",
    )
    assert result == "# one, mine\n# two\n# three, new\na: 2\nb: 2\n"


@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [
        ("# a\na: 1\n", "# b\na: 1\n", "# c\na: 1\n"),
        ("a: 1 # a\n", "a: 1 # b\n", "a: 1 # c\n"),
        ("a: [1] # a\nb: 1\n", "a: [1, 2] # b\nb: 1\n", "a: [0, 1] # c\nb: 2\n"),
    ],
    ids=["before", "behind", "behind a list"],
)
def test_a_comment_that_both_changed_is_not_certain(base: str, ours: str, theirs: str) -> None:
    assert merged("a.yaml", base, ours, theirs) is None


def test_a_comment_that_the_person_put_into_a_list_is_kept() -> None:
    assert merged("a.yaml", "a: [1]\n", "a: [ # why\n  1]\n", "a: [2]\n") == "a: [ # why\n  2]\n"


def test_a_directive_and_its_document_are_kept() -> None:
    header = "%YAML 1.2\n---\n"
    assert merged("a.yaml", "a: 1\nb: 1\n", f"{header}a: 1\nb: 1\n", "a: 2\nb: 1\n") == (
        f"{header}a: 2\nb: 1\n"
    )


def test_a_list_that_the_person_put_in_another_order_keeps_it() -> None:
    base, ours = 'classifiers = ["A", "B", "C"]\n', 'classifiers = ["C", "A", "B"]\n'
    theirs = 'classifiers = ["A", "B", "C", "D"]\n'
    assert merged("a.toml", base, ours, theirs) == 'classifiers = ["C", "D", "A", "B"]\n'


def test_steps_that_one_side_moved_and_the_other_changed_are_not_certain() -> None:
    def steps(*names: str) -> str:
        return "steps:\n" + "".join(f"  - run: {name}\n" for name in names)

    assert merged("ci.yml", steps("a", "b"), steps("b", "a"), steps("a", "c", "b")) is None


def test_a_classifier_that_both_replaced_is_not_certain() -> None:
    status = [f'classifiers = ["Development Status :: {n}"]\n' for n in ("3 - A", "4 - B", "5 - P")]
    assert merged("a.toml", *status) is None


def test_an_empty_list_that_both_filled_holds_both() -> None:
    versions = [f"dependencies = [{items}]\n" for items in ("", '"a>=1"', '"b>=1"')]
    assert merged("a.toml", *versions) == 'dependencies = ["a>=1", "b>=1"]\n'


def test_one_value_and_a_list_of_it_are_the_same_change() -> None:
    assert merged("ci.yml", "needs: [a, b]\n", "needs: a\n", "needs: [a]\n") == "needs: [a]\n"


def test_a_mapping_that_became_something_else_is_not_certain() -> None:
    assert merged("a.yaml", "a: {b: 1}\n", "a: {b: 2}\n", "a: [1]\n") is None
    assert merged("a.yaml", "a:\n  b: 1\n", "a:\n  b: 2\n", "a:\n- 1\n") is None


def test_a_file_with_another_number_of_documents_is_not_certain() -> None:
    assert merged("a.yaml", "a: 1\n", "a: 2\n", "a: 1\n---\nb: 1\n") is None


@pytest.mark.parametrize(
    "odd",
    [
        "a = [1 # one\n  , 2]\n",
        "a = 1 b\n",
        "a = [1, 2 3]\n",
    ],
)
def test_toml_with_a_comma_at_an_odd_place_is_left_alone(odd: str) -> None:
    assert merged("a.toml", "a = 1\n", odd, "a = 2\n") is None


@pytest.mark.parametrize(
    "odd",
    [
        "a: |+\n  x\n\nb: 1\n",
        "a: {b: , c: 1}\n",
        "a: [b: 1]\n",
        "? a\n: 1\n",
        "{[a]: 1}\n",
        "a: 1\n...\n",
        "# nothing\n",
    ],
)
def test_yaml_that_cannot_be_taken_apart_is_left_alone(odd: str) -> None:
    assert merged("a.yaml", "a: 1\nb: 1\n", odd, "a: 2\nb: 1\n") is None


def test_a_key_that_could_have_moved_to_two_places_is_not_followed() -> None:
    base, ours = 'a.x = ["e", "f"]\n', 'a.x = ["e", "f", "g"]\n'
    theirs = 'b.x = ["e", "f"]\nc.x = ["e", "f"]\n'
    assert merged("a.toml", base, ours, theirs) is None


def test_the_reason_says_that_only_the_layout_was_the_persons() -> None:
    base, ours, theirs = "a: [1, 2]\nb: 1\n", "a: [1,2]\nb: 1\n", "a: [1, 3]\nb: 1\n"
    resolution = resolve(Texts(path="a.yaml", base=base, ours=ours, theirs=theirs))
    assert resolution is not None
    assert resolution.text == theirs
    assert "yours differed only in its layout" in resolution.reason


def test_letters_of_every_width_keep_their_places() -> None:
    base = "name: 🚀 é\nlist: [\U0001f600, b]\nlast: 1\n"
    ours = base.replace("é", "è")
    theirs = base.replace("last: 1", "last: 🚀 2")
    assert merged("a.yaml", base, ours, theirs) == ours.replace("last: 1", "last: 🚀 2")


@pytest.mark.parametrize("path", ["a.toml", "a.yaml", "a.json"])
def test_what_is_nested_too_deeply_or_too_long_is_left_alone(path: str) -> None:
    deep = {"a.toml": "a = {}\n", "a.yaml": "a: {}\n", "a.json": '{{"a": {}}}\n'}[path]
    versions = [deep.format("[" * 5000 + digit + "]" * 5000) for digit in "123"]
    assert merged(path, *versions) is None
    assert merged(path, *(deep.format(digit * 5000) for digit in "123")) is None
