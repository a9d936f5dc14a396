import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bot.concurrency import run_until_stopped, stop_on_signal
from tests.bot.virtual_clock import fast, now

ROOT = Path(__file__).parents[2]


async def _slowly(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "done"


@fast
async def test_work_that_ends_first() -> None:
    """Without a stop, the result of the work is returned."""
    assert "done" == await run_until_stopped(asyncio.Event(), _slowly(5))


@fast
async def test_a_stop_cancels_the_work() -> None:
    """A stop cancels the work at once."""
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(2, stop.set)
    assert await run_until_stopped(stop, _slowly(5)) is None
    assert 2.0 == round(now(), 3)
    await asyncio.sleep(0)
    assert 1 == len(asyncio.all_tasks())


@fast
async def test_errors_are_raised() -> None:
    """An error of the work is raised in the caller."""

    async def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await run_until_stopped(asyncio.Event(), fail())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops(number: signal.Signals) -> None:
    """SIGTERM and SIGINT both set the event."""
    stop = stop_on_signal()
    os.kill(os.getpid(), number)
    async with asyncio.timeout(2):
        await stop.wait()
    for handled in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(handled)


# The thread begins to write when the interpreter ends, and that takes a while, as on a busy machine.
WRITING_AT_THE_END = """\
import atexit, io, os, sys, threading, time
class SlowStream(io.RawIOBase):
    def writable(self):
        return True
    def write(self, data):
        is_writing.set()
        time.sleep(0.3)
        return os.write(2, data)
def at_exit():
    print("at exit")
    if sys.argv[1] == "working":
        is_ending.set()
        is_writing.wait()
def write():
    is_ending.wait()
    print("a line", file=sys.stderr)
is_writing, is_ending = threading.Event(), threading.Event()
# Called last, as it is registered before the functions of the modules that are imported next.
atexit.register(at_exit)
from bot.concurrency import end_process
sys.stderr = io.TextIOWrapper(io.BufferedWriter(SlowStream()), line_buffering=True)
if sys.argv[1] == "working":
    threading.Thread(target=write, daemon=True).start()
end_process(1)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("thread", "written"), [("working", "a line\n"), ("none", "")])
def test_the_process_ends_while_a_thread_writes(thread: str, written: str) -> None:
    """The process does not abort: it has its exit code, and what is registered for its end is called."""
    command = [sys.executable, "-c", WRITING_AT_THE_END, thread]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (1, "at exit\n", written) == (done.returncode, done.stdout, done.stderr)
