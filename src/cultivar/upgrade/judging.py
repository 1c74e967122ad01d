"""What can be said of a question in this process, under the answers before it.

Of a template whose extensions run behind the wall alone, that is what needs no rendering; the
interview there says the rest.
"""

from __future__ import annotations

from contextlib import suppress

from cultivar.errors import AnswerError, CultivarError
from cultivar.model import Answer, Answers, Json
from cultivar.record import Record, replace
from cultivar.templating.questions.interview import Interview
from cultivar.templating.rendering.render import needs_worker
from cultivar.templating.shapes import is_list
from cultivar.templating.template import Choices, Question, Template


class Judge(Record):
    """Judges answers to the questions of one template."""

    template: Template
    folder_name: str = ""

    def is_asked(self, question: Question, before: Answers) -> bool:
        """Whether the question is asked at all; where that cannot be said, it is."""
        if self._is_far(question.when):
            return True
        with suppress(CultivarError):
            return self._about.asker(self._near(question), before).visible
        return True

    def accepted(self, question: Question, before: Answers, value: Json) -> Json:
        """`value` as the question takes it; where that cannot be said, as it is.

        Raises:
            AnswerError: The question does not take it.
        """
        if self._is_far(question.type_template):
            return value
        try:
            return self._about.asker(self._near(question), before).accept(value)
        except AnswerError:
            raise
        except CultivarError:
            return value

    def default(self, question: Question, before: Answers) -> Answer | None:
        """The default as an answer; None where there is none, or it cannot be said."""
        if self._is_far(question.default) or self._is_far(question.type_template):
            return None
        with suppress(CultivarError):
            asker = self._about.asker(self._near(question), before)
            if not asker.visible:
                return asker.computed()
            asked = asker.asked()
            return None if asked.required else asker.by_default(asked, "")
        return None

    @property
    def _about(self) -> Interview:
        return Interview(template=self.template, folder_name=self.folder_name)

    def _is_far(self, value: object) -> bool:
        """Whether only a worker can tell what becomes of `value`."""
        return needs_worker(self.template) and is_rendered(value)

    def _near(self, question: Question) -> Question:
        """The question without what only a worker can render."""
        if not needs_worker(self.template):
            return question
        return replace(
            question,
            when=True if is_rendered(question.when) else question.when,
            default=None if is_rendered(question.default) else question.default,
            choices=_near_choices(question.choices),
            validator="" if is_rendered(question.validator) else question.validator,
            help="",
            placeholder="",
            type_template="",
        )


def _near_choices(choices: Choices | str) -> Choices:
    """The choices, where all of them are as they are written; none where one is not."""
    if isinstance(choices, str):
        return ()
    texts = [text for each in choices for text in (each.label, each.value, each.validator)]
    return () if any(map(is_rendered, texts)) else choices


def is_rendered(value: object) -> bool:
    """Whether Jinja may make something else of `value`."""
    if is_list(value):
        return any(map(is_rendered, value))
    return isinstance(value, str) and "{" in value
