from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cultivar.errors import ModelUnavailableError, SettingsError
from cultivar.llm.base import Message, ModelReply, ModelRequest, Provider, ProviderError
from cultivar.llm.cassette import CassettePlayer, CassetteRecorder
from cultivar.llm.redaction import MASK, Redactor
from cultivar.llm.scripted import ScriptedModel
from cultivar.testing.providers import ProviderConformance, a_request


class TestPlayer(ProviderConformance):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self._path = tmp_path / "tape.yaml"

    def provider(self, *texts: str) -> Provider:
        recorder = CassetteRecorder(ScriptedModel(*texts), self._path)
        for _ in texts:
            recorder.complete(a_request())
        return CassettePlayer(self._path)

    def failing_provider(self) -> Provider:
        return CassettePlayer(self._path)


class TestRecorder(ProviderConformance):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self._path = tmp_path / "tape.yaml"

    def provider(self, *texts: str) -> Provider:
        return CassetteRecorder(ScriptedModel(*texts), self._path)

    def failing_provider(self) -> Provider:
        return CassetteRecorder(ScriptedModel(ProviderError("No.", retry=False)), self._path)


REPLY = ModelReply(
    text='{"value": "a"}\n# é ✓ "quoted"\n\ttabbed \n',
    model="m",
    prompt_tokens=3,
    completion_tokens=4,
    money=0.5,
    seconds=1.5,
)


@pytest.mark.parametrize("name", ["tape.yaml", "tape.json", "deeper/tape.yml"])
def test_a_reply_comes_back_whole(tmp_path: Path, name: str) -> None:
    CassetteRecorder(ScriptedModel(REPLY), tmp_path / name).complete(a_request())
    assert CassettePlayer(tmp_path / name).complete(a_request()) == REPLY


def test_a_json_cassette_is_json(tmp_path: Path) -> None:
    path = tmp_path / "tape.json"
    CassetteRecorder(ScriptedModel(REPLY), path).complete(a_request())
    assert json.loads(path.read_text())["takes"][0]["reply"]["text"] == REPLY.text


def test_a_yaml_cassette_shows_lines_as_lines(tmp_path: Path) -> None:
    path = tmp_path / "tape.yaml"
    CassetteRecorder(ScriptedModel("first\nsecond\n"), path).complete(a_request())
    assert "    text: |\n      first\n      second\n" in path.read_text()


def test_the_same_question_is_replayed_in_order_and_the_last_reply_repeats(tmp_path: Path) -> None:
    recorder = CassetteRecorder(ScriptedModel("one", "two"), tmp_path / "tape.yaml")
    recorder.complete(a_request())
    recorder.complete(a_request())
    player = CassettePlayer(tmp_path / "tape.yaml")
    assert [player.complete(a_request()).text for _ in range(3)] == ["one", "two", "two"]


def test_recording_again_replaces_what_was_recorded_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "tape.yaml"
    first = CassetteRecorder(ScriptedModel("a", "b", "other"), path)
    for content in ("same", "same", "kept"):
        first.complete(a_request(content))
    CassetteRecorder(ScriptedModel("c"), path).complete(a_request("same"))
    player = CassettePlayer(path)
    texts = [player.complete(a_request(content)).text for content in ("same", "same", "kept")]
    assert texts == ["c", "c", "other"]


def test_an_unknown_request_says_how_to_record_it_and_what_is_nearest(tmp_path: Path) -> None:
    path = tmp_path / "tape.yaml"
    recorder = CassetteRecorder(ScriptedModel("1", "2"), path)
    recorder.complete(a_request("What is the capital of France?\nSay it."))
    recorder.complete(a_request("0123456789"))
    with pytest.raises(ModelUnavailableError) as caught:
        CassettePlayer(path).complete(a_request("What is the capital of Spain?\nSay it."))
    assert f"CULTIVAR_MODEL__RECORD={path}" in caught.value.remedy
    assert '-   "content": "What is the capital of France?' in caught.value.what
    assert '+   "content": "What is the capital of Spain?' in caught.value.what


@pytest.mark.parametrize("made", [False, True])
def test_a_cassette_that_is_not_there_or_empty_says_how_to_record_it(
    tmp_path: Path, made: bool
) -> None:
    path = tmp_path / "tape.yaml"
    if made:
        path.write_text("version: 1\ntakes: []\n")
    with pytest.raises(ModelUnavailableError, match=r"CULTIVAR_MODEL__RECORD="):
        CassettePlayer(path).complete(a_request())


@pytest.mark.parametrize(
    "content",
    [
        "",
        "just text",
        "a: [",
        "version: 2\ntakes: []\n",
        "!!python/object/apply:os.getcwd []",
        "\0",
    ],
)
def test_a_file_that_is_no_cassette_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tape.yaml"
    path.write_text(content)
    with pytest.raises(SettingsError, match="no cassette"):
        CassettePlayer(path).complete(a_request())


def test_secrets_are_not_recorded(tmp_path: Path) -> None:
    path = tmp_path / "tape.yaml"
    scripted = ScriptedModel("the key is hunter2-hunter2")
    CassetteRecorder(scripted, path, Redactor("hunter2-hunter2")).complete(
        a_request("use hunter2-hunter2")
    )
    assert "hunter2" not in path.read_text()
    assert MASK in path.read_text()


def test_a_failure_is_not_recorded(tmp_path: Path) -> None:
    recorder = CassetteRecorder(
        ScriptedModel(ProviderError("Busy.", retry=True), "fine"), tmp_path / "tape.yaml"
    )
    with pytest.raises(ProviderError):
        recorder.complete(a_request())
    recorder.complete(a_request())
    assert CassettePlayer(tmp_path / "tape.yaml").complete(a_request()).text == "fine"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    recorder = CassetteRecorder(ScriptedModel("fine"), tmp_path / "file" / "tape.yaml")
    with pytest.raises(SettingsError, match="cannot be written"):
        recorder.complete(a_request())


def test_two_recorders_of_one_cassette_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tape.yaml"
    met = threading.Barrier(4)

    def record(number: int) -> None:
        recorder = CassetteRecorder(ScriptedModel(*map(str, range(5))), path)
        met.wait(10)
        for turn in range(5):
            recorder.complete(a_request(f"{number} {turn}"))

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(record, number) for number in range(4)]:
            future.result()
    player = CassettePlayer(path)
    for number in range(4):
        for turn in range(5):
            assert player.complete(a_request(f"{number} {turn}")).text == str(turn)


def test_no_leftovers_stand_beside_a_cassette(tmp_path: Path) -> None:
    path = tmp_path / "tape.yaml"
    CassetteRecorder(ScriptedModel("fine"), path).complete(a_request())
    assert {each.name for each in tmp_path.iterdir()} <= {"tape.yaml", ".tape.yaml.lock"}


def test_halves_of_characters_do_not_spoil_a_cassette(tmp_path: Path) -> None:
    path = tmp_path / "tape.yaml"
    CassetteRecorder(ScriptedModel("half \ud800 \0"), path).complete(a_request())
    assert CassettePlayer(path).complete(a_request()).text == "half ? \ufffd"


def test_a_request_of_another_schema_is_another_request(tmp_path: Path) -> None:
    path = tmp_path / "tape.yaml"
    CassetteRecorder(ScriptedModel("fine"), path).complete(a_request())
    other = ModelRequest(
        purpose="conformance",
        messages=(*a_request().messages, Message(role="user", content="more")),
        schema_name="Choice",
        schema={},
    )
    with pytest.raises(ModelUnavailableError):
        CassettePlayer(path).complete(other)
