from __future__ import annotations

import pytest
from pydantic import BaseModel

from cultivar.errors import ModelUnavailableError, UsageError
from cultivar.llm.base import ModelReply, Provider, ProviderError
from cultivar.llm.builtin import NoModel
from cultivar.llm.scripted import ScriptedModel, ScriptLine
from cultivar.testing.providers import ProviderConformance, a_request


class Choice(BaseModel):
    value: int


class TestConformance(ProviderConformance):
    def provider(self, *texts: str) -> Provider:
        return ScriptedModel(*texts)

    def failing_provider(self) -> Provider:
        return ScriptedModel(ProviderError("Busy.", retry=True))


LINES: dict[str, tuple[ScriptLine, str]] = {
    "a text": ("as it is", "as it is"),
    "a model": (Choice(value=1), '{"value":1}'),
    "a mapping": ({"value": 1}, '{"value": 1}'),
    "a list": ([1, 2], "[1, 2]"),
    "a reply": (ModelReply(text="whole", model="m"), "whole"),
    "a function": (lambda request: request.purpose, "conformance"),
}


@pytest.mark.parametrize(("line", "text"), LINES.values(), ids=LINES)
def test_a_line_may_be(line: ScriptLine, text: str) -> None:
    assert ScriptedModel(line).complete(a_request()).text == text


def test_lines_may_be_appended() -> None:
    model = ScriptedModel("one")
    model.enqueue("two")
    assert [model.complete(a_request()).text for _ in range(2)] == ["one", "two"]


def test_it_keeps_what_it_was_asked() -> None:
    model = ScriptedModel("one")
    model.complete(a_request("What?"))
    assert model.requests == (a_request("What?"),)


def test_a_script_that_has_run_out_says_who_asked() -> None:
    model = ScriptedModel("one")
    model.complete(a_request())
    with pytest.raises(UsageError, match="no line for request 2, of `conformance`"):
        model.complete(a_request())


def test_no_model_says_what_to_set_and_who_needs_it() -> None:
    with pytest.raises(ModelUnavailableError, match=r"`conformance`.*model\.name.*--model"):
        NoModel().complete(a_request())
