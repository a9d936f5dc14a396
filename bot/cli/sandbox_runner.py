"""Runs the bot against the local Telegram emulator: two processes, and no connection leaves this machine."""

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import click
import httpx

from bot.ops.concurrency import run_until_stopped, stop_on_signal
from config.settings import ConfigError, Settings

_READY = "sandbox ready: "
_STOPPING = 15.0
_LISTENING = 5.0
_PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}

# The document this project comes with, and a question that it answers.
_SHIPPED = "000_61b1ccc5978d4202.txt"
_EXAMPLE = "How many checkpoints does Turkey have in Idlib?"


def run_sandbox(settings: Settings, folder: Path, port: int) -> int:
    """Run both until SIGINT or SIGTERM, and return 0; or 1 when one of them ended by itself.

    Raises ConfigError when the folder is missing or the port cannot be had.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder of documents; make it, or name another with --docs")
    return asyncio.run(_rehearse(settings, folder, port))


async def _rehearse(settings: Settings, folder: Path, port: int) -> int:
    stop = stop_on_signal()
    # The terminal was closed.
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, stop.set)
    # There is no .env in an empty folder, so the operator's own token and webhook stay out of this.
    with tempfile.TemporaryDirectory(prefix="verbatim-") as empty:
        token = f"1234567890:{secrets.token_urlsafe(24)}"
        arguments = ("sandbox", "--port", str(port), "--token", token)
        async with _running(arguments, empty, _inherited(), stderr=PIPE) as sandbox:
            address = await run_until_stopped(stop, _address(sandbox))
            if address is None:
                return 0
            environment = _environment(settings, folder, address, token)
            async with _running(("bot",), empty, environment) as bot, _relaying(sandbox):
                return await _watch(sandbox, bot, stop, address, folder)


@contextlib.asynccontextmanager
async def _running(
    arguments: tuple[str, ...], folder: str, environment: dict[str, str], *, stderr: int | None = None
) -> AsyncIterator[Process]:
    """Run a module of ours as a process, in a session of its own: Ctrl-C is for us to pass on, in order."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *arguments,
        cwd=folder,
        env=environment,
        stdin=DEVNULL,
        stdout=PIPE if stderr else None,
        stderr=stderr,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        # A signal to a process that has ended takes its exit from asyncio, which complains.
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOPPING)
        except TimeoutError:
            process.kill()
            await process.wait()


def _inherited() -> dict[str, str]:
    """Return the environment without the real bot's settings and without proxies."""
    ours = {name.upper() for name in Settings.model_fields} | _PROXIES
    kept = {name: value for name, value in os.environ.items() if name.upper() not in ours}
    paths = [str(Path(__file__).parents[2]), *filter(None, [kept.get("PYTHONPATH")])]
    return kept | {"PYTHONPATH": os.pathsep.join(paths)}


def _environment(settings: Settings, folder: Path, address: str, token: str) -> dict[str, str]:
    cluster, key = settings.opensearch_url, settings.opensearch_api_key
    return _inherited() | {
        "TELEGRAM_TOKEN": token,
        "TELEGRAM_API_URL": address,
        "SEEDS_DIR": str(folder.resolve()),
        "INDEX_DIR": str(settings.index_dir.resolve()),
        "QUOTE_CHARS": str(settings.quote_chars),
        "MEANING": settings.meaning,
        "OPENSEARCH_URL": cluster.get_secret_value() if cluster else "",
        "OPENSEARCH_API_KEY": key.get_secret_value() if key else "",
        "OPENSEARCH_CA": str(settings.opensearch_ca.resolve()) if settings.opensearch_ca else "",
        "OPENSEARCH_INDEX": settings.opensearch_index,
        "TELEGRAM_ADMINS": ",".join(map(str, settings.telegram_admins)),
        "FEEDBACK_DIR": str(settings.feedback_dir.resolve()) if settings.feedback_dir else "",
        "LOG_QUESTIONS": str(settings.log_questions),
        "LOG_LEVEL": settings.log_level,
        "LOG_FORMAT": settings.log_format,
    }


async def _address(sandbox: Process) -> str:
    line = (await sandbox.stdout.readline()).decode() if sandbox.stdout else ""
    if line.startswith(_READY):
        return line.removeprefix(_READY).strip()
    told = (await sandbox.stderr.read()).decode(errors="replace").splitlines() if sandbox.stderr else []
    await sandbox.wait()
    reason = told[-1].removeprefix("sandbox: ") if told else "the sandbox did not start"
    raise ConfigError(f"{reason}: choose another port with --port, such as --port 0 for any free one")


@contextlib.asynccontextmanager
async def _relaying(sandbox: Process) -> AsyncIterator[None]:
    """Pass on what the sandbox complains of."""

    async def relay() -> None:
        while sandbox.stderr and (line := await sandbox.stderr.readline()):
            click.echo(line, nl=False, err=True)

    relaying = asyncio.create_task(relay())
    try:
        yield
    finally:
        relaying.cancel()


async def _watch(sandbox: Process, bot: Process, stop: asyncio.Event, address: str, folder: Path) -> int:
    ended = {
        asyncio.create_task(bot.wait()): "the bot",
        asyncio.create_task(sandbox.wait()): "the sandbox",
        asyncio.create_task(stop.wait()): "",
    }
    listening = asyncio.create_task(_listening(address))
    done, _ = await asyncio.wait([*ended, listening], timeout=_LISTENING, return_when=asyncio.FIRST_COMPLETED)
    listening.cancel()
    if done <= {listening}:
        _invite(address, folder, waiting=not done)
        done, _ = await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
    for task in ended:
        task.cancel()
    if stop.is_set():
        return 0
    names = " and ".join(name for task, name in ended.items() if task in done)
    click.echo(f"verbatim: {names} ended unasked, so both are stopped", err=True)
    return 1


async def _listening(address: str) -> None:
    """Wait until the bot asks for its updates."""
    async with httpx.AsyncClient(trust_env=False) as http:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if (await http.post(f"{address}control/state", json={})).json()["is_connected"]:
                    return
            await asyncio.sleep(0.1)


def _invite(address: str, folder: Path, *, waiting: bool) -> None:
    example = f", for example: {_EXAMPLE}" if (folder / _SHIPPED).is_file() else "."
    click.echo(f"\nOpen {address} in a browser and ask{example}")
    if waiting:
        click.echo("The bot is still reading the documents; the page tells when it listens.")
    click.echo("Ctrl-C stops both.\n")
