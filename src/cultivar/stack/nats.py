"""A NATS server of our own, on this machine alone, for those alone who may read its key.

The key is an nkey: who connects signs what the server says, so the server has only the public
half, and another program that sits on its port does not learn the key. It would hear what is said
there, though, as there is no TLS. So a stack goes on only when its own server says, in a folder
where only we can write, that the port is its own; no other can take it for as long as that server
lives. Between a crash and its restart one can: where users of the machine are not to be trusted,
set `bus.url` to a server with TLS, and `bus.tls_ca`.
"""

from __future__ import annotations

import binascii
import os
import secrets
import shutil
import socket
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import DecodeError, json

from cultivar.errors import UsageError
from cultivar.record import Record

HOST: Final = "127.0.0.1"

HOW_TO_GET_IT: Final = (
    "Get it with `apt install nats-server` (Debian, Ubuntu), `brew install nats-server` (macOS), "
    "or from nats.io/download."
)
"""What to do where there is no `nats-server`."""

_BEYOND_PATH: Final = "/usr/sbin:/usr/local/sbin"
"""Where packages put servers, and few have in their PATH."""

_USUAL_PORT: Final = 4222

_PORTS_FILES: Final = "*.ports"

_CONFIGURATION: Final = """\
# Written by `cultivar up` at every start.
server_name: "{name}"
listen: "{host}:{port}"
max_payload: 1MB
logtime: false
ports_file_dir: "{ports}"
jetstream {{ store_dir: "{folder}" }}
authorization {{ users: [ {{ nkey: {public_key} }} ] }}
"""


class NatsFiles(Record):
    """What a server is started with."""

    configuration: Path
    name: str
    """Its own, new at every start."""
    port: int
    key: Path
    """The file with the seed of the key."""
    ports: Path
    """The folder where it says which port it has; `has_port` reads it."""


def find_server(given: Path | None, path: str = "") -> Path | None:
    """The program `nats-server`; None where there is none.

    Args:
        given: Where the user says that it is.
        path: Else, where it is looked for; as `PATH` where it is empty.

    Raises:
        UsageError: It is not there.
    """
    if given is not None:
        if given.is_file() and os.access(given, os.X_OK):
            return given.absolute()
        raise UsageError(f"`{given}` is no program.", HOW_TO_GET_IT)
    places = path or f"{os.environ.get('PATH', os.defpath)}:{_BEYOND_PATH}"
    # What lies in the current folder may be anybody's.
    own = os.pathsep.join(each for each in places.split(os.pathsep) if Path(each).is_absolute())
    found = shutil.which("nats-server", path=own)
    return Path(found) if found else None


def key_in(folder: Path) -> Path:
    """The file with the key to the server whose files are in `folder`."""
    return folder.absolute() / "key.nk"


def make_ready(folder: Path, port: int) -> NatsFiles:
    """Write what the server needs; port and key stay what they were the last time.

    Args:
        folder: Where its files are; it becomes readable by its owner alone.
        port: The port; 0 is the last one, the usual one, or any, whichever is free.

    Raises:
        UsageError: The port is not free.
        OSError: The folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    files = NatsFiles(
        configuration=folder / "nats.conf",
        name=f"cultivar-{secrets.token_hex(8)}",
        port=_port(folder, port),
        key=key_in(folder),
        ports=_emptied(folder / "ports"),
    )
    write_private(folder / "port", str(files.port))
    write_private(files.configuration, _configuration(folder, files))
    return files


def _configuration(folder: Path, files: NatsFiles) -> str:
    return _CONFIGURATION.format(
        name=files.name,
        host=HOST,
        port=files.port,
        folder=_quoted(folder.absolute()),
        ports=_quoted(files.ports.absolute()),
        public_key=_public_key(files.key),
    )


def _quoted(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')


def _emptied(folder: Path) -> Path:
    """The folder, without what servers left there that were killed."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for each in folder.glob(_PORTS_FILES):
        each.unlink(missing_ok=True)
    return folder


def has_port(folder: Path, port: int) -> bool:
    """Whether a server that lives says that it has a port: then nobody else has it.

    Args:
        folder: Where servers say so, each in a file with its number.
        port: The port, on this machine.
    """
    return any(_lives(each) and port in _ports_in(each) for each in folder.glob(_PORTS_FILES))


def _lives(file: Path) -> bool:
    number = file.stem.rpartition("_")[2]
    try:
        os.kill(int(number), 0)
    except (ValueError, OverflowError, OSError):
        return False
    return True


def _ports_in(file: Path) -> list[int | None]:
    try:
        said = json.decode(_read(file), type=dict[str, list[str]])
        return [urlsplit(each).port for each in said.get("nats", [])]
    except (DecodeError, ValueError):  # it is being written
        return []


def _public_key(key: Path) -> str:
    """The public half of the key; a new one where there is none that can be read."""
    nkeys: Any = import_module("nkeys")  # it has no types
    try:
        pair = nkeys.from_seed(_read(key).encode())
    except (nkeys.NkeysError, binascii.Error, IndexError):
        seed = nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER)
        write_private(key, seed.decode())
        pair = nkeys.from_seed(seed)
    public: bytes = pair.public_key
    return public.decode()


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, all at once."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
    part.replace(path)


def _port(folder: Path, wanted: int) -> int:
    if wanted:
        if not _is_free(wanted):
            raise UsageError(
                f"The port {wanted} on {HOST} is not free.",
                "Give another with `--bus-port`; without it, one that is free is taken.",
            )
        return wanted
    last = _read(folder / "port")
    tried = [int(last)] if last.isdecimal() else []
    return next((each for each in (*tried, _USUAL_PORT) if _is_free(each)), 0) or _any_port()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):
            return False
        return True


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
