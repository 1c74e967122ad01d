"""Which migration scripts an upgrade runs, by the order of versions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from cultivar.errors import UsageError
from cultivar.testing.migrations import ANSWERS, template_of
from cultivar.upgrade.scripts import scripts_for
from cultivar.upgrade.window import Window


def versions_run(versions: list[str], first: str, last: str) -> list[Version]:
    """The versions of the scripts that an upgrade runs, in their order."""
    template = template_of(*({"version": v, "command": f"x {v}"} for v in versions))
    window = Window(from_version=first, to_version=last)
    return [Version(each.version) for each in scripts_for(template, ANSWERS, window)]


@pytest.mark.parametrize(
    ("first", "last", "version", "runs"),
    [
        ("1.0.0", "3.0.0", "1.0.0", False),
        ("1.0.0", "3.0.0", "1.0.1", True),
        ("1.0.0", "3.0.0", "v3", True),
        ("1.0.0", "3.0.0", "3.0.1", False),
        ("v1.9.0", "v1.10.0", "1.10.0", True),
        ("1.10.0", "2.0.0", "1.9.0", False),
        ("1.0.0", "2.0.0", "2.0.0rc1", True),
        ("1.0.0", "2.0.0rc1", "2.0.0", False),
        ("2.0.0rc1", "2.0.0", "2.0.0", True),
        ("2.0.0-beta.1", "2.0.0-rc.1", "2.0.0b2", True),
        ("1.0.0", "1.0.0", "1.0.0", False),
        ("3.0.0", "1.0.0", "2.0.0", False),
        ("v1.0.0-3-g0a1b2c3", "v2.0.0", "1.0.0", False),
        ("v1.0.0-3-g0a1b2c3", "v2.0.0", "1.0.0.post4", True),
        ("v1.0.0", "v1.0.0-3-g0a1b2c3", "1.0.0.post1", True),
        ("v1.0.0", "v1.0.0-3-g0a1b2c3", "1.0.1", False),
        ("0a1b2c3", "v2.0.0", "0.1.0", True),
        ("1234567", "v2.0.0", "0.1.0", True),
        ("0a1b2c3", "ffffff1", "0.1.0", False),
        ("v1.0.0", "0a1b2c3", "2.0.0", False),
        ("0.0.0", "1.0.0", "0.1.0", True),
        ("main", "main", "1.0.0", False),
        ("main", "2.0.0", "2.0.1", False),
        ("1.0.0", "main", "1.0.0", False),
    ],
)
def test_a_version_runs_after_the_old_one_and_up_to_the_new_one(
    first: str, last: str, version: str, *, runs: bool
) -> None:
    assert bool(versions_run([version], first, last)) is runs


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        ("main", "2.0.0", "'main' is no version by PEP 440. Pass `--from`"),
        ("", "2.0.0", "'' is no version by PEP 440. Pass `--from`"),
        ("1.0.0", "release/two", "'release/two' is no version by PEP 440. Pass `--to`"),
    ],
)
def test_where_it_cannot_be_told_whether_a_script_has_to_run_is_an_error(
    first: str, last: str, told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        versions_run(["1.5.0"], first, last)


def test_a_script_without_a_version_runs_whatever_the_versions_are_called() -> None:
    window = Window(from_version="", to_version="main")
    assert [each.version for each in scripts_for(template_of("x"), ANSWERS, window)] == [""]


def _written(numbers: list[int], suffix: str) -> str:
    return ".".join(map(str, numbers)) + suffix


VERSIONS = st.builds(
    _written,
    st.lists(st.integers(0, 12), min_size=1, max_size=3),
    st.sampled_from(["", "a1", "rc2", ".post1", ".dev3"]),
)


@given(versions=st.lists(VERSIONS, max_size=8), first=VERSIONS, last=VERSIONS)
def test_scripts_run_in_the_order_of_versions_and_windows_are_half_open(
    versions: list[str], first: str, last: str
) -> None:
    ran = versions_run(versions, first, last)
    assert ran == sorted(ran)
    assert set(ran) == {v for v in map(Version, versions) if Version(first) < v <= Version(last)}


@given(versions=st.lists(VERSIONS, max_size=6), stops=st.lists(VERSIONS, min_size=3, max_size=3))
def test_an_upgrade_in_two_steps_runs_what_one_step_runs(
    versions: list[str], stops: list[str]
) -> None:
    first, middle, last = sorted(stops, key=Version)
    steps = versions_run(versions, first, middle) + versions_run(versions, middle, last)
    assert steps == versions_run(versions, first, last)
