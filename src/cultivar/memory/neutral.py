"""Takes out of a line what says where and whose, and leaves what says what went wrong.

The invariant: doing it twice gives what doing it once gave, and two lines that differ only in
paths, numbers, addresses or a user's own names come out the same.
"""

from __future__ import annotations

import re

MOST_OUTPUT = 64_000
"""Characters of an output that are looked at: a quarter from its head, the rest from its end."""

MOST_LINE = 400
"""Characters of a line that are looked at."""

_NAMES = """
None True False NotImplemented Ellipsis NoneType self cls super args kwargs int float str bytes
bool list dict set tuple frozenset object type complex range slice property function method module
generator coroutine iterator builtin_function_or_method Any Optional Union Callable Iterable
Iterator Sequence Mapping Awaitable Coroutine Literal Self TypeVar Generic Protocol Path date
datetime Decimal Enum lambda async await return yield import from class def pass raise except
finally try for while with if elif else in is not and or del as print open len sum min max sorted
zip map filter iter next isinstance main test string number boolean undefined null void never any
unknown symbol bigint Promise Array Record Map Set Object Function Number String Boolean Element
HTMLElement typeof keyof const let var export default extends implements this interface enum do
end fn when case cond defmodule defstruct struct atom nil true false GenServer Supervisor
Application Agent Task List Keyword IO Kernel Integer Float Process Access Logger init handle_call
handle_cast handle_info start_link child_spec start stop ok error reply noreply
"""
KNOWN = frozenset(_NAMES.split())
"""Names that a language brings along: they say what went wrong, not whose code it was."""

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-_]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029\x85]")
_BLANKS = re.compile(r"\s+")

_RULES = re.compile(
    r"""
      (?P<kept> <(?:path|url|n|hash|name|text)> )
    | (?P<quoted> (?<![\w>]) (?: '[^'\n]{0,200}' | "[^"\n]{0,200}" | `[^`\n]{0,200}` ) (?!\w) )
    | (?P<url> \b[a-z]{2,8}://[^\s'"`)>\]]+ )
    | (?P<name> (?<![\w/]) (?:[A-Za-z_][\w.]{0,80}\.)? [a-z_]\w{0,80}[?!]?/\d{1,9}\b )
    | (?P<path>
        (?<![\w<>/.]) (?:[A-Za-z]:)? (?:[\w.@~+-]{0,80}[/\\])+ [\w.@+-]{0,80}
        (?: \(\d+,\d+\) | (?: :\d+ ){0,2} )
      | \b[\w-]{1,80}\.(?:py|pyi|tsx?|jsx?|exs?|erl|toml|json|ya?ml|cfg|ini|md|txt|go|rs|so)\b
        (?: \(\d+,\d+\) | (?: :\d+ ){0,2} )
      )
    | (?P<hash>
        \b (?: 0x[0-9a-fA-F]+ | (?=[0-9a-f]{0,60}[0-9])(?=[0-9]{0,60}[a-f])[0-9a-f-]{8,64} ) \b )
    | (?P<module> (?: (?<=struct\ ) | (?<=module\ ) | (?<=expected\ ) | (?<=behaviour\ ) )
        [A-Z]\w{0,80}\b (?!\.\w) )
    | (?P<call> (?<![\w.]) [A-Za-z_][\w.]{0,120} (?=\() )
    | (?P<dotted> (?<![\w.]) [A-Za-z_]\w{0,80} (?:\.[A-Za-z_]\w{0,80}){1,8} [?!]? (?![\w.]) )
    | (?P<snake> (?<![\w.]) (?:_+[A-Za-z]\w{0,80} | [A-Za-z]\w{0,80}_\w{0,80}) (?!\w) )
    | (?P<number> (?<![\w<]) -?\d[\d_]{0,40} (?:\.\d{1,40}){0,3} (?:e[+-]?\d{1,3})?
        (?: (?: ms|us|ns|s|m|KB|MB|GB|% ) \b )? )
    """,
    re.VERBOSE,
)
_WORD = re.compile(r"<[a-z]+>|[A-Za-z_]\w*[?!]?|\d[\w.]*")
_TYPE = re.compile(r"[\w\s\[\],.|()<>{}?!:;=&*/^%-]{1,200}")


def clean(output: str) -> str:
    """The part of `output` that is looked at, without colours and control characters."""
    if len(output) > MOST_OUTPUT:
        output = output[: MOST_OUTPUT // 4] + "\n" + output[-MOST_OUTPUT * 3 // 4 :]
    return _CONTROL.sub(" ", _ANSI.sub("", output.replace("\r\n", "\n")))


def neutral(line: str) -> str:
    """`line` with paths, numbers, addresses, literals and a user's own names taken out."""
    text = _BLANKS.sub(" ", line[:MOST_LINE]).strip()
    for _ in range(8):  # a replacement may uncover another one
        replaced = _BLANKS.sub(" ", _RULES.sub(_replace, text)).strip()
        if replaced == text:
            break
        text = replaced
    return text


def _replace(match: re.Match[str]) -> str:
    group, found = match.lastgroup, match.group()
    if group == "kept":
        return found
    if group == "quoted":
        return found[0] + _inside(found[1:-1]) + found[-1]
    if group in ("call", "dotted"):
        return ".".join(_named(part) for part in found.split("."))
    if group in ("snake", "module"):
        return _named(found)
    return {"number": "<n>", "name": "<name>/<n>"}.get(str(group), f"<{group}>")


def _inside(literal: str) -> str:
    """What stands for a quoted literal: its names of the language, or what it is."""
    if not literal.strip() or not _TYPE.fullmatch(literal):
        return "<text>" if literal.strip() else ""
    words = _WORD.findall(literal)
    if len(words) > 1 and not re.search(r"[\[\]|()<>{}=&.:]", literal):
        return literal if literal == "<text>" else "<text>"
    if "/" in literal and not literal.endswith(("/<n>", ">")):
        return "<path>"
    return _WORD.sub(lambda match: _named(match.group()), literal)


def _named(word: str) -> str:
    """`word` where the language brings it along, else what it is."""
    if not word or word.startswith("<") or word in KNOWN:
        return word
    if word[0].isdigit():
        return "<n>"
    dunder = word.startswith("__") and word.endswith("__") and len(word) > 4
    well_known = word.endswith(("Error", "Exception", "Warning")) and word[0].isupper()
    return word if dunder or well_known else "<name>"
