"""Takes what must not be recorded out of what a tool or a prompt was given, and of what it gave.

The invariant: the value of a parameter that is named like a secret is never written, neither under
that name nor where the same value is told again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from cultivar.ledger.encoding import SECRET
from cultivar.lifecycle import Execution
from cultivar.model import Json
from cultivar.record import replace

_NAMED = re.compile(
    r"(^|_)(tokens?|secrets?|passwords?|passwd|pwd|passphrase|credentials?|dsn|authorization"
    r"|cookies?|apikey|(api|access|private|secret|signing|encryption|auth|ssh)_key)\d*($|_)"
)
"""`key` alone is no secret: most tools that have such a parameter look something up by it."""

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PASSWORD = re.compile(r"(://[^\s:/@]*:)[^\s/@]+@")
_TELLING = 6
"""A shorter secret is masked where it was given, not wherever its letters occur."""


def names_secret(name: str) -> bool:
    """Whether what goes by that name is a secret, in whatever way the name is spelt."""
    return bool(_NAMED.search(_HUMP.sub("_", name).replace("-", "_").lower()))


def masked(execution: Execution) -> Execution:
    """The execution as the ledger may hold it."""
    secrets = sorted(set(_secrets(execution.inputs, hidden=False)), key=len, reverse=True)
    inputs = {name: _named(name, value, secrets) for name, value in execution.inputs.items()}
    return replace(
        execution,
        inputs=inputs,
        output=_masked(execution.output, secrets),
        message=_text(execution.message, secrets),
    )


def _secrets(value: Json, *, hidden: bool) -> Iterator[str]:
    """The texts that stand under the name of a secret, as far as they tell anything."""
    if isinstance(value, str):
        if hidden and len(value) >= _TELLING:
            yield value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _secrets(each, hidden=hidden or names_secret(name))
    elif isinstance(value, Sequence):
        for each in value:
            yield from _secrets(each, hidden=hidden)


def _named(name: str, value: Json, secrets: Sequence[str]) -> Json:
    """What goes by a name; a yes or no tells no secret, it says that something else is one."""
    hidden = names_secret(name) and not isinstance(value, bool)
    return SECRET if hidden else _masked(value, secrets)


def _masked(value: Json, secrets: Sequence[str]) -> Json:
    if isinstance(value, str):
        return _text(value, secrets)
    if isinstance(value, Mapping):
        return {name: _named(name, each, secrets) for name, each in value.items()}
    if isinstance(value, Sequence):
        return [_masked(each, secrets) for each in value]
    return value


def _text(text: str, secrets: Sequence[str]) -> str:
    for each in secrets:
        text = text.replace(each, SECRET)
    return _PASSWORD.sub(rf"\g<1>{SECRET}@", text)
