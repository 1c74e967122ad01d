"""Tells others what was found out here, where a run had no time to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cultivar.application.opened import Opened
from cultivar.errors import UsageError
from cultivar.ledger.outgoing import Outbox, Parked
from cultivar.record import Record

if TYPE_CHECKING:
    from cultivar.learning.telling.publishing import Publisher


class Untold(Record):
    """What nobody else knows yet of what was generated here."""

    waiting: int
    """How many generations wait to be told."""
    parked: tuple[Parked, ...]
    """Those that the bus has refused."""
    trouble: str = ""
    """Why the rest waits, in words."""


class Telling(Opened):
    """Empties the outbox."""

    def tell(self, *, retry: bool = False, seconds: float = 10.0) -> Untold:
        """Tell what waits, and say what is left.

        Args:
            retry: Whether what the bus has refused before is tried again.
            seconds: After which the rest is left waiting.

        Raises:
            UsageError: There is no bus.
        """
        publisher, outbox = self._teller(), self.services.need(Outbox)
        name = self.services.settings.instance_id
        if retry:
            outbox.unpark(name)
        publisher.publish_pending(seconds)
        waiting, parked = outbox.waiting(name), outbox.parked(name)
        return Untold(waiting=waiting, parked=parked, trouble=publisher.trouble)

    def keep_telling(self) -> None:
        """Tell what waits, and what others record in this ledger, until all is closed.

        Raises:
            UsageError: There is no bus.
        """
        self._teller().start()

    def _teller(self) -> Publisher:
        publisher = self._publisher()
        if publisher is None:
            raise UsageError(
                "There is no bus to tell anything on.",
                "Set `bus.url` to the one where a hub is, like `nats://host:4222`.",
            )
        return publisher
