"""How results look: tables for people, JSON for programs."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, cast

from cultivar.model import Answers, Generation, Proof
from cultivar.record import to_builtins

if TYPE_CHECKING:
    from rich.console import Console

MARKS = {"passed": "[green]passed[/]", "failed": "[red]failed[/]"}
"""How a verdict looks; any other is not verified."""

NOT_VERIFIED = "[yellow]not verified[/]"

PIPED_WIDTH = 160
"""How wide a table may be where no terminal shows it and `COLUMNS` does not say, in characters."""

_TAG = re.compile(r"(\\*)(\[[a-z#/@][^[]*?])")
"""What Rich takes for markup, with the backslashes before it."""


def print_json(value: object) -> None:
    """Print `value` as JSON on standard output."""
    sys.stdout.write(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")


def plain(value: object) -> Any:
    """`value` in the types that JSON has."""
    return to_builtins(value, enc_hook=_plain)


def _plain(value: object) -> object:
    """What msgspec does not know: a path, and a mapping that is no dict."""
    return dict(cast("Mapping[str, Any]", value)) if isinstance(value, Mapping) else str(value)


def show(what: Any, *, stderr: bool = False) -> None:
    """Show a text with Rich's markup, or a table; only a text on a terminal is coloured."""
    to = sys.stderr if stderr else sys.stdout
    if not isinstance(what, str) or to.isatty() or os.environ.get("FORCE_COLOR"):
        console(stderr=stderr).print(what)
    else:
        # Rich takes longer to load than most commands take to do what they do.
        print(_unmarked(what), file=to, flush=True)


def _unmarked(text: str) -> str:
    """`text` without Rich's markup; what is escaped stays, as itself."""

    def plainly(tag: re.Match[str]) -> str:
        before, escaped = divmod(len(tag[1]), 2)
        return "\\" * before + (tag[2] if escaped else "")

    return _TAG.sub(plainly, text)


def console(*, stderr: bool = False) -> Console:
    """A console for people; plain text where it is piped."""
    from rich.console import Console

    shown = sys.stderr if stderr else sys.stdout
    wide = None if shown.isatty() else width()
    return Console(stderr=stderr, highlight=False, soft_wrap=True, width=wide, emoji=False)


def width() -> int:
    """How wide a table on standard output may be: as the terminal, or as `COLUMNS` says."""
    # What is piped is not folded to the width of a terminal that is not there.
    return get_terminal_size((PIPED_WIDTH, 0)).columns


def counted(number: int, thing: str) -> str:
    """`1 instance`, `2,000 instances`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Any:
    """A table; its cells may hold Rich's markup, so texts of others are escaped before."""
    from rich import box
    from rich.table import Table

    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for at, column in enumerate(columns):
        # What comes first names the row; the rest makes room for it.
        made.add_column(column, overflow="fold", no_wrap=at < 2)
    for row in rows:
        made.add_row(*row)
    return made


def escape(value: object) -> str:
    """`value` as text that Rich takes literally, without control characters."""
    text = value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)
    text = _TAG.sub(r"\1\1\\\2", printable(text))
    # One backslash at the end would make a text of the markup that may follow.
    return f"{text}\\" if text.endswith("\\") and not text.endswith("\\\\") else text


def printable(text: str) -> str:
    """`text` without control characters, which could take over a terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)


def answers_table(answers: Answers) -> Any:
    """Each answer with where it came from and what it went by."""
    rows = [
        [
            escape(answer.name),
            "(secret)" if answer.secret else escape(answer.value),
            answer.source,
            f"{answer.confidence:.0%}",
            escape(answer.evidence),
        ]
        for answer in answers
        if not answer.computed
    ]
    return table("Answers", ["question", "answer", "from", "sure", "went by"], rows)


def proof_table(proof: Proof) -> Any:
    """What each check said."""
    rows = [
        [
            escape(result.check),
            MARKS.get(result.verdict, NOT_VERIFIED),
            "required" if result.required else f"weight {result.weight:g}",
            "cached" if result.cached else f"{result.wall_seconds:.2f} s",
        ]
        for result in proof.results
    ]
    where = f" in {proof.sandbox}" if proof.sandbox else ""
    return table(f"Checks{where}", ["check", "verdict", "counts", "took"], rows)


def verdict_line(generation: Generation) -> str:
    """One line on what became of a generation."""
    mark = MARKS.get(generation.proof.verdict, NOT_VERIFIED)
    quality = generation.proof.quality
    scored = "" if quality is None else f", quality {quality:.2f}"
    tried = len(generation.attempts)
    attempts = f", {tried} attempts" if tried > 1 else ""
    return f"{mark}{scored}{attempts} · {generation.seconds:.1f} s · {generation.id[:8]}"


def summary(generation: Generation) -> dict[str, Any]:
    """A generation for programs: what `generate --json` and `history --json` print."""
    usage = plain(generation.usage)
    return {
        "id": generation.id,
        "run_id": generation.run_id,
        "task": generation.task,
        "template_id": generation.template.id,
        "template_version": generation.template.version,
        "verdict": generation.proof.verdict,
        "success": generation.success,
        "quality_score": generation.proof.quality,
        "answers": [plain(each) for each in generation.answers if not each.computed],
        "checks": plain(generation.proof.results),
        "attempts": len(generation.attempts),
        "output": generation.output,
        "file_path": generation.file_path,
        "generated_at": generation.generated_at.isoformat(),
        "instance_id": generation.instance_id,
        "seconds": round(generation.seconds, 3),
        "usage": usage,
    }
