"""Says whether a version that was put in its place can be used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from cultivar.checking.checks import CheckRunner
from cultivar.errors import (
    AnswerError,
    EnvironmentUnavailableError,
    TemplateError,
    UnsafeError,
)
from cultivar.evals.trying.spelling import canonical, digest, spelled
from cultivar.evals.trying.tool_uses import ToolUses, Use
from cultivar.generation.workshop import Workshop
from cultivar.lifecycle import Artifact
from cultivar.model import Json
from cultivar.record import Record
from cultivar.templating.making.making import Making
from cultivar.templating.reading.loading import parse_template
from cultivar.templating.template import Question, Template
from cultivar.tool import Case
from cultivar.tree import Tree

_BROKEN: Final = (TemplateError, UnsafeError)


class Verify(Protocol):
    """Uses a version once, to see that it can be."""

    def __call__(
        self, artifact: Artifact, tree: Tree, before: Tree | None = None, *, trusted: bool = False
    ) -> str:
        """What is wrong with a version; empty where nothing is.

        Args:
            artifact: Of what it is a version.
            tree: Its files.
            before: Those of the version that it is to be no worse than; None: it only must work.
            trusted: Whether its code is as good as ours.

        Raises:
            UnavailableError: It cannot be told, since its place is down.
            RefusedError: It takes trust or a wall that is not there.
        """
        ...


class Verifier(Record):
    """Loads a version and uses it once: the smoke test of a release.

    Args:
        open_runner: Finds what runs tools behind the wall, when it is first needed.
        workshop: Renders templates.
    """

    open_runner: Callable[[], CheckRunner]
    workshop: Workshop

    def __call__(
        self, artifact: Artifact, tree: Tree, before: Tree | None = None, *, trusted: bool = False
    ) -> str:
        """What is wrong with a version; empty where nothing is; see `Verify`."""
        if artifact.kind == "template":
            return self._template(tree, trusted=trusted)
        if artifact.kind == "tool":
            return self._tool(artifact.name, tree, before)
        return unusable_prompt(tree, before)

    def _template(self, tree: Tree, *, trusted: bool) -> str:
        """It is read, and rendered with its own defaults."""
        try:
            template = parse_template(tree, origin="", trusted=trusted)
            making = Making(template=template, given=_made_up(template), folder_name="project")
            self.workshop.make([making])
        except AnswerError:
            return ""  # it was we who made the answer up
        except _BROKEN as error:
            return str(error)
        return ""

    def _tool(self, name: str, tree: Tree, before: Tree | None) -> str:
        """It loads behind the wall, and no declared case fails that did not fail before."""
        uses = ToolUses(runner=self.open_runner())
        described = uses.describe(tree, name)
        if isinstance(described, Use):
            return _known(described).said
        old = uses.describe(before, name) if before is not None else described
        if before is None or isinstance(old, Use) or not old.cases:
            return ""
        inputs = [each.input for each in old.cases]
        pairs = zip(uses.use(before, name, inputs), uses.use(tree, name, inputs), strict=True)
        for case, (was, now) in zip(old.cases, pairs, strict=True):
            if _holds(_known(was), case) and not _holds(_known(now), case):
                said = case.description or repr(case.input)
                return f"The case {said!r} does not hold any more: {now.said}"
        return ""


def _made_up(template: Template) -> Mapping[str, object]:
    """Answers to the questions that have no default."""
    asked = (each for each in template.questions if each.required and each.when is not False)
    return {each.name: _any_answer(each) for each in asked}


_ANY: Final[Mapping[str, Json]] = {"int": 1, "float": 1.0, "bool": True, "json": "{}", "yaml": "1"}


def _any_answer(question: Question) -> object:
    if isinstance(question.choices, tuple) and question.choices:
        first = question.choices[0].value
        return [first] if question.multiselect else first
    return _ANY.get(question.type, "example")


def _known(use: Use) -> Use:
    """The use, where anything is known of it.

    Raises:
        EnvironmentUnavailableError: Its place was down.
    """
    if use.unverified:
        raise EnvironmentUnavailableError(use.unverified, "Try again when it is up.")
    return use


def _holds(use: Use, case: Case) -> bool:
    if case.should_raise:
        return case.should_raise in use.raised
    return use.hash == digest(canonical(spelled(case.expected_output)))


def unusable_prompt(tree: Tree, before: Tree | None) -> str:
    """Say why a prompt cannot be used: it is no Jinja, or has other variables than it had.

    Args:
        tree: The one file.
        before: That of the version before it; None: it only must be Jinja.
    """
    new = _variables(tree)
    if isinstance(new, str) or before is None:
        return new if isinstance(new, str) else ""
    old = _variables(before)
    if isinstance(old, str) or old == new:
        return ""
    gone, come = sorted(old - new), sorted(new - old)
    told = [f"says nothing of {gone} any more"] if gone else []
    told += [f"asks for {come}, which nobody gives it"] if come else []
    return f"It {' and '.join(told)}."


def _variables(tree: Tree) -> frozenset[str] | str:
    """The variables of a prompt; why it is none."""
    from jinja2 import Environment, TemplateSyntaxError, meta

    try:
        (text,) = (entry.content.decode() for entry in tree.values())
        parsed: Any = Environment(autoescape=False).parse(text)
    except TemplateSyntaxError as error:
        return f"It is no Jinja: line {error.lineno}: {error.message}"
    except ValueError as error:  # no UTF-8, or not one file
        return f"It is no prompt: {error}"
    return frozenset(meta.find_undeclared_variables(parsed))
