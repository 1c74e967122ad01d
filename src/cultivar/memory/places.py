"""Where a Chroma index may be: a folder that one process uses at a time, or a server.

The invariant of the folder: whoever uses its files holds its lock, has opened them after the last
change by anyone else, and finds them as they were left. Two writers destroy such an index without
an error, a reader that stays open goes stale, and damaged files give wrong answers, or end the
process. So a broken index is never repaired: a new one is begun in a new folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from cultivar.errors import SettingsError, StoreUnavailableError
from cultivar.memory.chroma_api import (
    BrokenError,
    Client,
    Collection,
    guarded,
    hang_up,
    open_folder,
    open_server,
)
from cultivar.record import Record, field, replace, to_builtins

PATIENCE = 10.0
"""Seconds to wait for another process that uses the folder."""


_GRAPH = {"space": "cosine", "max_neighbors": 64, "ef_construction": 200, "ef_search": 200}
"""More than usual of each: with 16 neighbours, vectors that are all as far from each other, like
those of one tool's rules, cut each other off: eight of ninety were not found again."""


class Stamp(Record):
    """What an index holds."""

    embedder: str
    revision: int = 0
    """The ledger's, up to which the index goes."""
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    """How many vectors of each language it holds at least."""
    name: str = ""
    """The index's own folder."""
    files: Mapping[str, Sequence[int]] = field(default_factory=dict[str, Sequence[int]])
    """The size and the time of change of each file in it, as they were left."""


@dataclass(kw_only=True)
class Session:
    """An index that is open, and ours alone where that matters."""

    client: Client
    stamp: Stamp
    prefix: str
    """What the names of its collections begin with."""
    write: Callable[[Stamp], None]

    def collection(self, language: str) -> Collection:
        """The collection of that language, made where there is none."""
        name = f"{self.prefix}-{_digest(language)}"
        return self.client.get_or_create_collection(
            name,
            metadata={"language": language, "embedder": self.stamp.embedder},
            embedding_function=None,  # the default one downloads a model
            configuration={"hnsw": _GRAPH},
        )

    def keep(self, stamp: Stamp) -> None:
        """Say what the index holds now."""
        self.write(stamp)
        self.stamp = stamp


class Place(Protocol):
    """Where an index is."""

    def open(self, embedder: str) -> AbstractContextManager[Session]:
        """Use the index of that embedder; of another one's, a new one is begun.

        Raises:
            StoreUnavailableError: It is in use for too long, or does not answer.
            BrokenError: It cannot be opened as it is.
        """
        ...

    def discard(self) -> None:
        """Throw the index away.

        Raises:
            StoreUnavailableError: It is in use for too long.
        """
        ...

    def size(self) -> int:
        """How many vectors there are, as far as that is known without opening it."""
        ...

    def close(self) -> None:
        """Give back what is held open."""
        ...


class FolderPlace:
    """A folder. A client stays open between uses, and is opened anew when it has gone stale.

    Args:
        root: The folder; made where there is none.
        patience: Seconds to wait for another process.
    """

    def __init__(self, root: Path, patience: float = PATIENCE) -> None:
        self._root, self._patience = root.resolve(), patience

    @contextmanager
    def open(self, embedder: str) -> Generator[Session, None, None]:
        """Use the index of that embedder, alone.

        Raises:
            StoreUnavailableError: Another process uses it for too long.
            BrokenError: It cannot be opened as it is.
        """
        with self._alone():
            stamp = self._stamp()
            if stamp is None or stamp.embedder != embedder or self._is_damaged(stamp):
                stamp = self._begin(embedder)
            client = self._client(stamp)
            session = Session(client=client, stamp=stamp, prefix="failures", write=self._write)
            yield session
            self._leave(session.stamp)

    def discard(self) -> None:
        """Forget the index; its files go when the next one is begun."""
        with self._alone():
            self._shut()
            self._stamp_file.unlink(missing_ok=True)

    def size(self) -> int:
        """How many vectors the stamp tells of."""
        stamp = self._stamp()
        return sum(stamp.counts.values()) if stamp else 0

    def close(self) -> None:
        """Close the client, if this process holds one open."""
        if str(self._root) in _OPEN:
            with suppress(StoreUnavailableError), self._alone():
                self._shut()

    @contextmanager
    def _alone(self) -> Generator[None, None, None]:
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._root / "lock", poll_interval=0.01).acquire(self._patience)
        except Timeout as error:
            raise StoreUnavailableError(
                f"Another process has been using `{self._root}` for {self._patience:g} seconds.",
                "Wait for it, or set `chroma_url` to a Chroma server that many may use.",
            ) from error
        except OSError as error:
            raise StoreUnavailableError(
                f"`{self._root}` cannot be used: {error.strerror}.",
                "Set `home` to a folder that you may write.",
            ) from error
        with lock:
            yield

    @property
    def _stamp_file(self) -> Path:
        return self._root / "stamp.json"

    @property
    def _opening(self) -> Path:
        """It is there until files were opened and used. Broken ones can end the process there."""
        return self._root / "opening"

    def _is_damaged(self, stamp: Stamp) -> bool:
        return self._opening.exists() or self._files(stamp) != dict(stamp.files)

    def _files(self, stamp: Stamp) -> dict[str, Sequence[int]]:
        root = self._root / stamp.name
        stats = {path: path.stat() for path in sorted(root.rglob("*")) if path.is_file()}
        return {str(p.relative_to(root)): [s.st_size, s.st_mtime_ns] for p, s in stats.items()}

    def _leave(self, stamp: Stamp) -> None:
        """Note how the files are left; only then can the next one trust them."""
        files = self._files(stamp)
        if files != dict(stamp.files):
            self._write(replace(stamp, files=files))
        self._opening.unlink(missing_ok=True)

    def _stamp(self) -> Stamp | None:
        try:
            stamp = Stamp(**json.loads(self._stamp_file.read_text()))
            return stamp if (self._root / stamp.name).is_dir() and stamp.name else None
        except (OSError, ValueError, TypeError):
            return None

    def _write(self, stamp: Stamp) -> None:
        new = self._stamp_file.with_suffix(".new")
        new.write_text(json.dumps(to_builtins(stamp)))
        new.replace(self._stamp_file)
        if str(self._root) in _OPEN:
            _OPEN[str(self._root)] = (os.getpid(), stamp, _OPEN[str(self._root)][2])

    def _begin(self, embedder: str) -> Stamp:
        """A new index, in a folder of a name that no open client knows."""
        self._shut()
        self._opening.unlink(missing_ok=True)
        for old in self._root.glob("index-*"):
            shutil.rmtree(old, ignore_errors=True)
        stamp = Stamp(embedder=embedder, name=f"index-{uuid.uuid4().hex[:12]}")
        (self._root / stamp.name).mkdir()
        self._write(stamp)
        return stamp

    def _client(self, stamp: Stamp) -> Client:
        """An open client that has seen every change."""
        process, seen, client = _OPEN.get(str(self._root), (0, None, None))
        if client is not None and process == os.getpid() and seen == stamp:
            return client
        self._shut()
        self._opening.touch()
        with guarded():
            client = open_folder(self._root / stamp.name)
        _OPEN[str(self._root)] = (os.getpid(), stamp, client)
        return client

    def _shut(self) -> None:
        process, _, client = _OPEN.pop(str(self._root), (0, None, None))
        if client is not None and process == os.getpid():
            with suppress(BrokenError), guarded():
                client.close()


class ServerPlace:
    """A Chroma server, which many may use at once.

    Args:
        url: Its address, `http://host:port`.
        namespace: What the names of our collections begin with.

    Raises:
        SettingsError: It is no such address.
    """

    def __init__(self, url: str, namespace: str = "cultivar") -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError(f"`chroma_url` is {url!r}.", "Set it to `http://HOST:PORT`.")
        self._url, self._namespace = url, namespace
        self._client: Client | None = None
        self._discarded = False

    @contextmanager
    def open(self, embedder: str) -> Generator[Session, None, None]:
        """Use the index of that embedder.

        Raises:
            StoreUnavailableError: The server does not answer.
            BrokenError: It answers with an error.
        """
        prefix = f"{self._namespace}-{_digest(embedder)}"
        client = self._connected()
        with guarded():
            if self._discarded:
                _delete(client, prefix)
                self._discarded = False
            card = client.get_or_create_collection(f"{prefix}-stamp", embedding_function=None)
            stamp = _stamp_on(card, embedder)
        yield Session(
            client=client, stamp=stamp, prefix=prefix, write=lambda new: _put_stamp(card, new)
        )

    def discard(self) -> None:
        """Have the collections deleted when the server is used the next time."""
        self._discarded = True
        self.close()

    def size(self) -> int:
        """More than any limit: whoever sets up a server wants it asked."""
        return sys.maxsize

    def close(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(BrokenError), guarded():
                hang_up(client)

    def _connected(self) -> Client:
        if self._client is None:
            try:
                with guarded():
                    self._client = open_server(self._url)
            except BrokenError as error:
                raise StoreUnavailableError(
                    f"No Chroma server answers at {self._url!r}.",
                    "Start it with `chroma run`, or unset `chroma_url`.",
                ) from error
        return self._client


_OPEN: dict[str, tuple[int, Stamp, Client]] = {}
"""The clients that this process has open, by folder: Chroma shares one a folder anyway."""


def _digest(name: str) -> str:
    """A part of a collection's name; Chroma takes few characters in them."""
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def _delete(client: Client, prefix: str) -> None:
    for collection in client.list_collections():
        if collection.name.startswith(prefix):
            client.delete_collection(collection.name)


def _stamp_on(card: Collection, embedder: str) -> Stamp:
    known = card.metadata or {}
    counts = json.loads(known.get("counts", "{}"))
    return Stamp(embedder=embedder, revision=int(known.get("revision", 0)), counts=counts)


def _put_stamp(card: Collection, stamp: Stamp) -> None:
    with guarded():
        card.modify(metadata={"revision": stamp.revision, "counts": json.dumps(stamp.counts)})
