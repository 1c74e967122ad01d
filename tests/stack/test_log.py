from __future__ import annotations

import threading
from contextlib import closing
from datetime import UTC
from pathlib import Path

from cultivar.llm.redaction import MASK, Redactor
from cultivar.stack.log import Line, Log


def broken(line: Line) -> None:
    """A terminal that was closed."""
    raise BrokenPipeError


def nowhere(line: Line) -> None:
    """Nobody looks."""


def test_a_line_has_its_time_and_its_part(tmp_path: Path) -> None:
    shown: list[Line] = []
    with closing(Log(tmp_path / "up.log", shown.append)) as log:
        log.write("hub", "counts")
    kept = (tmp_path / "up.log").read_text()
    assert kept == f"{shown[0].at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} hub | counts\n"


def test_the_file_is_its_owner_s_alone_and_never_grows_beyond_its_limit(tmp_path: Path) -> None:
    with closing(Log(tmp_path / "up.log", nowhere, limit=1000)) as log:
        for number in range(205):
            log.write("hub", f"line {number}")
    files = sorted(tmp_path.iterdir())
    assert [each.name for each in files] == ["up.log", "up.log.1"]
    assert all(each.stat().st_size < 1100 for each in files)
    assert {each.stat().st_mode & 0o777 for each in files} == {0o600}
    assert files[0].read_text().splitlines()[-1].endswith("hub | line 204")


def test_secrets_are_masked(tmp_path: Path) -> None:
    with closing(Log(tmp_path / "up.log", nowhere, Redactor("hunter2hunter2").text)) as log:
        log.write("hub", "the token is hunter2hunter2")
    assert log.last("hub") == (f"the token is {MASK}",)
    assert "hunter2" not in (tmp_path / "up.log").read_text()


def test_a_closed_terminal_does_not_end_it(tmp_path: Path) -> None:
    with closing(Log(tmp_path / "up.log", broken)) as log:
        log.write("hub", "still there")
    assert "still there" in (tmp_path / "up.log").read_text()


def test_a_held_terminal_holds_nobody_up(tmp_path: Path) -> None:
    held = threading.Event()
    log = Log(tmp_path / "up.log", lambda _: held.wait())
    for number in range(20_000):
        log.write("hub", str(number))
    assert len((tmp_path / "up.log").read_text().splitlines()) == 20_000
    held.set()
    log.close()


def test_a_file_that_cannot_be_written_does_not_end_it(tmp_path: Path) -> None:
    shown: list[Line] = []
    with closing(Log(tmp_path / "nowhere" / "up.log", shown.append)) as log:
        log.write("hub", "still there")
    assert [each.text for each in shown] == ["still there"]


def test_the_last_lines_of_each_part_are_remembered(tmp_path: Path) -> None:
    with closing(Log(tmp_path / "up.log", nowhere)) as log:
        for number in range(100):
            log.write(f"part {number % 2}", str(number))
    assert log.last("part 1", 3) == ("95", "97", "99")
    assert log.last("unknown") == ()
