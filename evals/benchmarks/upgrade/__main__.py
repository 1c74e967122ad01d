"""Real updates of public projects to newer versions of their templates, replayed and counted.

A transition is one commit of a project that moved it to a newer version of its Copier template. Its
tree is what the maintainer wanted. The benchmark checks out the parent, gives each tool a copy of
its own, the new version and the maintainer's answers, and compares what it makes with that tree.

- `transitions.json`, `transitions.py`, `mirrors.py`: the corpus, by commit ids, and the clones;
- `surroundings.py`, `serving.py`, `checkout.py`, `scene.py`: a transition made ready, with its
  reference renders;
- `tools.py`, `running.py`: what is compared, and how it is run and timed;
- `replay.py`, `result.py`: one transition with all tools, and what they left;
- `trees.py`, `lines.py`, `metrics.py`: the counting, pure functions; every metric is defined there;
- `report.py`, `measuring.py`: what it all comes to.

Every tool finds the same: a copy of one checkout, a home with nothing in it, no network but the
mirrors, to which git's settings in that home lead. Who goes first changes from one transition to
the next. Copier makes the reference renders, outside of everybody's time; it clones the template
for each update. Cultivar reads a mirror in place, as it stands on this machine. With `--served` it
has to fetch it too: `cultivar` with an empty cache, `cultivar-warm` with one that an upgrade of
another copy has filled.

    python -m evals.benchmarks.upgrade --mirrors DIR --out results.json
    python -m evals.benchmarks.upgrade --mirrors DIR --tools copier,mine --command 'mine=LINE'

In LINE, `{project_dir} {template_git} {old} {new} {answers_file} {answers_path} {src_url}` stand
for what the transition gives; it runs in the project's folder, and leaves conflicts as unmerged
index entries, as conflict markers or as `.rej` files.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

from cultivar.errors import CultivarError, UsageError
from evals.benchmarks.upgrade.measuring import (
    COMPARED,
    MIRRORS,
    Plan,
    copier,
    cultivar,
    program,
    run,
    summary,
)
from evals.benchmarks.upgrade.mirrors import Mirrors, how_to_bring
from evals.benchmarks.upgrade.report import progress, table
from evals.benchmarks.upgrade.scene import Means
from evals.benchmarks.upgrade.serving import served
from evals.benchmarks.upgrade.tools import CommandTool, Tool, known_tools
from evals.benchmarks.upgrade.transitions import (
    CORPUS,
    Transition,
    load_transitions,
    repositories,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line.

    Returns:
        The exit code.
    """
    asked = _parser().parse_args(arguments)
    try:
        return _run(asked)
    except CultivarError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


def _run(asked: argparse.Namespace) -> int:
    transitions = load_transitions(asked.projects, asked.only)
    if not asked.mirrors:
        sys.stdout.write(how_to_bring(repositories(transitions), "DIR") + "\n")
        return 0
    brought = Mirrors(Path(asked.mirrors))
    with served(brought) if asked.served else nullcontext(brought) as mirrors:
        means = Means(mirrors=mirrors, copier=asked.copier, timeout=asked.timeout)
        _report(_plan(asked, transitions, means), asked.out)
    return 0


def _plan(asked: argparse.Namespace, transitions: Sequence[Transition], means: Means) -> Plan:
    return Plan(
        transitions=transitions,
        tools=_tools(asked),
        means=means,
        jobs=asked.jobs,
        work=asked.work,
    )


def _report(plan: Plan, out: Path | None) -> None:
    rows = run(plan, lambda row: sys.stderr.write(progress(row) + "\n"))
    found = summary(rows, plan)
    if out:
        said = {**found, "rows": [asdict(row) for row in rows]}
        out.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(table(found["tools"]))


def _tools(asked: argparse.Namespace) -> list[Tool]:
    known = dict(known_tools(asked.copier, cultivar()))
    for each in asked.command:
        name, _, line = each.partition("=")
        known[name] = CommandTool(name=name, line=line)
    names = asked.tools.split(",")
    strange = [name for name in names if name not in known]
    if strange:
        raise UsageError(
            f"There is no tool {strange[0]!r}.",
            f"Name some of {', '.join(known)}, or give it with `--command {strange[0]}=LINE`.",
        )
    return [known[name] for name in names]


def _parser() -> argparse.ArgumentParser:
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "python -m evals.benchmarks.upgrade", description=__doc__, formatter_class=style
    )
    add = parser.add_argument
    add("--mirrors", default=os.environ.get(MIRRORS), metavar="DIR", help="the bare clones")
    add("--served", action="store_true", help="serve the clones, so that they must be fetched")
    add("--projects", type=Path, default=CORPUS, metavar="FILE", help="another corpus")
    add("--only", default="", metavar="REGEX", help="projects or templates whose name matches")
    add("--tools", default=",".join(COMPARED), metavar="NAMES", help="default: %(default)s")
    add("--command", action="append", default=[], metavar="NAME=LINE", help="one more tool")
    add("--copier", type=program, default=copier(), metavar="PROGRAM", help="another Copier")
    add("--jobs", type=int, default=1, metavar="N", help="transitions at a time")
    add("--timeout", type=float, default=300.0, metavar="SECONDS", help="for one command")
    add("--work", type=Path, metavar="DIR", help="keep the working trees there")
    add("--out", type=Path, metavar="FILE", help="write all rows there, as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
