"""Starts `python -m MODULE` quickly: as a fork of a process that has already imported the modules.

A bot takes a second of processor time to import the libraries and its own modules, to unpack the model that
detects languages and to load its phrases. The server here does that once and forks for each process that a
test starts. With
VERBATIM_COLD_STARTS set, and on other systems than Linux, every process is started afresh.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import io
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

COLD_STARTS_VARIABLE = "VERBATIM_COLD_STARTS"
# What takes time to import. What is missing here is imported after the fork.
LIBRARIES = (
    "aiolimiter", "asyncio", "charset_normalizer", "click", "h11", "httpx", "importlib.metadata",
    "logging.config", "markdown_it", "numpy", "numpy.ma", "pebble", "PIL.Image", "platformdirs",
    "prometheus_client", "pydantic", "pydantic_settings", "python_multipart", "rapidfuzz", "regex",
    "selectolax.lexbor", "sentencex", "starlette.applications", "starlette.formparsers",
    "starlette.responses", "starlette.routing", "Stemmer", "telegram.ext", "telegram.request", "tenacity",
    "uvicorn", "uvicorn.lifespan.on", "uvicorn.loops.auto",
    "uvicorn.protocols.http.h11_impl", "watchfiles",
)  # fmt: skip
# They import most modules of the project, and read nothing of the environment before they are called.
PROJECT_MODULES = (
    "bot.cli.commands", "bot.cli.evaluation", "bot.cli.feedback_report", "bot.cli.indexing",
    "bot.cli.questions", "bot.lifecycle", "retrieval.loaders.html.html", "retrieval.loaders.text.markdown",
    "retrieval.loaders.text.plain_text", "sandbox.server",
)  # fmt: skip
_MAX_REQUEST_BYTES = 2**17
# Variables that Python reads when it starts, so that a fork would ignore them.
_STARTUP_VARIABLES = ("PYTHON", "LC_", "OPENBLAS_")
# Read when an event loop is made.
_LATER_VARIABLES = {"PYTHONASYNCIODEBUG"}


class StartedProcess(Protocol):
    """The part of subprocess.Popen that tests use."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


@dataclass
class ForkedProcess:
    """A process that the server forked; `status` becomes readable when it has ended."""

    pid: int
    status: socket.socket
    returncode: int | None = None

    def poll(self) -> int | None:
        return self._read_status(0)

    def wait(self, timeout: float | None = None) -> int:
        if (code := self._read_status(timeout)) is None:
            raise subprocess.TimeoutExpired(["forked process", str(self.pid)], timeout or 0)
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _read_status(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            self.status.settimeout(timeout)
            try:
                self.returncode = int(self.status.recv(64))
            except (BlockingIOError, TimeoutError):
                return None
            self.status.close()
        return self.returncode


def start(  # noqa: PLR0913  # as subprocess.Popen
    module: str,
    arguments: Sequence[str] = (),
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdin: BinaryIO | None = None,
    stdout: BinaryIO,
    stderr: BinaryIO | None = None,
) -> StartedProcess:
    """Start `python -m MODULE` with exactly this environment."""
    if sys.platform != "linux" or COLD_STARTS_VARIABLE in os.environ or _changes_the_start(env):
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=cwd,
            env=env,
            stdin=stdin or subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
    request = {"module": module, "arguments": list(arguments), "cwd": str(cwd), "env": dict(env)}
    with contextlib.ExitStack() as stack:
        standard_input = stdin or stack.enter_context(Path(os.devnull).open("rb"))
        errors = stderr.fileno() if stderr else 2
        files = [standard_input.fileno(), stdout.fileno(), errors]
        return _server(os.getpid()).start(request, files)


def _changes_the_start(env: Mapping[str, str]) -> bool:
    """Return whether a variable has an effect that the server does not have already."""
    names = {name for name in env if name.startswith(_STARTUP_VARIABLES)} - _LATER_VARIABLES
    return any(name != "PYTHONPATH" or env[name] != os.environ.get(name) for name in names)


def run(  # noqa: PLR0913  # as subprocess.run
    module: str, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], typed: bytes, timeout: float
) -> "subprocess.CompletedProcess[bytes]":
    """Run `python -m MODULE` with this standard input, and return its output."""
    with (
        tempfile.TemporaryFile() as stdin,
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
    ):
        stdin.write(typed)
        stdin.seek(0)
        streams = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
        process = start(module, arguments, cwd=cwd, env=env, **cast("dict[str, Any]", streams))
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess([module, *arguments], code, stdout.read(), stderr.read())


@dataclass
class _Client:
    """The connection to the server, which ends when it is closed."""

    connection: socket.socket
    server: "subprocess.Popen[bytes]"

    def close(self) -> None:
        self.connection.close()
        self.server.wait()

    def start(self, request: Mapping[str, Any], files: Sequence[int]) -> ForkedProcess:
        status, remote = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with remote:
            data = json.dumps(request).encode()
            socket.send_fds(self.connection, [data], [remote.fileno(), *files])
        return ForkedProcess(int(status.recv(64)), status)


@functools.cache
def _server(_: int) -> _Client:
    """Start the server of this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # Without LANG as with it, Python reads and writes UTF-8.
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
    with theirs:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(theirs.fileno())],
            env=environment | {"OPENBLAS_NUM_THREADS": "1"},
            pass_fds=[theirs.fileno()],
        )
    client = _Client(ours, process)
    atexit.register(client.close)
    return client


# What follows runs in the server.


def _serve(connection: socket.socket) -> dict[str, Any] | None:
    """Fork for each request. Return the request in the new process, and None at the end in the server."""
    running: dict[int, tuple[int, socket.socket]] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not connection:
                    pid, status = running.pop(key.fd)
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    _report_end(pid, status)
                    continue
                data, files, _, _ = socket.recv_fds(connection, _MAX_REQUEST_BYTES, 4)
                if not data:
                    return None
                if not (pid := os.fork()):
                    return {**json.loads(data), "files": files[1:]}
                for file in files[1:]:
                    os.close(file)
                status = socket.socket(fileno=files[0])
                status.send(str(pid).encode())
                watched = os.pidfd_open(pid)
                running[watched] = pid, status
                selector.register(watched, selectors.EVENT_READ)


def _report_end(pid: int, status: socket.socket) -> None:
    _, code = os.waitpid(pid, 0)
    with status, contextlib.suppress(OSError):
        status.send(str(os.waitstatus_to_exitcode(code)).encode())


def _become(request: Mapping[str, Any]) -> None:
    """Make the forked process like a new one, and run the module."""
    for target, source in enumerate(request["files"]):
        os.dup2(source, target)
    os.closerange(3, max(int(path.name) for path in Path("/proc/self/fd").iterdir()) + 1)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    if not {"LC_ALL", "LC_CTYPE", "LANG"} & set(os.environ):
        # As Python does when it starts without a locale.
        os.environ["LC_CTYPE"] = "C.UTF-8"
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.path[0] = request["cwd"]
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        raw = io.FileIO(number, "w" if number else "r", closefd=False)
        raw.name = f"<{name}>"
        buffer = io.BufferedWriter(raw) if number else io.BufferedReader(raw)
        errors = "backslashreplace" if name == "stderr" else "surrogateescape"
        stream = io.TextIOWrapper(buffer, "utf-8", errors, line_buffering=name == "stderr")
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.argv[1:] = request["arguments"]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


def _preload() -> None:
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    sys.path.insert(0, str(Path(__file__).parents[1]))
    for name in PROJECT_MODULES:
        importlib.import_module(name)
    warm_up()
    del sys.path[0]
    gc.collect()
    gc.freeze()


def warm_up() -> None:
    """Call what loads models, tables and patterns when it is first called, as nearly every process does."""
    from bot.i18n.texts import small_talk_reply, texts_for  # noqa: PLC0415  # in the server only
    from retrieval.loaders.chunking import split_passages  # noqa: PLC0415
    from retrieval.loaders.formats import load_document  # noqa: PLC0415
    from retrieval.query import intent, query  # noqa: PLC0415

    for text in ("The lighthouse has a lamp.", "На маяке горит лампа.", "في المنارة مصباح."):
        passages = list(split_passages(load_document(f"{text}\n".encode(), "a.txt")))
        query.parse(text, [passages[0].language])
    load_document(b"# Lamp\n\nIt is *lit*.\n", "a.md")
    intent.parse_document_question("Who lights the lamp?")
    query.remove_asking_phrases("Who lights the lamp?")
    query.split_question("Who lights the lamp and when?")
    small_talk_reply("Who lights the lamp?", texts_for("en"))


def _main() -> None:
    # Ctrl-C ends the tests, and with them the connection.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = socket.socket(fileno=int(sys.argv[1]))
    _preload()
    request = _serve(connection)
    if request is not None:
        # _become closes its descriptor, whose number then belongs to another file.
        connection.detach()
        try:
            _become(request)
        except Exception:  # noqa: BLE001  # printed as Python does, without the frames of the server
            traceback.print_exc()
            sys.exit(1)


if __name__ == "__main__":
    _main()
