"""Which version of a template a run gets while a canary of it runs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from cultivar.application.cultivar import Cultivar
from cultivar.application.generating import Generated
from cultivar.application.workbench import canaries_of, registry_of
from cultivar.evolution.canary.choosing import receives
from cultivar.evolution.canary.templates import TemplateCanaries
from cultivar.ledger.base import ContentStore, Ledger, Query
from cultivar.ledger.improvements import ArtifactStore, ExperimentStore
from cultivar.lifecycle import CANARY, Artifact, ArtifactVersion, Release
from cultivar.model import Order
from cultivar.record import Record, replace
from cultivar.settings import Settings
from cultivar.templating.origins.catalog import Catalog
from cultivar.testing.lifecycles import pointer_to
from cultivar.tree import Tree, text_entry

GREETING = Artifact(kind="template", name="test:greeting")
COPIER = """\
_subdirectory: files
name: {type: str, default: world}
_cultivar: {id: "test:greeting", version: 1.0.0}
"""
MOST = 60
"""Runs until each version was used by one, but for a chance of one in a billion billions."""


class Greeting(Record):
    """A workspace with a template of which a canary runs."""

    settings: Settings
    folder: Path
    output: Path
    canary: Release

    def opened(self) -> Cultivar:
        """Cultivar in it."""
        return Cultivar(self.settings)

    def due(self, run_id: str) -> bool:
        """Whether a run is to get the canary."""
        return receives(GREETING, run_id, self.canary.share, self.canary.after)


def _files(version: str, text: str) -> dict[str, str]:
    return {
        "copier.yml": COPIER.replace("1.0.0", version),
        "files/greet.txt.jinja": f"{text} {{{{ name }}}}\n",
    }


def _begun(cultivar: Cultivar, tree: Tree, share: float = 0.5) -> Release:
    """A canary that was begun, whatever it is like."""
    services = cultivar.services
    current = registry_of(services).current(GREETING)
    now = datetime.now(UTC)
    version = ArtifactVersion(artifact=GREETING, tree_hash=tree.hash, version="1.0.1", made_at=now)
    services.need(ContentStore).put(tree)
    services.need(ArtifactStore).keep(version)
    services.need(ArtifactStore).point(GREETING, pointer_to(version, alias=CANARY, share=share))
    canary = Release(
        id=str(uuid4()),
        experiment="",
        artifact=GREETING,
        before=current.tree_hash,
        after=tree.hash,
        status="canary",
        share=share,
        released_at=now,
        updated_at=now,
    )
    services.need(ExperimentStore).keep_release(canary)
    return canary


def _ended(cultivar: Cultivar, canary: Release) -> None:
    store = cultivar.services.need(ExperimentStore)
    store.keep_release(replace(canary, status="rolled_back"))


@pytest.fixture
def greeting(tmp_path: Path) -> Greeting:
    root = tmp_path / "workspace"
    folder = root / "templates_data" / "greeting"
    for name, text in _files("1.0.0", "hello").items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    settings = Settings(
        workspace=root,
        home=tmp_path / "home",
        cache=tmp_path / "cache",
        template_paths=(Path("templates_data"),),
    )
    with Cultivar(settings) as cultivar:
        registry_of(cultivar.services).sync([GREETING])
        tree = Tree({n: text_entry(t) for n, t in _files("1.0.1", "good day").items()})
        canary = _begun(cultivar, tree)
    return Greeting(settings=settings, folder=folder, output=tmp_path / "out", canary=canary)


def _generate(cultivar: Cultivar, greeting: Greeting, **options: object) -> Generated:
    folder = greeting.output / str(uuid4())
    said = {"template": GREETING.name, "output": folder, **options}
    return cultivar.generate("greet", **said)  # type: ignore[arg-type]


def test_a_run_gets_the_version_that_its_id_says_and_its_answers_file_tells_which(
    greeting: Greeting,
) -> None:
    seen: set[bool] = set()
    with greeting.opened() as cultivar:
        for _ in range(MOST):
            made = _generate(cultivar, greeting)
            due = greeting.due(made.run_id)
            assert made.delivery is not None
            folder = Path(made.delivery.folder)
            text, version = ("good day", "1.0.1") if due else ("hello", "1.0.0")
            assert (folder / "greet.txt").read_text() == f"{text} world\n"
            answers = (folder / made.delivery.answers_file).read_text()
            assert f"_template_version: {version}" in answers
            seen.add(due)
            if len(seen) == 2:
                break
        used = {
            each.template.tree_hash: greeting.due(each.run_id)
            for each in cultivar.services.need(Ledger).generations(Query())
        }
    assert used == {greeting.canary.after: True, greeting.canary.before: False}


def test_the_units_of_a_template_are_its_runs(greeting: Greeting) -> None:
    with greeting.opened() as cultivar:
        made = [_generate(cultivar, greeting) for _ in range(6)]
        units = canaries_of(cultivar.services).uses.units(greeting.canary, datetime.now(UTC))
    assert {(each.id, each.canary) for each in units} == {
        (each.run_id, greeting.due(each.run_id)) for each in made
    }


def test_a_run_that_is_resumed_keeps_its_version(greeting: Greeting) -> None:
    with greeting.opened() as cultivar:
        waiting = next(
            made
            for _ in range(MOST)
            if (made := _generate(cultivar, greeting, interactive=True)).template.tree_hash
            == greeting.canary.after
        )
        assert waiting.question is not None
        _ended(cultivar, greeting.canary)
    with greeting.opened() as cultivar:
        done = cultivar.resume(waiting.run_id, ask=lambda question: question.default)
        assert isinstance(done, Generated)
        assert done.template == waiting.template
        assert done.generation_id


@pytest.fixture
def lucky(greeting: Greeting) -> str:
    """The id of a run that gets the canary."""
    return next(each for each in map(str, range(1000)) if greeting.due(each))


def _given(greeting: Greeting, run_id: str, order: Order) -> str:
    with greeting.opened() as cultivar:
        services = cultivar.services
        found = services.need(Catalog).find(order.template, order.ref)
        return services.need(TemplateCanaries).given(found, order, run_id).tree.hash


def test_who_names_no_version_may_get_the_canary(greeting: Greeting, lucky: str) -> None:
    order = Order(task="", template=GREETING.name)
    assert _given(greeting, lucky, order) == greeting.canary.after


@pytest.mark.parametrize(
    "said", [{"ref": "1.0.0"}, {"pre_releases": True}, {"dry_run": True}], ids=str
)
def test_who_names_a_version_or_only_looks_gets_no_canary(
    greeting: Greeting, lucky: str, said: dict[str, object]
) -> None:
    order = Order(task="", template=GREETING.name, **said)  # type: ignore[arg-type]
    assert _given(greeting, lucky, order) == greeting.canary.before


def test_who_names_a_folder_gets_no_canary(greeting: Greeting, lucky: str) -> None:
    order = Order(task="", template=str(greeting.folder))
    assert _given(greeting, lucky, order) == greeting.canary.before


def test_a_template_that_was_edited_has_no_canary(greeting: Greeting, lucky: str) -> None:
    (greeting.folder / "files" / "mine.txt").write_text("mine\n")
    order = Order(task="", template=GREETING.name)
    assert _given(greeting, lucky, order) != greeting.canary.after


def test_a_canary_that_has_ended_is_given_to_nobody_though_its_alias_is_left(
    greeting: Greeting, lucky: str
) -> None:
    with greeting.opened() as cultivar:
        _ended(cultivar, greeting.canary)
    order = Order(task="", template=GREETING.name)
    assert _given(greeting, lucky, order) == greeting.canary.before


@pytest.mark.parametrize(
    "added",
    ["_tasks: [touch made]\n", 'token: {type: str, secret: true, default: ""}\n', "{{{{\n"],
    ids=["code", "secret", "no template"],
)
def test_a_canary_that_asks_for_more_than_what_is_used_is_given_to_nobody(
    greeting: Greeting, added: str
) -> None:
    files = _files("1.0.1", "good day")
    files["copier.yml"] = f"{files['copier.yml']}{added}"
    tree = Tree({name: text_entry(text) for name, text in files.items()})
    with greeting.opened() as cultivar:
        _ended(cultivar, greeting.canary)
        canary = _begun(cultivar, tree)
    runs = (str(number) for number in range(1000))
    run_id = next(each for each in runs if receives(GREETING, each, 0.5, canary.after))
    order = Order(task="", template=GREETING.name)
    assert _given(greeting, run_id, order) == canary.before
