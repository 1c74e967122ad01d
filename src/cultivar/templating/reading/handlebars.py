"""Handlebars to Jinja: the translation of the first system's contents and conditions.

What is understood: `{{name}}`, `{{{name}}}`, `{{a.b}}`, `{{#if}}`, `{{#unless}}`, `{{#each}}`,
`{{else}}`, `{{else if}}`, comments, `~`, and the helpers `eq ne gt gte lt lte and or not` and a
few that change a word's case. The language: https://handlebarsjs.com/guide/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from cultivar.errors import TemplateError
from cultivar.record import Record

Kind: TypeAlias = Literal["text", "value", "open", "else", "close", "comment"]
"""What a piece of a Handlebars text is."""

_TAG: Final = re.compile(
    r"\\?\{\{(?P<comment>~?!--.*?--~?)\}\}|\\?(?P<raw>\{\{\{.*?\}\}\})|\\?\{\{(?P<tag>.*?)\}\}",
    re.DOTALL,
)
_WORD: Final = re.compile(r"\s*(\(|\)|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\||[^\s()|\"']+)")
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")
_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_JINJA_LIKE: Final = re.compile(r"\{(?=[{%#])|\{\Z")
_OPERATORS: Final[Mapping[str, str]] = {
    "eq": "==",
    "ne": "!=",
    "neq": "!=",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "and": "and",
    "or": "or",
}
_FILTERS: Final[Mapping[str, str]] = {
    "lowercase": "lower",
    "lower": "lower",
    "uppercase": "upper",
    "upper": "upper",
    "capitalize": "capitalize",
    "titleCase": "title",
    "trim": "trim",
    "length": "length",
}
_CONSTANTS: Final = {"true": "true", "false": "false", "null": "none", "undefined": "none"}
_LOOP: Final = {"@index": "loop.index0", "@first": "loop.first", "@last": "loop.last"}


class _Piece(Record):
    kind: Kind
    text: str
    line: int
    trim_before: bool = False
    trim_after: bool = False


class _Block(Record):
    """A block that is open: how it ends, and what it calls its item."""

    name: str
    end: str
    item: str = ""


@dataclass(kw_only=True)
class _Translation:
    """A translation under way."""

    file: str
    names: frozenset[str]
    booleans: frozenset[str]
    blocks: list[_Block] = field(default_factory=list[_Block])
    line: int = 1

    def error(self, what: str, remedy: str = "") -> TemplateError:
        return TemplateError(what, file=self.file, line=self.line, remedy=remedy)


def to_jinja(
    text: str,
    *,
    file: str,
    names: frozenset[str] = frozenset(),
    booleans: frozenset[str] = frozenset(),
) -> str:
    """`text`, which is Handlebars, as Jinja.

    Args:
        text: The content.
        file: Where it stands, for errors.
        names: The questions; in a loop, they stay themselves.
        booleans: Those of them that Handlebars writes as `true` and `false`.

    Raises:
        TemplateError: It is no Handlebars, or uses a helper that is not known here.
    """
    state = _Translation(file=file, names=names, booleans=booleans)
    parts: list[str] = []
    for piece in _standalone(list(_pieces(text))):
        state.line = piece.line
        parts.append(_TRANSLATE[piece.kind](piece.text, state))
    if state.blocks:
        raise state.error(f"`{{{{#{state.blocks[-1].name}}}}}` is never closed.")
    return "".join(parts)


def condition_to_jinja(text: str, *, file: str, names: frozenset[str]) -> str:
    """A `when` of the first system, as a Jinja template that comes out as true or false.

    It may be `{{name}}`, `{{eq a "b"}}`, `{{#if name}}` with or without its end, or bare.

    Raises:
        TemplateError: It is none of these.
    """
    state = _Translation(file=file, names=names, booleans=frozenset())
    bare = text.strip()
    opened = re.match(r"\{\{#(if|unless)\s+(.*?)\}\}", bare, re.DOTALL)
    if opened:
        inner = _expression(opened[2], state)
        return f"{{{{ not ({inner}) }}}}" if opened[1] == "unless" else f"{{{{ {inner} }}}}"
    mustache = re.fullmatch(r"\{\{\{?(.*?)\}?\}\}", bare, re.DOTALL)
    if mustache:
        return f"{{{{ {_expression(mustache[1], state)} }}}}"
    return f"{{{{ {_infix(bare)} }}}}"


def _infix(text: str) -> str:
    """A bare condition like `a == "b" && !c`."""
    for pattern, word in (
        (r"!==?", "!="),
        (r"===?", "=="),
        (r"&&", " and "),
        (r"\|\|", " or "),
        (r"!(?!=)", " not "),
        (r"\bnull\b", "none"),
    ):
        text = re.sub(pattern, word, text)
    return " ".join(text.split())


def _pieces(text: str) -> Iterator[_Piece]:
    at, line = 0, 1
    for match in _TAG.finditer(text):
        literal = text[at : match.start()]
        if literal:
            yield _Piece(kind="text", text=literal, line=line)
        line += literal.count("\n")
        yield _piece(match, line)
        line += match[0].count("\n")
        at = match.end()
    if text[at:]:
        yield _Piece(kind="text", text=text[at:], line=line)


def _piece(match: re.Match[str], line: int) -> _Piece:
    if match[0].startswith("\\"):
        return _Piece(kind="text", text=match[0][1:], line=line)
    if match["comment"] is not None:
        return _Piece(kind="comment", text="", line=line)
    inner = (match["raw"] or "")[3:-3] if match["raw"] else match["tag"]
    body = inner.strip("~").strip()
    return _Piece(
        kind=_kind(body),
        text=body,
        line=line,
        trim_before=inner.startswith("~"),
        trim_after=inner.endswith("~"),
    )


def _kind(body: str) -> Kind:
    if body.startswith("!"):
        return "comment"
    if body.startswith("#"):
        return "open"
    if body.startswith("/"):
        return "close"
    return "else" if re.match(r"else\b|\^$", body) else "value"


def _standalone(pieces: list[_Piece]) -> Iterator[_Piece]:
    """The pieces, without the white space that Handlebars takes away around some tags."""
    texts = [piece.text if piece.kind == "text" else "" for piece in pieces]
    for at, piece in enumerate(pieces):
        if piece.kind == "text":
            continue
        before = texts[at - 1] if at else ""
        after = texts[at + 1] if at + 1 < len(pieces) else ""
        if piece.kind != "value" and _alone(pieces, at):
            before = re.sub(r"[ \t]*\Z", "", before)
            after = re.sub(r"\A[ \t]*\r?\n", "", after)
        before = before.rstrip() if piece.trim_before else before
        after = after.lstrip() if piece.trim_after else after
        if at:
            texts[at - 1] = before
        if at + 1 < len(pieces):
            texts[at + 1] = after
    for piece, text in zip(pieces, texts, strict=True):
        yield piece if piece.kind != "text" else _Piece(kind="text", text=text, line=piece.line)


def _alone(pieces: list[_Piece], at: int) -> bool:
    """Whether the tag is all there is on its line, as the text was written."""
    before, after = pieces[at - 1] if at else None, None
    if at + 1 < len(pieces):
        after = pieces[at + 1]
    clear_before = before is None or (
        before.kind == "text" and re.search(r"(\A|\n)[ \t]*\Z", before.text) is not None
    )
    if before is not None and at > 1 and "\n" not in before.text:
        clear_before = False
    clear_after = after is None or (
        after.kind == "text" and re.match(r"[ \t]*(\r?\n|\Z)", after.text) is not None
    )
    if after is not None and at + 2 < len(pieces) and "\n" not in after.text:
        clear_after = False
    return clear_before and clear_after


def _literal(text: str, state: _Translation) -> str:
    """Text with all that Jinja would take for its own made harmless."""
    del state
    return _JINJA_LIKE.sub("{{ '{' }}", text)


def _value(body: str, state: _Translation) -> str:
    if body.startswith((">", "*")):
        raise state.error(f"`{{{{{body}}}}}` is a partial, which is not known here.")
    body = body.removeprefix("&").strip()
    expression = _expression(body, state)
    if body in state.booleans:
        return f"{{{{ {expression} | string | lower }}}}"
    return f"{{{{ {expression} }}}}"


def _open(body: str, state: _Translation) -> str:
    name, _, rest = body[1:].strip().partition(" ")
    if name == "each":
        return _each(rest.strip(), state)
    if name in {"if", "unless"}:
        test = _expression(rest, state)
        state.blocks.append(_Block(name=name, end="{% endif %}"))
        return f"{{% if not ({test}) %}}" if name == "unless" else f"{{% if {test} %}}"
    if not rest and name in state.names:
        state.blocks.append(_Block(name=name, end="{% endif %}"))
        return f"{{% if {name} %}}"
    raise state.error(
        f"The block `{{{{#{name}}}}}` is not known.", "Known are `if`, `unless` and `each`."
    )


def _each(rest: str, state: _Translation) -> str:
    source, _, alias = rest.partition(" as ")
    named = _NAME.search(alias)
    item = named[0] if named else f"item_{len(state.blocks) + 1}"
    items = _expression(source, state)
    state.blocks.append(_Block(name="each", end="{% endfor %}", item=item))
    return f"{{% for {item} in {items} or [] %}}"


def _else(body: str, state: _Translation) -> str:
    if not state.blocks:
        raise state.error("`{{else}}` stands outside of every block.")
    chained = re.match(r"else\s+(if|unless)\s+(.*)", body, re.DOTALL)
    if not chained:
        return "{% else %}"
    test = _expression(chained[2], state)
    return f"{{% elif not ({test}) %}}" if chained[1] == "unless" else f"{{% elif {test} %}}"


def _close(body: str, state: _Translation) -> str:
    name = body[1:].strip()
    if not state.blocks or state.blocks[-1].name != name:
        opened = f"`{{{{#{state.blocks[-1].name}}}}}` is open" if state.blocks else "none is open"
        raise state.error(f"`{{{{/{name}}}}}` closes a block, and {opened}.")
    return state.blocks.pop().end


def _comment(body: str, state: _Translation) -> str:
    del body, state
    return ""


_TRANSLATE: Final[Mapping[Kind, Callable[[str, _Translation], str]]] = {
    "text": _literal,
    "value": _value,
    "open": _open,
    "else": _else,
    "close": _close,
    "comment": _comment,
}


def _expression(text: str, state: _Translation) -> str:
    words = [match[1] for match in _WORD.finditer(text)]
    if not words:
        raise state.error("An expression is empty.")
    expression, rest = _call(words, state)
    if rest:
        raise state.error(f"`{text}` cannot be read at `{' '.join(rest)}`.")
    return expression


def _call(words: list[str], state: _Translation) -> tuple[str, list[str]]:
    """A helper with its arguments, or one value; and the words after it."""
    head, rest = words[0], words[1:]
    if head == "(" or not rest or rest[0] == ")":
        return _operand(words, state)
    arguments: list[str] = []
    while rest and rest[0] != ")":
        argument, rest = _operand(rest, state)
        arguments.append(argument)
    return _helper(head, arguments, state), rest


def _operand(words: list[str], state: _Translation) -> tuple[str, list[str]]:
    if words[0] != "(":
        return _atom(words[0], state), words[1:]
    inner, rest = _call(words[1:], state) if words[1:] else ("", [])
    if not rest or rest[0] != ")":
        raise state.error("A `(` is never closed.")
    return f"({inner})", rest[1:]


def _helper(name: str, arguments: list[str], state: _Translation) -> str:
    if name == "not" and len(arguments) == 1:
        return f"not ({arguments[0]})"
    if name in {"and", "or"} or (name in _OPERATORS and len(arguments) == 2):
        return f" {_OPERATORS[name]} ".join(arguments)
    if name in _FILTERS and len(arguments) == 1:
        return f"({arguments[0]} | {_FILTERS[name]})"
    known = ", ".join(f"`{each}`" for each in sorted({*_OPERATORS, *_FILTERS, "not"}))
    raise state.error(
        f"The helper `{name}` with {len(arguments)} arguments is not known.", f"Known are {known}."
    )


def _atom(word: str, state: _Translation) -> str:
    if word[0] in "\"'" or _NUMBER.fullmatch(word):
        return word
    item = next((block.item for block in reversed(state.blocks) if block.item), "")
    if word in _CONSTANTS:
        return _CONSTANTS[word]
    if word in _LOOP and item:
        return _LOOP[word]
    in_item = bool(item) and not word.startswith(("../", "@root."))
    path = re.sub(r"^(\.\./|this[./]|\./|@root\.)+", "", word).replace("/", ".")
    if path in {"this", "."}:
        return item or "this"
    parts = path.split(".")
    if not all(re.fullmatch(r"\w+", part) for part in parts):
        raise state.error(f"`{word}` is no name.")
    aliases = {block.item for block in state.blocks}
    if in_item and parts[0] not in state.names and parts[0] not in aliases:
        parts.insert(0, item)
    return parts[0] + "".join(
        f"[{part}]" if part.isdigit() else f"['{part}']" for part in parts[1:]
    )
