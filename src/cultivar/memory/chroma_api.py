"""As much of Chroma as we use, and how it is opened and closed.

Chroma is imported when it is opened, and not before.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from chromadb.config import Settings


class BrokenError(Exception):
    """Chroma threw something, or holds less than it was given. Never leaves the memory."""


class Collection(Protocol):
    """As much of Chroma's collection as we use."""

    metadata: Mapping[str, Any] | None

    def count(self) -> int:
        """How many vectors it holds."""
        ...

    def upsert(self, *, ids: list[str], embeddings: NDArray[np.float32]) -> None:
        """Add vectors, or replace those of the same id."""
        ...

    def query(
        self, *, query_embeddings: NDArray[np.float32], n_results: int, include: list[str]
    ) -> Mapping[str, Any]:
        """The nearest to each of the vectors."""
        ...

    def modify(self, *, metadata: Mapping[str, Any]) -> None:
        """Replace the metadata."""
        ...


class Client(Protocol):
    """As much of Chroma's client as we use."""

    def get_or_create_collection(self, name: str, **settings: Any) -> Collection:
        """The collection of that name."""
        ...

    def list_collections(self) -> list[Any]:
        """All collections."""
        ...

    def delete_collection(self, name: str) -> None:
        """Delete the collection of that name."""
        ...

    def close(self) -> None:
        """Give back files or connections."""
        ...


@contextmanager
def guarded() -> Generator[None, None, None]:
    """Turn whatever Chroma throws into `BrokenError`.

    Raises:
        BrokenError: Something was thrown; a panic of its native part is no `Exception`.
    """
    try:
        yield
    except BrokenError:
        raise
    except BaseException as error:
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise BrokenError(f"{type(error).__name__}: {error}") from error
        raise


def open_folder(path: Path) -> Client:
    """A client of the index in a folder, which nobody else uses."""
    import chromadb

    return cast(Client, chromadb.PersistentClient(str(path), settings=_settings()))


def open_server(url: str) -> Client:
    """A client of the server at `url`, which answers."""
    import chromadb

    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 8000)
    client = chromadb.HttpClient(str(parts.hostname), port, ssl=secure, settings=_settings())
    return cast(Client, client)


def hang_up(client: Client) -> None:
    """Close the client, and the connections that Chroma would leave open."""
    owners = (client, getattr(client, "_admin_client", None))
    client.close()
    for owner in owners:
        session = getattr(getattr(owner, "_server", None), "_session", None)
        if session is not None:
            session.close()


def _settings() -> Settings:
    from chromadb.config import Settings

    return Settings(anonymized_telemetry=False)
