"""Times in which an answer only waits: nothing of it is under way, so it can be given up without a trace."""

import asyncio
import contextlib
from collections.abc import Iterator


class Pauses:
    """The tasks that only wait. What is given up here is cancelled, and can be done anew by anyone."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Task[object]] = set()
        self._is_over = False

    @contextlib.contextmanager
    def pausing(self) -> Iterator[None]:
        """Say that the current task only waits in here."""
        task = asyncio.current_task()
        if task is None or self._is_over:
            raise asyncio.CancelledError
        self._waiting.add(task)
        try:
            yield
        finally:
            self._waiting.discard(task)

    async def sleep(self, seconds: float) -> None:
        with self.pausing():
            await asyncio.sleep(seconds)

    def give_up(self, task: asyncio.Task[object]) -> None:
        """Cancel a task if it only waits."""
        if task in self._waiting:
            task.cancel()

    def end(self) -> None:
        """Cancel all that only wait, now and from now on."""
        self._is_over = True
        for task in self._waiting:
            task.cancel()
