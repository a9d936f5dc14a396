"""Cancellable waits, shutdown signals and work in threads."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import TypeVar


class CancellableWaits:
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


T = TypeVar("T")


def stop_on_signal() -> asyncio.Event:
    """Set when the process is asked to end."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def run_until_stopped(stop: asyncio.Event, work: Coroutine[object, object, T]) -> T | None:
    """Do `work`, or drop it and return None when `stop` is set first."""
    working, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([working, stopped], return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, stopped):
            task.cancel()


async def in_thread(work: Callable[[], T]) -> T:
    """Do `work` in a thread that, unlike those of asyncio, does not hold up a process told to stop."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # there is a result where there is no error

    def run() -> None:
        result, failure = None, None
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001  # it is raised again in the loop
            failure = error
        # The loop is closed when we were told to stop meanwhile.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, daemon=True, name="beside").start()
    return await future
