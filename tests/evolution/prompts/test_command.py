"""The life of a prompt by the command line, with a model behind HTTP."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from cultivar.testing.openai_server import OpenAIServer, ReceivedRequest, Say
from tests.evolution.prompts.conftest import AFTER, Adviser, open_room

PLAIN = tuple(f"greet the guests of house {number}" for number in range(9))
GREEK = tuple(f"greet the guests of house {number} in Greek" for number in range(11))

_FORM = re.compile(r'"title": "(EditReply|InferenceReply|SlotsReply)"')


def answer(request: ReceivedRequest) -> Say:
    """What an adviser says to a request, whose form is told in words."""
    said = "\n".join(each["content"] for each in request.body["messages"])
    form = ["SlotsReply", *_FORM.findall(said)][-1]
    return Say(Adviser().answer(form, said))


class Terminal:
    """A workspace at a command line, with a model at an address."""

    def __init__(self, root: Path, server: OpenAIServer) -> None:
        self._root = root
        self._env = {
            **os.environ,
            "COLUMNS": "120",
            "CULTIVAR_HOME": str(root / ".cultivar"),
            "CULTIVAR_MODEL__NAME": "openai/adviser",
            "CULTIVAR_MODEL__API_BASE": server.api_base,
            "CULTIVAR_MODEL__API_KEY": "none",
            "CULTIVAR_IMPROVE__SLOWER": "4",  # how busy this machine is says nothing here
        }

    def __call__(self, *given: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "cultivar", *given],
            cwd=self._root,
            capture_output=True,
            text=True,
            check=False,
            env=self._env,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout


def test_a_prompt_is_mended_approved_used_and_rolled_back_by_the_command_line(root: Path) -> None:
    with open_room(root, Adviser()) as room:
        room.use(*PLAIN, *GREEK)
        assert len(room.uses()) == 20
    file = root / "agents" / "generator" / "slots.md.jinja"
    with OpenAIServer(otherwise=answer) as server:
        cultivar = Terminal(root, server)
        told = json.loads(cultivar("improve", "prompt:generator/slots", "--json"))
        (better,) = told["experiments"]
        assert better["status"] == "waiting", better["reason"]
        shown = cultivar("experiments", better["id"][:8])
        assert "in whatever tongue." in shown
        cultivar("approve", better["id"][:8], "--real")
        assert AFTER in file.read_text()
        with open_room(root, Adviser()) as room:
            room.use(f"{GREEK[0]} again")
            assert room.uses()[0].succeeded
        cultivar("rollback", "prompt:generator/slots")
        assert not file.exists()
