from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from cultivar.errors import SandboxUnavailableError, UnconfinedError
from cultivar.sandbox.base import Limits
from cultivar.sandbox.bubblewrap import Bubblewrap
from cultivar.sandbox.choose import (
    choose_sandbox,
    limits_of,
    may_run,
    namespace_remedy,
    probe,
)
from cultivar.sandbox.process import PlainProcess
from cultivar.settings import SandboxSettings


def test_the_strongest_that_works_is_chosen() -> None:
    assert choose_sandbox(SandboxSettings()).name == "bubblewrap"


def test_the_one_that_is_asked_for_is_chosen() -> None:
    assert choose_sandbox(SandboxSettings(use="process")).name == "process"


def test_one_that_does_not_work_is_refused_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    settings = SandboxSettings(use="container", image="localhost/no-engine-for-this")
    with pytest.raises(SandboxUnavailableError, match="apt install podman"):
        choose_sandbox(settings)


def test_what_was_asked_for_is_not_replaced_by_something_weaker(tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailableError):
        choose_sandbox(SandboxSettings(use="container", image="localhost/no-such-image"))


def test_probing_tells_of_every_backend_what_a_real_run_has_shown() -> None:
    told = {each.backend: each for each in probe(SandboxSettings(image="localhost/no-such-image"))}
    assert list(told) == ["bubblewrap", "container", "process"]
    assert (told["bubblewrap"].works, told["bubblewrap"].confined) == (True, True)
    assert (told["process"].works, told["process"].confined) == (True, False)
    assert not told["container"].works
    assert told["container"].why_not
    assert told["container"].remedy


def test_untrusted_code_runs_behind_a_wall_only() -> None:
    may_run(Bubblewrap(), untrusted=True)
    may_run(PlainProcess(), untrusted=False)
    with pytest.raises(UnconfinedError, match="--unconfined"):
        may_run(PlainProcess(), untrusted=True)


def test_the_user_may_say_otherwise() -> None:
    may_run(PlainProcess(), untrusted=True, unconfined=True)


def test_the_refusal_survives_pickling() -> None:
    with pytest.raises(UnconfinedError) as caught:
        may_run(PlainProcess(), untrusted=True)
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)


def test_the_limits_are_those_of_the_settings() -> None:
    settings = SandboxSettings(
        wall_seconds=1, cpu_seconds=2, memory_mb=64, processes=3, disk_mb=4, output_kb=5
    )
    assert limits_of(settings) == Limits(
        wall_seconds=1.0,
        cpu_seconds=2.0,
        memory_bytes=64 << 20,
        processes=3,
        disk_bytes=4 << 20,
        output_bytes=5 << 10,
    )


@pytest.mark.parametrize(
    ("switch", "value", "way_out"),
    [
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "bwrap-userns-restrict"),
        ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", "user.max_user_namespaces=15000"),
        ("user/max_user_namespaces", "1000", "bubblewrap 0.8 or later"),
    ],
)
def test_what_the_kernel_forbids_is_told_with_how_to_allow_it(
    tmp_path: Path, switch: str, value: str, way_out: str
) -> None:
    (tmp_path / switch).parent.mkdir()
    (tmp_path / switch).write_text(value + "\n")
    assert way_out in namespace_remedy(tmp_path)
