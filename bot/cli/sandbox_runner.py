"""Runs the bot against the local Telegram emulator: two processes that connect only to this machine."""

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

import click
import httpx

from bot.concurrency import run_until_stopped, stop_on_signal
from config import ConfigError
from config.settings import Settings

_READY_PREFIX = "sandbox ready: "
_STOP_TIMEOUT_SECONDS = 15.0
_LISTEN_TIMEOUT_SECONDS = 5.0
_PROXY_VARIABLES = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}

# The document that comes with the project, and a question that it answers.
_EXAMPLE_DOCUMENT = "000_61b1ccc5978d4202.txt"
_EXAMPLE_QUESTION = "How many checkpoints does Turkey have in Idlib?"
# Where it is in an installed package, and in a checkout.
_EXAMPLE_FOLDERS = (Path(__file__).parents[1] / "example", Path(__file__).parents[2] / "seeds")


def documents_folder(settings: Settings) -> Path:
    """Return the folder of the settings, or that of the example if none is set and the default is missing."""
    folder = settings.seeds_dir
    if "seeds_dir" in settings.model_fields_set or folder.exists() or settings.opensearch_nodes:
        return folder
    for example in _EXAMPLE_FOLDERS:
        if (example / _EXAMPLE_DOCUMENT).is_file():
            click.echo(
                f"There is no folder {folder}/ here, so the bot answers from the example in {example}. "
                "Name your documents with --docs."
            )
            return example
    return folder


def run_sandbox(settings: Settings, folder: Path, port: int) -> int:
    """Run both until SIGINT or SIGTERM and return 0, or 1 if one of them ended by itself.

    Raises ConfigError if the emulator or the folder is missing or the port is not usable.
    """
    if find_spec("sandbox") is None:
        raise ConfigError(
            "the Telegram emulator is not part of this installation, as in the container image: "
            "run this command in a checkout or where the wheel is installed"
        )
    if folder.is_file():
        raise ConfigError(f"{folder}: is a file; name the folder that it is in, with --docs")
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder of documents; make it, or name another with --docs")
    return asyncio.run(_run(settings, folder, port))


async def _run(settings: Settings, folder: Path, port: int) -> int:
    stop = stop_on_signal()
    # Sent when the terminal is closed.
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, stop.set)
    # An empty working directory has no .env with the real bot's token and webhook.
    with tempfile.TemporaryDirectory(prefix="verbatim-") as empty:
        token = f"1234567890:{secrets.token_urlsafe(24)}"
        arguments = ("sandbox", "--port", str(port), "--token", token)
        async with _start_process(arguments, empty, _inherited_environment(), stderr=PIPE) as sandbox:
            address = await run_until_stopped(stop, _read_address(sandbox))
            if address is None:
                return 0
            # The chats of the emulator do not exist any more when it has ended, so their documents need not.
            environment = _bot_environment(settings, folder, address, token, Path(empty, "collections"))
            async with _start_process(("bot",), empty, environment) as bot, _relay_errors(sandbox):
                return await _wait_for_end(sandbox, bot, stop, address, folder)


@contextlib.asynccontextmanager
async def _start_process(
    arguments: tuple[str, ...], folder: str, environment: dict[str, str], *, stderr: int | None = None
) -> AsyncIterator[Process]:
    """Run a module of the project as a process.

    It has its own session, so Ctrl-C reaches only this process, which stops the others in order.
    """
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
        # asyncio logs a warning for a signal to a process that has ended.
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_TIMEOUT_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


def _inherited_environment() -> dict[str, str]:
    """Return the environment without the real bot's settings and without proxies."""
    excluded = {name.upper() for name in Settings.model_fields} | _PROXY_VARIABLES
    inherited = {name: value for name, value in os.environ.items() if name.upper() not in excluded}
    paths = [str(Path(__file__).parents[2]), *filter(None, [inherited.get("PYTHONPATH")])]
    return inherited | {"PYTHONPATH": os.pathsep.join(paths)}


def _bot_environment(
    settings: Settings, folder: Path, address: str, token: str, collections: Path
) -> dict[str, str]:
    cluster, key = settings.opensearch_url, settings.opensearch_api_key
    return _inherited_environment() | {
        "TELEGRAM_TOKEN": token,
        "TELEGRAM_API_URL": address,
        "SEEDS_DIR": str(folder.resolve()),
        "INDEX_DIR": str(settings.index_dir.resolve()),
        "QUOTE_CHARS": str(settings.quote_chars),
        "MEANING": settings.meaning,
        "OCR": settings.ocr,
        "OPENSEARCH_URL": cluster.get_secret_value() if cluster else "",
        "OPENSEARCH_API_KEY": key.get_secret_value() if key else "",
        "OPENSEARCH_CA": str(settings.opensearch_ca.resolve()) if settings.opensearch_ca else "",
        "OPENSEARCH_INDEX": settings.opensearch_index,
        "TELEGRAM_UPLOADS": _uploads(settings),
        "COLLECTIONS_DIR": str(collections),
        "UPLOAD_FILES": str(settings.upload_files),
        "UPLOAD_MB": str(settings.upload_mb),
        "UPLOAD_DAYS": str(settings.upload_days),
        "TELEGRAM_ADMINS": ",".join(map(str, settings.telegram_admins)),
        "FEEDBACK_DIR": str(settings.feedback_dir.resolve()) if settings.feedback_dir else "",
        "LOG_QUESTIONS": str(settings.log_questions),
        "LOG_LEVEL": settings.log_level,
        "LOG_FORMAT": settings.log_format,
    }


def _uploads(settings: Settings) -> str:
    """Return who may send documents: everyone, unless the settings say otherwise or name admins."""
    is_chosen = {"telegram_uploads", "telegram_admins"} & settings.model_fields_set
    return settings.telegram_uploads if is_chosen else "members"


async def _read_address(sandbox: Process) -> str:
    line = (await sandbox.stdout.readline()).decode() if sandbox.stdout else ""
    if line.startswith(_READY_PREFIX):
        return line.removeprefix(_READY_PREFIX).strip()
    errors = (await sandbox.stderr.read()).decode(errors="replace").splitlines() if sandbox.stderr else []
    await sandbox.wait()
    reason = errors[-1].removeprefix("sandbox: ") if errors else "the sandbox did not start"
    raise ConfigError(f"{reason}: choose another port with --port, such as --port 0 for any free one")


@contextlib.asynccontextmanager
async def _relay_errors(sandbox: Process) -> AsyncIterator[None]:
    """Copy the stderr of the sandbox to ours."""

    async def relay() -> None:
        while sandbox.stderr and (line := await sandbox.stderr.readline()):
            click.echo(line, nl=False, err=True)

    relaying = asyncio.create_task(relay())
    try:
        yield
    finally:
        relaying.cancel()


async def _wait_for_end(
    sandbox: Process, bot: Process, stop: asyncio.Event, address: str, folder: Path
) -> int:
    names = {
        asyncio.create_task(bot.wait()): "the bot",
        asyncio.create_task(sandbox.wait()): "the sandbox",
        asyncio.create_task(stop.wait()): "",
    }
    listening = asyncio.create_task(_wait_for_polling(address))
    done, _ = await asyncio.wait(
        [*names, listening], timeout=_LISTEN_TIMEOUT_SECONDS, return_when=asyncio.FIRST_COMPLETED
    )
    listening.cancel()
    if done <= {listening}:
        _print_invitation(address, folder, waiting=not done)
        done, _ = await asyncio.wait(names, return_when=asyncio.FIRST_COMPLETED)
    for task in names:
        task.cancel()
    if stop.is_set():
        return 0
    ended = " and ".join(name for task, name in names.items() if task in done)
    click.echo(f"verbatim: {ended} ended unexpectedly, so both are stopped", err=True)
    return 1


async def _wait_for_polling(address: str) -> None:
    """Wait until the bot requests updates."""
    async with httpx.AsyncClient(trust_env=False) as http:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if (await http.post(f"{address}control/state", json={})).json()["is_connected"]:
                    return
            await asyncio.sleep(0.1)


def _print_invitation(address: str, folder: Path, *, waiting: bool) -> None:
    example = f", for example: {_EXAMPLE_QUESTION}" if (folder / _EXAMPLE_DOCUMENT).is_file() else "."
    click.echo(f"\nOpen {address} in a browser and ask{example}")
    if waiting:
        click.echo("The bot is still reading the documents; the page shows when it is ready.")
    click.echo("Ctrl-C stops the bot and the emulator.\n")
