from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import BaseModel

from cultivar.errors import ModelUnavailableError, SettingsError
from cultivar.llm.base import Message
from cultivar.llm.choose import choose_provider
from cultivar.llm.door import Door
from cultivar.llm.litellm import ALLOW_CALLS
from cultivar.llm.redaction import MASK, Redactor, environment_secrets
from cultivar.settings import ModelSettings, Secret
from cultivar.testing.openai_server import OpenAIServer, Say
from cultivar.testing.providers import a_request
from cultivar.testing.records import MemoryCallRecord
from cultivar.testing.stray_calls import no_stray_model_calls


class Choice(BaseModel):
    value: str


@pytest.mark.parametrize("name", ["builtin", "none", " builtin "])
def test_no_model_is_a_provider_too(name: str) -> None:
    with pytest.raises(ModelUnavailableError, match=r"Set `model\.name`"):
        choose_provider(ModelSettings(name=name)).complete(a_request())


def test_a_cassette_is_named_by_its_file(tmp_path: Path) -> None:
    provider = choose_provider(ModelSettings(name=f"cassette:{tmp_path / 'tape.yaml'}"))
    with pytest.raises(ModelUnavailableError, match="There is no cassette"):
        provider.complete(a_request())


def test_any_other_name_is_litellms() -> None:
    assert choose_provider(ModelSettings(name="openai/some-model")).name == "openai/some-model"


@pytest.mark.parametrize("name", ["", " ", "cassette:"])
def test_a_name_that_names_nothing_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=r"model\.name"):
        choose_provider(ModelSettings(name=name))


def test_there_is_nothing_to_record_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"model\.record"):
        choose_provider(ModelSettings(record=tmp_path / "tape.yaml"))


def test_what_a_model_said_can_be_replayed_without_it_and_without_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_SERVICE_TOKEN", "tok-0123456789")
    tape = tmp_path / "tape.yaml"
    asked = (Message(role="user", content="Use tok-0123456789 or sk-0123456789."),)

    def ask(model: ModelSettings) -> str:
        redactor = Redactor("sk-0123456789", *environment_secrets(os.environ))
        door = Door(choose_provider(model, redactor), MemoryCallRecord(), redactor=redactor)
        return door.ask("run", "x", asked, Choice).value

    with OpenAIServer(Say('{"value": "tok-0123456789"}')) as server:
        key = Secret("sk-0123456789")
        real = ModelSettings(
            name="openai/gpt-4o-mini", api_base=server.api_base, api_key=key, record=tape
        )
        live = ask(real)
        sent = server.requests[0].body["messages"][0]["content"]
    again = ask(ModelSettings(name=f"cassette:{tape}"))
    assert (live, again, sent) == (MASK, MASK, f"Use {MASK} or {MASK}.")
    assert "0123456789" not in tape.read_text()


def test_the_guard_holds_while_it_stands_and_leaves_no_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(ALLOW_CALLS, "before")
    guard = no_stray_model_calls()
    next(guard)
    assert os.environ[ALLOW_CALLS] == "0"
    guard.close()
    assert os.environ[ALLOW_CALLS] == "before"


def test_only_one_file_of_the_product_imports_litellm() -> None:
    import cultivar.llm.litellm as ours

    source = Path(ours.__file__).parents[1]
    users = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if any(
            word in path.read_text()
            for word in ('import_module("litellm', "import litellm", "from litellm")
        )
    }
    assert users == {"llm/litellm.py"}
