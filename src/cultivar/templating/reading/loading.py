"""From a template's files to a `Template`.

A pure function of the files: nothing is run, fetched or written.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any, Final, cast, get_args

from packaging.version import InvalidVersion, Version

from cultivar.errors import TemplateError
from cultivar.model import Check, Json, TemplateRef
from cultivar.record import asdict, replace
from cultivar.schema import nearest
from cultivar.templating.numbering import version_of
from cultivar.templating.reading.casting import plain
from cultivar.templating.reading.choices import choices_of
from cultivar.templating.reading.copier_yaml import Config, Loc, config_file, read_config
from cultivar.templating.reading.declarations import (
    Command,
    CultivarFields,
    HintFields,
    QuestionFields,
    SettingFields,
    TaskFields,
    declared,
)
from cultivar.templating.shapes import is_mapping
from cultivar.templating.template import (
    Choices,
    FilePrompt,
    Question,
    QuestionType,
    Rules,
    Task,
    Template,
)
from cultivar.tree import Tree

COPIER_VERSION: Final = "9.19.1"
"""The Copier whose templates mean here what they mean there."""

DEFAULT_EXCLUDE: Final = (
    "copier.yaml",
    "copier.yml",
    "~*",
    "*.py[co]",
    "__pycache__",
    ".git",
    ".DS_Store",
    ".svn",
)
"""What is not rendered where a template has neither `_exclude` nor `_subdirectory`."""

_TYPES: Final = get_args(QuestionType)
_RESERVED: Final = frozenset({"now", "make_secret"})


def parse_template(tree: Tree, *, origin: str, ref: str = "", trusted: bool = False) -> Template:
    """Read the template whose files are `tree`.

    Args:
        tree: All files of the template; a template of the first system becomes a Copier template.
        origin: Where they came from: a folder, a git address, or `builtin`.
        ref: As `git describe` has it, where they came from git.
        trusted: Whether its tasks and extensions may run.

    Raises:
        TemplateError: Something in it is wrong; with file, line and what is expected.
        UnsafeError: It includes files from outside.
    """
    _refuse_names(tree)
    if config_file(tree) is None:
        # Reading the first system's templates takes modules that no other template needs.
        from cultivar.templating.reading.first_system import as_copier

        tree = as_copier(tree) or tree
    config = read_config(tree) or Config(file="", data={}, nodes={})
    own = declared(CultivarFields, _mapping(config, "_cultivar"), config, ["_cultivar"])
    settings = _settings(config)
    return Template(
        ref=replace(_ref(tree, own, origin, ref), trusted=trusted),
        questions=_questions(config, settings, own),
        rules=_rules(settings, config),
        tree=tree,
        description=own.description,
        language=own.language,
        keywords=own.keywords,
        requires=own.requires,
        checks=tuple(Check(**asdict(each)) for each in own.checks),
        prompts=_prompts(own, config, tree),
        written=_written(own, config, tree),
        ignored=_ignored(config),
    )


def _refuse_names(tree: Tree) -> None:
    """Refuse names of files that no text can hold."""
    for path in tree:
        try:
            path.encode()
        except UnicodeEncodeError as error:
            raise TemplateError(
                f"The name of the file {path!r} is not UTF-8.", remedy="Give it another name."
            ) from error


def _settings(config: Config) -> SettingFields:
    data = {
        key[1:]: value
        for key, value in config.data.items()
        if key.startswith("_") and key[1:] in SettingFields.__struct_fields__
    }
    settings = declared(SettingFields, data, config, [])
    wanted = str(settings.min_copier_version)
    try:
        newer = bool(wanted) and Version(wanted) > Version(COPIER_VERSION)
    except InvalidVersion:
        newer = True
    if newer:
        raise config.error(
            ["_min_copier_version"],
            f"The template needs Copier {wanted}.",
            f"What Copier {COPIER_VERSION} knows is known here.",
        )
    return settings


def _ignored(config: Config) -> tuple[str, ...]:
    known = {f"_{name}" for name in SettingFields.__struct_fields__} | {"_cultivar"}
    return tuple(key for key in config.data if key.startswith("_") and key not in known)


def _mapping(config: Config, key: str) -> dict[str, Any]:
    value: Any = config.data.get(key) or {}
    if not is_mapping(value):
        raise config.error([key], f"`{key}` is {value!r}.", "Expected is a mapping.")
    return value


def _ref(tree: Tree, own: CultivarFields, origin: str, ref: str) -> TemplateRef:
    name = posixpath.basename(origin.rstrip("/").replace(":", "/"))
    return TemplateRef(
        id=own.id or name.removesuffix(".git").removesuffix(".json") or "template",
        version=own.version or version_of(ref),
        tree_hash=tree.hash,
        origin=origin,
        ref=ref,
        language=own.language,
    )


def _questions(
    config: Config, settings: SettingFields, own: CultivarFields
) -> tuple[Question, ...]:
    names = [name for name in config.data if not name.startswith("_")]
    for name in own.questions:
        if name not in names:
            raise config.error(
                ["_cultivar", "questions", name],
                f"There is no question `{name}`.",
                nearest(name, names) if names else "",
            )
    return tuple(
        _question(
            name,
            config,
            own.questions.get(name, HintFields()),
            secret=name in settings.secret_questions,
        )
        for name in names
    )


def _question(name: str, config: Config, hint: HintFields, *, secret: bool) -> Question:
    raw = config.data[name]
    if name in _RESERVED:
        raise config.error([name], f"`{name}` is no name for a question.", "Choose another.")
    data = raw if is_mapping(raw) else {"default": raw}
    fields = declared(QuestionFields, data, config, [name])
    secret = secret or fields.secret
    if secret and "default" not in data:
        raise config.error([name], f"The secret `{name}` has no default.", "Expected is one.")
    file, line = config.place([name])
    kind, template = _type(fields, config, name, has_default="default" in data)
    return Question(
        name=name,
        type=kind,
        type_template=template,
        help=fields.help,
        default=_plain(fields.default, config, [name, "default"]),
        required="default" not in data,
        choices=_choices(fields, config, name),
        when=fields.when,
        ask=fields.ask,
        validator=fields.validator,
        secret=secret,
        multiselect=fields.multiselect,
        multiline=fields.multiline,
        placeholder=fields.placeholder,
        keywords=hint.keywords,
        unit=hint.unit,
        renamed_from=hint.renamed_from,
        file=file,
        line=line,
    )


def _type(
    fields: QuestionFields, config: Config, name: str, *, has_default: bool
) -> tuple[QuestionType, str]:
    """The type as it is written, or by the default's own type; and the template for it."""
    if fields.type in _TYPES:
        return cast("QuestionType", fields.type), ""
    if not fields.type:
        own = type(fields.default).__name__ if has_default else "yaml"
        return cast("QuestionType", own if own in _TYPES else "yaml"), ""
    if _is_template(fields.type, config):
        return "str", fields.type
    raise config.error(
        [name, "type"], f"The type `{fields.type}` is not known.", nearest(fields.type, _TYPES)
    )


def _is_template(text: str, config: Config) -> bool:
    envops = cast("dict[str, Any]", config.data.get("_envops") or {})
    starts = ("variable_start_string", "{{"), ("block_start_string", "{%")
    return any(str(envops.get(name, start)) in text for name, start in starts)


def _choices(fields: QuestionFields, config: Config, name: str) -> Choices | str:
    if isinstance(fields.choices, str):
        return fields.choices
    try:
        return choices_of(fields.choices)
    except ValueError as error:
        raise config.error(
            [name, "choices"],
            f"The choices of `{name}` cannot be read.",
            f"Expected is {error}.",
        ) from error


def _plain(value: object, config: Config, loc: Loc) -> Json:
    try:
        return plain(value)
    except ValueError as error:
        raise config.error(loc, f"The value {value!r} is refused: {error}.") from error


def _rules(settings: SettingFields, config: Config) -> Rules:
    whole = posixpath.normpath(settings.subdirectory or ".") == "."
    exclude = (
        settings.exclude if settings.exclude is not None else (DEFAULT_EXCLUDE if whole else ())
    )
    suffix = settings.templates_suffix
    return Rules(
        subdirectory=settings.subdirectory,
        templates_suffix=".jinja" if suffix is None else suffix,
        exclude=exclude,
        skip_if_exists=settings.skip_if_exists,
        answers_file=_answers_file(settings, config),
        envops=settings.envops,
        jinja_extensions=settings.jinja_extensions,
        preserve_symlinks=settings.preserve_symlinks,
        min_copier_version=str(settings.min_copier_version),
        tasks=tuple(_task(each) for each in settings.tasks),
        migrations=tuple(_migration(each, config) for each in settings.migrations),
        external_data=settings.external_data,
        secret_questions=settings.secret_questions,
        message_before_copy=settings.message_before_copy,
        message_after_copy=settings.message_after_copy,
    )


def _answers_file(settings: SettingFields, config: Config) -> str:
    if posixpath.isabs(settings.answers_file):
        raise config.error(
            ["_answers_file"], "`_answers_file` is absolute.", "Expected is a relative path."
        )
    return settings.answers_file


def _command(command: Command) -> str | tuple[str, ...]:
    return command if isinstance(command, str) else tuple(str(part) for part in command)


def _task(task: Command | TaskFields) -> Task:
    if isinstance(task, TaskFields):
        return Task(
            command=_command(task.command),
            when=task.when,
            working_directory=task.working_directory,
        )
    return Task(command=_command(task))


def _migration(migration: Command | dict[str, Any], config: Config) -> Mapping[str, Json]:
    """A migration in its long form."""
    fields = migration if isinstance(migration, dict) else {"command": migration}
    return cast("Mapping[str, Json]", _plain(fields, config, ["_migrations"]))


def _prompts(own: CultivarFields, config: Config, tree: Tree) -> dict[str, str]:
    for name, path in own.prompts.items():
        _file_there(tree, path, config, ["_cultivar", "prompts", name])
    return {name: tree.text(path) for name, path in own.prompts.items()}


def _written(own: CultivarFields, config: Config, tree: Tree) -> tuple[FilePrompt, ...]:
    for index, each in enumerate(own.files):
        _file_there(tree, each.prompt, config, ["_cultivar", "files", index, "prompt"])
    return tuple(FilePrompt(prompt=each.prompt, path=each.path) for each in own.files)


def _file_there(tree: Tree, path: str, config: Config, loc: Loc) -> None:
    if path not in tree:
        raise config.error(loc, f"The template has no file `{path}`.", nearest(path, tree))
