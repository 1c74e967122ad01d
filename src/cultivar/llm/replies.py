"""Reads a model's reply, and makes requests of questions.

The invariant: a reply is data. It is parsed as JSON and held against its schema; nothing in it is
run, formatted or rendered.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, ValidationError

from cultivar.llm.base import Message, ModelRequest, Reply
from cultivar.model import Json

_LONGEST = 1_000_000  # characters; no schema of ours needs more
_QUOTED = 20_000  # characters of a bad reply that are sent back with what is wrong with it
_STARTS = 50  # places in a text where an object is looked for
_FENCED = re.compile(r"^[ \t]*```[\w-]*[ \t]*\n(.*?)^[ \t]*```", re.MULTILINE | re.DOTALL)
_REPAIR = Path(__file__).with_name("repair.md").read_text(encoding="utf-8").strip()


class MisfitError(Exception):
    """A reply does not fit its schema: a signal to the door, not yet a failure.

    Args:
        why: What does not fit, one line each.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def plain(text: str) -> str:
    """`text` as every store can keep it: without NUL and without halves of characters."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def question(purpose: str, messages: tuple[Message, ...], schema: type[BaseModel]) -> ModelRequest:
    """The request that asks `messages` for a reply that fits `schema`."""
    return ModelRequest(
        purpose=purpose,
        messages=messages,
        schema_name=schema.__name__,
        schema=schema.model_json_schema(),
    )


def repair(request: ModelRequest, text: str, misfit: MisfitError) -> ModelRequest:
    """The request that shows the model its reply `text` and what is wrong with it."""
    said = Message(role="assistant", content=text[:_QUOTED] or "(an empty reply)")
    wrong = Message(role="user", content=f"{_REPAIR}\n\n{misfit.why}")
    return ModelRequest(
        purpose=request.purpose,
        messages=(*request.messages, said, wrong),
        schema_name=request.schema_name,
        schema=request.schema,
    )


def request_json(request: ModelRequest) -> dict[str, Json]:
    """All of `request` that says what is asked, as the record and cassettes keep it."""
    turns: list[Json] = [{"role": each.role, "content": each.content} for each in request.messages]
    return {
        "purpose": request.purpose,
        "messages": turns,
        "schema_name": request.schema_name,
        "schema": request.schema,
    }


def request_hash(request: ModelRequest) -> str:
    """The SHA-256 of what is asked, whoever answers, in hexadecimal."""
    canonical = json.dumps(request_json(request), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def read_reply(text: str, schema: type[Reply]) -> Reply:
    """Read `text` by `schema`, also where JSON stands in a code fence or between prose.

    Raises:
        MisfitError: No JSON in it fits.
    """
    if len(text) > _LONGEST:
        raise MisfitError(f"The reply has {len(text)} characters; {_LONGEST} are the most.")
    whole = _fit(text.strip(), schema)
    if isinstance(whole, schema):
        return whole
    if _is_json(text):
        raise MisfitError(str(whole))
    misfits = [str(whole)]
    for part in sorted(_parts(text), key=len, reverse=True):
        found = _fit(part, schema)
        if isinstance(found, schema):
            return found
        misfits.append(str(found))
    raise MisfitError(misfits[1] if len(misfits) > 1 else misfits[0])


def _fit(text: str, schema: type[Reply]) -> Reply | str:
    try:
        return schema.model_validate_json(text)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[:10]
        return "\n".join(f"- `{_place(each['loc'])}`: {each['msg']}" for each in found)


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "reply"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _parts(text: str) -> Iterator[str]:
    """What may be JSON in `text`: insides of code fences, then objects and lists in prose."""
    yield from (match.group(1).strip() for match in _FENCED.finditer(text))
    decoder, place = json.JSONDecoder(), 0
    for _ in range(_STARTS):
        start = min((at for at in map(lambda c: text.find(c, place), "{[") if at >= 0), default=-1)
        if start < 0:
            return
        try:
            _, place = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            place = start + 1
        else:
            yield text[start:place]


def conversation(value: Mapping[str, Json]) -> str:
    """`value`, a request's JSON, as text that people can compare line by line."""
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True).replace("\\n", "\n")
