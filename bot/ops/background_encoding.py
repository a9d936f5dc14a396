"""The vectors that a library lacks, made beside answering."""

import asyncio
import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable

from bot.ops.concurrency import in_thread
from bot.ops.metrics import Metrics
from retrieval.documents.library import Library

# The thread yields to those that answer: it has a tenth of their share of a core that all of them want.
_NICENESS = 10
_LOG_SECONDS = 60.0
# A batch takes a second or so; a process that is told to stop has ten.
_STOP_SECONDS = 3.0

_log = logging.getLogger(__name__)


class BackgroundEncoding:
    """Makes the missing vectors of one library at a time, that which `take` was given last."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._library: Library | None = None
        self._taken = asyncio.Event()
        self._is_over = False

    def take(self, library: Library) -> None:
        """Go on with this library; what is under way for another one stops after its batch."""
        self._library = library
        self._taken.set()

    async def run(self) -> None:
        """Make vectors, for ever. When cancelled, it waits for the batch that is under way."""
        while True:
            await self._taken.wait()
            self._taken.clear()
            if (library := self._library) is not None:
                await self._make(library)

    async def _make(self, library: Library) -> None:
        working = asyncio.ensure_future(in_thread(lambda: self._encode(library)))
        try:
            await asyncio.shield(working)
        except asyncio.CancelledError:
            self._is_over = True
            await asyncio.wait({working}, timeout=_STOP_SECONDS)
            raise

    def _encode(self, library: Library) -> None:
        _lower_priority()
        try:
            missing = library.unencoded
            self._metrics.unencoded(missing)
            if not missing:
                return
            _log.info("Comparing meanings: %s texts have no vector yet", f"{missing:,}")
            if library.encode(self._progress(), stop=lambda: self._is_over or self._library is not library):
                _log.info("Comparing meanings: all texts have vectors, %s of them new", f"{missing:,}")
        except Exception as error:  # noqa: BLE001  # whatever it is, answers go on by words
            _log.warning("Meanings cannot be compared (%s): answers are found by words alone", error)

    def _progress(self) -> Callable[[int, int], None]:
        told_at = time.monotonic()

        def progress(done: int, total: int) -> None:
            nonlocal told_at
            self._metrics.unencoded(total - done)
            if time.monotonic() - told_at >= _LOG_SECONDS:
                told_at = time.monotonic()
                _log.info("Comparing meanings: %s of %s texts", f"{done:,}", f"{total:,}")

        return progress


def _lower_priority() -> None:
    """Lower the priority of this thread, where threads have one of their own."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
