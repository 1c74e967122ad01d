"""What a bridge is asked and what it answers: JSON over the bus.

A request goes to `llm.request`, with the sender's id behind it where budgets are to be kept apart:

    {"messages": [{"role": "user", "content": "Which cache?"}]}

| key | meaning |
|---|---|
| `messages` | the conversation; roles are `system`, `user` and `assistant` |
| `id` | comes back with the answer |
| `model` | one that the bridge offers; its first where there is none |
| `schema`, `schema_name` | the JSON schema that the reply must fit |
| `purpose` | who asks, for the record |
| `timeout` | seconds after which nobody waits for the answer |
| `retries` | how often the bridge may ask its provider again; as it likes, where there is none |
| `alive` | whether the bridge says each second that it is at work |
| `stream` | whether the text comes as the model speaks; then `alive` is, too |

Further keys mean nothing: where the model is and what key opens it is the bridge's alone. An answer
is `{"kind": "answer", "id", "model", "content", "usage"}`. Before it come, where they were asked
for, `{"kind": "alive"}` and `{"kind": "piece", "text"}`; a text that is larger than a message comes
in pieces, too. The answer's own content is what no piece had. What cannot be answered is
`{"kind": "refusal", "id", "error", "remedy", "reason", "retry", "after", "budget"}`.

A request on the plain subject `llm.request` that has an id, and wants one message for an answer, is
answered on `llm.response` too, for who gave no inbox.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from msgspec import DecodeError, Meta, ValidationError, json

from cultivar.errors import BudgetSpentError
from cultivar.llm.base import Message, ModelRequest, ProviderError
from cultivar.llm.replies import plain
from cultivar.record import Record, field

RESPONSE: Final = "llm.response"
"""Where who gave no inbox finds the answer."""

LARGEST: Final = 900_000
"""Bytes of a request or an answer; a bus takes a million."""

ALIVE_SECONDS: Final = 1.0
"""How often a bridge that works on an answer says so."""

PATIENCE: Final = 6.0
"""Seconds without a sign of life after which a bridge is taken for dead."""

_Name: TypeAlias = Annotated[str, Meta(max_length=200)]
_Amount: TypeAlias = Annotated[float, Meta(ge=0)]

Reason = Literal["request", "model", "provider", "budget", "busy", "slow", "stopping"]
"""Why there is no answer: the request is none, the model is none, its provider failed, …"""


class Asked(Record):
    """A request."""

    messages: Annotated[tuple[Message, ...], Meta(min_length=1, max_length=500)]
    id: _Name | int | None = None
    model: _Name | None = None
    schema: dict[str, Any] = field(default_factory=dict[str, Any])
    schema_name: _Name = ""
    purpose: _Name = "request"
    timeout: Annotated[float, Meta(gt=0)] | None = None
    retries: Annotated[int, Meta(ge=0)] | None = None
    alive: bool = False
    stream: bool = False

    def request(self) -> ModelRequest:
        """What the provider is asked."""
        return ModelRequest(
            purpose=self.purpose,
            messages=tuple(Message(role=m.role, content=plain(m.content)) for m in self.messages),
            schema_name=self.schema_name,
            schema=self.schema,
        )


class Taken(Record):
    """What an answer took."""

    prompt_tokens: Annotated[int, Meta(ge=0)] = 0
    completion_tokens: Annotated[int, Meta(ge=0)] = 0
    money: _Amount = 0.0
    """US dollars."""
    seconds: _Amount = 0.0


class Spent(Record):
    """A budget that is used up."""

    kind: Literal["money", "tokens", "calls"]
    spent: _Amount
    limit: _Amount
    free_at: _Name
    """When the next window begins; ISO 8601, UTC."""


class Alive(Record, tag="alive", tag_field="kind"):
    """The bridge is at work."""


class Piece(Record, tag="piece", tag_field="kind"):
    """Some of the text."""

    text: str


class Answer(Record, tag="answer", tag_field="kind"):
    """The end of an answer, or all of it."""

    model: _Name
    content: str = ""
    usage: Taken = Taken()
    id: _Name | int | None = None


class Refusal(Record, tag="refusal", tag_field="kind"):
    """That there is no answer, and why."""

    reason: Reason
    error: str
    remedy: str = ""
    retry: bool = False
    """Whether asking again may help."""
    after: _Amount | None = None
    """Seconds to wait before that."""
    budget: Spent | None = None
    id: _Name | int | None = None


Part: TypeAlias = Alive | Piece | Answer | Refusal
"""What comes back."""


class RefusedRequestError(Exception):
    """A request that is not answered: a signal within the bridge.

    Args:
        refusal: What its sender is told.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.error)
        self.refusal = refusal


class BridgeBudgetSpentError(BudgetSpentError):
    """The bridge pays for no more calls of this instance just now.

    Args:
        spent: What is used up, and until when.
    """

    def __init__(self, spent: Spent) -> None:
        super().__init__(spent.kind, spent=spent.spent, limit=spent.limit)
        self.what = (
            f"The bridge's budget of {spent.kind} for this instance is spent: "
            f"{spent.spent:g} of {spent.limit:g}."
        )
        self.remedy = (
            f"It is free again at {spent.free_at}; `cultivar resume` the run then, or have "
            f"`bridge.{spent.kind}` raised where the bridge runs."
        )
        self.args = (self.what, self.remedy)
        self.budget = spent
        """What is used up, and until when."""


def read_request(data: bytes) -> Asked:
    """Read a request.

    Raises:
        RefusedRequestError: It is none.
    """
    if len(data) > LARGEST:
        why = f"The request has {len(data)} bytes; {LARGEST} are the most."
        raise RefusedRequestError(Refusal(reason="request", error=why))
    try:
        return json.decode(data, type=Asked)
    except ValidationError as error:
        why = f"The request does not fit: {error}."
    except (DecodeError, RecursionError, UnicodeDecodeError):
        why = "The request is no JSON."
    remedy = 'Ask like {"messages": [{"role": "user", "content": "…"}]}.'
    raise RefusedRequestError(Refusal(reason="request", error=why, remedy=remedy))


def read_part(data: bytes) -> Part:
    """Read a part of an answer.

    Raises:
        ProviderError: It is none.
    """
    try:
        part: Part = json.decode(data, type=Alive | Piece | Answer | Refusal)
    except (DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ProviderError("What the bridge answered cannot be read.", retry=True) from error
    return part
