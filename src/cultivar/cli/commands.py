"""The commands, and how an error becomes a line and an exit code."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Annotated, Any, Final

import typer

from cultivar.cli.options import Group, Stopped
from cultivar.cli.output import printable
from cultivar.errors import BudgetSpentError, CultivarError, DestinationError, UnavailableError

FAULT = 70
"""The exit code of a fault of our own (`EX_SOFTWARE` of sysexits)."""

RESUMABLE = (UnavailableError, BudgetSpentError, DestinationError)
"""After these the same run may well come to a good end."""

RUNS: Final = frozenset({"generate", "resume", "upgrade", "improve"})
"""The commands whose run may go on after they were ended."""

_GO_ON: Final = "`cultivar history --runs` lists the run; `cultivar resume` goes on."

PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "setting_up": ("init", "templates", "doctor"),
    "generating": ("generate", "resume"),
    "upgrading": ("upgrade",),
    "upkeep": ("check", "undo", "blame", "adopt"),
    "sync": ("sync",),
    "versions": ("versions",),
    "tools": ("tools",),
    "learning": ("learn",),
    "hub": ("hub",),
    "bridge": ("bridge",),
    "up": ("up",),
    "looking": ("history", "show", "stats", "why", "export"),
    "simulating": ("simulate",),
    "eval": ("eval",),
    "improving": ("improve", "experiments", "approve", "reject", "rollback"),
}
"""The commands by the module that has them, in the order of the help."""


def app_for(given: Sequence[str]) -> typer.Typer:
    """The commands that `given` may ask for: one module's where it names one, else all."""
    app = typer.Typer(
        name="cultivar",
        cls=Group,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        epilog="Exit codes: 0 done, 1 failed its checks, 2 usage, 3 conflicts left, 4 refused, "
        "5 budget spent, 6 a service or model is unavailable, 70 a fault of Cultivar's own.",
    )
    app.callback(invoke_without_command=True)(cultivar)
    named = [part for part, names in PARTS.items() if given and given[0] in names]
    for part in named or PARTS:
        import_module(f"cultivar.cli.{part}").add_to(app)
    return app


def cultivar(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Generate code from templates, prove it in a sandbox, learn from every outcome.

    Every command takes --debug, which shows where an error comes from.
    """
    if version:
        from importlib.metadata import version as installed

        sys.stdout.write(f"cultivar {installed('cultivar')}\n")
        raise typer.Exit


def run(given: Sequence[str]) -> None:
    """Run the command that is `given`, and exit with its code."""
    debug, as_json = "--debug" in given, "--json" in given
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _stop)
    words = [each for each in given if each != "--debug"]
    try:
        app_for(words)(words)
    except CultivarError as error:
        if debug:
            raise
        _tell(error, as_json=as_json)
        sys.exit(error.exit_code)
    except Stopped as stopped:
        _say(f"Interrupted. {_GO_ON}" if RUNS.intersection(words[:1]) else "Interrupted.")
        _leave(128 + stopped.number)
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:  # the last net: a user is never shown a traceback unasked
        if debug:
            raise
        _tell(_fault(error), as_json=as_json)
        sys.exit(FAULT)


def _stop(number: int, frame: object) -> None:
    """End as at Ctrl-C: what is half done is taken back, what runs is ended."""
    raise KeyboardInterrupt(number)


def _leave(code: int) -> None:
    """End at once, without waiting for checks that run still: their sandbox ends with us."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _fault(error: Exception) -> CultivarError:
    return CultivarError(
        f"{type(error).__name__}: {error}",
        "Cultivar did not expect this. Pass `--debug` to see where it comes from.",
    )


def _tell(error: CultivarError, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({"error": _facts(error)}, indent=2) + "\n")
        return
    if isinstance(error, DestinationError) and error.diff:
        _say(error.diff)
    _say(f"error: {error.what}")
    if error.remedy:
        _say(error.remedy)
    if error.run_id and isinstance(error, RESUMABLE):
        _say(f"The run can be taken up again: cultivar resume {error.run_id}")


def _facts(error: CultivarError) -> dict[str, Any]:
    return {
        "kind": type(error).__name__,
        "what": error.what,
        "remedy": error.remedy,
        "run_id": error.run_id,
        "exit_code": FAULT if type(error) is CultivarError else error.exit_code,
    }


def _say(text: str) -> None:
    """Write a line on standard error; control characters of others do not reach the terminal."""
    sys.stderr.write(printable(text.rstrip("\n")) + "\n")
