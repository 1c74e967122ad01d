"""How results look: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cultivar.model import Answers, Generation, Proof
from cultivar.record import to_builtins

if TYPE_CHECKING:
    from rich.console import Console

MARKS = {"passed": "[green]passed[/]", "failed": "[red]failed[/]"}
"""How a verdict looks; any other is not verified."""

NOT_VERIFIED = "[yellow]not verified[/]"

PIPED_WIDTH = 160
"""How wide a table may be where it is not shown on a terminal, in characters."""


def print_json(value: object) -> None:
    """Print `value` as JSON on standard output."""
    sys.stdout.write(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")


def plain(value: object) -> Any:
    """`value` in the types that JSON has."""
    return to_builtins(value, enc_hook=_plain)


def _plain(value: object) -> object:
    """What msgspec does not know: a path, and a mapping that is no dict."""
    return dict(value) if isinstance(value, Mapping) else str(value)


def console(*, stderr: bool = False) -> Console:
    """A console for people; plain text where it is piped."""
    from rich.console import Console

    shown = sys.stderr if stderr else sys.stdout
    # What is piped is not folded to the width of a terminal that is not there.
    width = None if shown.isatty() else PIPED_WIDTH
    return Console(stderr=stderr, highlight=False, soft_wrap=True, width=width)


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
    from rich.markup import escape as literally

    text = value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)
    return literally(printable(text))


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
