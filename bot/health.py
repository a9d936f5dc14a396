"""Whether the process lives, and whether it is ready to answer."""

import time
from collections.abc import Awaitable, Callable

# A long poll takes up to 50 s; a webhook is looked after every minute.
_SILENCE = 180.0


async def _always() -> bool:
    return True


class Health:
    """`is_ready` once the documents are read and Telegram knows where we are."""

    def __init__(self) -> None:
        self.is_ready = False
        self._searches: Callable[[], Awaitable[bool]] = _always
        self._heard_at = time.monotonic()

    def watch_search(self, searches: Callable[[], Awaitable[bool]]) -> None:
        """Take what tells whether the documents can be searched now."""
        self._searches = searches

    async def can_search(self) -> bool:
        return await self._searches()

    def heard(self) -> None:
        """Telegram has answered, or has sent an update."""
        self._heard_at = time.monotonic()

    @property
    def silence(self) -> float:
        """Seconds since we heard of Telegram, or started."""
        return time.monotonic() - self._heard_at

    @property
    def is_alive(self) -> bool:
        return self.silence < _SILENCE
