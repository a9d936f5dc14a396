"""The life of the bot process: read the documents, reach Telegram, answer until told to stop."""

import asyncio
import contextlib
import logging
import sys
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from telegram.error import InvalidToken, TelegramError

from bot import app
from bot.app import App, build_application
from bot.errors import StartError
from bot.lacking import lacking, no_documents
from bot.outage import Outage
from bot.polling import Poller
from bot.profile import introduce
from bot.stopping import on_signal, unless
from bot.texts import speaking
from config.errors import ConfigError
from config.logging import configure
from config.settings import Settings
from retrieval.errors import FolderError
from retrieval.library import Library

T = TypeVar("T")

_START_PATIENCE = 30.0

_log = logging.getLogger(__name__)


def main() -> int:
    """Read the settings and run; returns the exit code of the process."""
    try:
        settings = Settings.read()
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return run(settings)


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT. Returns 0, 1 when Telegram refuses us, 2 for settings to mend."""
    configure(settings.log_level, settings.log_format, settings.secrets)
    try:
        asyncio.run(serve(settings))
    except (ConfigError, FolderError) as error:
        _log.error("%s", error)
        return 2
    except StartError as error:
        _log.error("%s", error)
        return 1
    return 0


async def serve(settings: Settings) -> None:
    """Serve until told to stop.

    Raises ConfigError or FolderError for what has to be set right, StartError for what Telegram refuses.
    """
    _check(settings)
    stop = on_signal()
    library = await unless(stop, _opened(settings))
    if library is None:
        return
    application = build_application(settings, library)
    try:
        if await unless(stop, _connected(application)):
            await _answer(application, stop)
    finally:
        await application.shutdown()


def _check(settings: Settings) -> None:
    for told in lacking(settings).values():
        raise ConfigError(told)


async def _opened(settings: Settings) -> Library:
    library = await _in_thread(
        lambda: Library.open(
            settings.seeds_dir, index_dir=settings.index_dir, quote_chars=settings.quote_chars
        )
    )
    for problem in library.problems:
        _log.warning("Left out %s: %s", problem.name, problem.reason)
    counts = len(library.sources), library.passages
    _log.info("Documents in %s: %d, passages: %d", settings.seeds_dir, *counts)
    if not library.sources:
        _log.warning("%s", no_documents(settings.seeds_dir))
    return library


async def _in_thread(work: Callable[[], T]) -> T:
    # A daemon thread, unlike those of asyncio, does not hold up a process that is told to stop.
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # there is a result where there is no error

    def run() -> None:
        result, failure = None, None
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001  # it is raised again in the loop
            failure = error
        # The loop is closed when we were told to stop meanwhile.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, daemon=True, name="opening").start()
    return await future


async def _connected(application: App) -> bool:
    """Learn who we are, and end a webhook there may have been; Telegram may take a while to be reachable."""
    deadline, outage, bot = time.monotonic() + _START_PATIENCE, Outage(), application.bot
    while True:
        try:
            await application.initialize()
            await bot.delete_webhook(drop_pending_updates=False)
        except InvalidToken:
            raise StartError(
                "Telegram does not know TELEGRAM_TOKEN: check it with @BotFather, and check "
                f"TELEGRAM_API_URL ({_host(application)}) and TELEGRAM_TEST_ENVIRONMENT"
            ) from None
        except TelegramError as error:
            delay = outage.met(f"Telegram cannot be reached at {_host(application)}; trying again")
            if time.monotonic() + delay > deadline:
                raise StartError(
                    f"Telegram cannot be reached at {_host(application)} ({type(error).__name__}): "
                    "check the network and TELEGRAM_API_URL"
                ) from None
            await asyncio.sleep(delay)
        else:
            outage.over()
            return True


def _host(application: App) -> str:
    return application.bot.base_url.partition("/bot")[0]


async def _answer(application: App, stop: asyncio.Event) -> None:
    bot = application.bot
    introducing = asyncio.create_task(introduce(bot, speaking()))
    _log.info("@%s is listening", bot.username)
    try:
        await Poller(bot, application.process_update, app.KINDS).run(stop)
    except InvalidToken:
        raise StartError("Telegram no longer knows TELEGRAM_TOKEN: get a new one from @BotFather") from None
    finally:
        introducing.cancel()
    _log.info("@%s has stopped", bot.username)
