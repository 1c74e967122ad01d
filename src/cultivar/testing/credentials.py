"""Keys and certificates with which tests show who they are."""

from __future__ import annotations

import os
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any


def new_key(kind: str) -> Any:
    """A new key of NATS.

    Args:
        kind: Whose, like `USER`.
    """
    nkeys: Any = import_module("nkeys")
    seed: bytes = nkeys.encode_seed(os.urandom(32), getattr(nkeys, f"PREFIX_BYTE_{kind}"))
    return nkeys.from_seed(bytearray(seed))


def public_of(key: Any) -> str:
    """The public half of a key of NATS."""
    public: bytes = key.public_key
    return public.decode()


def an_nkey() -> tuple[str, str]:
    """The seed and the public key of a new user."""
    key = new_key("USER")
    return key.seed.decode(), public_of(key)


def a_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key.

    Args:
        folder: Where they go.
    """
    own, key = folder / "own.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", own),
        ],
        check=True,
        capture_output=True,
    )
    return own, key
