"""A time that passes only while everybody waits, and then at once: an hour costs no second."""

import asyncio
import functools
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

import pytest

_MOMENT = 1e-7

P = ParamSpec("P")
T = TypeVar("T")


class _Skipping(selectors.DefaultSelector):
    """Instead of waiting, moves the clock to where the wait would end."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("Everybody waits, and nobody will ever come")
        if not ready:
            # Never less than a moment: some wait for the rest that rounding leaves them.
            self.now += max(timeout or 0.0, _MOMENT)
        return ready


class FastLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.skipping = _Skipping()
        super().__init__(self.skipping)

    def time(self) -> float:
        return self.skipping.now

    def run_in_executor(  # type: ignore[override]  # what comes back is the same
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Work at once: a thread's time is not ours to skip."""
        del executor
        future: asyncio.Future[T] = self.create_future()
        future.set_result(func(*args))
        return future


def fast(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Run an async test in a time that skips all waiting, `time.monotonic` included."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with pytest.MonkeyPatch.context() as patch, asyncio.Runner(loop_factory=FastLoop) as runner:
            patch.setattr(time, "monotonic", runner.get_loop().time)
            return runner.run(test(*args, **kwargs))

    return run


def now() -> float:
    return asyncio.get_running_loop().time()
