"""Git addresses: which there are, and what is in none of them."""

from __future__ import annotations

import pytest

from cultivar.errors import UsageError
from cultivar.templating.origins.git import git_address, without_credentials


@pytest.mark.parametrize(
    "address", ["https://github.com/acme/../evil/x", "https://h/acme/%2e%2e/x", "git@h:a/../b.git"]
)
def test_an_address_that_climbs_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="refused"):
        git_address(address)


@pytest.mark.parametrize(
    ("reference", "address"),
    [
        ("gh:a/b", "https://github.com/a/b.git"),
        ("gl:a/b.git", "https://gitlab.com/a/b.git"),
        ("git+https://h/a", "https://h/a"),
        ("git@h:a/b.git", "git@h:a/b.git"),
        ("me@h:a/b.git", "me@h:a/b.git"),
        ("ssh://git@h/a", "ssh://git@h/a"),
        ("some_template:x", None),
        ("folder/x", None),
    ],
)
def test_addresses_are_known_by_their_form(reference: str, address: str | None) -> None:
    assert git_address(reference) == address


@pytest.mark.parametrize(
    ("address", "bare"),
    [
        ("https://user:token@h/a.git", "https://h/a.git"),
        ("https://token@h/a.git", "https://h/a.git"),
        ("ssh://git:pw@h/a", "ssh://git@h/a"),
        ("git@h:a.git", "git@h:a.git"),
    ],
)
def test_credentials_are_taken_out_of_an_address(address: str, bare: str) -> None:
    assert without_credentials(address) == bare
