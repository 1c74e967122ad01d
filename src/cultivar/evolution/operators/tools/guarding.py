"""The operator that mends tools without a model: a guard for the inputs that make them fail.

The invariant: a candidate differs from its parent by lines at the start of one function; it
parses, its own cases and what it says of itself stay as they are, and it knows no case by heart.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from packaging.version import InvalidVersion, Version

from cultivar.evolution.operators.tools.copying import copied_value
from cultivar.evolution.operators.tools.observing import (
    Guard,
    Observation,
    guards_of,
    is_wanted,
)
from cultivar.evolution.operators.tools.remedies import (
    MESSAGE,
    Ground,
    Remedy,
    message_of,
    remedies,
)
from cultivar.evolution.operators.tools.sources import Source, read_source, with_lines
from cultivar.evolution.roles import Refusal
from cultivar.generation.fixes import fix_between
from cultivar.lifecycle import ArtifactVersion, Candidate
from cultivar.record import Record
from cultivar.tool import Case
from cultivar.tree import Tree, text_entry

OPERATOR: Final = "input-guard"
"""What candidates say that made them."""

_MOST_LINES: Final = 24
_MOST_REMEDIES: Final = 3


class Study(Record):
    """What is known of a tool that fails."""

    version: ArtifactVersion
    tree: Tree
    """Its file."""
    cases: tuple[Case, ...] = ()
    """Its own."""
    observed: tuple[Observation, ...] = ()
    """Its uses; none that is sealed."""


class Proposal(Record):
    """A candidate with its files."""

    candidate: Candidate
    tree: Tree
    mends: bool
    """Whether what it guards may succeed by it; else it only fails more clearly."""


class Proposals(Record):
    """What the operator made."""

    proposals: tuple[Proposal, ...] = ()
    """The most promising first."""
    refused: tuple[Refusal, ...] = ()
    """What it made and did not take, with the reasons."""


class _Step(Record):
    guard: Guard
    remedy: Remedy

    def lines(self, study: Study) -> list[str]:
        statement = self.remedy.statement.replace(MESSAGE, message_of(self.guard))
        return [f"if {_test(self.guard, study)}:", f"    {statement}"]


def guarded(study: Study) -> Proposals:
    """Make versions of a tool with guards for the classes of inputs that fail.

    The first one has a guard for each class that something can be done about; then come those
    with one guard each.
    """
    name = study.version.artifact.name
    entry = study.tree.get(f"{name}.py")
    text = entry.content.decode("utf-8", "replace") if entry else ""
    source = read_source(text, name)
    if source is None or entry is None or text.encode() != entry.content:
        return Proposals()
    found = [*_combinations(_steps(study, source))]
    made = [_made(study, source, steps) for steps in found]
    taken = {each.tree.hash: each for each in reversed(made) if isinstance(each, Proposal)}
    return Proposals(
        proposals=tuple(taken.values())[::-1],
        refused=tuple(each for each in made if isinstance(each, Refusal)),
    )


def _steps(study: Study, source: Source) -> list[list[_Step]]:
    """What may be done about each class of inputs, the likeliest first."""
    guards = [each for each in guards_of(study.observed, source.text)]
    return [
        [_Step(guard=guard, remedy=remedy) for remedy in _remedies(guard, study, source)]
        for guard in guards
        if not is_wanted(guard, study.cases)
        and _is_of(guard, source)
        and f"if {_test(guard, study)}:" not in source.text  # it stands there already
    ]


def _test(guard: Guard, study: Study) -> str:
    return guard.test([each.inputs for each in study.observed])


def _is_of(guard: Guard, source: Source) -> bool:
    """Whether all that the guard looks at are parameters of the function."""
    held = {each.parameter for each in guard.traits}
    held |= {each.detail for each in guard.traits if each.kind in ("beyond", "greater")}
    return held <= source.parameters.keys()


def _remedies(guard: Guard, study: Study, source: Source) -> Sequence[Remedy]:
    parameter = guard.traits[-1].parameter
    known = [each for each in study.observed if parameter in each.inputs]
    ground = Ground(
        source=source,
        cases=study.cases,
        succeeded=tuple(each.inputs[parameter] for each in known if not each.error),
        failed=tuple(each.inputs[parameter] for each in known if guard.holds(each.inputs)),
    )
    return remedies(guard, ground)[:_MOST_REMEDIES]


def _combinations(steps: Sequence[Sequence[_Step]]) -> Iterator[Sequence[_Step]]:
    """All that can be mended at once, then one by one; what mends nothing comes last."""
    best = [choices[0] for choices in steps if choices and choices[0].remedy.mends]
    if len(best) > 1:
        yield best
    single = [step for choices in steps for step in choices]
    yield from ([each] for each in single if each.remedy.mends)
    yield from ([each] for each in single if not each.remedy.mends)


def _made(study: Study, source: Source, steps: Sequence[_Step]) -> Proposal | Refusal:
    # What goes on with another value comes first: what follows is asked of that value.
    ordered = sorted(steps, key=lambda each: not each.remedy.goes_on)
    lines = [line for step in ordered for line in step.lines(study)]
    text = with_lines(source, lines)
    if why := _fault(study, source, text, len(lines)):
        return Refusal(operator=OPERATOR, reason=why)
    path = f"{source.name}.py"
    tree = study.tree.replace({path: text_entry(text, study.tree[path].mode)})
    description = _description(ordered)
    fix = fix_between(study.tree, tree, description)
    candidate = Candidate(
        artifact=study.version.artifact,
        parent=study.version.tree_hash,
        tree_hash=tree.hash,
        version=raised(study.version.version),
        operator=OPERATOR,
        description=description,
        aims_at=_aims(study, ordered),
        edits=fix.edits if fix else (),
    )
    return Proposal(candidate=candidate, tree=tree, mends=all(s.remedy.mends for s in ordered))


def _aims(study: Study, steps: Sequence[_Step]) -> tuple[str, ...]:
    """The failure patterns that are meant to be gone; where none is known, the exceptions."""
    mended = (
        each.pattern or each.error
        for each in study.observed
        for step in steps
        if each.error == step.guard.error and step.guard.holds(each.inputs)
    )
    return tuple(dict.fromkeys(mended))


def _fault(study: Study, source: Source, text: str, lines: int) -> str:
    """Why a version is not taken; empty where it is."""
    if lines > _MOST_LINES:
        return f"It would add {lines} lines, and {_MOST_LINES} are the most."
    try:
        before, after = ast.parse(source.text), ast.parse(text)
    except SyntaxError as error:
        return f"It would not parse: line {error.lineno}: {error.msg}."
    if _without(before, source.name) != _without(after, source.name):
        return "It would change more than the function's body."
    given = [*(each.inputs for each in study.observed), *(case.input for case in study.cases)]
    if copied := copied_value(source.text, text, given):
        return f"It would know a case by heart: it looks for {copied}."
    return ""


def _without(module: ast.Module, name: str) -> str:
    """All but the body of the function, as one text."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            node.body = []
    return ast.dump(module)


def raised(version: str) -> str:
    """The next version after `version`: its last number is one more."""
    try:
        release = (*Version(version).release, 0, 0)[:3]
    except InvalidVersion:
        return "0.0.1"
    return f"{release[0]}.{release[1]}.{release[2] + 1}"


def _description(steps: Iterable[_Step]) -> str:
    said = [f"{each.remedy.words} where {each.guard.words} (by {each.remedy.by})" for each in steps]
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}."
