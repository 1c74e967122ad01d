"""What comes back from a worker behind the wall.

The invariant: it is read as data of a stranger. It is held against what was asked for, and
nothing in it is believed that is known here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast, get_args

from cultivar.errors import AnswerError, CultivarError, TemplateError, UnsafeError
from cultivar.model import Answer, Answers, Json
from cultivar.record import replace, to_builtins
from cultivar.templating.making.jobs import below, folder_of
from cultivar.templating.making.making import Made, Making
from cultivar.templating.questions.asking import AskedQuestion, OfferedChoice
from cultivar.templating.questions.interview import known_names
from cultivar.templating.rendering.markers import Slot
from cultivar.templating.rendering.render import Rendered
from cultivar.templating.shapes import is_mapping
from cultivar.templating.template import Question, QuestionType
from cultivar.tree import Tree

RESULT: Final = "result.json"
RENDERED: Final = "rendered"


class MissingPackageError(TemplateError):
    """An extension imports a package that is not there.

    Args:
        package: The name that is imported.
    """

    def __init__(self, package: str) -> None:
        super().__init__(
            f"The template's extensions need the Python package {package!r}.",
            file="copier.yml",
            remedy="Name what brings it in `_cultivar.requires` of the template.",
        )
        self.package = package


def said_of(made: Made) -> dict[str, Any]:
    """The result without its files."""
    return {
        "answers": [to_builtins(answer) for answer in made.answers],
        "asked": [to_builtins(replace(question, answered=())) for question in made.asked],
        "texts": made.texts,
        "secrets": made.secrets,
        "slots": [to_builtins(slot) for slot in made.rendered.slots],
        "skip_if_exists": made.rendered.skip_if_exists,
        "message": made.rendered.message,
    }


def said_of_error(error: CultivarError) -> dict[str, Any]:
    """What went wrong."""
    said: dict[str, Any] = {"what": error.what, "remedy": error.remedy}
    if isinstance(error, MissingPackageError):
        return {"missing": error.package}
    if isinstance(error, AnswerError):
        names = ("question", "value", "why", "allowed")
        return {"refused": {name: getattr(error, name) for name in names} | said}
    return {"error": said | {"unsafe": not isinstance(error, TemplateError)}}


def read_results(tree: Tree, makings: Sequence[Making]) -> tuple[Made, ...]:
    """What the worker left in its folder, whose files are `tree`.

    Raises:
        MissingPackageError: An extension imports a package that is not there.
        AnswerError: A given value is refused, or a question without a default has no answer.
        TemplateError: A template could not be rendered.
        UnsafeError: It was refused, or what the worker left is not what a worker leaves.
    """
    left = [below(tree, folder_of(number)) for number in range(len(makings))]
    return tuple(_read(each, making) for each, making in zip(left, makings, strict=True))


def _read(left: Tree, making: Making) -> Made:
    said = _result(left)
    try:
        error = _error(said)
        if error is None:
            return _made(said, below(left, RENDERED), making)
    except (KeyError, TypeError, ValueError, AttributeError) as odd:
        raise _no_result(repr(odd)) from odd
    raise error


def _result(tree: Tree) -> Mapping[str, Any]:
    entry = tree.get(RESULT)
    if entry is None or entry.mode == "link":
        raise _no_result("there is none")
    try:
        said: object = json.loads(entry.content)
    except (ValueError, RecursionError) as error:
        raise _no_result(str(error)) from error
    if not is_mapping(said):
        raise _no_result("it is no mapping")
    return said


def _no_result(why: str) -> UnsafeError:
    return UnsafeError(
        f"The template's extensions left no proper result: {why}.",
        "See whether they end the process they run in, or write over what it leaves.",
    )


def _error(said: Mapping[str, Any]) -> CultivarError | None:
    if "missing" in said:
        return MissingPackageError(str(said["missing"]))
    told = said.get("refused") or said.get("error")
    if told is None:
        return None
    error: CultivarError = UnsafeError("") if told.get("unsafe") else TemplateError("")
    if "refused" in said:
        why, allowed = str(told["why"]), str(told["allowed"])
        error = AnswerError(str(told["question"]), told["value"], why=why, allowed=allowed)
    error.what, error.remedy = str(told["what"]), str(told["remedy"])
    return error


def _made(said: Mapping[str, Any], tree: Tree, making: Making) -> Made:
    texts = tuple(str(text) for text in said["texts"])
    if len(texts) != len(making.texts):
        raise ValueError(f"{len(texts)} texts instead of {len(making.texts)}")
    asked = () if making.files else tuple(_asked(each, making) for each in said["asked"])
    return Made(
        answers=_answers(said["answers"], making),
        asked=asked,
        rendered=Rendered(
            tree=tree,
            slots=tuple(_slot(each, tree) for each in said["slots"]),
            skip_if_exists=tuple(path for path in said["skip_if_exists"] if path in tree),
            message=str(said["message"]),
        ),
        texts=texts,
        secrets=_secrets(said["secrets"], making),
    )


def _answers(said: list[Mapping[str, Any]], making: Making) -> Answers:
    if making.answers is not None:
        return making.answers
    given = known_names(making.template, making.given)
    found = tuple(_answer(each, making, given) for each in said)
    order = [question.name for question in making.template.questions]
    places = [order.index(answer.name) for answer in found]
    if places != sorted(set(places)):
        raise ValueError("the answers are not in the order of the questions")
    return found


def _answer(said: Mapping[str, Any], making: Making, given: Mapping[str, object]) -> Answer:
    """An answer; of one that was given or proposed, only what it was read as is new."""
    name, value = str(said["name"]), cast("Json", said["value"])
    if said["source"] != "default" and name not in given:
        closed = _question(making, name).is_closed(value)
        return replace(making.proposals[name], name=name, value=value, closed=closed)
    confidence = min(max(float(said["confidence"]), 0.0), 1.0)
    return Answer(
        name=name,
        value=value,
        source="user" if name in given else "default",
        confidence=1.0 if name in given else confidence,
        evidence=str(said["evidence"]),
        secret=_question(making, name).secret,
        computed=bool(said["computed"]),
        closed=_question(making, name).is_closed(value),
    )


def _secrets(said: Mapping[str, Json], making: Making) -> dict[str, Json]:
    return {_question(making, name).name: value for name, value in said.items()}


def _question(making: Making, name: str) -> Question:
    for question in making.template.questions:
        if question.name == name:
            return question
    raise ValueError(f"{name!r} is no question")


def _asked(said: Mapping[str, Any], making: Making) -> AskedQuestion:
    question = _question(making, str(said["name"]))
    if said["type"] not in get_args(QuestionType):
        raise ValueError(f"{said['type']!r} is no type")
    return AskedQuestion(
        name=question.name,
        type=said["type"],
        help=str(said["help"]),
        default=said["default"],
        required=bool(said["required"]),
        choices=tuple(_choice(each) for each in said["choices"]),
        multiselect=question.multiselect,
        multiline=bool(said["multiline"]),
        secret=question.secret,
        placeholder=str(said["placeholder"]),
        keywords=question.keywords,
        unit=question.unit,
        ask=True,
    )


def _choice(said: Mapping[str, Any]) -> OfferedChoice:
    return OfferedChoice(
        label=str(said["label"]), value=said["value"], refused=str(said["refused"])
    )


def _slot(said: Mapping[str, Any], made: Tree) -> Slot:
    """A slot that lies where it says.

    Raises:
        ValueError: It does not.
    """
    fields = ("path", "name", "instruction", "default")
    texts = {name: str(said[name]) for name in fields}
    slot = Slot(start=int(said["start"]), **texts)
    if slot.start < 0 or made.text(slot.path)[slot.start : slot.end] != slot.default:
        raise ValueError(f"the slot {slot.name!r} is not in {slot.path!r}")
    return slot
