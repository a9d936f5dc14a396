"""Work in threads and their priority, shutdown signals, and the end of the process."""

import asyncio
import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import NoReturn, TypeVar

T = TypeVar("T")


def stop_on_signal() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def run_until_stopped(stop: asyncio.Event, work: Coroutine[object, object, T]) -> T | None:
    """Run `work` and return its result, or cancel it and return None if `stop` is set first."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, stopping):
            task.cancel()


async def in_thread(work: Callable[[], T]) -> T:
    """Run `work` in a daemon thread, which unlike asyncio's threads does not delay the end of the process."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # without an error there is a result

    def run() -> None:
        result, failure = None, None
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001  # raised again in the event loop
            failure = error
        # The loop is closed if the process has been stopped in the meantime.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, daemon=True, name="background").start()
    return await future


# The thread yields to those that answer: on a busy core it gets a tenth of their share.
_NICENESS = 10


def lower_priority() -> None:
    """Lower the priority of this thread, on systems where each thread has its own."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            thread = threading.get_native_id()
            niceness = max(_NICENESS, os.getpriority(os.PRIO_PROCESS, thread))
            os.setpriority(os.PRIO_PROCESS, thread, niceness)


def end_process(code: int) -> NoReturn:
    """End the process with an exit code, also while a thread of `in_thread` works.

    The interpreter would stop such a thread anywhere. If it is in compiled code or writes a line of the log,
    the process aborts.
    """
    if any(thread.daemon for thread in threading.enumerate()):
        # All that the interpreter does at exit, before it stops the threads.
        atexit._run_exitfuncs()  # noqa: SLF001
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)
    sys.exit(code)
