"""The rungs above git's and the lines', in their order."""

from __future__ import annotations

from cultivar.upgrade.merging.base import Resolution, Resolver, Texts


def rungs() -> tuple[Resolver, ...]:
    """The rungs that are built in: by key, then by syntax and by token.

    Few merges come so far, so that each is imported when it is first asked.
    """
    return (_by_key, _by_code)


def _by_key(texts: Texts) -> Resolution | None:
    from cultivar.upgrade.merging.keyed.resolving import resolve

    return resolve(texts)


def _by_code(texts: Texts) -> Resolution | None:
    from cultivar.upgrade.merging.code.resolving import resolve

    return resolve(texts)
