"""What the hub is asked at once: a question, and those that will come after it.

The invariant: only closed answers and choices leave, those that the template itself has written.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import dropwhile, islice
from typing import Final

from msgspec import json

from cultivar.errors import CultivarError
from cultivar.learning.asking.advice import Advice
from cultivar.learning.defaults.proposing import asked_for, given_before
from cultivar.learning.defaults.suggestion import AskedFor
from cultivar.model import Json
from cultivar.record import Record
from cultivar.templating.questions.asking import AskedQuestion
from cultivar.templating.questions.interview import Interview
from cultivar.templating.rendering.render import needs_worker
from cultivar.templating.template import Template

_MOST: Final = 200
"""Questions and given answers that the hub takes at once."""


class Inquiry(Record, dict=True):
    """What a default is wanted for, under which answers."""

    template: Template
    asked: AskedQuestion
    wanted: AskedFor
    given: dict[str, Json]
    """The closed answers before it."""

    @property
    def key(self) -> bytes:
        """What tells it from others of its run."""
        return _key(self.wanted, self.given)

    @property
    def request(self) -> bytes:
        """What is sent."""
        said = {
            "action": "suggest_defaults",
            "template_id": self.template.ref.id,
            "given": self.given,
            "questions": [_said(each) for each in (self.wanted, *self._later)],
            "in_turn": True,
        }
        return json.encode(said)

    def foreseen(self, advice: Advice) -> Iterator[bytes]:
        """The keys of those after it that are answered too, if nothing is said against it."""
        given, last = dict(self.given), self.wanted
        for each in self._later:
            if each.name in advice.not_reached:
                return
            answer = advice.foreseen(last)
            if answer is not None:
                given[last.name] = answer
            yield _key(each, given)
            last = each

    @cached_property
    def _later(self) -> tuple[AskedFor, ...]:
        """The questions after it, as they would be asked under the answers that are there now."""
        if needs_worker(self.template):
            return ()
        after = dropwhile(lambda each: each.name != self.asked.name, self.template.questions)
        about = Interview(template=self.template)
        askers = (about.asker(each, self.asked.answered) for each in islice(after, 1, _MOST))
        try:
            asked = [each.asked() for each in askers if each.visible]
        except CultivarError:  # it cannot be asked before what comes before it is answered
            return ()
        return tuple(filter(None, (_wanted(self.template, each) for each in asked)))


def inquiry_of(template: Template, asked: AskedQuestion) -> Inquiry | None:
    """The inquiry about a question; None where nothing may be asked about it."""
    wanted = _wanted(template, asked)
    if wanted is None:
        return None
    given = dict(islice(given_before(asked).items(), _MOST))
    return Inquiry(template=template, asked=asked, wanted=wanted, given=given)


def _wanted(template: Template, asked: AskedQuestion) -> AskedFor | None:
    """The question as the hub may see it: no choice of it is made of what a person wrote."""
    wanted = asked_for(asked)
    question = next(each for each in template.questions if each.name == asked.name)
    if wanted is None or not all(question.is_closed(value) for value in wanted.values):
        return None
    return wanted


def _said(wanted: AskedFor) -> dict[str, object]:
    return {"name": wanted.name, "values": wanted.values, "default": wanted.default}


def _key(wanted: AskedFor, given: dict[str, Json]) -> bytes:
    return json.encode((_said(wanted), given), order="deterministic")
