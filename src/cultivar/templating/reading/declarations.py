"""What a `copier.yml` may say: the shapes of a question, of Copier's settings and of `_cultivar`.

This is the edge: behind it, everything is of the types in `template.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import regex
from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from cultivar.errors import TemplateError
from cultivar.templating.reading.copier_yaml import Config, Loc

Declared = TypeVar("Declared", bound=BaseModel)
Command: TypeAlias = str | list[str | int | float]
"""A shell command, or a program with its arguments."""

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/+-]*")


def _expression(value: str) -> str:
    try:
        regex.compile(value)
    except regex.error as error:
        raise ValueError(f"{value!r} is no regular expression: {error}") from error
    return value


def _version(value: str) -> str:
    try:
        Version(value)
    except InvalidVersion:
        raise ValueError("a version like `1.0.0`") from None
    return value


def _id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise ValueError("an id like `quality_template:python-production`")
    return value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class QuestionFields(_Strict):
    """A question, under Copier's keys."""

    type: str = ""
    help: str = ""
    default: Any = None
    choices: list[Any] | dict[Any, Any] | str = []
    multiselect: bool = False
    multiline: bool | str = False
    placeholder: str = ""
    secret: bool = False
    validator: str = ""
    when: bool | str = True
    ask: bool | str = True
    qmark: str | None = None
    use_shortcuts: bool = False


class TaskFields(_Strict):
    """One of `_tasks`, in its long form."""

    command: Command
    when: bool | str = True
    working_directory: str = "."


class SettingFields(BaseModel):
    """Copier's settings, without their leading underscore."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    subdirectory: str = ""
    templates_suffix: str | None = None
    exclude: list[str] | None = None
    skip_if_exists: list[str] = []
    answers_file: str = ""
    envops: dict[str, bool | int | str] = {}
    jinja_extensions: list[str] = []
    preserve_symlinks: bool = False
    min_copier_version: str | float = ""
    tasks: list[Command | TaskFields] = []
    migrations: list[Command | dict[str, Any]] = []
    external_data: dict[str, str] = {}
    secret_questions: list[str] = []
    message_before_copy: str = ""
    message_after_copy: str = ""
    message_before_update: str = ""
    message_after_update: str = ""


class CheckFields(_Strict):
    """One of `_cultivar.checks`."""

    name: str
    run: str
    required: bool = False
    weight: float = Field(default=1.0, ge=0)
    flaky: bool = False
    timeout: float = Field(default=120.0, gt=0)
    expect: Annotated[str, AfterValidator(_expression)] = ""
    fix: str = ""


class HintFields(_Strict):
    """What `_cultivar.questions` adds to a question."""

    keywords: list[str] = []
    unit: str = ""
    renamed_from: str = ""


class FileFields(_Strict):
    """One of `_cultivar.files`."""

    prompt: str
    path: str


class CultivarFields(_Strict):
    """All that stands under `_cultivar`."""

    id: Annotated[str, AfterValidator(_id)] = ""
    version: Annotated[str, AfterValidator(_version)] = ""
    language: str = ""
    description: str = ""
    keywords: list[str] = []
    requires: list[str] = []
    checks: list[CheckFields] = []
    questions: dict[str, HintFields] = {}
    prompts: dict[str, str] = {}
    files: list[FileFields] = []


_TELLING: Final = ("extra_forbidden", "missing")
"""Of several errors, what says most."""
_SHOWN_WORDS: Final = 20
_TYPE_NAMES: Final = frozenset({"str", "bool", "int", "float", "TaskFields"})
_INNER: Final[Mapping[str, type[BaseModel]]] = {
    "checks": CheckFields,
    "questions": HintFields,
    "files": FileFields,
    "tasks": TaskFields,
}


def declared(kind: type[Declared], data: Mapping[str, Any], config: Config, at: Loc) -> Declared:
    """Read `data`, which stands at `at` in the file, as a `kind`.

    Raises:
        TemplateError: It does not fit; with file, line and what is expected.
    """
    try:
        return kind.model_validate(dict(data))
    except ValidationError as error:
        raise _explained(error, kind, config, at) from error


def nearest(name: str, known: Iterable[str]) -> str:
    """The sentence that names the known word closest to `name`, or all of them."""
    words = sorted(known)
    close = get_close_matches(name, words, n=1, cutoff=0.5)
    if close:
        return f"Did you mean `{close[0]}`?"
    more = ", …" if len(words) > _SHOWN_WORDS else ""
    listed = ", ".join(f"`{word}`" for word in words[:_SHOWN_WORDS])
    return f"Expected is one of {listed}{more}."


def _explained(
    error: ValidationError, kind: type[BaseModel], config: Config, at: Loc
) -> TemplateError:
    errors = error.errors()
    told = [each for telling in _TELLING for each in errors if each["type"] == telling]
    first = (told or errors)[0]
    loc = _loc(kind, at, first["loc"])
    named = ".".join(str(part) for part in loc)
    if first["type"] == "extra_forbidden":
        owner = _INNER.get(str(first["loc"][0]), kind) if len(first["loc"]) > 1 else kind
        remedy = nearest(str(loc[-1]), tuple(owner.model_fields))
        return config.error(loc, f"The key `{loc[-1]}` is not known.", remedy)
    if first["type"] == "missing":
        return config.error(loc, f"`{named}` is missing.")
    same = [each for each in errors if _loc(kind, at, each["loc"]) == loc]
    return config.error(loc, f"`{named}` is {first['input']!r}.", _expected(same))


def _loc(kind: type[BaseModel], at: Loc, inside: tuple[int | str, ...]) -> Loc:
    """The place in the file, without the names of types that pydantic adds for unions."""
    parts = [part for part in inside if isinstance(part, int) or re.fullmatch(r"\w+", part)]
    parts = [part for part in parts if part not in _TYPE_NAMES]
    if kind is SettingFields and parts:
        parts[0] = f"_{parts[0]}"
    return [*at, *parts]


def _expected(errors: list[ErrorDetails]) -> str:
    """What all the types that a value may have would have taken."""
    texts = [
        re.sub(r"^(Value error, |Input should be )|, unable to .*", "", each["msg"])
        for each in errors
    ]
    first = errors[0]
    quotes = isinstance(first["input"], int | float) and first["type"] == "string_type"
    listed = " or ".join(dict.fromkeys(texts))
    return f"Expected is {listed}{'; put it in quotes' if quotes else ''}."
