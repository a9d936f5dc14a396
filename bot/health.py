"""Whether the process lives, and whether it is ready to answer."""

import time

# A long poll takes up to 50 s; a webhook is looked after every minute.
_SILENCE = 180.0


class Health:
    """`is_ready` once the documents are read and Telegram knows where we are."""

    def __init__(self) -> None:
        self.is_ready = False
        self._heard_at = time.monotonic()

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
