"""What templates take from the package that loads extensions from their own files.

It has two names, `copier_template_extensions` and, before that, `copier_templates_extensions`.
Written from its documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from jinja2 import Environment
from jinja2.ext import Extension
from jinja2.runtime import Context

_OF_A_RENDER = "_copier_conf"
"""What is imported without its context lacks this, and has no answers to hook into."""


class TemplateExtensionLoader(Extension):
    """Named by templates whose extensions are files; here, those load with it and without."""


class ContextHook(Extension):
    """An extension that changes what each text of the template sees."""

    update: ClassVar[bool] = True
    """Told apart no more: what `hook` returns is added, what it changes is changed."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.context_class = _hooked(environment.context_class, self)

    def hook(self, context: dict[str, Any]) -> Mapping[str, Any] | None:
        """Change `context`, or return what is to be added to it."""
        raise NotImplementedError


def _hooked(kind: type[Context], hook: ContextHook) -> type[Context]:
    """A kind of context that `hook` has seen to before it is used."""

    class Hooked(kind):  # type: ignore[misc, valid-type]
        def __init__(
            self, environment: Environment, parent: dict[str, Any], *args: Any, **named: Any
        ) -> None:
            if _OF_A_RENDER in parent:
                _apply(hook, parent)
            super().__init__(environment, parent, *args, **named)

    return Hooked


def _apply(hook: ContextHook, context: dict[str, Any]) -> None:
    """Let `hook` change `context`; while questions are asked, answers that it needs may lack."""
    try:
        context.update(hook.hook(context) or {})
    except KeyError:
        if context.get("_copier_phase") != "prompt":
            raise
