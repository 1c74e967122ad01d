from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cultivar import Cultivar
from cultivar.agent import Context
from cultivar.definitions import Definitions, builtin_root, load_file
from cultivar.errors import DefinitionError, UntrustedError
from cultivar.model import Json
from cultivar.record import Record
from cultivar.roles import GENERATOR, INFERRER
from cultivar.tool import Tool

OURS = sorted(
    p for kind in ("agents", "graphs", "tools") for p in (builtin_root() / kind).rglob("*.py")
)

AGENT = """
from cultivar import Context, agent
from cultivar.roles import INFERRER, Inference, InferenceOrder

@agent(INFERRER)
def mine(order: InferenceOrder, context: Context) -> Inference:
    return Inference(answers=())
"""


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_an_unknown_definition_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"No `graphs` definition named 'nope\.py'") as error:
        Definitions(workspace=tmp_path).graph("nope")
    assert str(tmp_path / "graphs") in error.value.remedy


def test_python_of_a_workspace_waits_for_trust_and_then_comes_before_ours(tmp_path: Path) -> None:
    _write(tmp_path / "agents" / "inferrer" / "agent.py", AGENT)
    with pytest.raises(UntrustedError, match=r"agents/inferrer/agent.py` is Python of a workspace"):
        Definitions(workspace=tmp_path).agent(INFERRER)
    found, _ = Definitions(workspace=tmp_path, trusted=True).agent(INFERRER)
    assert found.act.__name__ == "mine"


def test_a_prompt_of_a_workspace_replaces_ours_of_that_name_alone(tmp_path: Path) -> None:
    _write(tmp_path / "agents" / "generator" / "system.md.jinja", "Write haiku.")
    prompts = Definitions(workspace=tmp_path).prompts("generator")
    assert prompts["system"].text == "Write haiku."
    assert prompts.keys() == Definitions().prompts("generator").keys()


def test_a_file_that_fills_no_role_is_named(tmp_path: Path) -> None:
    _write(tmp_path / "agents" / "generator" / "agent.py", "")
    with pytest.raises(DefinitionError, match="should fill the role 'generator' once, not 0 times"):
        Definitions(workspace=tmp_path, trusted=True).agent(GENERATOR)


def test_a_file_that_is_no_python_is_named_with_its_line(tmp_path: Path) -> None:
    _write(tmp_path / "graphs" / "mine.py", "x = 1\ndef (\n")
    with pytest.raises(DefinitionError, match=r"mine.py`, line 2"):
        Definitions(workspace=tmp_path, trusted=True).graph("mine")


def test_a_tool_that_is_not_there_is_said(tmp_path: Path) -> None:
    _write(tmp_path / "tools" / "plain.py", "def plain(): ...\n")
    with pytest.raises(DefinitionError, match="declares no tool 'plain'"):
        Definitions(workspace=tmp_path, trusted=True).tool("plain")


@pytest.mark.parametrize("path", OURS, ids=lambda path: "/".join(path.parts[-3:]))
def test_our_definitions_declare_no_state(path: Path) -> None:
    """A type that lives in a path-loaded file comes back from a checkpoint as a plain dict."""
    module = load_file(path, f"cultivar_definitions.probe.{path.stem}")
    own = [v for v in vars(module).values() if getattr(v, "__module__", "") == module.__name__]
    assert not [v for v in own if isinstance(v, type) and issubclass(v, Record)]


TOOLS = sorted(path.stem for path in (builtin_root() / "tools").glob("*.py"))
CASES = [
    pytest.param(Definitions().tool(name), case, id=f"{name}: {case.description}")
    for name in TOOLS
    for case in Definitions().tool(name).cases
]


@pytest.mark.parametrize(("tool", "case"), CASES)
def test_a_tool_does_what_its_cases_say(tool: Tool[..., Any], case: Any) -> None:
    given: dict[str, Json] = case.input
    assert tool(**given) == case.expected_output


def test_the_graph_is_built_without_an_application_for_the_development_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    module = load_file(
        builtin_root() / "graphs" / "generate.py", "cultivar_definitions.probe.studio"
    )
    nodes = module.studio().compile().get_graph().nodes
    assert {"choose", "infer", "ask", "draft", "prove", "record"} <= set(nodes)


def test_a_service_that_nobody_wired_is_said_with_those_that_are() -> None:
    with pytest.raises(DefinitionError, match=r"No service is wired for `int`. Wired are: str"):
        Context(services={str: "x"}).get(int)


def test_an_untrusted_agent_of_a_workspace_stops_a_run_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _write(tmp_path / "cultivar.yaml", "attempts: 2\n")
    _write(tmp_path / "agents" / "inferrer" / "agent.py", "raise SystemExit('ran')\n")
    with Cultivar() as cultivar, pytest.raises(UntrustedError):
        cultivar.generate("a cache", template="quality_template:python-production", output="out")
    assert not (tmp_path / "out").exists()
