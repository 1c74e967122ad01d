"""Ask a person what is still unsure, one question at a time."""

from __future__ import annotations

from collections.abc import Mapping

from cultivar.agent import Context
from cultivar.errors import AnswerError
from cultivar.generation.templates import TemplateStore
from cultivar.generation.vault import Vault
from cultivar.generation.workshop import Workshop
from cultivar.model import Answer, Answers, Json, OpenQuestion, TemplateRef
from cultivar.record import Record, replace
from cultivar.settings import Settings
from cultivar.templating.making.making import Made, Making
from cultivar.templating.questions.asking import AskedQuestion
from cultivar.templating.questions.interview import open_question
from cultivar.templating.template import Template


class _Known(Record):
    """What is known while a person is asked; each reply makes the next one."""

    template: Template
    inferred: Mapping[str, Answer]
    """Proposals by question; the template's own defaults are worked out anew each time."""
    given: Mapping[str, object]
    """What the person said, by question."""
    accepted: frozenset[str] = frozenset()
    """The questions whose proposal the person left as it is."""
    askable: frozenset[str] | None = None
    """The questions that may be asked; None: all."""
    workshop: Workshop

    def made(self, *, complete: bool) -> Made:
        """All answers under what is known, and the questions under them."""
        making = Making(
            template=self.template,
            given=self.given,
            proposals=self.inferred,
            folder_name="",
            complete=complete,
            files=False,
        )
        return self.workshop.make([making])[0]

    def unsure(self, floor: float) -> tuple[AskedQuestion, Answer | None] | None:
        """The first question that a person should be asked, with the proposal."""
        made = self.made(complete=False)
        by_name = {answer.name: answer for answer in made.answers}
        for asked in made.asked:
            answer = by_name.get(asked.name)
            settled = asked.name in self.given or asked.name in self.accepted
            settled = settled or (self.askable is not None and asked.name not in self.askable)
            if not settled and (answer is None or answer.confidence < floor):
                return asked, answer
        return None

    def after(self, name: str, reply: Json) -> _Known:
        """What is known after a reply; None leaves the proposal as it is.

        Raises:
            AnswerError: The question does not take it.
        """
        if reply is None:
            return replace(self, accepted=self.accepted | {name})
        said = replace(self, given={**self.given, name: reply})
        said.made(complete=False)
        return said


def ask_unsure(
    run_id: str,
    ref: TemplateRef,
    answers: Answers,
    context: Context,
    *,
    interactive: bool,
    only: frozenset[str] | None = None,
) -> Answers:
    """Interrupt the run for every answer of less confidence than `unsure_below`.

    The graph runs this from its start again after each reply, and hands it the replies so far in
    their order; so nothing here may depend on anything else.

    Args:
        run_id: The run that is interrupted.
        ref: The template.
        answers: What is known.
        context: Where services come from.
        interactive: Whether a person is there.
        only: The questions that may be asked; all others stay as they are. None: all may be.

    Returns:
        All answers, those of the person with source `user`.

    Raises:
        AnswerError: A question that needs an answer has none, and nobody is asked.
    """
    vault, floor = context.get(Vault), context.get(Settings).unsure_below
    secrets = vault.of(run_id)
    known = _Known(
        template=context.get(TemplateStore).load(ref),
        inferred={a.name: a for a in answers if a.source != "default" or _stays(a, only)},
        askable=only,
        workshop=context.get(Workshop),
        given={a.name: secrets.get(a.name, a.value) for a in answers if a.source == "user"},
    )
    while interactive and (unsure := known.unsure(floor)) is not None:
        known = _ask(*unsure, known, vault, run_id)
    return known.made(complete=True).answers


def _stays(answer: Answer, only: frozenset[str] | None) -> bool:
    return only is not None and answer.name not in only and not answer.computed


def _ask(
    asked: AskedQuestion, proposal: Answer | None, known: _Known, vault: Vault, run_id: str
) -> _Known:
    """Ask until the reply is taken."""
    error = ""
    while True:
        reply = _interrupt(open_question(asked, proposal, error))
        # A secret does not travel through the run's checkpoint; it waits in the vault.
        said = vault.of(run_id).get(asked.name, reply) if asked.secret else reply
        if said is None and proposal is None:
            error = "an answer is needed"
            continue
        try:
            return known.after(asked.name, said)
        except AnswerError as refused:
            error = refused.why


def _interrupt(question: OpenQuestion) -> Json:
    from langgraph.types import interrupt

    reply: dict[str, Json] = interrupt(question)
    return reply["answer"]
