"""Reading a suite from YAML; what does not fit is told with its file, its line and what would."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

import yaml

from cultivar.errors import NotKnownError, TemplateError, UsageError
from cultivar.evals.suites.fields import CaseFields, SuiteFields, read_assertion
from cultivar.evals.suites.suite import CasePlan, Suite
from cultivar.lifecycle import Assertion, Kind, TrialCase
from cultivar.schema import Misfit, MisfitError, listed, nearest, read_as
from cultivar.templating.reading.copier_yaml import Config, Loc, parse_yaml
from cultivar.yamls import Loader

_KINDS: Final[tuple[Kind, ...]] = ("template", "tool", "prompt")
_CHECKS: Final = Assertion(kind="checks", value=True)
_LONGEST: Final = 1_000_000
_INPUTS: Final[dict[Kind, str]] = {"template": "answers", "tool": "inputs", "prompt": "inputs"}
"""What the inputs of a case are called, by the kind of what is tried."""


def read_suite(file: Path) -> Suite:
    """Read the suite in `file`.

    Raises:
        NotKnownError: There is no such file.
        UsageError: It is no suite; with file, line and what is expected.
    """
    config = _config(file)
    try:
        fields = read_as(SuiteFields, config.data)
    except MisfitError as error:
        raise _explained(error.misfit, config, ()) from error
    return _Reader(config, fields).suite()


class _Reader:
    """Makes a suite of what its file says."""

    def __init__(self, config: Config, fields: SuiteFields) -> None:
        self._config, self._fields = config, fields

    def suite(self) -> Suite:
        """The suite.

        Raises:
            UsageError: It says nothing of what is tried, or a case is none.
        """
        kind, reference = self._artifact()
        if not self._fields.cases:
            raise _wrong(self._config, ("cases",), "It has no cases.", "Write at least one.")
        plans = [self._plan(at, case, kind) for at, case in enumerate(self._fields.cases)]
        return Suite(
            name=self._fields.name or Path(self._config.file).stem,
            file=self._config.file,
            kind=kind,
            reference=reference,
            versions=self._fields.versions,
            plans=tuple(plans),
            min_pass_rate=self._fields.min_pass_rate,
            noisy=self._fields.noisy,
            line=self._config.place((kind,))[1] or 1,
        )

    def _artifact(self) -> tuple[Kind, str]:
        said: list[Kind] = [kind for kind in _KINDS if getattr(self._fields, kind)]
        if len(said) != 1:
            named = " and ".join(f"`{kind}`" for kind in said) or "nothing"
            what = f"It says {named} of what is tried."
            raise _wrong(
                self._config, said[1:], what, "Expected is one of `template`, `tool` or `prompt`."
            )
        (kind,) = said
        reference: str = getattr(self._fields, kind)
        return kind, reference

    def _plan(self, at: int, case: CaseFields, kind: Kind) -> CasePlan:
        loc = ("cases", at)
        self._refuse_misnamed(case, kind, loc)
        defaults = self._fields.defaults
        own = case.matrix or case.every_closed
        of = case if own else defaults
        pairwise = case.pairwise if case.pairwise is not None else defaults.pairwise
        matrix = {} if isinstance(of.matrix, str) else of.matrix
        return CasePlan(
            case=self._case(case, kind, loc),
            matrix={name: tuple(values) for name, values in matrix.items()},
            every_closed=of.every_closed,
            pairwise=bool(pairwise),
            line=self._config.place(loc)[1] or 1,
        )

    def _case(self, case: CaseFields, kind: Kind, loc: Loc) -> TrialCase:
        defaults = self._fields.defaults
        threshold = defaults.threshold if case.threshold is None else case.threshold
        assertions = self._assertions(case, kind, loc, decides=threshold is None)
        everything = all(each.required for each in assertions)
        return TrialCase(
            id="",
            name=case.name,
            task=case.task or defaults.task,
            inputs={**defaults.answers, **defaults.inputs, **case.answers, **case.inputs},
            assertions=assertions,
            slice=case.slice or defaults.slice,
            threshold=threshold if threshold is not None else float(everything),
            repeats=case.repeats or defaults.repeats or 1,
        )

    def _assertions(
        self, case: CaseFields, kind: Kind, loc: Loc, *, decides: bool
    ) -> tuple[Assertion, ...]:
        """What is said of all cases, then of this one, then the template's own checks.

        What is to be refused has no files: of it counts only what the case itself says.

        Raises:
            UsageError: One is no assertion, or there is none.
        """
        own = self._listed(case, loc, decides=decides)
        refused = any(each.kind == "raises" and not each.negate for each in own)
        defaults = self._fields.defaults
        of_all = () if refused else self._listed(defaults, ("defaults",), decides=decides)
        wanted = [case.checks, False if refused else defaults.checks, kind == "template"]
        checks = (_CHECKS,) if next(each for each in wanted if each is not None) else ()
        if not (of_all or own or checks):
            raise _wrong(
                self._config,
                loc,
                "This case asserts nothing.",
                "Add `assertions:`, or `checks: true` for the template's own checks.",
            )
        return *of_all, *own, *checks

    def _listed(self, fields: CaseFields, loc: Loc, *, decides: bool) -> tuple[Assertion, ...]:
        return tuple(
            self._assertion(each, (*loc, "assertions", at), decides=decides)
            for at, each in enumerate(fields.assertions)
        )

    def _assertion(self, said: dict[str, Any], loc: Loc, *, decides: bool) -> Assertion:
        try:
            return read_assertion(said, decides=decides)
        except MisfitError as error:
            raise _explained(error.misfit, self._config, loc) from error

    def _refuse_misnamed(self, case: CaseFields, kind: Kind, loc: Loc) -> None:
        """Refuse `inputs` of a template, `answers` of anything else, and tasks of tools."""
        other = "inputs" if kind == "template" else "answers"
        if getattr(case, other):
            what, remedy = f"A {kind} has no `{other}`.", f"Write `{_INPUTS[kind]}`."
            raise _wrong(self._config, (*loc, other), what, remedy)
        if case.task and kind == "tool":
            raise _wrong(self._config, (*loc, "task"), "A tool has no task.", "Write `inputs`.")
        if case.every_closed and kind != "template":
            what = f"A {kind} has no questions."
            raise _wrong(self._config, (*loc, "matrix"), what, "Write the values of each input.")


def _config(file: Path) -> Config:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise NotKnownError("suite", str(file), _near(file)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The suite `{file}` cannot be read: {error}.") from error
    if len(text) > _LONGEST:
        raise UsageError(f"The suite `{file}` is too large: {len(text):,} characters.")
    try:
        data = parse_yaml(text, str(file))
    except TemplateError as error:
        raise UsageError(error.what, error.remedy) from error
    if not isinstance(data, dict):
        raise UsageError(
            f"`{file}`: Found {data!r} at the top level.",
            "Expected are `template: …` and `cases: …`.",
        )
    root = cast("yaml.MappingNode", yaml.compose(text, Loader))
    nodes = {str(key.value): (key, value) for key, value in root.value}
    return Config(file=str(file), data=cast("dict[str, Any]", data), nodes=nodes)


def _near(file: Path) -> tuple[str, ...]:
    """The suites in the same folder."""
    found = sorted(file.parent.glob("*.y*ml")) if file.parent.is_dir() else []
    return tuple(str(each) for each in found[:3])


def _explained(misfit: Misfit, config: Config, at: Loc) -> UsageError:
    loc = (*at, *misfit.place)
    named = _spelled(loc)
    if misfit.why == "unknown":
        what = f"The key `{loc[-1]}` is not known."
        return _wrong(config, loc, what, nearest(str(loc[-1]), misfit.expected))
    if misfit.why == "missing":
        return _wrong(config, loc, f"`{named}` is missing.")
    what = f"`{named}` is {misfit.value!r}." if misfit.place else f"It says {misfit.value}."
    return _wrong(config, loc, what, f"Expected is {listed(misfit.expected)}.")


def _spelled(loc: Loc) -> str:
    return ".".join(str(part) for part in loc)


def _wrong(config: Config, loc: Sequence[str | int], what: str, remedy: str = "") -> UsageError:
    _, line = config.place(loc)
    place = f"`{config.file}`, line {line}: " if line else f"`{config.file}`: "
    return UsageError(f"{place}{what}", remedy)
