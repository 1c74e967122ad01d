"""How to reach the bus."""

from __future__ import annotations

from pathlib import Path

from cultivar.record import Record
from cultivar.settings import Secret


class BusSettings(Record):
    """Where the bus is, who we are on it, and what it keeps."""

    url: str = ""
    """Like `nats://host:4222`, several with commas; empty is the bus of this machine."""
    user: str = ""
    password: Secret | None = None
    token: Secret | None = None
    nkey_seed_file: Path | None = None
    """A file with the seed of an nkey."""
    credentials_file: Path | None = None
    """A file with a user's JWT and seed, as `nsc` writes it."""
    inbox_prefix: str = "_INBOX"
    """Under which subject our answers come; its own where the server keeps users apart."""
    tls_ca: Path | None = None
    """The certificate of who signed the server's; the system's own where it is not set."""
    tls_certificate: Path | None = None
    """Ours, where the server asks for one."""
    tls_key: Path | None = None
    connect_timeout: float = 5.0
    """Seconds to reach a server."""
    timeout: float = 5.0
    """Seconds to wait for an acknowledgement."""
    in_flight: int = 4000
    """How many messages may wait for their acknowledgement at a time."""
    replicas: int = 1
    """On how many servers of a cluster each stream is kept."""
    duplicate_window: float = 3600.0
    """Seconds in which a message with a known id is not stored again."""
    stream_max_bytes: int = -1
    """Of each stream, at most; a full stream refuses messages. -1 is no limit."""
