"""The engine is a stand-in here: it reads the same command line, and runs the script in a
namespace of its own. What a real engine does with the options is not shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from cultivar.errors import SandboxUnavailableError
from cultivar.sandbox.base import Command, Limits, Sandbox
from cultivar.sandbox.container import Container, find_engine
from cultivar.testing.sandboxes import SandboxContract
from cultivar.tree import Tree

ENGINE = r"""#!/bin/bash
# A stand-in for podman: `run OPTIONS IMAGE -c SCRIPT sh ARGUMENTS`, `kill NAME`, `rm --force NAME`.
here=$(dirname "$0")
if [ "$1" != run ]; then pid=$(cat "$here/${@: -1}" 2>/dev/null) && kill -9 "$pid"; exit 0; fi
echo "$@" > "$here/last"
options=()
while [ "$1" != -c ]; do
    case $1 in
        --name) echo $$ > "$here/$2" ;;
        --env=*) pair=${1#--env=}; options+=(--setenv "${pair%%=*}" "${pair#*=}") ;;
        --volume=*) path=${1#--volume=}; path=${path%%:*}; options+=(--ro-bind "$path" "$path") ;;
        --tmpfs=*) options+=(--size "${1##*size=}" --tmpfs /tmp) ;;
        --ulimit=cpu=*) cpu=${1##*=} ;;
    esac
    shift
done
exec prlimit --cpu="$cpu" bwrap --unshare-pid --die-with-parent --clearenv --ro-bind / / \
    --dev /dev --proc /proc "${options[@]}" --chdir /tmp sh "$@"
"""


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    path = tmp_path / "podman"
    path.write_text(ENGINE)
    path.chmod(0o755)
    return path


class TestContainer(SandboxContract):
    @pytest.fixture
    def sandbox(self, engine: Path) -> Sandbox:
        return Container(str(engine), "localhost/image")


def test_the_command_line_takes_every_right_away(engine: Path) -> None:
    limits = Limits(memory_bytes=1 << 30, processes=10, disk_bytes=1 << 20)
    command = Command(argv=("true",), mounts=(Path("/opt/given"),))
    argv = Container("podman", "image").argv("name", command, limits)
    assert {
        "--network=none",
        "--read-only",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--user=65534:65534",
        "--pull=never",
        "--pids-limit=10",
        f"--memory={1 << 30}",
        f"--memory-swap={1 << 30}",
        "--volume=/opt/given:/opt/given:ro",
        f"--tmpfs=/tmp:rw,exec,nosuid,nodev,mode=1777,size={1 << 20}",
    } <= set(argv)
    assert not [each for each in argv if "privileged" in each and "no-new" not in each]


def test_an_engine_that_cannot_start_it_is_no_outcome_of_the_command(tmp_path: Path) -> None:
    engine = tmp_path / "podman"
    engine.write_text("#!/bin/sh\necho 'Error: image not known' >&2\nexit 125\n")
    engine.chmod(0o755)
    with pytest.raises(SandboxUnavailableError, match="image not known"):
        Container(str(engine), "image").run(Command(argv=("true",)), Tree({}), Limits())


def test_an_engine_that_is_not_there_is_no_outcome_of_the_command() -> None:
    with pytest.raises(SandboxUnavailableError, match="no/such/engine"):
        Container("/no/such/engine", "image").run(Command(argv=("true",)), Tree({}), Limits())


def test_without_an_engine_one_is_told_to_install_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SandboxUnavailableError, match="apt install podman"):
        find_engine()
