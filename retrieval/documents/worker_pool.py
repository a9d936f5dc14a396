"""Worker processes with limits of memory and time: a malicious document may crash or block what reads it."""

import gc
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from pebble import ProcessFuture, ProcessPool

from retrieval.errors import ReadingStoppedError

if TYPE_CHECKING:
    from multiprocessing.synchronize import RLock

_MAX_WORKER_BYTES = 2 * 1024**3
_STOP_CHECK_SECONDS = 0.2


class _WorkerContext:
    """Starts worker processes. Holds the locks of a pool until its workers have ended.

    A pool deletes its locks before it stops its workers. One that is still starting then, as on a busy
    machine, would print a traceback.
    """

    def __init__(self) -> None:
        self._context = get_context("forkserver")
        self._locks: list[RLock] = []

    def RLock(self) -> "RLock":  # noqa: N802  # as in multiprocessing
        self._locks.append(self._context.RLock())
        return self._locks[-1]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


@contextmanager
def worker_pool(size: int, initializer: Callable[[], None]) -> Iterator[ProcessPool]:
    """Yield a pool of `size` processes; at the end wait for its jobs and stop the processes.

    `initializer` is called in each process.
    """
    context = _WorkerContext()
    with ProcessPool(size, context=context, initializer=initializer) as pool:
        yield pool


def wait_for(job: "ProcessFuture[Any]", pool: ProcessPool, stop: Callable[[], bool] | None) -> None:
    """Wait until a job has ended. On a stop, kill the worker processes and raise ReadingStoppedError.

    `stop` is called several times a second.
    """
    while stop is not None and not wait([job], _STOP_CHECK_SECONDS).done:
        if stop():
            job.cancel()  # type: ignore[no-untyped-call]
            pool.stop()  # type: ignore[no-untyped-call]
            raise ReadingStoppedError


def limit_worker() -> None:
    """Limit the memory of a worker process, so that the machine stays usable."""
    # Documents form no reference cycles, and searching for them took a tenth of the time.
    gc.set_threshold(200_000, 20, 20)
    # Windows has no such limit.
    with suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415  # see above

        resource.setrlimit(resource.RLIMIT_AS, (_MAX_WORKER_BYTES, _MAX_WORKER_BYTES))
