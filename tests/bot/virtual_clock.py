"""An event loop with a virtual clock: when all tasks wait, the clock skips to the end of the first wait."""

import asyncio
import functools
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

import pytest

_MIN_STEP_SECONDS = 1e-7

P = ParamSpec("P")
T = TypeVar("T")


class _SkippingSelector(selectors.DefaultSelector):
    """Advances the clock instead of waiting."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("All tasks wait for ever")
        if not ready:
            # A minimum step, as rounding may leave a wait of nearly nothing.
            self.now += max(timeout or 0.0, _MIN_STEP_SECONDS)
        return ready


class FastLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.selector = _SkippingSelector()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now

    def run_in_executor(  # type: ignore[override]  # the result is the same
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run the function at once, as the time of a thread cannot be skipped."""
        del executor
        future: asyncio.Future[T] = self.create_future()
        future.set_result(func(*args))
        return future


def fast(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Run an async test on the virtual clock, which `time.monotonic` returns too."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with pytest.MonkeyPatch.context() as patch, asyncio.Runner(loop_factory=FastLoop) as runner:
            patch.setattr(time, "monotonic", runner.get_loop().time)
            return runner.run(test(*args, **kwargs))

    return run


def now() -> float:
    return asyncio.get_running_loop().time()
