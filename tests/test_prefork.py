"""Processes that the tests fork behave like processes that are started."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests import prefork

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PROBE = """\
import atexit, json, os, signal, sys
atexit.register(print, "at exit")
print(json.dumps({
    "argv": sys.argv, "environment": dict(os.environ), "folder": os.getcwd(), "path": sys.path[0],
    "files": sorted(os.listdir("/proc/self/fd"))[:3], "interrupt": str(signal.getsignal(signal.SIGINT)),
    "streams": [
        (s.name, s.encoding, s.errors, s.line_buffering) for s in (sys.stdin, sys.stdout, sys.stderr)
    ],
    "name": __name__, "input": sys.stdin.read(), "main": sys.modules["__main__"].__spec__.name,
}))
ENDING
"""
OPEN_FILES = """\
import atexit, os
files = [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]
atexit.register(lambda: print("open", len([os.fstat(file) for file in files])))
"""
WATCHED_IMPORTS = """\
import importlib, os, sys, threading
from tests import prefork
for name in prefork.LIBRARIES:
    importlib.import_module(name)
read = []
class Watched(type(os.environ)):
    def __getitem__(self, name):
        frame = sys._getframe(1)
        while frame.f_globals["__name__"] in {"os", "_collections_abc", "collections.abc"}:
            frame = frame.f_back
        if frame.f_globals["__name__"].startswith(("bot.", "config.", "retrieval.", "sandbox.")):
            read.append(name)
        return super().__getitem__(name)
os.environ.__class__ = Watched
for name in prefork.PROJECT_MODULES:
    importlib.import_module(name)
prefork.warm_up()
sys.exit(f"read {read}" if read else threading.active_count() - 1)
"""
needs_fork = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no process is forked")


@pytest.fixture
def environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "SETTING": "é"}


@needs_fork
@pytest.mark.parametrize(
    "ending", ["", "sys.exit(3)", "sys.exit('a reason')", "raise ValueError", "os.kill(os.getpid(), 9)"]
)
def test_a_forked_process_is_like_a_started_one(
    tmp_path: Path, environment: dict[str, str], ending: str
) -> None:
    """Arguments, environment, streams, output and exit code are the same."""
    (tmp_path / "probe.py").write_text(PROBE.replace("ENDING", ending), encoding="utf-8")
    arguments, typed = ["--first", "ü"], b"a line\n"
    forked = prefork.run("probe", arguments, cwd=tmp_path, env=environment, typed=typed, timeout=60)
    command = [sys.executable, "-m", "probe", *arguments]
    started = subprocess.run(
        command, cwd=tmp_path, env=environment, input=typed, capture_output=True, check=False
    )
    assert (started.returncode, started.stdout) == (forked.returncode, forked.stdout)
    assert started.stderr.splitlines()[-1:] == forked.stderr.splitlines()[-1:]


def test_modules_imported_before_the_fork() -> None:
    """They read no environment variable and start no thread, so a fork of the server is like a start."""
    done = subprocess.run(
        [sys.executable, "-c", WATCHED_IMPORTS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)


@needs_fork
def test_a_forked_process_keeps_its_files(tmp_path: Path, environment: dict[str, str]) -> None:
    """Nothing of the server closes a file that the process has opened, before it ends."""
    (tmp_path / "probe.py").write_text(OPEN_FILES, encoding="utf-8")
    done = prefork.run("probe", [], cwd=tmp_path, env=environment, typed=b"", timeout=60)
    assert (0, b"open 20\n", b"") == (done.returncode, done.stdout, done.stderr)


@needs_fork
def test_a_forked_process_can_be_ended(tmp_path: Path, environment: dict[str, str]) -> None:
    """Waiting takes a timeout, and a signal that ends the process is its exit code."""
    (tmp_path / "sleeper.py").write_text("import time; time.sleep(60)", encoding="utf-8")
    with tempfile.TemporaryFile() as output:
        process = prefork.start("sleeper", cwd=tmp_path, env=environment, stdout=output)
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.terminate()
        assert [-signal.SIGTERM] * 2 == [process.wait(60), process.wait(60)]
        process.kill()


@needs_fork
@pytest.mark.parametrize(
    ("name", "is_started"), [("PYTHONUTF8", True), ("PYTHONASYNCIODEBUG", False), ("SETTING", False)]
)
def test_variables_that_python_reads_at_its_start(
    tmp_path: Path, environment: dict[str, str], name: str, *, is_started: bool
) -> None:
    """A process is started, not forked, if its environment has a variable that would have no effect."""
    (tmp_path / "empty.py").touch()
    with tempfile.TemporaryFile() as output:
        process = prefork.start("empty", cwd=tmp_path, env=environment | {name: "1"}, stdout=output)
        assert 0 == process.wait(60)
    assert is_started is isinstance(process, subprocess.Popen)
