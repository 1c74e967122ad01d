"""The commands, and how an error becomes a line and an exit code."""

from __future__ import annotations

import json
import sys
from typing import Any

import typer

from cultivar.cli import generating, looking, setting_up
from cultivar.errors import AnswerError, CultivarError, DestinationError

app = typer.Typer(
    name="cultivar",
    help="Generate code from templates, prove it in a sandbox, learn from every outcome.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 failed its checks, 2 usage, 3 conflicts left, 4 refused, "
    "5 budget spent, 6 a service or model is unavailable.",
)
for part in (setting_up, generating, looking):
    part.add_to(app)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line, and exit with its code."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    given = [each for each in given if each != "--debug"]
    try:
        app(given)
    except CultivarError as error:
        if debug:
            raise
        _tell(error, as_json="--json" in given)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _say("Interrupted. `cultivar history --runs` lists the run; `cultivar resume` goes on.")
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        sys.stderr.close()
        sys.exit(0)


def _tell(error: CultivarError, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({"error": _facts(error)}, indent=2) + "\n")
        return
    if isinstance(error, DestinationError) and error.diff:
        _say(error.diff)
    _say(f"error: {error.what}")
    if error.remedy:
        _say(error.remedy)
    if error.run_id and not isinstance(error, AnswerError):
        _say(f"The run can be taken up again: cultivar resume {error.run_id}")


def _facts(error: CultivarError) -> dict[str, Any]:
    return {
        "kind": type(error).__name__,
        "what": error.what,
        "remedy": error.remedy,
        "run_id": error.run_id,
        "exit_code": error.exit_code,
    }


def _say(text: str) -> None:
    sys.stderr.write(text.rstrip("\n") + "\n")
