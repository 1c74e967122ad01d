"""Where the hub's database is: told as the hub's, and nobody else's to read."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from cultivar.errors import CultivarError, SettingsError, StoreUnavailableError
from cultivar.learning.hub.store import HubStore


def test_a_new_file_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    with closing(HubStore(f"sqlite:///{tmp_path}/hub.db")) as store:
        store.check()
        modes = {each.stat().st_mode & 0o777 for each in tmp_path.iterdir()}
    assert modes == {0o600}


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("sqlite:////proc/hub.db", StoreUnavailableError),
        ("postgresql://me:hush@127.0.0.1:1/hub", StoreUnavailableError),
        ("mysql://me:hush@db/hub", SettingsError),
    ],
)
def test_what_is_wrong_with_it_is_said_of_the_hub(url: str, kind: type[CultivarError]) -> None:
    with pytest.raises(kind, match="The hub's database") as caught:
        HubStore(url)
    assert "ledger" not in str(caught.value)
    assert "hush" not in str(caught.value)
    assert "database_url" not in str(caught.value)


def test_a_file_that_is_no_database_is_said_of_the_hub(tmp_path: Path) -> None:
    (tmp_path / "hub.db").write_text("These are my notes.\n" * 100)
    with pytest.raises(StoreUnavailableError, match=r"The hub's database .*`--database-url`"):
        HubStore(f"sqlite:///{tmp_path}/hub.db")
