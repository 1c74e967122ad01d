"""Makes words of a prompt and its variables: in use and in trials by the same rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cultivar.prompt import Prompt
from cultivar.templating.jinja.environment import environment_of, render_text
from cultivar.templating.template import Rules
from cultivar.tree import Tree

_RULES: Final = Rules(envops={"trim_blocks": True, "lstrip_blocks": True})
"""How prompts are written: a line that holds a statement alone leaves no line."""


def rendered(prompt: Prompt, facts: Mapping[str, object]) -> str:
    """What a prompt says.

    Args:
        prompt: Which.
        facts: Its variables.

    Raises:
        TemplateError: It is no Jinja, or rendering it fails.
        UnsafeError: It reaches for what no template may have.
    """
    environment = environment_of(_RULES, Tree({}))
    return render_text(environment, prompt.text, dict(facts), file=prompt.file)
