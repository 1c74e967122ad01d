from __future__ import annotations

import subprocess
import sys

import cultivar


def test_people_may_rely_on_at_most_25_names_and_each_is_there() -> None:
    assert len(cultivar.__all__) <= 25
    assert sorted(cultivar.__all__) == dir(cultivar)
    assert all(getattr(cultivar, name) is not None for name in cultivar.__all__)


HEAVY = ("litellm", "chromadb", "langgraph", "langchain_core", "sqlalchemy", "mcp", "numpy")


def _modules_after(code: str) -> set[str]:
    shown = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(shown.stdout.split())


def test_importing_cultivar_imports_nothing_heavy() -> None:
    assert not _modules_after("import cultivar") & {*HEAVY, "pydantic", "jinja2", "rich", "typer"}


def test_the_help_of_the_command_line_imports_nothing_heavy() -> None:
    asked = "from cultivar.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    assert not _modules_after(asked) & {*HEAVY, "pydantic", "jinja2", "questionary"}


def test_listing_templates_imports_no_database_and_no_model() -> None:
    asked = "from cultivar import Cultivar\nCultivar().templates()"
    assert not _modules_after(asked) & {"litellm", "chromadb", "langgraph", "alembic"}


def test_what_an_upgrade_is_made_of_imports_what_only_models_need_last() -> None:
    asked = (
        "from cultivar import Cultivar\n"
        "from cultivar.definitions import Definitions\n"
        "Cultivar().services.need(Definitions).graph('upgrade')"
    )
    assert not _modules_after(asked) & {*HEAVY, "pydantic", "asyncio", "ssl", "email"}
