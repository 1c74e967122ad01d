"""The Jinja environment of one template, and what is asked of it: a text, a truth.

The invariant: what a template's text can reach is the template's own tree and its context.
"""

from __future__ import annotations

import json
import posixpath
from collections import OrderedDict
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from threading import Lock
from types import TracebackType
from typing import Any, Final, Literal, TypeAlias, TypeVar

import jinja2
from jinja2 import (
    BaseLoader,
    BytecodeCache,
    TemplateNotFound,
    TemplateSyntaxError,
    UndefinedError,
)
from jinja2.bccache import Bucket
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.sandbox import SandboxedEnvironment
from jinja2.utils import LRUCache

from cultivar.errors import CultivarError, TemplateError, UnsafeError, UntrustedError
from cultivar.templating.jinja.extensions import extensions_of, is_loading
from cultivar.templating.jinja.filters import filters_of
from cultivar.templating.jinja.guards import GuardedEnvironment
from cultivar.templating.jinja.loops import YieldExtension
from cultivar.templating.template import Rules
from cultivar.tree import Tree

_UNDEFINED: Final[Mapping[str, type[jinja2.Undefined]]] = {
    "jinja2.Undefined": jinja2.Undefined,
    "jinja2.StrictUndefined": jinja2.StrictUndefined,
}
_ENVOPS: Final = frozenset(
    {
        "autoescape",
        "block_end_string",
        "block_start_string",
        "comment_end_string",
        "comment_start_string",
        "keep_trailing_newline",
        "line_comment_prefix",
        "line_statement_prefix",
        "lstrip_blocks",
        "newline_sequence",
        "optimized",
        "trim_blocks",
        "undefined",
        "variable_end_string",
        "variable_start_string",
    }
)
_ENVIRONMENTS: Final = 32

E = TypeVar("E", bound=GuardedEnvironment)


class SharedCode(BytecodeCache):
    """What Jinja compiled in this process: two versions of a template have most files in common.

    Args:
        dialect: What besides a file's text decides its code.
    """

    def __init__(self, dialect: str) -> None:
        self._dialect = dialect

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take the code that an equal file has."""
        bucket.code = _codes.get((self._dialect, bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code for equal files."""
        _codes[self._dialect, bucket.key, bucket.checksum] = bucket.code


class TreeLoader(BaseLoader):
    """Finds what templates include and import, in the template's own tree."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        """The text at the path `template`.

        Raises:
            TemplateNotFound: There is no such file.
            UnsafeError: The path leads out of the template.
        """
        path = resolve(self._tree, template)
        if path is None:
            raise TemplateNotFound(template)
        return decode(self._tree[path].content, path), path, lambda: True


def resolve(tree: Tree, name: str) -> str | None:
    """The path of the file that `name` leads to through the links of `tree`; None without one.

    Raises:
        UnsafeError: It leads out of the tree.
    """
    path = follow(tree, name)
    return path if path in tree and tree[path].mode != "link" else None


def follow(tree: Tree, name: str) -> str:
    """Where `name` leads to once the links of `tree` on the way are followed.

    Raises:
        UnsafeError: It leads out of the tree, or in circles.
    """
    path = posixpath.normpath(name.lstrip("/"))
    for _ in range(32):
        if "\\" in name or "\0" in name or path.split("/")[0] == "..":
            raise UnsafeError(
                f"The template reaches for {name!r}, which is outside of it.",
                "Include files of the template by their path from its root.",
            )
        step = _follow(tree, path)
        if step is None:
            return path
        path = step
    raise UnsafeError(f"The links of the template at {name!r} lead in circles.")


def _follow(tree: Tree, path: str) -> str | None:
    """`path` with its first link replaced by what it points to; None without a link."""
    parts = path.split("/")
    for count in range(1, len(parts) + 1):
        entry = tree.get("/".join(parts[:count]))
        if entry is not None and entry.mode == "link":
            target = entry.content.decode(errors="surrogateescape")
            return posixpath.normpath("/".join([*parts[: count - 1], target, *parts[count:]]))
    return None


def decode(content: bytes, path: str) -> str:
    """`content` as text.

    Raises:
        TemplateError: It is not UTF-8.
    """
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TemplateError(
            "A template has to be UTF-8, and this one is not.",
            file=path,
            line=content.count(b"\n", 0, error.start) + 1,
            remedy="Save it as UTF-8, or take the templates' suffix from its name to copy it.",
        ) from error


_Key: TypeAlias = tuple[str, str, bool, type[GuardedEnvironment]]
_cache: OrderedDict[_Key, GuardedEnvironment] = OrderedDict()
_lock = Lock()
_codes: Any = LRUCache(500)


def environment_of(rules: Rules, tree: Tree, *, trusted: bool = False) -> GuardedEnvironment:
    """The environment of the template whose files are `tree`; the same one for the same template.

    Raises:
        UntrustedError: The template has extensions and is not trusted.
        TemplateError: Its `_envops` are wrong.
    """
    return cached_environment(GuardedEnvironment, rules, tree, trusted=trusted)


def cached_environment(kind: type[E], rules: Rules, tree: Tree, *, trusted: bool) -> E:
    """The environment of that kind, as `environment_of` has it."""
    extensions = [rules.jinja_extensions, is_loading()]
    said = json.dumps([dict(rules.envops), extensions], default=str)
    key = (tree.hash, said, trusted, kind)
    with _lock:
        found = _cache.get(key)
    if not isinstance(found, kind):
        found = build_environment(kind, rules, tree, trusted=trusted)
    with _lock:
        _cache[key] = found
        _cache.move_to_end(key)
        while len(_cache) > _ENVIRONMENTS:
            _cache.popitem(last=False)
    return found


def build_environment(kind: type[E], rules: Rules, tree: Tree, *, trusted: bool) -> E:
    """A new environment, in which a template's extensions have the last word on a filter."""
    if rules.jinja_extensions and not trusted:
        raise UntrustedError(
            f"The template wants the Jinja extensions {', '.join(rules.jinja_extensions)}, "
            "which run code of its author's.",
            "If you trust it, pass `--trust` or name its origin under `trust` in `cultivar.yaml`.",
        )
    environment = kind(
        loader=TreeLoader(tree),
        extensions=[YieldExtension],
        cache_size=400,
        auto_reload=False,
        bytecode_cache=_shared_code(kind, rules, trusted=trusted),
        **_options(rules.envops),
    )
    environment.add_filters(filters_of(trusted=trusted))
    names: dict[str, Any] = environment.globals
    names["pathjoin"] = _pathjoin
    for extension in extensions_of(rules.jinja_extensions):
        environment.add_extension(extension)
    return environment


def _shared_code(
    kind: type[GuardedEnvironment], rules: Rules, *, trusted: bool
) -> SharedCode | None:
    """None where more than options and text decides the code: extensions, marks of slots."""
    if rules.jinja_extensions or kind is not GuardedEnvironment:
        return None
    return SharedCode(json.dumps([trusted, dict(rules.envops)], default=str))


def _options(envops: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(envops) - _ENVOPS)
    if unknown:
        raise TemplateError(
            f"`_envops` has {', '.join(map(repr, unknown))}, which is no option of Jinja's.",
            file="copier.yml",
            remedy=f"The options are {', '.join(sorted(_ENVOPS))}.",
        )
    options = {"keep_trailing_newline": True, **envops}
    named = options.get("undefined")
    if named:
        if named not in _UNDEFINED:
            raise TemplateError(
                f"`_envops.undefined` is {named!r}.",
                file="copier.yml",
                remedy=f"Use one of {', '.join(_UNDEFINED)}.",
            )
        options["undefined"] = _UNDEFINED[named]
    return options


def _pathjoin(*parts: str, mode: Literal["posix", "windows", "native"] = "posix") -> str:
    kinds = {"posix": PurePosixPath, "windows": PureWindowsPath, "native": PurePath}
    return str(kinds[mode](*parts))


def render_text(
    environment: SandboxedEnvironment,
    text: str,
    context: Mapping[str, object],
    *,
    file: str = "copier.yml",
) -> str:
    """Render `text`; `file` is where it stands, for the error.

    Raises:
        TemplateError: It is no Jinja, or rendering it fails.
        UnsafeError: It reaches for what no template may have.
    """
    if _is_plain(environment, text):
        return text
    with failures_in(file):
        if not isinstance(environment, GuardedEnvironment):
            return environment.from_string(text).render(context)
        with environment.meter.running():
            return environment.compiled(text).render(context)


def _is_plain(environment: jinja2.Environment, text: str) -> bool:
    """Whether Jinja would leave `text` as it is; so it is for most texts of most questions."""
    if environment.line_statement_prefix or environment.line_comment_prefix or "\r" in text:
        return False
    if not environment.keep_trailing_newline or environment.newline_sequence != "\n":
        return "\n" not in text and _has_no_tags(environment, text)
    return _has_no_tags(environment, text)


def _has_no_tags(environment: jinja2.Environment, text: str) -> bool:
    starts = (
        environment.block_start_string,
        environment.variable_start_string,
        environment.comment_start_string,
    )
    return not any(start in text for start in starts) and not any(
        type(each).preprocess is not Extension.preprocess
        or type(each).filter_stream is not Extension.filter_stream
        for each in environment.extensions.values()
    )


@contextmanager
def failures_in(file: str) -> Generator[None]:
    """Turn what Jinja raises over `file` into our errors.

    Raises:
        TemplateError: It is no Jinja, or rendering it fails.
        UnsafeError: It reaches for what no template may have.
    """
    try:
        yield
    except CultivarError:
        raise
    except (SecurityError, OverflowError, MemoryError) as error:
        raise UnsafeError(f"The template {file!r} does what none may: {error}.") from error
    except RecursionError as error:
        raise UnsafeError(f"The template {file!r} calls itself without end.") from error
    except TemplateSyntaxError as error:
        place = error.filename or file
        raise TemplateError(error.message or "no Jinja", file=place, line=error.lineno) from error
    except TemplateNotFound as error:
        raise TemplateError(f"There is no {error.name!r} to include.", file=file) from error
    except Exception as error:  # a template may call into anything, which may raise anything
        raise _failed(error, file) from error


def _failed(error: Exception, file: str) -> TemplateError:
    what = str(error) if isinstance(error, UndefinedError) else f"{type(error).__name__}: {error}"
    name, line = _place_of(error.__traceback__)
    return TemplateError(f"{what}.", file=name or file, line=line)


def _place_of(traceback: TracebackType | None) -> tuple[str, int | None]:
    """The file of the template (empty: a text without one) and the line that raised."""
    name, line = "", None
    while traceback is not None:
        # Jinja puts frames of its own, with the template's lines, in place of compiled code.
        if "__jinja_exception__" in traceback.tb_frame.f_globals:
            shown = traceback.tb_frame.f_code.co_filename
            name, line = "" if shown == "<template>" else shown, traceback.tb_lineno
        traceback = traceback.tb_next
    return name, line


_TRUE: Final = frozenset({"y", "yes", "t", "true", "on"})
_FALSE: Final = frozenset({"", "n", "no", "f", "false", "off", "~", "null", "none"})


def evaluate_bool(
    environment: SandboxedEnvironment, value: object, context: Mapping[str, object]
) -> bool:
    """Whether `value`, rendered where it is a text, is true by Copier's rules.

    A number is true unless it is 0; YAML's words for no and null are false; so is nothing.
    """
    return is_true(render_text(environment, value, context) if isinstance(value, str) else value)


def is_true(value: object) -> bool:
    """Whether `value` is true by Copier's rules."""
    if not isinstance(value, str):
        return bool(value)
    word = value.strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    try:
        return bool(float(word))
    except ValueError:
        return True
