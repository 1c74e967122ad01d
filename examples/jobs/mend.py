"""Improves the template with a model; in this demonstration one that says what it was told to.

What a model wrote waits for a person, who releases it with `cultivar approve`.
"""

from __future__ import annotations

from cultivar import Cultivar, load_settings
from cultivar.cli.improving import show_improved
from cultivar.llm.base import Provider
from cultivar.llm.scripted import ScriptedModel
from cultivar.model import Json

REPLY: dict[str, Json] = {
    "cause": "Of the newest first, the range ends before the job that came first.",
    "change": "has the newest first down to the very first job",
    "edits": [
        {
            "path": "ordering.py.jinja",
            "search": "range(last - 1, first, -1)",
            "replace": "range(last - 1, first - 1, -1)",
        }
    ],
}
NOTHING_MORE: dict[str, Json] = {"cause": "Not known.", "change": "nothing", "edits": []}


def main() -> None:
    """Improve it, and show what came of it."""
    model = ScriptedModel(REPLY, *[NOTHING_MORE] * 12)
    with Cultivar(load_settings(), services={Provider: model}) as cultivar:
        show_improved(cultivar.improve(real=True, automatic=True), as_json=False)


if __name__ == "__main__":
    main()
