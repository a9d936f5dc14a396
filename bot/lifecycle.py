"""The life of the bot process: open the documents, reach Telegram, answer until stopped."""

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from telegram import Chat, Update
from telegram.error import BadRequest, InvalidToken, TelegramError

from bot import application
from bot.application import App, build_application, build_bot
from bot.concurrency import in_thread, run_until_stopped, stop_on_signal
from bot.documents.chat_document_store import ChatDocumentStore
from bot.documents.document_manager import (
    BackgroundEncoding,
    BackgroundOcr,
    ClusterMonitor,
    DocumentManager,
    watch,
)
from bot.documents.search_backend import (
    cluster_library,
    connection_settings,
    encoder_for,
    no_documents_message,
    open_cluster,
)
from bot.documents.upload_queue import UploadQueue
from bot.handlers.access import AccessControl
from bot.handlers.chat_documents import ChatDocumentHandlers, UploadLimits
from bot.handlers.context import BotState
from bot.http_server import Health, build_web_app, serving
from bot.monitoring import Feedback, Metrics
from bot.retries import Outage
from bot.telegram.bot_client import BotClient
from bot.telegram.bot_profile import update_profile
from bot.telegram.dispatcher import Dispatcher
from bot.telegram.messaging import CancellableWaits, ChatActions
from bot.telegram.polling import Poller
from bot.telegram.saved_updates import AnsweredJournal, Spool
from bot.telegram.webhook import WebhookReceiver, WebhookRegistration
from bot.views.problems import problem_lines
from config import ConfigError
from config.logging import configure
from config.settings import Settings, startup_problems
from retrieval.documents.library import SingleLibrary
from retrieval.documents.local_library import LocalLibrary, ProgressCallback
from retrieval.errors import FolderError
from retrieval.ocr import tesseract

_START_TIMEOUT_SECONDS = 30.0
# Files of a cluster's documents to look for in the folder: if one is there, all are expected to be.
_MAX_FILES_CHECKED = 20
# Hosts kill a process ten seconds after they have asked it to stop.
_GRACE_PERIOD_SECONDS = 7.0

_log = logging.getLogger(__name__)


class StartError(Exception):
    """The bot cannot start; the message is one line for the operator."""


def main() -> int:
    """Read the settings and run; return the exit code of the process."""
    try:
        settings = Settings.read()
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return run(settings)


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT. Return the exit code.

    0 when stopped; 1 when Telegram rejects the bot or cannot be reached, or no disk space is left; 2 for
    wrong settings.
    """
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
    """Serve until stopped.

    Raises ConfigError or FolderError for settings to correct, StartError for what Telegram rejects.
    """
    for problem in startup_problems(settings).values():
        raise ConfigError(problem)
    stop = stop_on_signal()
    resources = BotResources(settings)
    async with contextlib.AsyncExitStack() as stack:
        # The HTTP server first: it reports the process as alive, and as not ready yet.
        if settings.port is not None:
            is_local = settings.http_host is None
            app = build_web_app(resources.health, resources.metrics, resources.receiver, local_pages=is_local)
            await stack.enter_async_context(serving(app, settings.port, http_host(settings)))
        stack.push_async_callback(resources.close)
        bot = build_bot(settings, resources.metrics, resources.waits)
        stack.push_async_callback(bot.shutdown)
        # Connect to Telegram while the documents load; updates that arrive wait for them.
        opening = asyncio.create_task(resources.open(bot))
        answering = asyncio.create_task(TelegramConnection(resources, bot, opening).run(stop))
        stack.push_async_callback(_cancel, opening, answering)
        await asyncio.wait({opening, answering}, return_when=asyncio.FIRST_COMPLETED)
        if opening.done():
            opening.result()
        await answering


def http_host(settings: Settings) -> str:
    """Return the address to serve on; empty: all. Telegram has to reach a webhook from outside."""
    return settings.http_host or ("" if settings.webhook_url else "127.0.0.1")


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class BotResources:
    """Shared resources of the process: metrics, health, and the documents, which it keeps up to date."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.health = Health()
        self.metrics = Metrics()
        self.waits = CancellableWaits()
        # Set when Telegram sends updates to this process.
        self.is_connected = asyncio.Event()
        url = settings.webhook_url
        self.receiver = WebhookReceiver(url, settings.webhook_key) if url else None
        self.chat_actions = ChatActions()
        self.chat_documents: ChatDocumentStore | None = None
        self._uploads: UploadQueue | None = None
        self._encoding = BackgroundEncoding(self.metrics)
        self._ocr: BackgroundOcr | None = None
        self._monitor: ClusterMonitor | None = None
        self._logged_problems: Sequence[str] = ()
        self._connection = contextlib.AsyncExitStack()
        self._encoder = encoder_for(settings)

    async def open(self, bot: BotClient) -> App:
        """Open the documents and build the application; raises FolderError, ConfigError or StartError.

        A cluster may be unreachable: `follow` keeps trying.
        """
        if self.settings.opensearch_nodes:
            state = await self._open_cluster()
        else:
            try:
                library = await in_thread(partial(self._read_folder, None, 0.0))
            except OSError as error:
                raise StartError(error.strerror or str(error)) from error
            state = self._open_folder(library)
        state.reads_pictures = self.settings.ocr == "auto" and await in_thread(tesseract.is_available)
        chat_document_handlers = (
            self._chat_documents(bot, state) if self.settings.telegram_uploads == "members" else None
        )
        state.chat_documents, state.upload_days = self.chat_documents, self.settings.upload_days
        return build_application(self.settings, state, bot, chat_document_handlers)

    def _chat_documents(self, bot: BotClient, state: BotState) -> ChatDocumentHandlers:
        """Return the handlers of documents that belong to a chat."""
        settings = self.settings
        self.chat_documents = ChatDocumentStore(
            # The id of the bot begins its token; the client knows it only when Telegram has answered.
            settings.collections_dir / bot.token.partition(":")[0],
            quote_chars=settings.quote_chars,
            encoder=self._encoder,
            unused_days=settings.upload_days,
            ocr=settings.ocr == "auto",
        )
        self._uploads = UploadQueue(
            bot,
            self.chat_documents,
            self.metrics,
            lambda: state.library,
            self.chat_actions,
            max_documents=settings.upload_files,
        )
        limits = UploadLimits(settings.upload_files, settings.upload_mb * 1024 * 1024)
        return ChatDocumentHandlers(self.chat_documents, self._uploads, limits)

    async def close(self) -> None:
        """Close the connection to the cluster."""
        await self._connection.aclose()

    async def follow(self, state: BotState) -> None:
        """Keep the documents up to date, until cancelled."""
        work: list[Awaitable[object]] = []
        if state.document_manager:
            work += [watch(state.document_manager), self._encoding.run()]
            work += [self._ocr.run()] if self._ocr else []
        elif self._monitor:
            work.append(self._monitor.run())
        if self.chat_documents and self._uploads:
            work += [self.chat_documents.sweep_forever(), self._uploads.run()]
        await asyncio.gather(*work)

    async def _open_cluster(self) -> BotState:
        settings, cluster = self.settings, open_cluster(connection_settings(self.settings))
        self._connection.push_async_callback(cluster.close)
        library = cluster_library(settings, settings.seeds_dir, cluster, self._encoder)
        state = self._create_state(library, None)
        self._monitor = ClusterMonitor(library, partial(self._index_changed, state), self.metrics)
        self.health.watch_search(self._monitor.is_reachable)
        await self._monitor.refresh()
        return state

    def _index_changed(self, state: BotState) -> None:
        """Report the cluster index that answers from now on."""
        library = state.library
        files = map(library.file, library.sources[:_MAX_FILES_CHECKED])
        state.has_files = any(file.is_file() for file in files)
        self._report_documents(library, "the cluster")

    def _open_folder(self, library: LocalLibrary) -> BotState:
        state = self._create_state(library, None)
        swap = partial(self._replace_library, state)
        state.document_manager = DocumentManager(library, self._read_folder, swap, self._save)
        if self.settings.ocr == "auto":
            self._ocr = BackgroundOcr(state.document_manager, self._encoding)
        swap(library)
        return state

    def _replace_library(self, state: BotState, library: LocalLibrary) -> None:
        """Answer from this library from now on."""
        state.library = library
        self._report_documents(library, str(library.folder))
        self._encoding.encode_library(library)
        if self._ocr:
            self._ocr.library_changed()

    def _create_state(self, library: SingleLibrary, manager: DocumentManager | None) -> BotState:
        return BotState(
            library,
            self.metrics,
            Feedback(self.settings.feedback_dir),
            manager,
            self.settings.telegram_admins,
            self.settings.log_questions,
            takes_admin_documents=self.settings.telegram_uploads == "admins",
            chat_actions=self.chat_actions,
        )

    def _read_folder(
        self, before: LocalLibrary | None, quiet_seconds: float, progress: ProgressCallback | None = None
    ) -> LocalLibrary:
        return LocalLibrary.open(
            self.settings.seeds_dir,
            index_dir=self.settings.index_dir,
            quote_chars=self.settings.quote_chars,
            before=before,
            quiet_seconds=quiet_seconds,
            progress=progress,
            encoder=None if before else self._encoder,
            ocr=self.settings.ocr == "auto",
        )

    def _save(self, library: LocalLibrary) -> None:
        library.save(self.settings.index_dir)

    def _report_documents(self, library: SingleLibrary, place: str) -> None:
        """Log the documents of a library with its new problems, and count them in the metrics."""
        lines = tuple(problem_lines(library.problems))
        for line in lines:
            if line not in self._logged_problems:
                _log.warning("Skipped %s", line)
        self._logged_problems = lines
        documents, passages = len(library.sources), library.passages
        _log.info("Documents in %s: %d, passages: %d", place, documents, passages)
        if not documents:
            _log.warning("%s", no_documents_message(place))
        self.metrics.set_index(documents=documents, passages=passages, version=library.version)

    def on_poll(self, error: Exception | None) -> None:
        """Note how a request for updates ended."""
        if error is None:
            self.health.note_contact()
        else:
            self.metrics.count_telegram_error(error)


class TelegramConnection:
    """Connects to Telegram and hands updates to the application, which may still be opening its documents."""

    def __init__(self, resources: BotResources, bot: BotClient, opening: asyncio.Task[App]) -> None:
        self._resources = resources
        self._settings = resources.settings
        self._bot = bot
        self._opening = opening
        self._application: asyncio.Task[App]
        self._access = AccessControl(resources.settings)
        self._dispatcher: Dispatcher

    async def run(self, stop: asyncio.Event) -> None:
        """Answer updates until stopped; raises StartError."""
        resources, bot = self._resources, self._bot
        if not await run_until_stopped(stop, _retry_start(bot, bot.initialize)):
            return
        journal = AnsweredJournal(self._folder("answered"), resources.metrics.journal_failed)
        self._dispatcher = Dispatcher(self._handle, resources.waits, journal)
        self._application = asyncio.create_task(self._initialize())
        resources.metrics.watch_unfinished(lambda: len(self._dispatcher.unfinished))
        background = [
            self._application,
            asyncio.create_task(self._follow_documents()),
            asyncio.create_task(self._update_profile()),
        ]
        try:
            await (
                self._receive_webhook(resources.receiver, stop) if resources.receiver else self._poll(stop)
            )
        except InvalidToken:
            raise StartError(
                "Telegram no longer knows TELEGRAM_TOKEN: get a new one from @BotFather"
            ) from None
        finally:
            resources.health.is_ready = False
            for task in background:
                task.cancel()
        _log.info("@%s has stopped", bot.username)

    async def _update_profile(self) -> None:
        settings = self._settings
        takes_uploads = settings.telegram_uploads == "members"
        await update_profile(self._bot, settings.telegram_admins, takes_uploads=takes_uploads)

    async def _initialize(self) -> App:
        """Return the application when its documents are open and it is initialized."""
        opened = await asyncio.shield(self._opening)
        await opened.initialize()
        return opened

    async def _handle(self, update: Update) -> None:
        if not self._application.done():
            with self._resources.waits.pausing(), self._show_waiting(update):
                await asyncio.wait({self._application})
        with self._resources.metrics.time_stage("whole"):
            await self._application.result().process_update(update)

    def _show_waiting(self, update: Update) -> contextlib.AbstractContextManager[None]:
        """Show in a private chat that its message is being worked on while the documents load."""
        chat = update.message.chat if update.message else None
        if chat is None or chat.type != Chat.PRIVATE or not self._access.is_allowed(update):
            return contextlib.nullcontext()
        return self._resources.chat_actions.show(self._bot, update)

    async def _follow_documents(self) -> None:
        """Report the process as ready when it is, and keep the documents up to date from then on."""
        opened = await asyncio.shield(self._application)
        await self._resources.is_connected.wait()
        self._resources.health.is_ready = True
        address = f" at {self._settings.webhook_url}" if self._resources.receiver else ""
        _log.info("@%s is ready%s", self._bot.username, address)
        await self._resources.follow(opened.bot_data)

    def _folder(self, name: str) -> Path:
        """Return a folder next to the index for this bot, as the ids of updates are numbered for each bot."""
        return self._settings.index_dir / name / str(self._bot.id)

    async def _poll(self, stop: asyncio.Event) -> None:
        # Telegram sends nothing to a process that polls while a webhook is set.
        if not await run_until_stopped(stop, _retry_start(self._bot, self._bot.delete_webhook)):
            return
        self._resources.is_connected.set()
        spool = Spool(self._folder("unanswered"))
        poller = Poller(
            self._bot,
            self._dispatcher,
            spool,
            application.ALLOWED_UPDATES,
            on_poll=self._resources.on_poll,
        )
        await poller.run(stop)

    async def _receive_webhook(self, receiver: WebhookReceiver, stop: asyncio.Event) -> None:
        webhook = WebhookRegistration(
            self._bot, receiver.url, self._settings.webhook_key, application.ALLOWED_UPDATES
        )
        receiver.open(self._bot.parse_update, self._dispatcher)
        if not await run_until_stopped(stop, _retry_start(self._bot, webhook.set)):
            return
        self._resources.is_connected.set()
        # The webhook stays set: other processes may serve it, and Telegram queues updates in the meantime.
        await run_until_stopped(stop, webhook.watch(self._resources.on_poll))
        receiver.close()
        await self._dispatcher.finish(_GRACE_PERIOD_SECONDS)


async def _retry_start(bot: BotClient, call: Callable[[], Awaitable[object]]) -> bool:
    """Call Telegram, again while it cannot be reached. Return True; raises StartError."""
    deadline, outage = time.monotonic() + _START_TIMEOUT_SECONDS, Outage()
    while True:
        try:
            await call()
        except InvalidToken:
            raise StartError(
                "Telegram does not know TELEGRAM_TOKEN: check it with @BotFather, and check "
                f"TELEGRAM_API_URL ({_host(bot)}) and TELEGRAM_TEST_ENVIRONMENT"
            ) from None
        except BadRequest as error:
            raise StartError(f"Telegram does not accept WEBHOOK_URL: {error.message}") from None
        except TelegramError as error:
            delay = outage.next_delay_seconds(f"Telegram cannot be reached at {_host(bot)}; trying again")
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise StartError(
                    f"Telegram cannot be reached at {_host(bot)} ({type(error).__name__}): "
                    "check the network and TELEGRAM_API_URL"
                ) from None
            await asyncio.sleep(min(delay, remaining))
        else:
            outage.recovered()
            return True


def _host(bot: BotClient) -> str:
    return bot.base_url.partition("/bot")[0]
