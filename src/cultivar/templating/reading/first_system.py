"""Templates of the first system: JSON with Handlebars in it, translated to a Copier template.

The shape that is accepted, with the words that mean the same:

```json
{
  "id": "quality_template:elixir-production", "version": "2.4.0",
  "language": "elixir", "description": "…", "keywords": ["otp"],
  "questions": [
    {"name": "use_ets", "type": "boolean", "help": "…", "default": false},
    {"name": "strategy", "type": "choice", "when": "{{use_genserver}}",
     "choices": ["one_for_one", {"label": "All", "value": "one_for_all"}]}
  ],
  "path": "lib/worker.ex", "template": "defmodule {{module_name}} do … end",
  "files": [{"path": "…", "content": "…"}, {"path": "…", "source": "other_file.hbs"}],
  "migrations": []
}
```

- `id`: `template_id`, `name`; `version`: `template_version`; `keywords`: `tags`; all of these may
  stand under `metadata`.
- `questions` may map names to questions. `name`: `var_name`, `id`, `key`; `help`: `prompt`,
  `question`, `label`, `description`, `message`; `choices`: `options`, `enum`; `when`: `condition`.
- Types: `boolean bool confirm`, `choice select enum`, `multiselect multi_choice checkbox list`,
  `string text input`, `integer int`, `number float`, `secret password`, `json`, `yaml`, `path`.
- `template`: `content`, `code`, a text or a list of lines; `files` may map paths to contents.
- `required: false` gives an empty default; `min`, `max` and `pattern` become validators.

What comes out is an ordinary template: a `copier.yml` and its files under `template/`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

import yaml

from cultivar.errors import TemplateError
from cultivar.record import Record
from cultivar.templating.reading.handlebars import condition_to_jinja, to_jinja
from cultivar.templating.shapes import is_list, is_mapping
from cultivar.tree import Entry, Tree, text_entry

Fields: TypeAlias = "Mapping[str, Any]"
"""A JSON object."""

_FOLDER: Final = "template"
_TYPES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("boolean", "bool", "confirm"), "bool"),
    **dict.fromkeys(("choice", "select", "enum"), "choice"),
    **dict.fromkeys(("multiselect", "multi_choice", "checkbox", "list"), "multiselect"),
    **dict.fromkeys(("string", "str", "text", "input", ""), "str"),
    **dict.fromkeys(("integer", "int"), "int"),
    **dict.fromkeys(("number", "float"), "float"),
    **dict.fromkeys(("secret", "password"), "secret"),
    **{name: name for name in ("json", "yaml", "path")},
}
_EMPTY: Final[Mapping[str, Any]] = {"bool": False, "str": "", "int": 0, "float": 0.0, "path": ""}
_SUFFIXES: Final[Mapping[str, str]] = {"elixir": "ex", "python": "py", "typescript": "ts"}
_NAMES: Final = ("name", "var_name", "id", "key")
_HELPS: Final = ("help", "prompt", "question", "label", "description", "message")


class _Json(Record):
    """A JSON file of the first system."""

    file: str
    text: str
    data: Fields

    def error(self, what: str, remedy: str = "", *, near: str = "") -> TemplateError:
        at = self.text.find(json.dumps(near)) if near else -1
        line = self.text.count("\n", 0, at) + 1 if at >= 0 else None
        return TemplateError(what, file=self.file, line=line, remedy=remedy)


def is_first_system(content: bytes) -> bool:
    """Whether this may be a JSON template of the first system, by a look at its words."""
    return b'"questions"' in content and content.lstrip()[:1] == b"{"


def as_copier(tree: Tree) -> Tree | None:
    """`tree` with a `copier.yml` and files made from its JSON template; None where it has none.

    Raises:
        TemplateError: The JSON cannot be read, or says what is not understood.
    """
    found = [
        path
        for path, entry in tree.items()
        if "/" not in path and path.endswith(".json") and is_first_system(entry.content)
    ]
    if not found:
        return None
    if len(found) > 1:
        raise TemplateError(
            f"There are several templates: {', '.join(found)}.",
            file=found[0],
            remedy="Name one of the files.",
        )
    source = _read(tree, found[0])
    questions = _questions(source)
    files = _files(source, tree, questions)
    config = yaml.safe_dump(
        {**questions, **_settings(source)}, sort_keys=False, allow_unicode=True, width=2**31
    )
    return tree.replace({"copier.yml": text_entry(config), **files})


def _read(tree: Tree, file: str) -> _Json:
    try:
        text = tree[file].content.decode("utf-8-sig")
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise TemplateError(
            f"This is not JSON: {error.msg}.", file=file, line=error.lineno
        ) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise TemplateError(f"This is not JSON: {error}.", file=file) from error
    return _Json(file=file, text=text, data=data)


def _first(fields: Fields, names: Iterable[str], default: Any = None) -> Any:
    return next((fields[name] for name in names if fields.get(name) is not None), default)


def _about(source: _Json, *names: str) -> Any:
    """What the template says of itself under one of `names`, at the top or in `metadata`."""
    inner: object = source.data.get("metadata")
    return _first(source.data, names) or _first(inner if is_mapping(inner) else {}, names)


def _settings(source: _Json) -> dict[str, Any]:
    own = {
        "id": _about(source, "id", "template_id", "name"),
        "version": _about(source, "version", "template_version"),
        "language": _about(source, "language"),
        "description": _about(source, "description"),
    }
    keywords: object = _about(source, "keywords", "tags")
    settings: dict[str, Any] = {
        "_subdirectory": _FOLDER,
        "_cultivar": {
            **{key: str(value) for key, value in own.items() if value},
            "keywords": [str(each) for each in keywords] if is_list(keywords) else [],
        },
    }
    migrations = source.data.get("migrations")
    return {**settings, "_migrations": migrations} if migrations else settings


def _questions(source: _Json) -> dict[str, dict[str, Any]]:
    raw: Any = source.data["questions"]
    if is_mapping(raw):
        raw = [{"name": name, **_object(source, each, name)} for name, each in raw.items()]
    if not is_list(raw):
        raise source.error("`questions` is no list.", near="questions")
    fields = [_object(source, each, "questions") for each in raw]
    names = frozenset(_name(source, each) for each in fields)
    return {_name(source, each): _question(source, each, names) for each in fields}


def _object(source: _Json, value: Any, near: str) -> Fields:
    if not is_mapping(value):
        raise source.error(f"Found {value!r} where a question should be.", near=near)
    return value


def _name(source: _Json, fields: Fields) -> str:
    name = _first(fields, _NAMES)
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z]\w*", name):
        raise source.error(
            f"A question has the name {name!r}.",
            "Expected is `name` (or `var_name`) with letters, digits and `_`.",
            near=str(name) if name else "questions",
        )
    return name


def _question(source: _Json, fields: Fields, names: frozenset[str]) -> dict[str, Any]:
    name = _name(source, fields)
    given = str(fields.get("type", "")).lower()
    choices = _choices(_first(fields, ("choices", "options", "enum"), []))
    kind = _TYPES.get(given)
    if kind is None:
        known = ", ".join(f"`{each}`" for each in _TYPES if each)
        raise source.error(
            f"The type `{given}` of `{name}` is not known.",
            f"Expected is one of {known}.",
            near=name,
        )
    plain = _plain_type(kind, choices)
    question: dict[str, Any] = {
        "type": plain,
        "help": str(_first(fields, _HELPS, "")),
    }
    question |= {"choices": choices} if choices else {}
    question |= {"multiselect": True} if kind == "multiselect" else {}
    question |= {"secret": True} if kind == "secret" or fields.get("secret") else {}
    question |= _default(fields, plain, question)
    question |= _when(source, fields, name, names)
    return question | _validator(name, fields)


def _plain_type(kind: str, choices: list[list[Any]]) -> str:
    if kind not in {"choice", "multiselect"}:
        return "str" if kind == "secret" else kind
    kinds = {type(value).__name__ for _, value in choices}
    return kinds.pop() if len(kinds) == 1 and kinds <= {"int", "float", "bool"} else "str"


def _choices(raw: Any) -> list[list[Any]]:
    if is_mapping(raw):
        return [[label, value] for label, value in raw.items()]
    return [_choice(item) for item in raw] if is_list(raw) else []


def _choice(item: Any) -> list[Any]:
    if not is_mapping(item):
        return [str(item), item]
    value = _first(item, ("value", "id", "name", "label"))
    return [str(_first(item, ("label", "name", "title", "description"), value)), value]


def _default(fields: Fields, kind: str, question: Fields) -> dict[str, Any]:
    if fields.get("default") is not None:
        return {"default": _escaped(fields["default"])}
    if question.get("secret"):
        return {"default": ""}
    if fields.get("required", True):
        return {}
    if question.get("multiselect"):
        return {"default": []}
    choices = question.get("choices")
    return {"default": choices[0][1] if choices else _EMPTY.get(kind)}


def _escaped(value: Any) -> Any:
    """A default is a literal there and a Jinja template here."""
    if isinstance(value, str) and not re.fullmatch(r"\{\{\s*\w+\s*\}\}", value):
        return re.sub(r"\{(?=[{%#])", "{{ '{' }}", value)
    return value


def _when(source: _Json, fields: Fields, name: str, names: frozenset[str]) -> dict[str, bool | str]:
    raw = _first(fields, ("when", "condition", "if", "depends_on"))
    if raw is None or isinstance(raw, bool):
        return {} if raw is None else {"when": raw}
    if isinstance(raw, str):
        return {"when": condition_to_jinja(raw, file=source.file, names=names)}
    if is_mapping(raw):
        tests = [f"{key} == {value!r}" for key, value in raw.items()]
        return {"when": f"{{{{ {' and '.join(tests)} }}}}"}
    raise source.error(f"The `when` of `{name}` is {raw!r}.", near=name)


def _validator(name: str, fields: Fields) -> dict[str, str]:
    nested = fields.get("validation")
    limits = {**fields, **(nested if is_mapping(nested) else {})}
    tests: list[tuple[str, str]] = []
    for key, sign, words in (("min", "<", "at least"), ("max", ">", "at most")):
        if isinstance(limits.get(key), int | float):
            tests.append((f"{name} {sign} {limits[key]}", f"{words} {limits[key]}"))
    if isinstance(limits.get("pattern"), str):
        pattern = json.dumps(limits["pattern"])
        tests.append((f"not ({name} | regex_search({pattern}))", "like the pattern of it"))
    text = "".join(f"{{% if {test} %}}{words}{{% endif %}}" for test, words in tests)
    return {"validator": text} if text else {}


def _files(
    source: _Json, tree: Tree, questions: Mapping[str, dict[str, Any]]
) -> dict[str, Entry | None]:
    booleans = frozenset(name for name, each in questions.items() if each["type"] == "bool")
    made: dict[str, Entry | None] = {}
    for path, content in _contents(source, tree):
        text = to_jinja(content, file=source.file, names=frozenset(questions), booleans=booleans)
        name = to_jinja(path, file=source.file, names=frozenset(questions))
        made[f"{_FOLDER}/{name}.jinja"] = text_entry(text)
    if not made:
        raise source.error(
            "The template has no content.", "Expected is `template`, `content` or `files`."
        )
    return made


def _contents(source: _Json, tree: Tree) -> Iterable[tuple[str, str]]:
    one = _first(source.data, ("template", "content", "template_content", "code"))
    if is_mapping(one):
        one = _first(one, ("content", "template", "code"))
    if one is not None:
        yield _path(source), _lines(one)
    for each in _listed_files(source):
        path = _first(each, ("path", "name", "output", "file"))
        if not isinstance(path, str):
            raise source.error("One of `files` has no `path`.", near="files")
        yield path, _content(source, each, tree)


def _listed_files(source: _Json) -> list[Fields]:
    files: Any = source.data.get("files") or []
    if is_mapping(files):
        return [
            {"path": path, **(each if is_mapping(each) else {"content": each})}
            for path, each in files.items()
        ]
    if not is_list(files) or not all(is_mapping(each) for each in files):
        raise source.error("`files` is no list of files.", near="files")
    return files


def _content(source: _Json, fields: Fields, tree: Tree) -> str:
    named = _first(fields, ("source", "template_file"))
    if named is None:
        return _lines(_first(fields, ("content", "template", "code"), ""))
    if named not in tree:
        raise source.error(f"There is no file `{named}`.", near=str(named))
    return tree.text(named)


def _path(source: _Json) -> str:
    given = _first(source.data, ("path", "output_path", "file", "filename", "output"))
    if isinstance(given, str):
        return given
    stem = str(_about(source, "id", "template_id", "name") or "template").rpartition(":")[2]
    suffix = _SUFFIXES.get(str(_about(source, "language") or "").lower(), "txt")
    return f"{re.sub(r'[^A-Za-z0-9]+', '_', stem).strip('_')}.{suffix}"


def _lines(value: Any) -> str:
    if is_list(value):
        return "\n".join(str(line) for line in value) + "\n"
    return str(value)
