"""Run every benchmark, keep what it measured, and write the table of the documentation.

Each benchmark is a file beside this one with `measure()`, or a folder with it in `measuring.py`;
rivals and limits are measured in the same run. Results go to `results/NAME.json`, the table to
`docs/benchmarks.md`. What cannot be measured for want of what somebody has to bring keeps the
results that it had.

```text
python -m evals.benchmarks.run [NAME ...]
```
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from pathlib import Path

from cultivar.definitions import load_file
from evals.benchmarks.rows import ROWS, Found, Row
from evals.benchmarks.upgrade.mirrors import MissingMirrorsError

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "benchmarks.md"

INTRODUCTION = """\
# Benchmarks

Written by `make bench`, which measures rivals and physical limits in the same run. Machines differ
and are shared, so look at the ratios. The numbers below were measured on {machine}.

Every row comes from a file in `evals/benchmarks/`; run one alone with
`python evals/benchmarks/NAME.py`, that of updates with `python -m evals.benchmarks.upgrade`.

| what | bar | measured | met |
|---|---|---|---|
"""


def main() -> None:
    """Run the benchmarks that are named, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(ROWS)}; all where none is named")
    chosen = parser.parse_args().names or list(ROWS)
    for name in chosen:
        sys.stderr.write(f"measuring {name}\n")
        try:
            keep(name, measured(name))
        except MissingMirrorsError as error:
            sys.stderr.write(f"{error}\n")
    rows = table()
    PAGE.write_text(page(rows), encoding="utf-8")
    sys.stdout.write("".join(line(row) for row in rows))
    sys.exit(0 if all(row.met for row in rows) else 1)


def measured(name: str) -> Found:
    """What the benchmark of that name finds.

    Raises:
        MissingMirrorsError: It needs repositories that are not there.
    """
    folder = HERE / name
    file = folder / "measuring.py" if folder.is_dir() else HERE / f"{name}.py"
    found: Found = load_file(file, f"cultivar_benchmarks.{name}").measure()
    return found


def keep(name: str, found: Found) -> None:
    """Write what was measured to `results/`."""
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    text = json.dumps({"machine": machine(), **found}, indent=2)
    (results / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def table() -> list[Row]:
    """The rows of all results that are there."""
    kept = {name: HERE / "results" / f"{name}.json" for name in ROWS}
    there = {name: json.loads(path.read_text()) for name, path in kept.items() if path.is_file()}
    return [row for name, found in there.items() for row in ROWS[name](found)]


def page(rows: list[Row]) -> str:
    """The page of the documentation."""
    table_of_all = "".join(line(row) for row in rows)
    notes = "".join(f"\n{file.read_text('utf-8')}" for file in sorted(HERE.glob("*/method.md")))
    return INTRODUCTION.format(machine=machine()) + table_of_all + notes


def line(row: Row) -> str:
    """A row of a Markdown table."""
    return f"| {row.what} | {row.bar} | {row.measured} | {'yes' if row.met else '**no**'} |\n"


def machine() -> str:
    """What it was measured on, in a few words."""
    import os

    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
