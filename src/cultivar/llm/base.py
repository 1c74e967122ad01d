"""The seam to models: one request, one reply, and the door through which all of them go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from cultivar.model import Json
from cultivar.record import Record

if TYPE_CHECKING:  # only who asks a model pays for loading it
    from pydantic import BaseModel

Reply = TypeVar("Reply", bound="BaseModel")

Speaker = Literal["system", "user", "assistant"]
"""Who speaks a message."""


class Message(Record):
    """One turn of a conversation."""

    role: Speaker
    content: str


class ModelRequest(Record):
    """What a provider is asked."""

    purpose: str
    """Who asks, and for what: `inferrer`, `generator`."""
    messages: tuple[Message, ...]
    schema_name: str
    schema: Mapping[str, Json]
    """The JSON schema that the reply must fit; empty: it may be any text."""


class ModelReply(Record):
    """What a provider answered."""

    text: str
    model: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    money: float = 0.0
    """US dollars."""
    seconds: float = 0.0


class Provider(Protocol):
    """A model, or what stands for one.

    It makes one attempt. Retries, repair, budgets and records are the door's.
    """

    @property
    def name(self) -> str:
        """The model's name, as in the settings."""
        ...

    def complete(self, request: ModelRequest) -> ModelReply:
        """Answer `request`.

        Raises:
            ProviderError: It did not answer; says whether trying again may help.
            ModelUnavailableError: It never will, as things are configured.
            BudgetSpentError: Who pays for the model pays for no more of it.
        """
        ...


Tell: TypeAlias = Callable[[str], None]
"""Hears the pieces of a reply as they come."""


@runtime_checkable
class StreamingProvider(Provider, Protocol):
    """A provider whose replies come piece by piece."""

    def stream(self, request: ModelRequest, tell: Tell) -> ModelReply:
        """Answer `request`, as `complete` does.

        Args:
            request: What is asked.
            tell: Hears each piece of the text; together they are the reply's text. It is not
                called any more when this has returned or raised.
        """
        ...


class ProviderError(Exception):
    """A provider did not answer this time: a signal to the door, not a failure of the run.

    Args:
        why: What happened, a sentence.
        retry: Whether trying again may help.
        after: How many seconds the provider asks to wait; None where it does not say.
        billed: Whether it may have answered, and charge for that, although no answer came.
    """

    def __init__(
        self, why: str, *, retry: bool, after: float | None = None, billed: bool = False
    ) -> None:
        super().__init__(why)
        self.why, self.retry, self.after, self.billed = why, retry, after, billed


class ModelDoor(Protocol):
    """The one place that calls models."""

    @property
    def available(self) -> bool:
        """Whether a model is configured at all."""
        ...

    def ask(
        self, run_id: str, purpose: str, messages: tuple[Message, ...], schema: type[Reply]
    ) -> Reply:
        """Ask the model, and read its reply by `schema`.

        The same question asked again by the same run is answered from the record, unpaid.

        Raises:
            ModelUnavailableError: No model is configured, or it does not answer.
            BudgetSpentError: The run may not call it again.
            ReplyError: The reply does not fit `schema`, even after one repair.
        """
        ...
