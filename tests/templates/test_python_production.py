"""What `quality_template:python-production` renders is good code, whatever the answers are.

A covering array takes in every pair of answers; each of its rows is rendered by Copier and proved
by its own tests and by the tools that the template names. Mutants show that these tests can fail.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import copier
import pytest

from cultivar.evals.suites.covering import Factors, Row, covering
from cultivar.model import Answer, Json
from cultivar.templating.reading.loading import parse_template
from cultivar.templating.rendering.render import Rendered, render
from cultivar.tree import read_tree

TEMPLATE: Final = (
    Path(__file__)
    .parents[2]
    .joinpath("templates_data", "code_generation", "quality", "python_production")
)

FACTORS: Final[Mapping[str, tuple[Json, ...]]] = {
    "class_name": (
        "ResilientLoader",
        "HTTPCache2",
        "LRU",
        "LoaderOfAllThePricesOfAllTheShopsInTow",
    ),
    "module_name": ("", "prices"),
    "use_async": (False, True),
    "use_cache": (False, True),
    "cache_ttl_seconds": (1, 86_400),
    "cache_max_entries": (1, 5_000),
    "use_circuit_breaker": (False, True),
    "breaker_failure_threshold": (1, 5),
    "breaker_reset_seconds": (1, 90),
    "use_retries": (False, True),
    "max_attempts": (2, 7),
    "include_metrics": (False, True),
    "documentation_level": ("minimal", "standard", "comprehensive"),
}
"""What each question is answered with; an empty module name leaves it to the default."""

STRICT_RULES: Final = """
lint.select = [
  "A", "ANN", "ARG", "ASYNC", "B", "C4", "C90", "D", "E", "F", "FBT", "I", "N", "PERF", "PGH",
  "PIE", "PL", "PT", "RET", "RUF", "SIM", "TID", "UP", "W",
]
lint.ignore = [
  "D105", "D107", # magic methods and constructors are documented by their class
  "PLR0913", # of the constructor: its arguments are keywords with defaults
  "PLR2004", # a number in a test stands beside what it is compared with
]
lint.pydocstyle.convention = "google"
lint.per-file-ignores = {"test_*" = ["D"]}
"""
"""Ruff's settings in a house that is stricter than its defaults."""


ROWS: Final = covering(Factors(values=FACTORS))

EVERYTHING: Final[Row] = {
    "use_cache": True,
    "use_circuit_breaker": True,
    "use_retries": True,
    "include_metrics": True,
}
"""All that can be asked for."""


def copy(folder: Path, answers: Row) -> None:
    """Render the template into `folder` with Copier."""
    copier.run_copy(str(TEMPLATE), folder, data=dict(answers), defaults=True, quiet=True)


def numbered(row: Row, number: int) -> Row:
    """The row with names that no other row has, so that all of them can stand in one folder."""
    names = {"class_name": f"{row['class_name']}{number}"}
    if row["module_name"]:
        names["module_name"] = f"{row['module_name']}_{number}"
    return {name: value for name, value in {**row, **names}.items() if value != ""}


def rendered(answers: Row) -> Rendered:
    """The template as Cultivar renders it, with answers to all questions."""
    template = parse_template(read_tree(TEMPLATE), origin="builtin")
    values = {name: choices[0] for name, choices in FACTORS.items()}
    values = {**values, "module_name": "resilient_loader", **answers}
    given = [
        Answer(name=name, value=value, source="user", confidence=1.0)
        for name, value in values.items()
    ]
    return render(template, tuple(given))


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a tool of this environment in `folder`, with its defaults."""
    quick = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "RUFF_NO_CACHE": "true"}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, "PYTEST_ADDOPTS": "", **quick},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the rows give, all of it in one folder."""
    folder = tmp_path_factory.mktemp("results")
    for number, row in enumerate(ROWS):
        copy(folder, numbered(row, number))
    assert len(list(folder.glob("test_*.py"))) == len(ROWS)
    return folder


def test_what_is_rendered_passes_its_own_tests(results: Path) -> None:
    completed = run(results, "pytest", "-q", "-W", "error", "-p", "no:cacheprovider")
    assert completed.returncode == 0, completed.stdout


def test_what_is_rendered_satisfies_ruff(results: Path) -> None:
    for command in (["check"], ["format", "--check"]):
        completed = run(results, "ruff", *command, "--isolated", ".")
        assert completed.returncode == 0, completed.stdout


def test_what_is_rendered_satisfies_stricter_rules(results: Path, tmp_path: Path) -> None:
    settings = tmp_path / "ruff.toml"
    settings.write_text(STRICT_RULES)
    completed = run(results, "ruff", "check", "--config", str(settings), ".")
    assert completed.returncode == 0, completed.stdout


def test_what_is_rendered_is_fully_typed(results: Path) -> None:
    completed = run(results, "mypy", "--strict", "--cache-dir", os.devnull, ".")
    assert completed.returncode == 0, completed.stdout


def test_the_class_cannot_take_a_name_that_its_module_or_tests_use(results: Path) -> None:
    used = {
        node.id
        for file in results.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Name) and re.fullmatch("[A-Z][A-Za-z0-9]*", node.id)
    }
    own = {str(numbered(row, number)["class_name"]) for number, row in enumerate(ROWS)}
    refused = re.findall(r'"(\w+)"', (TEMPLATE / "copier.yml").read_text())
    assert used - own <= set(refused)


@pytest.mark.parametrize("question", FACTORS)
def test_every_answer_changes_what_is_rendered(question: str) -> None:
    trees = {rendered({**EVERYTHING, question: value}).tree.hash for value in FACTORS[question]}
    assert len(trees) == len(FACTORS[question])


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("class_name", "price_loader"),
        ("class_name", "Metrics"),
        ("class_name", "L" * 41),
        ("module_name", "PriceLoader"),
        ("module_name", "lambda"),
        ("module_name", "asyncio"),
        ("cache_ttl_seconds", 0),
        ("cache_max_entries", 0),
        ("breaker_failure_threshold", 0),
        ("breaker_reset_seconds", 0),
        ("max_attempts", 1),
    ],
)
def test_answers_that_would_make_broken_code_are_refused(
    question: str, value: Json, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"Validation error for question '{question}'"):
        copy(tmp_path, {**EVERYTHING, question: value})


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A defect: `cut` is replaced by `put` in the module that `answers` give."""

    cut: str
    put: str = "pass"
    answers: Row


BREAKER: Final[Row] = {"use_cache": False, "use_circuit_breaker": True}
ASYNC: Final[Row] = {"use_cache": False, "use_async": True}

MUTANTS: Final[Mapping[str, Mutant]] = {
    "nothing is evicted": Mutant(
        cut="self._entries.popitem(last=False)", put="break", answers={"use_cache": True}
    ),
    "the newest is evicted": Mutant(
        cut="popitem(last=False)", put="popitem()", answers={"use_cache": True}
    ),
    "use does not count": Mutant(
        cut="        self._entries.move_to_end(key)\n        return entry",
        put="        return entry",
        answers={"use_cache": True},
    ),
    "nothing expires": Mutant(
        cut="entry.expires_at <= self._clock()", put="False", answers={"use_cache": True}
    ),
    "expires too late": Mutant(
        cut="entry.expires_at <= ", put="entry.expires_at < ", answers={"use_cache": True}
    ),
    "old values are kept": Mutant(
        cut="if self._detach(key, flight):\n",
        put="if self._detach(key, flight) or True:\n",
        answers={"use_cache": True},
    ),
    "clear forgets too little": Mutant(cut="self._entries.clear()", answers={"use_cache": True}),
    "loads are not shared": Mutant(
        cut="self._flights.setdefault(key, flight)",
        put="flight if self._flights.get(key) is None else flight",
        answers={"use_cache": False},
    ),
    "a failure is shared for ever": Mutant(
        cut="            self._detach(key, flight)\n            flight.set_exception",
        put="            flight.set_exception",
        answers={"use_cache": False},
    ),
    "tasks do not share": Mutant(cut="if flight is None", put="if True", answers=ASYNC),
    "the first caller ends the load": Mutant(cut="flight.waiting == 1 and ", put="", answers=ASYNC),
    "an orphan goes on": Mutant(cut="flight.task.cancel()", answers=ASYNC),
    "the dying are joined": Mutant(
        cut="                self._detach(key, flight)\n                flight.task.cancel()",
        put="                flight.task.cancel()",
        answers=ASYNC,
    ),
    "a failure goes unnoticed": Mutant(cut="flight.task.exception()", answers=ASYNC),
    "the circuit never opens": Mutant(
        cut="self._failures >= threshold", put="False", answers=BREAKER
    ),
    "a success does not count": Mutant(
        cut="            self._failures = 0\n            if", put="            if", answers=BREAKER
    ),
    "everyone probes": Mutant(cut='self._state == "half_open" or (', put="(", answers=BREAKER),
    "nobody probes": Mutant(cut="and remaining > 0", put="", answers=BREAKER),
    "a failed probe is forgiven": Mutant(
        cut='self._state == "half_open" or self._failures', put="self._failures", answers=BREAKER
    ),
    "an interrupted probe blocks": Mutant(cut="self._abandoned(era)", answers=BREAKER),
    "old calls count": Mutant(
        cut="if era != self._era:\n                return\n            self._failures = 0",
        put="self._failures = 0",
        answers=BREAKER,
    ),
    "it trips on anything": Mutant(
        cut="except self._policy.trip_on:", put="except Exception:", answers=BREAKER
    ),
    "it retries on anything": Mutant(
        cut="except self._retry.retry_on:", put="except Exception:", answers={"use_retries": True}
    ),
    "pauses do not grow": Mutant(cut="min(2 * longest,", put="min(longest,", answers=EVERYTHING),
    "pauses have no limit": Mutant(
        cut="min(2 * longest, self.max_seconds)", put="2 * longest", answers=EVERYTHING
    ),
    "there is no jitter": Mutant(cut="self.jitter() * ", put="", answers=EVERYTHING),
    "the breaker counts attempts": Mutant(
        cut="return self._load(key)\n            except",
        put="with self._circuit.guard():\n"
        "                    return self._load(key)\n            except",
        answers=EVERYTHING,
    ),
    "hits are not counted": Mutant(cut='"calls", "hits"', put='"calls"', answers=EVERYTHING),
    "rejections are not counted": Mutant(cut='self._meter.count("rejected")', answers=EVERYTHING),
    "the slowest is not kept": Mutant(
        cut="max(self._seconds_max, seconds)", put="seconds", answers=EVERYTHING
    ),
}


def test_the_rendered_tests_notice_every_defect(tmp_path: Path) -> None:
    for number, mutant in enumerate(MUTANTS.values()):
        tree = rendered({**mutant.answers, "module_name": f"mutant_{number}"}).tree
        module, tests = (tree.text(path) for path in tree)
        assert mutant.cut in module
        broken = module.replace(mutant.cut, mutant.put)
        (tmp_path / f"mutant_{number}.py").write_text(broken)
        # What hangs is waited for a shorter time than the template's tests would.
        assert "TIMEOUT = 5.0" in tests
        tests = tests.replace("TIMEOUT = 5.0", "TIMEOUT = 1.5")
        (tmp_path / f"test_mutant_{number}.py").write_text(tests)
    completed = run(tmp_path, "pytest", "-q", "--tb=no", "-rf", "-p", "no:cacheprovider")
    noticed = {int(found) for found in re.findall(r"FAILED test_mutant_(\d+)", completed.stdout)}
    missed = [name for number, name in enumerate(MUTANTS) if number not in noticed]
    assert missed == [], completed.stdout


def test_a_model_may_write_eviction_and_backoff() -> None:
    slots = rendered(EVERYTHING).slots
    assert [(slot.path, slot.name) for slot in slots] == [
        ("resilient_loader.py", "backoff"),
        ("resilient_loader.py", "eviction"),
    ]
    assert all(slot.instruction and slot.default.strip() for slot in slots)


def test_another_eviction_in_the_slot_passes_the_rendered_tests(tmp_path: Path) -> None:
    result = rendered({"use_cache": True})
    (slot,) = result.slots
    body = """\
        now = self._clock()
        for key in [k for k, entry in self._entries.items() if entry.expires_at <= now]:
            del self._entries[key]
        while len(self._entries) > self._max_entries:
            del self._entries[next(iter(self._entries))]
"""
    text = result.tree.text(slot.path)
    for path, entry in result.tree.items():
        (tmp_path / path).write_bytes(entry.content)
    (tmp_path / slot.path).write_text(text[: slot.start] + body + text[slot.end :])
    completed = run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider")
    assert completed.returncode == 0, completed.stdout
