"""What `quality_template:elixir-production` renders is good code, whatever the answers are.

A covering array takes in every pair of answers. What its rows give is compiled without warnings,
held to the formatter and proved by its own tests, doctests among them: of each name the first row
as the Mix project that Copier renders, and all rows beside each other in one, since Mix takes a
second to start. Mutants show that these tests can fail.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import copier
import pytest

from cultivar.evals.suites.covering import Condition, Factors, Row, covering
from cultivar.model import Answer, Json
from cultivar.templating.reading.loading import parse_template
from cultivar.templating.rendering.render import Rendered, render
from cultivar.templating.rendering.slots import fill
from cultivar.tree import read_tree

TEMPLATE: Final = (
    Path(__file__)
    .parents[2]
    .joinpath("templates_data", "code_generation", "quality", "elixir_production")
)

FACTORS: Final[Mapping[str, tuple[Json, ...]]] = {
    "module_name": (
        "Production.Worker",
        "HTTPCache2",
        "Acme.Task",
        "Acme.PriceLoaders",
        "MyCompany.Infrastructure.Pay.LoaderOfAllThePricesOfAllTheS",
    ),
    "use_genserver": (False, True),
    "supervisor_strategy": ("one_for_one", "rest_for_one", "one_for_all"),
    "use_ets": (False, True),
    "ets_ttl_minutes": (1, 90),
    "include_telemetry": (False, True),
    "include_circuit_breaker": (False, True),
    "documentation_level": ("minimal", "standard", "comprehensive"),
}
"""What each question is answered with."""

EVERYTHING: Final[Row] = {
    "use_genserver": True,
    "use_ets": True,
    "include_telemetry": True,
    "include_circuit_breaker": True,
}
"""All that can be asked for."""

needs_mix = pytest.mark.skipif(
    shutil.which("mix") is None and "CI" not in os.environ,
    reason="`mix` is not installed; the package `elixir` of the distribution brings it",
)


SUPERVISED: Final = Condition(
    depends=frozenset({"use_genserver"}), holds=lambda row: row["use_genserver"] is True
)
"""The strategy tells only where there is a supervisor."""

ROWS: Final = covering(Factors(values=FACTORS, conditions={"supervisor_strategy": SUPERVISED}))


def copy(folder: Path, answers: Row) -> None:
    """Render the template into `folder` with Copier."""
    copier.run_copy(str(TEMPLATE), folder, data=dict(answers), defaults=True, quiet=True)


def rendered(answers: Row) -> Rendered:
    """The template as Cultivar renders it, with answers to all questions."""
    template = parse_template(read_tree(TEMPLATE), origin="builtin")
    values = {**{name: choices[0] for name, choices in FACTORS.items()}, **answers}
    path = re.sub(
        "(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", str(values["module_name"])
    )
    values["module_path"] = path.lower().replace(".", "/")
    given = [
        Answer(name=name, value=value, source="user", confidence=1.0)
        for name, value in values.items()
    ]
    return render(template, tuple(given))


def mix(folder: Path, *commands: str) -> subprocess.CompletedProcess[str]:
    """Run Mix's `commands` in `folder`, offline and with a home of its own."""
    home = folder / "_home"
    home.mkdir(exist_ok=True)
    return subprocess.run(
        ["mix", "do", *", ".join(commands).split()],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(home),
            "MIX_HOME": str(home),
            "MIX_ENV": "test",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def prove(folder: Path) -> str:
    """What is wrong with the Mix project in `folder`, which is nothing."""
    done = mix(
        folder,
        "compile --warnings-as-errors",
        "format --check-formatted",
        "test --warnings-as-errors",
    )
    fine = done.returncode == 0 and "0 failures" in done.stdout and "warning:" not in done.stderr
    return "" if fine else f"{folder}\n{done.stdout}\n{done.stderr}"


def put(folder: Path, tree: Mapping[str, str]) -> None:
    """Write the files beside the others in `folder`."""
    for path, text in tree.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def put_row(folder: Path, number: int, row: Row) -> None:
    """Put what the row gives beside the others in `folder`, under a name that is as long."""
    first, dot, rest = str(row["module_name"]).partition(".")
    own = f"{first[:-2]}{number:02}" if dot else f"{first[:-3]}{number:03}"
    tree = rendered({**row, "module_name": f"{own}{dot}{rest}"}).tree
    put(folder, {path: tree.text(path) for path in tree})


@needs_mix
def test_each_name_gives_a_project_that_compiles_is_formatted_and_passes_its_own_tests(
    tmp_path: Path,
) -> None:
    first = {row["module_name"]: row for row in reversed(ROWS)}
    folders = [tmp_path / str(name) for name in first]
    for folder, row in zip(folders, first.values(), strict=True):
        copy(folder, row)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(prove, folders))
    assert "\n".join(filter(None, found)) == ""


@needs_mix
def test_whatever_the_answers_are_it_compiles_is_formatted_and_passes_its_own_tests(
    tmp_path: Path,
) -> None:
    for number, row in enumerate(ROWS):
        put_row(tmp_path, number, row)
    assert len(list(tmp_path.glob("test/**/*_test.exs"))) >= len(ROWS)
    assert prove(tmp_path) == ""


@pytest.mark.parametrize("row", ROWS[:4])
def test_cultivar_gives_the_bytes_that_copier_gives(row: Row, tmp_path: Path) -> None:
    copy(tmp_path, row)
    assert dict(rendered(row).tree) == dict(read_tree(tmp_path))


@pytest.mark.parametrize("question", FACTORS)
def test_every_answer_changes_what_is_rendered(question: str) -> None:
    trees = {rendered({**EVERYTHING, question: value}).tree.hash for value in FACTORS[question]}
    assert len(trees) == len(FACTORS[question])


def test_the_module_stands_where_elixir_looks_for_it(tmp_path: Path) -> None:
    copy(tmp_path, {**EVERYTHING, "module_name": "Acme.HTTPWorker"})
    assert (tmp_path / "lib" / "acme" / "http_worker.ex").is_file()
    assert (tmp_path / "test" / "acme" / "http_worker_test.exs").is_file()
    assert "app: :acme_http_worker," in (tmp_path / "mix.exs").read_text()


@pytest.mark.parametrize("name", ["BreakerTest", "Acme.Worker.Table"])
def test_names_that_look_like_its_own_modules_are_no_trouble(name: str) -> None:
    assert rendered({**EVERYTHING, "module_name": name}).tree


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("module_name", "acme.worker"),
        ("module_name", "Acme..Worker"),
        ("module_name", "Acme.Worker\n"),
        ("module_name", "Enum"),
        ("module_name", "Task.Worker"),
        ("module_name", "Crypto"),
        ("module_name", "A.B.C.D.E"),
        ("module_name", "Acme." + "W" * 31),
        ("ets_ttl_minutes", 0),
    ],
)
def test_answers_that_would_make_broken_code_are_refused(
    question: str, value: Json, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"Validation error for question '{question}'"):
        copy(tmp_path, {**EVERYTHING, question: value})


def test_more_documentation_is_more_documentation() -> None:
    sizes = [
        rendered({**EVERYTHING, "documentation_level": level}).tree.text("lib/production/worker.ex")
        for level in ("minimal", "standard", "comprehensive")
    ]
    assert [text.count("iex>") > 0 for text in sizes] == [False, False, True]
    assert len(sizes[0]) < len(sizes[1]) < len(sizes[2])


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A defect: `cut` is replaced by `put` in the file called `file` that `answers` give."""

    file: str
    cut: str
    put: str
    answers: Row


FUNCTIONAL: Final[Row] = {**EVERYTHING, "use_genserver": False}

MUTANTS: Final[Mapping[str, Mutant]] = {
    "nothing expires": Mutant(
        file="table.ex", cut="when expires_at > now", put="when now == now", answers=EVERYTHING
    ),
    "nothing expires, without a process": Mutant(
        file="table.ex", cut="when expires_at > now", put="when now == now", answers=FUNCTIONAL
    ),
    "expires too late": Mutant(
        file="table.ex", cut="expires_at > now", put="expires_at >= now", answers=EVERYTHING
    ),
    "nothing is swept": Mutant(
        file="table.ex", cut='{:"=<", :"$1", now}', put='{:<, :"$1", 0}', answers=EVERYTHING
    ),
    "nothing is swept, without a process": Mutant(
        file="m.ex", cut="Table.sweep(worker.table, now)", put=":ok", answers=FUNCTIONAL
    ),
    "the ttl is another": Mutant(
        file="m.ex", cut=":timer.minutes(1),", put=":timer.minutes(2),", answers=EVERYTHING
    ),
    "old values are kept": Mutant(
        file="server.ex",
        cut="if state.refs[load.key] == ref, do: keep(",
        put="if ref, do: keep(",
        answers=EVERYTHING,
    ),
    "loads are not shared": Mutant(
        file="server.ex", cut="%{^key => ref} ->", put="%{{^key, 0} => ref} ->", answers=EVERYTHING
    ),
    "hangs stay": Mutant(
        file="server.ex",
        cut="case Task.shutdown(state.loads[ref].task, :brutal_kill) do",
        put="case state.loads[ref].task do",
        answers=EVERYTHING,
    ),
    "the circuit never opens": Mutant(
        file="breaker.ex",
        cut="breaker.failures + 1 < breaker.threshold",
        put="true",
        answers=EVERYTHING,
    ),
    "the circuit stays open": Mutant(
        file="breaker.ex",
        cut="when now - breaker.opened_at >= breaker.cooldown",
        put="when now == :never",
        answers=EVERYTHING,
    ),
    "the circuit stays open, without a process": Mutant(
        file="breaker.ex",
        cut="when now - breaker.opened_at >= breaker.cooldown",
        put="when now == :never",
        answers=FUNCTIONAL,
    ),
    "half open lets everyone through": Mutant(
        file="breaker.ex",
        cut="def request(%__MODULE__{}, _now), do: :refused",
        put="def request(%__MODULE__{} = breaker, _now), do: {:ok, breaker.era, breaker}",
        answers=EVERYTHING,
    ),
    "a failed probe is forgiven": Mutant(
        file="breaker.ex",
        cut="defp failed(%{state: :closed} = ",
        put="defp failed(",
        answers={
            **EVERYTHING,
            "documentation_level": "standard",
        },
    ),
    "old calls count": Mutant(
        file="breaker.ex",
        cut="%__MODULE__{era: era} = breaker, era, result",
        put="%__MODULE__{era: _era} = breaker, _ticket, result",
        answers=EVERYTHING,
    ),
    "a success does not count": Mutant(
        file="breaker.ex",
        cut="%__MODULE__{breaker | failures: 0}",
        put="breaker",
        answers=EVERYTHING,
    ),
    "the strategy is another": Mutant(
        file="m.ex", cut="strategy: :one_for_one", put="strategy: :rest_for_one", answers=EVERYTHING
    ),
    "the strategy is none of the others": Mutant(
        file="m.ex",
        cut="strategy: :one_for_all",
        put="strategy: :rest_for_one",
        answers={**EVERYTHING, "supervisor_strategy": "one_for_all"},
    ),
    "a broken handler breaks the worker": Mutant(
        file="telemetry.ex",
        cut="    kind, reason ->",
        put="    kind, :never = reason ->",
        answers=EVERYTHING,
    ),
    "ends go untold": Mutant(
        file="telemetry.ex",
        cut="emit(handler, [:load, :stop]",
        put="emit(handler, [:load]",
        answers=EVERYTHING,
    ),
}


def put_mutant(folder: Path, number: int, mutant: Mutant) -> None:
    """Put the defective module, under a name of its own, beside the others in `folder`.

    What hangs is waited for a shorter time than the template's tests would.
    """
    tree = rendered({**mutant.answers, "module_name": f"Mutant{number}.M"}).tree
    (broken,) = [path for path in tree if path.endswith("/" + mutant.file)]
    assert mutant.cut in tree.text(broken)
    texts = {path: tree.text(path).replace("timeout: 10_000", "timeout: 3_000") for path in tree}
    put(folder, {**texts, broken: texts[broken].replace(mutant.cut, mutant.put)})


@needs_mix
def test_the_rendered_tests_notice_every_defect(tmp_path: Path) -> None:
    for number, mutant in enumerate(MUTANTS.values()):
        put_mutant(tmp_path, number, mutant)
    output = mix(tmp_path, "test --seed 0").stdout
    noticed = {int(found) for found in re.findall(r"^ +\d+\) .*\(Mutant(\d+)\.", output, re.M)}
    missed = [name for number, name in enumerate(MUTANTS) if number not in noticed]
    assert missed == [], output


def test_a_model_may_say_when_entries_expire_and_what_counts_as_a_failure() -> None:
    slots = rendered(EVERYTHING).slots
    assert [(slot.path, slot.name) for slot in slots] == [
        ("lib/production/worker/breaker.ex", "verdict"),
        ("lib/production/worker/table.ex", "expiry"),
    ]
    assert all(slot.instruction and slot.default.strip() for slot in slots)


@needs_mix
def test_another_notion_of_failure_passes_the_rendered_tests(tmp_path: Path) -> None:
    result = rendered(EVERYTHING)
    body = """\
case result do
  {:error, :not_found} -> :success
  {:error, _reason} -> :failure
  {:ok, _value} -> :success
end
"""
    filled = fill(result, {("lib/production/worker/breaker.ex", "verdict"): body})
    assert filled.refused == ()
    for path, entry in filled.tree.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(entry.content)
    done = mix(tmp_path, "compile --warnings-as-errors", "format --check-formatted", "test")
    assert done.returncode == 0, done.stdout + done.stderr
