"""Reading `copier.yml`: its documents, what they include, and the line of each key.

The invariant: reading a template's YAML runs nothing, leaves the template's root never, and costs
no more than its size says (no aliases that explode, no endless nesting).
"""

from __future__ import annotations

import io
import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias, cast

import yaml

from cultivar.errors import TemplateError, UnsafeError
from cultivar.record import Record
from cultivar.templating.shapes import is_list, is_mapping
from cultivar.tree import Tree
from cultivar.yamls import Loader

Loc: TypeAlias = Sequence["str | int"]
"""Keys and indexes from the top of the file down to a value."""

_NAME: Final = re.compile(r"copier\.ya?ml", re.IGNORECASE)
_MERGED: Final = ("_exclude", "_jinja_extensions", "_secret_questions", "_skip_if_exists")
"""Settings whose lists are joined over all documents; of the others, the last one counts."""
_MAX_BYTES: Final = 1_000_000
_MAX_DEPTH: Final = 60
_MAX_NODES: Final = 200_000
_MAX_INCLUDES: Final = 10


class Config(Record):
    """What a template's `copier.yml` says, with all that it includes."""

    file: str
    data: dict[str, Any]
    nodes: dict[str, tuple[yaml.Node, yaml.Node]]
    """Of each top-level key: the nodes of key and value."""

    def place(self, loc: Loc) -> tuple[str, int | None]:
        """The file and the line of the value at `loc`, or of the nearest thing above it."""
        if not loc or str(loc[0]) not in self.nodes:
            return self.file, None
        spot, node = self.nodes[str(loc[0])]
        for part in loc[1:]:
            spot, node = _below(node, part) or (spot, node)
        return spot.start_mark.name, spot.start_mark.line + 1

    def error(self, loc: Loc, what: str, remedy: str = "") -> TemplateError:
        """The error that says `what` is wrong at `loc`."""
        file, line = self.place(loc)
        return TemplateError(what, file=file, line=line, remedy=remedy)


def config_file(tree: Tree) -> str | None:
    """The path of the template's `copier.yml` or `copier.yaml`; None where it has none.

    Raises:
        TemplateError: There are several.
    """
    found = [path for path in tree if _NAME.fullmatch(path)]
    if len(found) > 1:
        raise TemplateError(
            f"There are several: {', '.join(f'`{path}`' for path in found)}.",
            file=found[0],
            remedy="Keep one of them.",
        )
    return found[0] if found else None


def read_config(tree: Tree) -> Config | None:
    """Read the template's `copier.yml`; None where it has none.

    Raises:
        TemplateError: It is not YAML, or not a mapping; with file and line.
        UnsafeError: An `!include` leads out of the template.
    """
    file = config_file(tree)
    if file is None:
        return None
    nodes: dict[int, yaml.MappingNode] = {}
    documents = list(_flat(_documents(tree, file, (), nodes)))
    places: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    merged: dict[str, Any] = {}
    for document in documents:
        merged.update(_checked(document, file))
        pairs = nodes[id(document)].value
        places.update({str(key.value): (key, value) for key, value in pairs})
    for option in _MERGED:
        merged.update(_joined(option, documents))
    return Config(file=file, data=merged, nodes=places)


def parse_yaml(text: str, file: str = "") -> Any:
    """The one document in `text`; None where there is none.

    Raises:
        TemplateError: It is not YAML, has tags, or explodes; with its line.
    """
    try:
        _refuse_depth(text, file)
        loader = Loader(_Source(text, file))
        return next(_constructed(loader), None)
    except yaml.YAMLError as error:
        raise _broken(error, file) from error


def _joined(option: str, documents: list[Any]) -> dict[str, Any]:
    parts = [document[option] for document in documents if option in document]
    if not parts or not all(is_list(part) for part in parts):
        return {}
    return {option: [item for part in parts for item in part]}


def _checked(document: Any, file: str) -> dict[str, Any]:
    if not is_mapping(document):
        raise TemplateError(
            f"Found {document!r} at the top level.",
            file=file,
            remedy="Expected are questions and settings, as `name: …`.",
        )
    for key in cast("list[object]", list(document)):
        if not isinstance(key, str):
            raise TemplateError(
                f"The name {key!r} is not a text.", file=file, remedy="Put it in quotes."
            )
    return document


def _below(node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if str(key.value) == str(part):
                return key, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None


def _flat(items: Iterator[Any]) -> Iterator[Any]:
    """The documents, without empty ones, lists of documents taken apart (as Copier does)."""
    for item in items:
        if is_list(item):
            yield from _flat(iter(item))
        elif item:
            yield item


class _Source(io.StringIO):
    """A text that knows its name, so that YAML's marks do too."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self.name = name


class _Loader(Loader):
    """YAML's safe loader with `!include`, which remembers the node of every mapping."""

    def __init__(self, text: str, file: str) -> None:
        super().__init__(_Source(text, file))
        self.tree = Tree({})
        self.stack: tuple[str, ...] = ()
        self.nodes: dict[int, yaml.MappingNode] = {}

    def mapping(self, node: yaml.MappingNode) -> Iterator[dict[Any, Any]]:
        """Construct a mapping, as the safe loader does."""
        data: dict[Any, Any] = {}
        self.nodes[id(data)] = node
        yield data
        data.update(self.construct_mapping(node))

    def include(self, node: yaml.Node) -> list[Any]:
        """The documents of all files that the pattern names, in the order of their paths."""
        pattern = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
        mark = node.start_mark
        if not pattern or posixpath.isabs(pattern):
            raise TemplateError(
                f"`!include {pattern}` names no relative path.",
                file=mark.name,
                line=mark.line + 1,
                remedy="Expected is a path or a pattern relative to the template's root.",
            )
        if len(self.stack) >= _MAX_INCLUDES:
            raise TemplateError(
                f"`!include {pattern}` never ends: it includes itself.",
                file=mark.name,
                line=mark.line + 1,
            )
        found: list[Any] = []
        for file in _matches(self.tree, pattern):
            found += _flat(_documents(self.tree, file, self.stack, self.nodes))
        return found


_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.mapping)
_Loader.add_constructor("!include", _Loader.include)


def _documents(
    tree: Tree, file: str, stack: tuple[str, ...], nodes: dict[int, yaml.MappingNode]
) -> Iterator[Any]:
    text = _text(tree, file)
    try:
        _refuse_depth(text, file)
        loader = _Loader(text, file)
        loader.tree, loader.stack, loader.nodes = tree, (*stack, file), nodes
        yield from _constructed(loader)
    except yaml.YAMLError as error:
        raise _broken(error, file) from error


def _constructed(loader: Loader) -> Iterator[Any]:
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is not None:
                _expanded(node, {})
                yield loader.construct_document(node)  # pyright: ignore[reportUnknownMemberType] # untyped
    finally:
        loader.dispose()


def _text(tree: Tree, file: str) -> str:
    content = tree[_resolved(tree, file)].content
    if len(content) > _MAX_BYTES:
        raise TemplateError(f"{len(content):,} bytes are too many.", file=file)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise TemplateError(
            "This is not UTF-8.", file=file, line=line, remedy="Save it as UTF-8."
        ) from error


def _resolved(tree: Tree, file: str) -> str:
    """`file`, or what it is a link to."""
    for _ in range(_MAX_INCLUDES):
        entry = tree.get(file)
        if entry is None or entry.mode != "link":
            break
        file = posixpath.normpath(posixpath.join(posixpath.dirname(file), entry.content.decode()))
    if file not in tree or tree[file].mode == "link":
        raise TemplateError("This link leads to no file of the template.", file=file)
    return file


def _broken(error: yaml.YAMLError, file: str) -> TemplateError:
    if not isinstance(error, yaml.MarkedYAMLError):
        return TemplateError(f"This is not YAML: {error}.", file=file)
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    problem = error.problem or error.context or "it cannot be read"
    if "determine a constructor" in problem:
        tag = problem.rpartition(" ")[2]
        return TemplateError(
            f"The YAML tag {tag} is refused.",
            file=file,
            line=line,
            remedy="The only tag that a template may use is `!include`.",
        )
    where = f" ({error.context})" if error.context and error.context != problem else ""
    return TemplateError(
        f"This is not YAML: {problem}{where}.",
        file=file,
        line=line,
        remedy="Expected is YAML; a text with `{{ … }}` or `: ` in it needs quotes.",
    )


def _refuse_depth(text: str, file: str) -> None:
    """Refuse what nests too deep before anything recurses over it."""
    depth = 0
    for event in yaml.parse(_Source(text, file), Loader=Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _MAX_DEPTH:
                line = event.start_mark.line + 1 if event.start_mark else None
                raise TemplateError("This nests too deep.", file=file, line=line)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _expanded(node: yaml.Node, sizes: dict[int, int]) -> int:
    """How many nodes there are below `node` once every alias is followed."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in sizes:
        sizes[id(node)] = _MAX_NODES + 1  # what an alias to itself comes to
        children = cast("list[Any]", node.value)
        if isinstance(node, yaml.MappingNode):
            children = [each for pair in node.value for each in pair]
        sizes[id(node)] = 1 + sum(_expanded(child, sizes) for child in children)
    if sizes[id(node)] > _MAX_NODES:
        mark = node.start_mark
        raise TemplateError("Its aliases explode.", file=mark.name, line=mark.line + 1)
    return sizes[id(node)]


def _matches(tree: Tree, pattern: str) -> list[str]:
    normal = posixpath.normpath(pattern)
    if normal.split("/")[0] == "..":
        raise UnsafeError(
            f"`!include {pattern}` leads out of the template.",
            "Name files inside the template's folder.",
        )
    matcher = re.compile(_glob(normal))
    return [path for path in tree if matcher.fullmatch(path)]


def _glob(pattern: str) -> str:
    """The regular expression for a glob pattern in which `**` crosses folders."""
    token = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)
    plain = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts: list[str] = []
    for piece in token.findall(pattern):
        if piece in plain:
            parts.append(plain[piece])
        elif len(piece) > 1:
            inner = piece[1:-1].replace("\\", "\\\\")
            parts.append(f"[{'^' + inner[1:] if inner.startswith('!') else inner}]")
        else:
            parts.append(re.escape(piece))
    return "".join(parts)
