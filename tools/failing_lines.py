"""Shows the source lines that a check's output points to."""

from __future__ import annotations

import re

from cultivar.tool import Case, Characteristics, tool

_PLACE = re.compile(
    r'File "(?P<traced>[^"\n]{1,400})", line (?P<number>\d{1,6})'
    r"|(?P<path>[\w./-]{1,400}\.\w+):(?P<line>\d{1,6})\b"
)
_MOST = 8


@tool(
    Characteristics(
        idempotent=True,
        side_effects=False,
        safe_for_shadow_testing=True,
        test_data_available=True,
    ),
    cases=(
        Case(
            input={
                "output": "m.py:2:1: F821 Undefined name",
                "files": {"m.py": "a = 1\nb = c\n"},
                "around": 0,
            },
            expected_output="m.py\n>    2 | b = c",
            description="the line itself is marked",
        ),
        Case(
            input={
                "output": 'File "./m.py", line 1, in <module>',
                "files": {"m.py": "a = 1\nb = c\n"},
                "around": 1,
            },
            expected_output="m.py\n>    1 | a = 1\n     2 | b = c",
            description="a traceback names a place, too",
        ),
        Case(
            input={"output": "no place at all", "files": {"m.py": "a = 1\n"}, "around": 2},
            expected_output="",
            description="an output without a place shows nothing",
        ),
        Case(
            input={"output": "other.py:1: bad", "files": {"m.py": "a = 1\n"}, "around": 2},
            expected_output="",
            description="a file that is not ours is not shown",
        ),
    ),
)
def failing_lines(output: str, files: dict[str, str], around: int = 3) -> str:
    """The lines of `files` that `output` names, with some lines around each.

    Args:
        output: What a check printed.
        files: Sources by path.
        around: How many lines to show before and after each.

    Returns:
        The excerpts, at most eight, each under its path; the named line is marked.
    """
    places = dict.fromkeys(
        (
            (found["traced"] or found["path"]).removeprefix("./"),
            int(found["number"] or found["line"]),
        )
        for found in _PLACE.finditer(output)
    )
    known = [(path, line) for path, line in places if path in files][:_MOST]
    return "\n\n".join(_excerpt(path, files[path], line, around) for path, line in known)


def _excerpt(path: str, source: str, line: int, around: int) -> str:
    lines = source.splitlines()
    shown = range(max(1, line - around), min(len(lines), line + around) + 1)
    rows = [f"{'>' if each == line else ' '} {each:4} | {lines[each - 1]}" for each in shown]
    return "\n".join([path, *rows])
