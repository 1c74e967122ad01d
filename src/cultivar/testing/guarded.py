"""Who is who on a NATS server with the configuration that we ship, friends and enemies alike."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final

from msgspec import json
from nats.aio.client import Client

from cultivar.settings import BusSettings, Secret
from cultivar.testing.nats import NatsServer

PASSWORDS: Final = {
    "hub": "for-the-hub",
    "bridge": "for-the-bridge",
    "operator": "for-the-operator",
    "instance-1": "for-instance-1",
    "instance-2": "for-instance-2",
}
"""By the names of the users."""

ENVIRONMENT: Final = {
    f"CULTIVAR_{name.upper().replace('-', '_')}_PASSWORD": each for name, each in PASSWORDS.items()
}
"""What the configuration reads of it."""


def with_a_second_instance(text: str) -> str:
    """The configuration with a copy of the block of `instance-1`, as it says itself.

    Args:
        text: The configuration.
    """
    block = re.search(r"^  INSTANCE_1 \{$.*?^  \}$\n", text, re.MULTILINE | re.DOTALL)
    assert block, "there is a block for one instance"
    copied = block[0].replace("INSTANCE_1", "INSTANCE_2").replace("instance-1", "instance-2")
    return text.replace(block[0], f"{block[0]}\n{copied}")


def uncommented(text: str, begin: str, end: str) -> str:
    """The configuration with some lines in force that are comments in it.

    Args:
        text: The configuration.
        begin: How the first of them begins.
        end: How the last of them ends.
    """
    pattern = rf"^( *)# ({re.escape(begin)}.*?{re.escape(end)})$"
    found = re.search(pattern, text, re.MULTILINE | re.DOTALL)
    assert found, f"there are lines from {begin!r} to {end!r}"
    return text.replace(found[0], re.sub(r"^ *# ?", found[1], found[0], flags=re.MULTILINE))


def settings_of(server: NatsServer, name: str) -> BusSettings:
    """The settings of a user.

    Args:
        server: Where.
        name: Of the user.
    """
    return BusSettings(
        url=server.url,
        user=name,
        password=Secret(PASSWORDS[name]),
        inbox_prefix=f"_INBOX_{name}",
        timeout=2,
    )


class User:
    """A plain client, which does whatever it likes.

    Args:
        server: Where.
        name: As whom.
    """

    def __init__(self, server: NatsServer, name: str) -> None:
        self._server, self._name = server, name
        self.complaints: list[str] = []
        self.client: Any = Client()  # its own types are partly unknown

    async def __aenter__(self) -> User:
        await self.client.connect(
            self._server.url,
            user=self._name,
            password=PASSWORDS[self._name],
            inbox_prefix=f"_INBOX_{self._name}",
            error_cb=self._complain,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()

    async def api(self, subject: str, **body: Any) -> dict[str, Any]:
        """What JetStream answers."""
        data = json.encode(body) if body else b""
        reply = await self.client.request(f"$JS.API.{subject}", data, timeout=5)
        answer: dict[str, Any] = json.decode(reply.data)
        return answer

    async def settled(self) -> None:
        """Return when the server has worked off all that was said, and what followed from it."""
        await self.client.flush()
        await asyncio.sleep(0.1)

    def was_refused(self, subject: str) -> bool:
        """Whether the server did not let it publish there."""
        return any(f'"{subject}"'.lower() in each.lower() for each in self.complaints)

    async def _complain(self, error: Exception) -> None:
        self.complaints.append(str(error))
