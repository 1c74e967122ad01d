"""The seam to models: one request, one reply, and the door through which all of them go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from cultivar.errors import TemplateError, UnsafeError
from cultivar.model import Json
from cultivar.prompt import Prompt
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


class Said(Record, dict=True):
    """A turn that a prompt makes of its variables, once somebody reads it.

    Whoever asks with it leaves a record of the prompt's use.
    """

    role: Speaker
    prompt: Prompt
    facts: Mapping[str, object]
    """Its variables."""

    @cached_property
    def content(self) -> str:
        """What is said.

        Raises:
            TemplateError: The prompt is no Jinja, or rendering it fails.
            UnsafeError: It reaches for what no template may have.
        """
        from cultivar.llm.rendering import rendered

        return rendered(self.prompt, self.facts)

    @property
    def is_readable(self) -> bool:
        """Whether it can be rendered."""
        try:
            _ = self.content
        except (TemplateError, UnsafeError):
            return False
        return True


Turn: TypeAlias = "Message | Said"
"""One turn of a conversation, with or without a prompt behind it."""


def spoken(turns: Iterable[Turn]) -> tuple[Message, ...]:
    """The turns as they are read, with no prompt behind them: to ask with them is no use of one."""
    return tuple(Message(role=each.role, content=each.content) for each in turns)


class Asked(Record):
    """A question that was put by prompts, and what came of it."""

    run_id: str
    purpose: str
    turns: tuple[Turn, ...]
    schema_name: str
    schema: Mapping[str, Json]
    """That the reply must fit."""
    reply: str = ""
    """What was answered last; empty where it did not come to that."""
    error: str = ""
    """The error's class, where it is the prompts' fault; empty where all is well."""
    message: str = ""
    """What it says."""
    seconds: float = 0.0
    money: float = 0.0
    """US dollars."""


Hear: TypeAlias = Callable[[Asked], None]
"""Takes note of what was asked by prompts. It must return at once, and raise nothing."""


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
        self, run_id: str, purpose: str, messages: tuple[Turn, ...], schema: type[Reply]
    ) -> Reply:
        """Ask the model, and read its reply by `schema`.

        The same question asked again by the same run is answered from the record, unpaid.

        Raises:
            ModelUnavailableError: No model is configured, or it does not answer.
            BudgetSpentError: The run may not call it again.
            ReplyError: The reply does not fit `schema`, even after one repair.
            TemplateError: A prompt cannot be rendered.
            UnsafeError: A prompt reaches for what no template may have.
        """
        ...
