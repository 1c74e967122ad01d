"""Templates that went bad: they do not load, their checks hang, or say now this, now that."""

from __future__ import annotations

from typing import Final

from cultivar.llm.base import Provider
from cultivar.llm.scripted import ScriptedModel
from cultivar.record import replace
from cultivar.testing.workrooms import Workroom
from evals.benchmarks.faults.candidates import edit, reply
from evals.benchmarks.faults.grounds import COPIER, FILES, Grounds
from evals.benchmarks.faults.scenes import Outcome

_FLAKY: Final = """\
import os
import app

assert os.urandom(1)[0] >= 128, "it was bad luck"
print("all is well")
"""
_SLOW: Final = """\
hanging = {{ size % 2 }}
while hanging:
    pass
print("all is well")
"""


def broken(grounds: Grounds) -> Outcome:
    """A person saved a template that cannot be read any more."""
    scene = grounds.template()
    file = scene.place / "copier.yml"
    file.write_text("size: {type: int\n_cultivar: [", encoding="utf-8")
    return scene.outcome(scene.improved(), edit=scene.files)


def slow(grounds: Grounds) -> Outcome:
    """A check that hangs with some answers, which nobody knows how to mend."""
    copier = COPIER.replace("timeout: 2", "timeout: 0.5")
    scene = grounds.template({"copier.yml": copier, "test_app.py.jinja": _SLOW})
    return scene.outcome(scene.improved())


def flaky(grounds: Grounds, *, declared: bool) -> Outcome:
    """A check that fails every second time, whatever the template is; a candidate changes nothing.

    Args:
        grounds: Where.
        declared: Whether the template says so.
    """
    copier = COPIER.replace("timeout: 2", f"flaky: {str(declared).lower()}, timeout: 2")
    files = {**FILES, "copier.yml": copier, "app.py.jinja": "share = {{ size }}\n"}
    scene = grounds.template({**files, "test_app.py": _FLAKY})
    with scene.opened() as cultivar:
        room = Workroom(cultivar=cultivar, folder=scene.place)
        for size in range(10, 40):
            room.use(1, size=size)
    neutral = reply(edit("app.py.jinja", "share =", "share  ="))
    # An error of one in ten thousand: this is run often, and luck is not what it is about.
    strict = replace(scene.settings.improve, trials=60, error=0.0001)
    return scene.outcome(scene.improved({Provider: ScriptedModel(neutral)}, improve=strict))
