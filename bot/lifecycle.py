"""The life of the bot process: read the documents, reach Telegram, answer until told to stop."""

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from telegram import Update
from telegram.error import BadRequest, InvalidToken, TelegramError

from bot import application
from bot.application import App, build_application, build_bot
from bot.handlers.context import BotState
from bot.handlers.errors import StartError
from bot.ops.background_encoding import BackgroundEncoding
from bot.ops.concurrency import CancellableWaits, in_thread, run_until_stopped, stop_on_signal
from bot.ops.document_manager import DocumentManager, watch
from bot.ops.feedback import Feedback
from bot.ops.http_server import Health, build_pages, serving
from bot.ops.metrics import Metrics
from bot.ops.outage_log import OutageLog
from bot.remote_archive import RemoteArchive, RemoteIndex
from bot.search_backends import connection_settings, encoder_for, open_cluster, open_cluster_library
from bot.search_service import Archive
from bot.settings_checks import missing_settings, no_documents
from bot.telegram.bot_profile import introduce
from bot.telegram.dispatcher import Dispatcher
from bot.telegram.polling import Poller
from bot.telegram.spool import Spool
from bot.telegram.update_parsing import Bot
from bot.telegram.webhook import Inbox, Webhook
from config.logging import configure
from config.settings import ConfigError, Settings
from retrieval.documents.library import Library
from retrieval.errors import FolderError
from retrieval.model import Problem

_START_PATIENCE = 30.0
# Of the documents in a cluster so many are looked for in the folder: with one of them the others are there.
_LOOKED_FOR = 20
# A host gives us ten seconds to end.
_GRACE = 7.0

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
    for told in missing_settings(settings).values():
        raise ConfigError(told)
    stop = stop_on_signal()
    process = Process(settings)
    async with contextlib.AsyncExitStack() as stack:
        # The pages first: they tell that we are alive, and not ready.
        if settings.port is not None:
            pages = build_pages(process.health, process.metrics, process.inbox)
            await stack.enter_async_context(serving(pages, settings.port))
        stack.push_async_callback(process.close)
        bot = build_bot(settings, process.metrics, process.pauses)
        stack.push_async_callback(bot.shutdown)
        # Telegram is met while the documents are read; what comes meanwhile waits for them.
        opening = asyncio.create_task(process.open(bot))
        answering = asyncio.create_task(_answer(process, bot, opening, stop))
        stack.push_async_callback(_dropped, opening, answering)
        await asyncio.wait({opening, answering}, return_when=asyncio.FIRST_COMPLETED)
        if opening.done():
            opening.result()
        await answering


async def _dropped(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Process:
    """What lives as long as the process does."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.health = Health()
        self.metrics = Metrics()
        self.pauses = CancellableWaits()
        # Telegram knows that we take updates.
        self.reached = asyncio.Event()
        self.encoding = BackgroundEncoding(self.metrics)
        self._known: Sequence[Problem] = ()
        self._remote: RemoteArchive | None = None
        self._connection = contextlib.AsyncExitStack()
        url = settings.webhook_url
        self.inbox = Inbox(url, settings.webhook_key) if url else None

    async def open(self, bot: Bot) -> App:
        """Read the documents and put the bot together with them; raises FolderError or ConfigError.

        A cluster may be away: it is looked for from then on.
        """
        if self.settings.opensearch_nodes:
            state = await self._elsewhere()
        else:
            state = self._here(await in_thread(lambda: _open(self.settings)))
        return build_application(self.settings, state, bot)

    async def close(self) -> None:
        """Part from the cluster."""
        await self._connection.aclose()

    async def follow(self, state: BotState) -> None:
        """Take up what becomes of the documents, for ever."""
        if state.keeper:
            await asyncio.gather(watch(state.keeper), self.encoding.run())
        elif self._remote:
            await self._remote.follow()

    async def _elsewhere(self) -> BotState:
        def swap(shelf: RemoteIndex) -> None:
            state.has_files = any(shelf.file(source).is_file() for source in shelf.sources[:_LOOKED_FOR])
            self._note(shelf, "the cluster")

        settings, cluster = self.settings, open_cluster(connection_settings(self.settings))
        encoder = encoder_for(settings)
        self._connection.push_async_callback(cluster.close)
        self._remote = remote = RemoteArchive(
            lambda: open_cluster_library(settings, settings.seeds_dir, cluster, encoder), swap, self.metrics
        )
        state = self._state(remote, None)
        self.health.watch_search(remote.is_reached)
        await remote.look()
        return state

    def _here(self, library: Library) -> BotState:
        """Give what the handlers share; libraries to come take the place of this one."""

        def swap(library: Library) -> None:
            state.archive = library
            self._note(library, str(library.folder))
            self.encoding.take(library)

        keeper = DocumentManager(library, lambda *known: _open(self.settings, *known), swap, self._save)
        state = self._state(library, keeper)
        self._note(library, str(library.folder))
        self.encoding.take(library)
        return state

    def _state(self, archive: Archive, keeper: DocumentManager | None) -> BotState:
        return BotState(
            archive,
            self.metrics,
            Feedback(self.settings.feedback_dir),
            keeper,
            self.settings.telegram_admins,
            self.settings.log_questions,
        )

    def _save(self, library: Library) -> None:
        library.save(self.settings.index_dir)

    def _note(self, archive: Archive, place: str) -> None:
        _tell(archive, self._known, place)
        self._known = archive.problems
        counts = {"documents": len(archive.sources), "passages": archive.passages}
        self.metrics.index(**counts, version=archive.version)

    def heard(self, error: Exception | None) -> None:
        """Take note of what became of asking Telegram."""
        if error is None:
            self.health.heard()
        else:
            self.metrics.failed(error)


def _open(settings: Settings, before: Library | None = None, quiet: float = 0.0) -> Library:
    return Library.open(
        settings.seeds_dir,
        index_dir=settings.index_dir,
        quote_chars=settings.quote_chars,
        before=before,
        quiet=quiet,
        encoder=None if before else encoder_for(settings),
    )


def _tell(archive: Archive, known: Sequence[Problem], place: str) -> None:
    for problem in archive.problems:
        if problem in known:
            continue
        _log.warning("Left out %s: %s", problem.name, problem.reason)
    counts = len(archive.sources), archive.passages
    _log.info("Documents in %s: %d, passages: %d", place, *counts)
    if not archive.sources:
        _log.warning("%s", no_documents(place))


async def _connected(bot: Bot) -> bool:
    """Learn who we are; Telegram may take a while to be reachable."""
    return await _reached(bot, bot.initialize)


async def _reached(bot: Bot, call: Callable[[], Awaitable[object]]) -> bool:
    deadline, outage = time.monotonic() + _START_PATIENCE, OutageLog()
    while True:
        try:
            await call()
        except InvalidToken:
            raise StartError(
                "Telegram does not know TELEGRAM_TOKEN: check it with @BotFather, and check "
                f"TELEGRAM_API_URL ({_host(bot)}) and TELEGRAM_TEST_ENVIRONMENT"
            ) from None
        except BadRequest as error:
            raise StartError(f"Telegram does not want WEBHOOK_URL: {error.message}") from None
        except TelegramError as error:
            delay = outage.met(f"Telegram cannot be reached at {_host(bot)}; trying again")
            if time.monotonic() + delay > deadline:
                raise StartError(
                    f"Telegram cannot be reached at {_host(bot)} ({type(error).__name__}): "
                    "check the network and TELEGRAM_API_URL"
                ) from None
            await asyncio.sleep(delay)
        else:
            outage.over()
            return True


def _host(bot: Bot) -> str:
    return bot.base_url.partition("/bot")[0]


async def _answer(process: Process, bot: Bot, opening: asyncio.Task[App], stop: asyncio.Event) -> None:
    async def ready() -> App:
        application = await asyncio.shield(opening)
        await application.initialize()
        return application

    async def handle(update: Update) -> None:
        if not preparing.done():
            with process.pauses.pausing():
                await asyncio.wait({preparing})
        with process.metrics.timing("whole"):
            await preparing.result().process_update(update)

    if not await run_until_stopped(stop, _connected(bot)):
        return
    preparing = asyncio.create_task(ready())
    dispatcher = Dispatcher(handle, process.pauses)
    process.metrics.watch_unfinished(lambda: len(dispatcher.unfinished))
    take = _by_webhook if process.inbox else _by_polling
    beside = [
        preparing,
        asyncio.create_task(_attend(process, bot, preparing)),
        asyncio.create_task(introduce(bot, process.settings.telegram_admins)),
    ]
    try:
        await take(process, bot, dispatcher, stop)
    except InvalidToken:
        raise StartError("Telegram no longer knows TELEGRAM_TOKEN: get a new one from @BotFather") from None
    finally:
        process.health.is_ready = False
        for task in beside:
            task.cancel()
    _log.info("@%s has stopped", bot.username)


async def _attend(process: Process, bot: Bot, preparing: asyncio.Task[App]) -> None:
    """Say when all is set up, and look after the documents from then on."""
    application = await asyncio.shield(preparing)
    await process.reached.wait()
    process.health.is_ready = True
    at = f" at {process.settings.webhook_url}" if process.inbox else ""
    _log.info("@%s is listening%s", bot.username, at)
    await process.follow(application.bot_data)


async def _by_polling(process: Process, bot: Bot, dispatcher: Dispatcher, stop: asyncio.Event) -> None:
    # A webhook there may have been would keep updates from us.
    if not await run_until_stopped(stop, _reached(bot, bot.delete_webhook)):
        return
    process.reached.set()
    spool = Spool(process.settings.index_dir / "unanswered" / str(bot.id))
    await Poller(bot, dispatcher, spool, application.ALLOWED_UPDATES, on_poll=process.heard).run(stop)


async def _by_webhook(process: Process, bot: Bot, dispatcher: Dispatcher, stop: asyncio.Event) -> None:
    inbox, settings = process.inbox, process.settings
    if inbox is None or settings.webhook_url is None:
        raise TypeError("There is no webhook")
    webhook = Webhook(bot, settings.webhook_url, settings.webhook_key, application.ALLOWED_UPDATES)
    inbox.open(bot.read, dispatcher)
    if not await run_until_stopped(stop, _reached(bot, webhook.set)):
        return
    process.reached.set()
    # The webhook stays when we end: other processes may serve it, and Telegram keeps what comes meanwhile.
    await run_until_stopped(stop, webhook.watch(process.heard))
    inbox.close()
    await dispatcher.finish(_GRACE)
