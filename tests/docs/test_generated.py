"""The parts of the documentation that are produced say what the product says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GENERATE = ROOT / "docs" / "generate.py"


def generate(docs: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(GENERATE), *options, str(docs)], capture_output=True, text=True
    )


def test_what_is_produced_is_up_to_date() -> None:
    done = generate(ROOT / "docs", "--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_stale_page_is_named_and_mended(tmp_path: Path) -> None:
    page = tmp_path / "settings.md"
    good = (ROOT / "docs" / "reference" / page.name).read_text()
    page.write_text(good.replace("`CULTIVAR_ATTEMPTS`", "`CULTIVAR_TRIES`"))
    found = generate(tmp_path, "--check")
    assert (found.returncode, "settings.md" in found.stdout) == (1, True)
    generate(tmp_path)
    assert page.read_text() == good
