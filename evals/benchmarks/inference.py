"""How well answers are inferred from a task's words without a model, beside simpler ways.

Run it with `python evals/benchmarks/inference.py`; `--show dev` lists what went wrong in the part
that may be tuned on. Of the sealed part only the totals are ever shown.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import yaml

from cultivar.inference.choosing import choose
from cultivar.inference.infer import infer
from cultivar.inference.words import split
from cultivar.model import Answer
from cultivar.templating.questions.asking import AskedQuestion
from cultivar.templating.questions.interview import interview
from cultivar.templating.reading.loading import parse_template
from cultivar.templating.template import Template
from cultivar.tree import read_tree

ROOT: Final = Path(__file__).parents[2]
CASES: Final = ROOT / "evals" / "inference"
Way: TypeAlias = Callable[[str, Template], Mapping[str, Answer]]
"""A way to answer a template's questions from a task."""


@dataclass(kw_only=True)
class Tally:
    """What one way got right over some cases."""

    asked: int = 0
    right: int = 0
    beyond_default: int = 0
    beyond_default_right: int = 0
    silent: int = 0
    wrong: int = 0
    by_confidence: dict[str, list[int]] = field(default_factory=dict[str, list[int]])

    def totals(self) -> dict[str, object]:
        """The shares, and the numbers that they are shares of."""
        return {
            "asked_for": self.asked,
            "asked_for_right": _share(self.right, self.asked),
            "not_by_default": self.beyond_default,
            "not_by_default_right": _share(self.beyond_default_right, self.beyond_default),
            "silent": self.silent,
            "wrongly_inferred": _share(self.wrong, self.silent),
            "right_by_confidence": {
                band: {"right": _share(right, total), "n": total}
                for band, (right, total) in sorted(self.by_confidence.items())
            },
        }


def measure() -> dict[str, object]:
    """Measure all ways over both parts, and the choice of a template."""
    templates = load_templates()
    ways: dict[str, Way] = {"built_in": by_words, "defaults": by_default, "naive": by_name_words}
    report: dict[str, object] = {}
    for part in ("dev", "sealed"):
        cases = load_cases(CASES / f"{part}.yaml")
        report[part] = {
            name: tally(cases, templates, way)[0].totals() for name, way in ways.items()
        }
    report["choose"] = {
        "dev": choice_share(load_cases(CASES / "choose.yaml"), templates),
        "sealed": choice_share(load_cases(CASES / "choose_sealed.yaml"), templates),
    }
    report["milliseconds_a_task"] = speed(load_cases(CASES / "dev.yaml"), templates)
    return report


def load_templates() -> dict[str, Template]:
    """The templates that ship with Cultivar, by id."""
    files = sorted((ROOT / "templates_data" / "code_generation").glob("*/*/copier.yml"))
    found = [parse_template(read_tree(file.parent), origin="builtin") for file in files]
    return {template.ref.id: template for template in found}


def load_cases(path: Path) -> list[dict[str, Any]]:
    """The cases of one part."""
    return cast("list[dict[str, Any]]", yaml.safe_load(path.read_text("utf-8")))


def tally(
    cases: list[dict[str, Any]], templates: Mapping[str, Template], way: Way
) -> tuple[Tally, list[str]]:
    """What `way` gets right over `cases`, and a line for each thing that it gets wrong."""
    total, failures = Tally(), list[str]()
    for case in cases:
        template = templates[case["template"]]
        answers = way(case["task"], template)
        for failure in score(total, case, answers, by_default("", template)):
            failures.append(f"{case['task']!r}\n    {failure}")
    return total, failures


def score(
    total: Tally,
    case: Mapping[str, Any],
    answers: Mapping[str, Answer],
    defaults: Mapping[str, Answer],
) -> list[str]:
    """Count one case into `total`, and say what is wrong in it."""
    failures: list[str] = []
    for name, wanted in case["expect"].items():
        right = name in answers and answers[name].value == wanted
        beyond = name not in defaults or defaults[name].value != wanted
        total.asked, total.right = total.asked + 1, total.right + right
        total.beyond_default += beyond
        total.beyond_default_right += beyond and right
        if not right:
            failures.append(f"missed {name}: wanted {wanted!r}, got {shown(answers.get(name))}")
    for name, answer in answers.items():
        inferred = answer.source == "task"
        if inferred and name in case["expect"]:
            _band(total, answer, right=answer.value == case["expect"][name])
        if name in case["expect"] or name in case.get("unscored", ()):
            continue
        total.silent += 1
        total.wrong += inferred
        if inferred:
            _band(total, answer, right=False)
            failures.append(f"wrong {name}: {shown(answer)}")
    return failures


def shown(answer: Answer | None) -> str:
    """An answer for a person who looks for what went wrong."""
    if answer is None:
        return "nothing"
    return f"{answer.value!r} ({answer.source}, {answer.confidence}, {answer.evidence!r})"


def by_words(task: str, template: Template) -> Mapping[str, Answer]:
    """The built-in inferrer."""
    return {answer.name: answer for answer in infer(task, template, {})}


def by_default(task: str, template: Template) -> Mapping[str, Answer]:
    """The template's defaults, whatever the task says."""
    return {answer.name: answer for answer in interview(template, {})}


def by_name_words(task: str, template: Template) -> Mapping[str, Answer]:
    """Yes where a word of the question's name occurs, a choice where its value does."""
    words = set(task.lower().replace(",", " ").replace(".", " ").split())

    def propose(asked: AskedQuestion) -> Answer | None:
        named = {part.lower() for part in split(asked.name)} - {"use", "include"}
        values = [each.value for each in asked.choices if str(each.value).lower() in words]
        value = values[0] if values else True if asked.type == "bool" and named & words else None
        if value is None:
            return None
        return Answer(name=asked.name, value=value, source="task", confidence=0.5)

    return {answer.name: answer for answer in interview(template, {}, propose)}


def choice_share(
    cases: list[dict[str, Any]], templates: Mapping[str, Template]
) -> dict[str, object]:
    """How often the right template is the first, and how often that is said to be sure."""
    every = tuple(templates.values())
    ranked = [(case["template"], choose(case["task"], every)[0]) for case in cases]
    right = [first.template.ref.id == wanted for wanted, first in ranked]
    sure = [ok for ok, (_, first) in zip(right, ranked, strict=True) if first.confident]
    return {
        "cases": len(cases),
        "right": _share(sum(right), len(right)),
        "confident": len(sure),
        "right_where_confident": _share(sum(sure), len(sure)),
    }


def speed(cases: list[dict[str, Any]], templates: Mapping[str, Template]) -> dict[str, float]:
    """How long one task takes: the median and the slowest, in milliseconds."""
    took: list[float] = []
    for case in cases:
        begin = time.perf_counter()
        by_words(case["task"], templates[case["template"]])
        took.append(1000 * (time.perf_counter() - begin))
    took.sort()
    return {"median": round(took[len(took) // 2], 2), "slowest": round(took[-1], 2)}


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 1.0


def _band(total: Tally, answer: Answer, *, right: bool) -> None:
    band = total.by_confidence.setdefault(f"{int(answer.confidence * 10) / 10:.1f}", [0, 0])
    band[0] += right
    band[1] += 1


def main() -> None:
    """Print the measurements, or what went wrong in the part that may be tuned on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", choices=["dev"], help="list what went wrong there")
    if parser.parse_args().show is None:
        print(json.dumps(measure(), indent=2))
        return
    templates = load_templates()
    total, failures = tally(load_cases(CASES / "dev.yaml"), templates, by_words)
    print("\n".join([*failures, json.dumps(total.totals(), indent=2)]))
    for case in load_cases(CASES / "choose.yaml"):
        first = choose(case["task"], tuple(templates.values()))[0]
        if first.template.ref.id != case["template"] or not first.confident:
            print(f"{case['task']!r}: {first.template.ref.id}, {first.confidence}, {first.words}")


if __name__ == "__main__":
    main()
