"""Find and load definitions: the agents, graphs and tools that the engine runs.

A definition is a file in a folder named after its kind. A workspace may hold its own; ours are
the fallback. They are loaded by path, as Alembic loads migrations, so both kinds are alike.
Python from a workspace runs only where the user trusts that workspace; its prompts are text and
always count.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TypeVar, cast

from cultivar.agent import Agent, Context
from cultivar.errors import DefinitionError, UntrustedError
from cultivar.graph import Graph
from cultivar.lifecycle import Artifact
from cultivar.prompt import Prompt
from cultivar.record import Record
from cultivar.roles import Role
from cultivar.tool import Tool
from cultivar.tree import Tree, read_entry

In = TypeVar("In")
Out = TypeVar("Out")

PROMPT = ".md.jinja"
"""How the name of a prompt's file ends."""


class BuildGraph(Protocol):
    """What a file in `graphs/` offers, as `build`."""

    def __call__(self, context: Context) -> Graph:
        """Declare the state machine over the services of `context`."""
        ...


class Definitions(Record):
    """The definitions of a workspace, over those that Cultivar ships.

    Args:
        workspace: The user's folder; None where there is none.
        trusted: Whether Python files of the workspace may run.
    """

    workspace: Path | None = None
    trusted: bool = False

    def find(self, kind: str, name: str) -> Path:
        """Find the file or folder called `name`, the workspace's before ours.

        Raises:
            DefinitionError: There is none.
            UntrustedError: It is Python of a workspace that is not trusted.
        """
        for root in self._roots():
            found = root / kind / name
            if found.exists():
                if root != builtin_root():
                    self._refuse_untrusted(found)
                return found
        tried = ", ".join(f"`{root / kind}`" for root in self._roots())
        raise DefinitionError(f"No `{kind}` definition named {name!r}.", f"Looked in: {tried}.")

    def agent(self, role: Role[In, Out]) -> tuple[Agent[In, Out], Mapping[str, Prompt]]:
        """Load whoever fills `role`, with its prompts by name."""
        path = self.find(f"agents/{role.name}", "agent.py")
        module = load_file(path, f"cultivar_definitions.agents.{role.name}")
        agents = [cast("Agent[In, Out]", v) for v in vars(module).values() if isinstance(v, Agent)]
        filled = [candidate for candidate in agents if candidate.role == role]
        if len(filled) != 1:
            raise DefinitionError(
                f"`{path}` should fill the role {role.name!r} once, not {len(filled)} times.",
                "Decorate one function with `@agent`.",
            )
        return filled[0], self.prompts(role.name)

    def graph(self, name: str) -> BuildGraph:
        """Load the function that builds the graph called `name`."""
        path = self.find("graphs", f"{name}.py")
        module = load_file(path, f"cultivar_definitions.graphs.{name}")
        return cast("BuildGraph", module.build)

    def tool(self, name: str) -> Tool[..., Any]:
        """Load the tool called `name`, from the file of that name.

        Raises:
            DefinitionError: The file declares no such tool.
        """
        return load_tool(self.tool_file(name), name)

    def tools(self) -> tuple[str, ...]:
        """The names of all tools, those of a workspace that is not trusted among them."""
        files = [path for root in self._roots() for path in (root / "tools").glob("*.py")]
        return tuple(sorted({path.stem for path in files}))

    def tool_file(self, name: str) -> Path:
        """The file of the tool called `name`.

        Raises:
            DefinitionError: There is none.
            UntrustedError: It is of a workspace that is not trusted.
        """
        return self.find("tools", f"{name}.py")

    def prompts(self, agent: str) -> Mapping[str, Prompt]:
        """The prompts of an agent, the workspace's own before ours, one by one.

        Raises:
            UntrustedError: One is a link to a file elsewhere.
        """
        found: dict[str, Prompt] = {}
        for root in reversed(self._roots()):
            for path in sorted((root / "agents" / agent).glob(f"*{PROMPT}")):
                _refuse_leading_out(path, root)
                found[path.name.removesuffix(PROMPT)] = _prompt(agent, path)
        return found

    def _roots(self) -> list[Path]:
        ours = builtin_root()
        if self.workspace is None or self.workspace == ours:
            return [ours]
        return [self.workspace, ours]

    def _refuse_untrusted(self, path: Path) -> None:
        if not self.trusted:
            raise UntrustedError(
                f"`{path}` is Python of a workspace that is not trusted.",
                "Read it; then add the workspace to `trust` in your own settings, or set "
                "`CULTIVAR_TRUST`.",
            )


class Agents(Record):
    """Whoever fills the roles, ready to act: a service for graphs."""

    definitions: Definitions
    services: Mapping[type[Any], object]

    def act(self, role: Role[In, Out], order: In) -> Out:
        """Let whoever fills `role` carry out `order`."""
        agent, prompts = self.definitions.agent(role)
        return agent.act(order, Context(services=self.services, prompts=prompts))


def _prompt(agent: str, path: Path) -> Prompt:
    """The prompt in a file; of a link, in the file that it leads to."""
    artifact = Artifact(kind="prompt", name=f"{agent}/{path.name.removesuffix(PROMPT)}")
    return Prompt(artifact=artifact, tree=Tree({path.name: read_entry(path.resolve())}))


def _refuse_leading_out(path: Path, root: Path) -> None:
    """What a link leads to would be sent to a model's provider."""
    if not path.resolve().is_relative_to(root.resolve()):
        raise UntrustedError(
            f"The prompt `{path}` is a link that leads out of `{root}`.",
            "Put the text itself there.",
        )


def builtin_root() -> Path:
    """Where our own definitions are: inside the wheel, or at the root of a checkout."""
    packaged = Path(__file__).parent / "_builtin"
    return packaged if packaged.is_dir() else Path(__file__).parents[2]


def load_tool(path: Path, name: str) -> Tool[..., Any]:
    """Load the tool called `name` from the file at `path`.

    Raises:
        DefinitionError: The file declares no such tool.
    """
    found = getattr(load_file(path, f"cultivar_definitions.tools.{name}"), name, None)
    if not isinstance(found, Tool):
        raise DefinitionError(
            f"`{path}` declares no tool {name!r}.", "Decorate a function of that name."
        )
    return cast("Tool[..., Any]", found)


def load_file(path: Path, qualified: str) -> ModuleType:
    """Import the file at `path` under the name `qualified`.

    Raises:
        DefinitionError: The file cannot be read as Python.
    """
    spec = spec_from_file_location(qualified, path)
    if spec is None or spec.loader is None:
        raise DefinitionError(f"`{path}` is no Python file.")
    module = module_from_spec(spec)
    sys.modules[qualified] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise DefinitionError(f"`{path}`, line {error.lineno}: {error.msg}.") from error
    return module
