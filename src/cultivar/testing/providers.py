"""What every `Provider` must do, as tests that each of them runs.

```python
class TestMyProvider(ProviderConformance):
    def provider(self, *texts: str) -> Provider:
        return MyProvider(...)
```
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from cultivar.errors import ModelUnavailableError
from cultivar.llm.base import Message, ModelRequest, Provider, ProviderError
from cultivar.llm.scripted import ScriptedModel
from cultivar.record import replace
from cultivar.testing.openai_server import INJECTION

__all__ = ["ProviderConformance", "ScriptedModel", "a_request"]


def a_request(content: str = "Which cache?") -> ModelRequest:
    """A small request that every model can answer."""
    return ModelRequest(
        purpose="conformance",
        messages=(
            Message(role="system", content="Answer in JSON."),
            Message(role="user", content=content),
        ),
        schema_name="Choice",
        schema={
            "type": "object",
            "title": "Choice",
            "properties": {"value": {"type": "string"}},
            "required": ["value"],
        },
    )


class ProviderConformance:
    """Derive from it, and say how to make the provider."""

    def provider(self, *texts: str) -> Provider:
        """A provider that answers `a_request()` with `texts`, in order."""
        raise NotImplementedError

    def failing_provider(self) -> Provider:
        """A provider that cannot answer `a_request()`."""
        raise NotImplementedError

    def test_has_a_name_that_stays(self) -> None:
        """The name is what calls are recorded under."""
        provider = self.provider("{}")
        before = provider.name
        provider.complete(a_request())
        assert before
        assert provider.name == before

    def test_gives_the_text_as_it_is(self) -> None:
        """Reading a reply is the door's."""
        provider = self.provider('{"value": "é\\n"}', "second")
        texts = [provider.complete(a_request()).text for _ in range(2)]
        assert texts == ['{"value": "é\\n"}', "second"]

    def test_neither_runs_nor_formats_what_a_reply_says(self) -> None:
        """A reply is data."""
        assert self.provider(INJECTION).complete(a_request()).text == INJECTION

    def test_counts_are_never_negative_and_the_model_is_named(self) -> None:
        """Budgets are counted from these."""
        reply = self.provider("{}").complete(a_request())
        counts = (reply.prompt_tokens, reply.completion_tokens, reply.money, reply.seconds)
        assert min(counts) >= 0
        assert reply.model

    def test_leaves_the_request_as_it_was(self) -> None:
        """The same request may be sent again."""
        request = a_request()
        before = replace(request, schema={**request.schema})
        self.provider("{}").complete(request)
        assert request == before

    def test_answers_several_threads(self) -> None:
        """Runs do not wait for each other."""
        texts = [f'{{"value": "{number}"}}' for number in range(8)]
        provider = self.provider(*texts)
        with ThreadPoolExecutor(4) as pool:
            futures = [pool.submit(provider.complete, a_request()) for _ in texts]
        replies = [future.result().text for future in futures]
        assert sorted(replies) == sorted(texts)

    def test_fails_only_with_the_errors_of_the_seam(self) -> None:
        """The door knows no others."""
        with pytest.raises((ProviderError, ModelUnavailableError)):
            self.failing_provider().complete(a_request())
