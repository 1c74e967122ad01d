"""How fast a render is against Copier's `run_copy`: one template, one process, one run, same bytes.

Run it as `python evals/benchmarks/render.py`; it prints JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

ROUNDS = 15
TEMPLATE = (
    Path(__file__).parents[2]
    / "templates_data"
    / "code_generation"
    / "quality"
    / "python_production"
)

R = TypeVar("R")


def measure(template: Path = TEMPLATE, rounds: int = ROUNDS) -> dict[str, object]:
    """Render `template` with its defaults, alternately by Copier and by us.

    Returns:
        Medians in milliseconds and their ratio; ours with everything from the template's folder
        on (`ms_whole`: read, parsed, asked, rendered) and of the render alone, and the first
        render of all, which compiles the template.
    """
    from cultivar.templating.questions.interview import interview
    from cultivar.templating.reading.loading import parse_template
    from cultivar.templating.rendering.render import render
    from cultivar.tree import read_tree

    tree = read_tree(template)
    read = parse_template(tree, origin=str(template))
    answers = interview(read, {})
    first, made = _timed(lambda: render(read, answers))

    def whole() -> object:
        again = parse_template(read_tree(template), origin=str(template))
        return render(again, interview(again, {})).tree

    copier: list[float] = []
    alone: list[float] = []
    all_of_it: list[float] = []
    same = True
    for _ in range(rounds):
        seconds, theirs = _by_copier(template)
        copier.append(seconds)
        seconds, ours = _timed(lambda: render(read, answers, folder_name="project"))
        alone.append(seconds)
        all_of_it.append(_timed(whole)[0])
        same = same and dict(ours.tree) == theirs
    median = statistics.median
    return {
        "template": template.name,
        "files": len(made.tree),
        "rounds": rounds,
        "same_bytes": same,
        "copier_ms": round(median(copier) * 1000, 3),
        "ms": round(median(alone) * 1000, 3),
        "ms_first": round(first * 1000, 3),
        "ms_whole": round(median(all_of_it) * 1000, 3),
        "ratio": round(median(copier) / median(alone), 1),
        "ratio_whole": round(median(copier) / median(all_of_it), 1),
    }


def _timed(call: Callable[[], R]) -> tuple[float, R]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def _by_copier(template: Path) -> tuple[float, dict[str, object]]:
    """The seconds that `run_copy` takes into a new folder, and what it wrote there."""
    from copier import run_copy

    from cultivar.tree import read_tree

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        output = Path(folder) / "project"
        seconds, _ = _timed(
            lambda: run_copy(str(template), output, defaults=True, quiet=True, unsafe=True)
        )
        return seconds, dict(read_tree(output))


if __name__ == "__main__":
    named = Path(sys.argv[1]) if len(sys.argv) > 1 else TEMPLATE
    sys.stdout.write(json.dumps(measure(named), indent=2) + os.linesep)
