"""Masks secrets, so that none reaches a model, the record, a cassette, an error or a log.

The invariant: a text that came out of a `Redactor` holds none of its secrets, neither as it is nor
as JSON, `repr`, percent-encoding or Base64 spell it.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterable, Mapping
from typing import TypeVar
from urllib.parse import quote

from cultivar.errors import CultivarError
from cultivar.model import Json

MASK = "********"
"""What stands where a secret was."""

_SHORT = 4  # a shorter secret is masked only as a word of its own: "a" is in every sentence
_TELLING = 8  # a shorter value of a variable is a flag or a number, not a key
_KEY_LIKE = re.compile(
    r"((^|_)(\w*APIKEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|DSN)|_PWD)\d*($|_)",
    re.IGNORECASE,
)
"""`PWD` alone is no secret: a shell keeps in it which folder it is in."""

_PASSWORD = re.compile(r"://[^\s:/@]*:([^\s/@]+)@")

Error = TypeVar("Error", bound=CultivarError)


class Redactor:
    """Knows secrets, and masks them. Secrets may be added at any time, from any thread."""

    def __init__(self, *secrets: str) -> None:
        self._lock = threading.Lock()
        self._known: frozenset[str] = frozenset()
        self._pattern = re.compile(r"(?!)")
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Know more secrets; empty ones are no secrets."""
        with self._lock:
            self._known |= {each for each in secrets if each.strip("* \t\r\n")}
            spellings = {way for each in self._known for way in _spellings(each)}
            longest_first = sorted(spellings, key=lambda each: (-len(each), each))
            if longest_first:
                self._pattern = re.compile("|".join(map(_found_as, longest_first)))

    def text(self, text: str) -> str:
        """`text` with every secret masked."""
        return self._pattern.sub(MASK, text)

    def json(self, value: Json) -> Json:
        """`value` with every secret masked, in keys too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(key): self.json(each) for key, each in value.items()}
        if value is None or isinstance(value, bool | int | float):
            return value
        return [self.json(each) for each in value]

    def error(self, error: Error) -> Error:
        """`error` itself, with every secret in its words masked."""
        error.what, error.remedy = self.text(error.what), self.text(error.remedy)
        error.args = tuple(self.text(x) if isinstance(x, str) else x for x in error.args)
        return error


def environment_secrets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The values of variables whose names say that they hold a secret, and passwords in addresses.

    Plain words are left out: masking `postgres` wherever it is written would break more than it
    would hide.
    """
    named = [value for name, value in environ.items() if _KEY_LIKE.search(name)]
    inside = [found for value in environ.values() for found in _PASSWORD.findall(value)]
    return tuple(dict.fromkeys(value for value in (*named, *inside) if _is_telling(value)))


def _is_telling(value: str) -> bool:
    return len(value) >= _TELLING and not (value.isalpha() and value.islower())


def _spellings(secret: str) -> Iterable[str]:
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    if len(secret) >= _SHORT:
        raw = secret.encode("utf-8", "surrogatepass")
        yield quote(raw)
        yield quote(raw, safe="")
        yield base64.b64encode(raw).decode().rstrip("=")
        yield base64.urlsafe_b64encode(raw).decode().rstrip("=")
    yield from (line for line in secret.splitlines() if len(line.strip()) >= 2 * _TELLING)


def _found_as(secret: str) -> str:
    if len(secret) < _SHORT:
        return rf"(?<!\w){re.escape(secret)}(?!\w)"
    return re.escape(secret)
