"""`verbatim sandbox` runs the bot and a local Telegram emulator."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from sandbox.control_client import Sandbox
from tests.e2e.conftest import TIMEOUT_SECONDS

pytestmark = pytest.mark.e2e

SEEDS = Path(__file__).parents[2] / "seeds"
QUESTION = "How many checkpoints does Turkey have in Idlib?"
StartSandbox = Callable[..., subprocess.Popen[str]]

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")


@pytest.fixture
def start_sandbox(tmp_path: Path) -> Iterator[StartSandbox]:
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        inherited = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "bot.cli", "sandbox", "--docs", str(SEEDS), *arguments],
                cwd=tmp_path,
                env=inherited | {"INDEX_DIR": str(tmp_path / "index"), "MEANING": "off", **environment},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return processes[-1]

    yield start
    for process in processes:
        process.terminate()
        process.communicate(timeout=TIMEOUT_SECONDS)


def _is_connected(address: str) -> bool:
    """Return whether the bot polls, or does so soon; between two polls it does not."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if httpx.post(f"{address}control/state", json={}, trust_env=False).json()["is_connected"]:
            return True
        time.sleep(0.1)
    return False


def _read_address(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Return the address of the page, and the line of output with it."""
    assert process.stdout
    for line in process.stdout:
        if match := re.search(r"Open (http://127\.0\.0\.1:\d+/) in a browser", line):
            return match[1], line
    pytest.fail(process.stderr.read() if process.stderr else "")


def _children(process: subprocess.Popen[str]) -> dict[str, int]:
    """Return the process ids of the sandbox and the bot, by the name of their module."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
    commands = {int(child): Path(f"/proc/{child}/cmdline").read_text(encoding="utf-8") for child in children}
    return {
        words[2]: child
        for child, command in commands.items()
        if len(words := command.split("\0")) > 2 and words[1] == "-m"
    }


def _is_free(address: str) -> bool:
    try:
        httpx.get(address, trust_env=False)
    except httpx.ConnectError:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_conversation_and_a_clean_end(start_sandbox: StartSandbox, number: signal.Signals) -> None:
    """It prints the address and a question to try; SIGINT or SIGTERM ends both processes with exit code 0."""
    process = start_sandbox("--port", "0")
    address, line = _read_address(process)
    assert QUESTION in line
    async with Sandbox.at(address) as sandbox:
        assert "<!doctype html>" in (await sandbox.http.get(address)).text
        chat = await sandbox.private_chat()
        await chat.send(QUESTION)
        assert "12 checkpoints" in (await chat.next_message(timeout=TIMEOUT_SECONDS)).text
    process.send_signal(number)
    _, stderr = process.communicate(timeout=TIMEOUT_SECONDS)
    assert 0 == process.returncode
    assert "WARNING" not in stderr
    assert "Traceback" not in stderr
    assert _is_free(address)


@needs_proc
def test_settings_of_the_real_bot_are_ignored(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    """Token, webhook, allowed chats and proxy of the real bot are ignored, also those in .env."""
    (tmp_path / ".env").write_text("WEBHOOK_SECRET=abc\nTELEGRAM_ADMINS=1\nPORT=1\n", encoding="utf-8")
    token = "1234567890:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
    process = start_sandbox(
        "--port",
        "0",
        TELEGRAM_TOKEN=token,
        TELEGRAM_API_URL="http://127.0.0.1:9",
        TELEGRAM_ALLOWED_CHATS="1",
        telegram_test_environment="true",
        WEBHOOK_URL="https://x.org",
        HTTP_PROXY="http://127.0.0.1:9",
        http_proxy="http://127.0.0.1:9",
    )
    address, _ = _read_address(process)
    assert _is_connected(address)
    for child in _children(process).values():
        environment = Path(f"/proc/{child}/environ").read_text(encoding="utf-8")
        assert not re.search(r"AAHdqTcv|x\.org|127\.0\.0\.1:9\b|ALLOWED", environment)


@needs_proc
@pytest.mark.parametrize("victim", ["bot", "sandbox"])
def test_when_one_dies_the_other_is_stopped(start_sandbox: StartSandbox, victim: str) -> None:
    """If one process ends, a line names it, the other is stopped, and the exit code is 1."""
    process = start_sandbox("--port", "0")
    address, _ = _read_address(process)
    children = _children(process)
    os.kill(children[victim], signal.SIGKILL)
    _, stderr = process.communicate(timeout=TIMEOUT_SECONDS)
    assert f"verbatim: the {victim} ended unexpectedly, so both are stopped" in stderr.splitlines()
    assert 1 == process.returncode
    assert _is_free(address)
    for child in children.values():
        assert not Path(f"/proc/{child}").exists()


def test_a_port_in_use_is_one_line(start_sandbox: StartSandbox) -> None:
    """A port in use is an error of one line that says what to do."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        process = start_sandbox("--port", str(port))
        stdout, stderr = process.communicate(timeout=TIMEOUT_SECONDS)
    assert ("", 2) == (stdout, process.returncode)
    (line,) = stderr.splitlines()
    assert line.startswith(f"verbatim: can't listen on 127.0.0.1:{port}: Address already in use")
    assert "--port" in line


@needs_proc
def test_a_stop_while_starting(start_sandbox: StartSandbox) -> None:
    """Stopped while it is starting, it leaves no process behind."""
    process = start_sandbox("--port", "0")
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not (children := _children(process)) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.terminate()
    process.communicate(timeout=TIMEOUT_SECONDS)
    assert 0 == process.returncode
    assert not any(Path(f"/proc/{child}").exists() for child in children.values())
