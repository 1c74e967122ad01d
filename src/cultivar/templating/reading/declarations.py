"""What a `copier.yml` may say: the shapes of a question, of Copier's settings and of `_cultivar`.

This is the edge: behind it, everything is of the types in `template.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, TypeAlias, TypeVar

from msgspec import Meta
from packaging.version import InvalidVersion, Version

from cultivar.errors import TemplateError
from cultivar.record import Record, field
from cultivar.schema import Misfit, MisfitError, Place, listed, nearest, read_as
from cultivar.templating.reading.copier_yaml import Config, Loc

Declared = TypeVar("Declared", bound=Record)
Command: TypeAlias = str | list[str | bool | int | float]
"""A shell command, or a program with its arguments."""

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/+-]*")
_SWITCHES: Final = ("multiselect", "secret", "use_shortcuts", "preserve_symlinks")
_SAID: Final = {
    **dict.fromkeys(("y", "yes", "t", "on"), True),
    **dict.fromkeys(("n", "no", "f", "off"), False),
}
"""What Copier takes for a switch beside `true` and `false`, in quotes too."""


class _Strict(Record, forbid_unknown_fields=True):
    pass


class QuestionFields(_Strict):
    """A question, under Copier's keys."""

    type: str = ""
    help: str = ""
    default: Any = None
    choices: list[Any] | dict[Any, Any] | str = field(default_factory=list[Any])
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


class SettingFields(Record):
    """Copier's settings, without their leading underscore."""

    subdirectory: str = ""
    templates_suffix: str | None = None
    exclude: tuple[str, ...] | None = None
    skip_if_exists: tuple[str, ...] = ()
    answers_file: str = ""
    envops: dict[str, bool | int | str] = field(default_factory=dict[str, bool | int | str])
    jinja_extensions: tuple[str, ...] = ()
    preserve_symlinks: bool = False
    min_copier_version: str | float = ""
    tasks: tuple[Command | TaskFields, ...] = ()
    migrations: tuple[Command | dict[str, Any], ...] = ()
    external_data: dict[str, str] = field(default_factory=dict[str, str])
    secret_questions: tuple[str, ...] = ()
    message_before_copy: str = ""
    message_after_copy: str = ""
    message_before_update: str = ""
    message_after_update: str = ""


class CheckFields(_Strict):
    """One of `_cultivar.checks`."""

    name: str
    run: str
    required: bool = False
    weight: Annotated[float, Meta(ge=0)] = 1.0
    flaky: bool = False
    timeout: Annotated[float, Meta(gt=0)] = 120.0
    expect: str = ""
    fix: str = ""


class HintFields(_Strict):
    """What `_cultivar.questions` adds to a question."""

    keywords: tuple[str, ...] = ()
    unit: str = ""
    renamed_from: str = ""


class FileFields(_Strict):
    """One of `_cultivar.files`."""

    prompt: str
    path: str


class CultivarFields(_Strict):
    """All that stands under `_cultivar`."""

    id: str = ""
    version: str = ""
    language: str = ""
    description: str = ""
    keywords: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    checks: tuple[CheckFields, ...] = ()
    questions: dict[str, HintFields] = field(default_factory=dict[str, HintFields])
    prompts: dict[str, str] = field(default_factory=dict[str, str])
    files: tuple[FileFields, ...] = ()


def declared(kind: type[Declared], data: Mapping[str, Any], config: Config, at: Loc) -> Declared:
    """Read `data`, which stands at `at` in the file, as a `kind`.

    Raises:
        TemplateError: It does not fit; with file, line and what is expected.
    """
    said = {**data, **{name: _switch(data[name]) for name in _SWITCHES if name in data}}
    try:
        fields = read_as(kind, said)
    except MisfitError as error:
        raise _explained(error.misfit, kind, config, at) from error
    for misfit in _unfit(fields, data) if isinstance(fields, CultivarFields) else ():
        raise _explained(misfit, kind, config, at)
    return fields


def _switch(value: object) -> object:
    return _SAID.get(value.lower(), value) if isinstance(value, str) else value


def _unfit(fields: CultivarFields, data: Mapping[str, Any]) -> Iterator[Misfit]:
    """The texts that are not what their keys promise."""
    if "id" in data and not _ID.fullmatch(fields.id):
        yield _wrong(("id",), fields.id, "an id like `quality_template:python-production`")
    if "version" in data and not _is_version(fields.version):
        yield _wrong(("version",), fields.version, "a version like `1.0.0`")
    for index, check in enumerate(fields.checks):
        if problem := _problem(check.expect):
            expected = f"a regular expression ({problem})"
            yield _wrong(("checks", index, "expect"), check.expect, expected)


def _wrong(place: Place, value: str, expected: str) -> Misfit:
    return Misfit(place=place, why="wrong", value=value, expected=(expected,))


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _problem(expression: str) -> str:
    """Why it is no regular expression; empty where it is one."""
    import regex

    try:
        regex.compile(expression)
    except regex.error as error:
        return str(error)
    return ""


def _explained(misfit: Misfit, kind: type[Record], config: Config, at: Loc) -> TemplateError:
    inside = [*misfit.place]
    if kind is SettingFields and inside:
        inside[0] = f"_{inside[0]}"
    loc = [*at, *inside]
    named = ".".join(str(part) for part in loc)
    if misfit.why == "unknown":
        remedy = nearest(str(loc[-1]), misfit.expected)
        return config.error(loc, f"The key `{loc[-1]}` is not known.", remedy)
    if misfit.why == "missing":
        return config.error(loc, f"`{named}` is missing.")
    return config.error(loc, f"`{named}` is {misfit.value!r}.", _expected(misfit))


def _expected(misfit: Misfit) -> str:
    quotes = misfit.expected[0] == "a text" and not isinstance(misfit.value, list | dict | None)
    return f"Expected is {listed(misfit.expected)}{'; put it in quotes' if quotes else ''}."
