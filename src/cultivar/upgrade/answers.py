"""What becomes of the old answers under a new version of the template.

The invariant: what a person chose is never replaced without a word.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, cast

from cultivar.errors import AnswerError
from cultivar.model import Answer, Answers, Json, Source
from cultivar.record import Record, replace
from cultivar.templating.questions.answers_file import KeptAnswers
from cultivar.templating.questions.interview import known_names
from cultivar.templating.template import Question, Template
from cultivar.upgrade.judging import Judge, is_rendered
from cultivar.upgrade.renames import old_names
from cultivar.upgrades import AnswerChange

_CHOSEN: Final = "chosen by the user"
_NOBODYS: Final[frozenset[Source]] = frozenset({"default", "learned"})
"""The sources of answers that nobody chose."""


class OldAnswers(Record):
    """What is known of the old answers."""

    kept: KeptAnswers
    """What the answers file says."""
    recorded: Answers | None = None
    """The ledger's answers, with why each was given; None where it does not know them."""
    template: Template | None = None
    """The old version of the template; None where it is not known."""
    between: tuple[Template, ...] = ()
    """The versions between the old one and the new, the oldest first, as far as they are known."""
    folder_name: str = ""
    """Of the folder that was generated."""


class Carried(Record):
    """The answers that go on, and what changes of them."""

    answers: Answers = ()
    """Those that stay, under their new names, with their old sources."""
    new: tuple[str, ...] = ()
    """The questions that are open: they were not asked before, or refuse the old answer."""
    changes: tuple[AnswerChange, ...] = ()
    """What a person should know of."""
    unknown: tuple[str, ...] = ()
    """The names in the answers file that were no question in the old version either."""

    @property
    def given(self) -> dict[str, Json]:
        """The values that stay, by question."""
        return {each.name: each.value for each in self.answers}

    def sourced(self, answers: Answers) -> Answers:
        """`answers`, in which those that went on say again where they came from."""
        old = {each.name: each for each in self.answers}
        return tuple(
            _as_before(each, old[each.name])
            if each.name in old and same(old[each.name].value, each.value)
            else each
            for each in answers
        )


def _as_before(answer: Answer, old: Answer) -> Answer:
    return replace(answer, source=old.source, confidence=old.confidence, evidence=old.evidence)


def carry(old: OldAnswers, new: Template, given: Mapping[str, Json]) -> Carried:
    """Work out which old answers go on under the new version.

    Args:
        old: What was answered.
        new: The new version of the template.
        given: What the user answers now; it counts before all else.

    Raises:
        NotKnownError: A name in `given` is no question of the new version.
        AnswerError: A value in `given` is refused.
    """
    said = cast("dict[str, Json]", known_names(new, given))
    carrying = _Carrying(old=old, new=new, given=said)
    for question in new.questions:
        carrying.settle(question)
    return carrying.carried()


def same(one: Json, other: Json) -> bool:
    """Whether two values are the same, true and 1 told apart."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _means_the_same(value: Json, taken: Json) -> bool:
    """Whether what a value is taken for is what it was; a text is what it is read as."""
    if isinstance(value, str):
        return True
    if isinstance(value, bool) or isinstance(taken, bool):
        return value is taken
    return value == taken or str(value) == taken


@dataclass(kw_only=True)
class _Carrying:
    """The way through the new questions."""

    old: OldAnswers
    new: Template
    given: Mapping[str, Json]
    answers: list[Answer] = field(default_factory=list[Answer])
    seen: list[Answer] = field(default_factory=list[Answer])
    """What later questions are asked under: the answers, and the defaults of what is open."""
    open: list[str] = field(default_factory=list[str])
    changes: list[AnswerChange] = field(default_factory=list[AnswerChange])

    def settle(self, question: Question) -> None:
        """Work out what becomes of the answer to a new question."""
        name, before = question.name, tuple(self.seen)
        if question.secret:
            self._leave_secret(question)
        elif name in self.given:
            value = self.judge.accepted(question, before, self.given[name])
            self._keep(question, Answer(name=name, value=value, source="user", confidence=1.0))
        elif not self.judge.is_asked(question, before):
            self._see_default(question)
        elif name in self.names:
            self._carry(question, self.names[name])
        else:
            self._leave_open(question)

    def carried(self) -> Carried:
        """What was worked out."""
        kept = self.old.kept.answers
        gone = [name for name in kept if name not in self._used]
        unknown = [n for n in gone if self.old.template and n not in self._old_questions]
        dropped = [
            AnswerChange(name=name, kind="dropped", old=kept[name])
            for name in gone
            if name not in unknown
        ]
        return Carried(
            answers=tuple(self.answers),
            new=tuple(self.open),
            changes=(*self.changes, *dropped),
            unknown=tuple(unknown),
        )

    @cached_property
    def judge(self) -> Judge:
        """Who judges by the new version."""
        return Judge(template=self.new, folder_name=self.old.folder_name)

    @cached_property
    def names(self) -> Mapping[str, str]:
        """The old names of the new questions."""
        old = self.old
        return old_names(old.kept.answers, old.template, self.new, old.between)

    @property
    def _used(self) -> set[str]:
        """The old names that something became of, or that are refused."""
        settled = {each.name for each in self.answers} | set(self.open)
        secret = {each.name for each in self.new.questions if each.secret}
        return {self.names.get(name, name) for name in settled | secret}

    def _carry(self, question: Question, old_name: str) -> None:
        """Let an old answer go on, or the new default in its stead, or nothing."""
        name, value = question.name, self.old.kept.answers[old_name]
        if old_name != name:
            self._tell(AnswerChange(name=name, kind="renamed", old=value, new=value, why=old_name))
        before = self._before(old_name, value)
        better = self._better_default(question, old_name) if before.source in _NOBODYS else None
        if better is not None and not same(better.value, value):
            self._tell(AnswerChange(name=name, kind="adopted", old=value, new=better.value))
            self._keep(question, better)
            return
        try:
            self._keep(question, replace(before, name=name, value=self._taken(question, value)))
        except AnswerError as error:
            self._tell(AnswerChange(name=name, kind="refused", old=value, why=error.why))
            self.open.append(name)
            self._see_default(question)

    def _taken(self, question: Question, value: Json) -> Json:
        """The old value, as the new question takes it.

        Raises:
            AnswerError: It does not, or what it takes it for is no longer the same.
        """
        taken = self.judge.accepted(question, tuple(self.seen), value)
        if not _means_the_same(value, taken):
            raise AnswerError(question.name, value, why=f"it would be taken for {taken!r}")
        return taken

    def _tell(self, change: AnswerChange) -> None:
        self.changes.append(change)

    def _before(self, name: str, value: Json) -> Answer:
        """The old answer, with where it came from as far as that can be told."""
        recorded = {each.name: each for each in self.old.recorded or ()}.get(name)
        if recorded is not None and same(recorded.value, value):
            return replace(recorded, secret=False, computed=False)
        default = self._old_defaults.get(name)
        if recorded is None and default is not None and same(default.value, value):
            return default
        return Answer(name=name, value=value, source="user", confidence=1.0, evidence=_CHOSEN)

    def _better_default(self, question: Question, old_name: str) -> Answer | None:
        """The new default, where the template has changed it."""
        old = self._old_questions.get(old_name)
        if old is not None and same(old.default, question.default):
            return None
        if old is None and is_rendered(question.default):
            return None  # it may be another only because the day is
        return self.judge.default(question, tuple(self.seen))

    @cached_property
    def _old_questions(self) -> Mapping[str, Question]:
        template = self.old.template
        return {each.name: each for each in template.questions} if template else {}

    @cached_property
    def _old_defaults(self) -> Mapping[str, Answer]:
        """What the old defaults were, each under the old answers before it."""
        if self.old.template is None:
            return {}
        judge = Judge(template=self.old.template, folder_name=self.old.folder_name)
        seen: list[Answer] = []
        found: dict[str, Answer] = {}
        for question in self.old.template.questions:
            default = judge.default(question, tuple(seen))
            if default is not None:
                found[question.name] = default
            if question.name in self.old.kept.answers:
                value = self.old.kept.answers[question.name]
                default = Answer(name=question.name, value=value, source="user", confidence=1.0)
            seen += [default] if default is not None else []
        return found

    def _keep(self, question: Question, answer: Answer) -> None:
        answer = replace(answer, closed=question.is_closed(answer.value))
        self.answers.append(answer)
        self.seen.append(answer)

    def _leave_open(self, question: Question) -> None:
        default = self._see_default(question)
        value = None if default is None else default.value
        self._tell(AnswerChange(name=question.name, kind="new", new=value))
        self.open.append(question.name)

    def _leave_secret(self, question: Question) -> None:
        """A secret is never kept; one that was not asked before is open."""
        self._see_default(question)
        is_new = self.old.template is not None and question.name not in self._old_questions
        if is_new and question.name not in self.given and question.name not in self.names:
            self._tell(AnswerChange(name=question.name, kind="new"))
            self.open.append(question.name)

    def _see_default(self, question: Question) -> Answer | None:
        default = self.judge.default(question, tuple(self.seen))
        self.seen += [default] if default is not None else []
        return default
