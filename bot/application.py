"""Builds the bot: its handlers, in the order in which they are tried."""

import ssl
from functools import cache
from typing import cast

import httpx
from pydantic import SecretStr
from telegram import LinkPreviewOptions, Message, Update
from telegram.ext import (
    Application,
    BaseHandler,
    CallbackQueryHandler,
    ChatMemberHandler,
    CommandHandler,
    ContextTypes,
    Defaults,
    InlineQueryHandler,
    MessageHandler,
    TypeHandler,
    filters,
)
from telegram.request import HTTPXRequest

from bot.handlers import admin, browse, buttons, errors, inline, questions
from bot.handlers.access import AccessControl
from bot.handlers.chat_documents import ChatDocumentHandlers
from bot.handlers.context import BotContext, BotState, Data, SeenAlbums
from bot.monitoring import Metrics
from bot.telegram.bot_client import BotClient
from bot.telegram.messaging import CancellableWaits, RetryingRateLimiter, mentions_bot
from bot.views.message import is_browse_data, is_chat_document_data
from config.settings import Settings

App = Application[BotClient, BotContext, Data, Data, BotState, None]

ALLOWED_UPDATES = (
    "message",
    "edited_message",
    "callback_query",
    "inline_query",
    "my_chat_member",
    "guest_message",
)
_MAX_TELEGRAM_CONNECTIONS = 256


class _AddressedToBot(filters.MessageFilter):
    """Matches replies to the bot and messages that mention it."""

    def filter(self, message: Message) -> bool:
        bot, original = message.get_bot(), message.reply_to_message
        is_reply = original is not None and original.from_user is not None and original.from_user.id == bot.id
        return is_reply or mentions_bot(message.text or message.caption or "", bot.username)


class _DocumentForBot(_AddressedToBot):
    """Matches documents addressed to the bot, and the others of their albums.

    Telegram sends each document of an album as a message of its own, only one of which has the caption.
    """

    def __init__(self) -> None:
        super().__init__()
        self._albums = SeenAlbums()

    def filter(self, message: Message) -> bool:
        album, is_addressed = message.media_group_id, super().filter(message)
        if album is None:
            return is_addressed
        if is_addressed:
            self._albums.add(message)
        return album in self._albums


class _SentViaBot(filters.MessageFilter):
    """Matches quotes that a user sent through the bot's inline mode. They are answers, not questions."""

    def filter(self, message: Message) -> bool:
        return message.via_bot is not None and message.via_bot.id == message.get_bot().id


_MESSAGE = filters.UpdateType.MESSAGE & ~_SentViaBot()
_PRIVATE = _MESSAGE & filters.ChatType.PRIVATE
_GROUP = _MESSAGE & filters.ChatType.GROUPS
_WITH_TEXT = filters.TEXT | filters.CAPTION
# /ask and /search in a caption are followed by a question; other commands cannot be used there.
_COMMAND_IN_CAPTION = filters.CaptionRegex(r"^\s*/(?!ask\b|search\b)[A-Za-z]\w*(@\w+)?(\s|$)")
# An animation comes with a document of the same file.
_DOCUMENT = filters.Document.ALL & ~filters.ANIMATION
_DOCUMENT_OR_PHOTO = _DOCUMENT | filters.PHOTO
_ADDRESSED = _WITH_TEXT & ~filters.COMMAND & _AddressedToBot()
_EDITED = filters.UpdateType.EDITED_MESSAGE


def build_application(
    settings: Settings,
    state: BotState,
    bot: BotClient,
    chat_document_handlers: ChatDocumentHandlers | None = None,
) -> App:
    """Return the application with its handlers; it has no updater and no job queue.

    With `chat_document_handlers`, chats can have documents of their own.
    """
    application = (
        Application.builder()
        .bot(bot)
        .context_types(ContextTypes(context=BotContext, bot_data=cast("type[BotState]", lambda: state)))
        .updater(None)
        .job_queue(None)
        .build()
    )
    access = AccessControl(settings)
    application.add_handler(TypeHandler(Update, access.check_access), group=-2)
    if chat_document_handlers is not None:
        application.add_handler(TypeHandler(Update, chat_document_handlers.choose_library), group=-1)
    application.add_handlers(
        _handlers(
            access,
            chat_document_handlers,
            _DOCUMENT_OR_PHOTO if state.reads_pictures else _DOCUMENT,
            takes_admin_documents=settings.telegram_uploads == "admins",
        )
    )
    application.add_error_handler(errors.handle_error)
    return application


def _handlers(
    access: AccessControl,
    chat_document_handlers: ChatDocumentHandlers | None,
    files: filters.BaseFilter,
    *,
    takes_admin_documents: bool,
) -> list[BaseHandler[Update, BotContext, None]]:
    """Return the handlers; the first that matches an update handles it.

    The bot's own commands come first, then unknown commands, questions and messages without text. In groups
    only messages addressed to the bot are questions, and other messages are ignored. `files` matches messages
    with a file that can be a document.
    """
    limited = access.rate_limited
    admins = _PRIVATE & filters.User(access.admins)
    return [
        CommandHandler("start", limited(questions.start), _MESSAGE),
        CommandHandler("help", limited(questions.help_), _MESSAGE),
        CommandHandler("ask", limited(questions.answer_question), _MESSAGE),
        CommandHandler("ask", limited(questions.answer_edited_question), _EDITED),
        CommandHandler("why", limited(questions.why), _MESSAGE),
        CommandHandler("overview", limited(questions.overview), _MESSAGE),
        CommandHandler("search", limited(browse.search), _MESSAGE),
        CommandHandler("sources", limited(browse.sources), _MESSAGE),
        CommandHandler("privacy", limited(questions.privacy), _MESSAGE),
        CommandHandler("status", admin.status, admins),
        CommandHandler("reload", admin.reload, admins),
        *([MessageHandler(admins & files, admin.receive_document)] * takes_admin_documents),
        *(_own_document_handlers(access, chat_document_handlers, files) if chat_document_handlers else []),
        MessageHandler(
            _PRIVATE & (filters.COMMAND | _COMMAND_IN_CAPTION), limited(questions.unknown_command)
        ),
        MessageHandler(_PRIVATE & _WITH_TEXT, limited(questions.answer_question)),
        MessageHandler(_GROUP & _ADDRESSED, limited(questions.answer_question)),
        MessageHandler(
            _EDITED & filters.ChatType.PRIVATE & _WITH_TEXT & ~filters.COMMAND,
            limited(questions.answer_edited_question),
        ),
        MessageHandler(
            _EDITED & filters.ChatType.GROUPS & _ADDRESSED, limited(questions.answer_edited_question)
        ),
        MessageHandler(_PRIVATE & ~filters.StatusUpdate.ALL, limited(questions.unsupported_message)),
        MessageHandler(filters.UpdateType.GUEST_MESSAGE, limited(inline.answer_guest_query)),
        CallbackQueryHandler(limited(browse.handle_browse_button), is_browse_data),
        CallbackQueryHandler(limited(buttons.handle_button)),
        InlineQueryHandler(access.rate_limited_inline(inline.answer_inline_query)),
        ChatMemberHandler(
            chat_document_handlers.follow_membership if chat_document_handlers else questions.greet_group,
            ChatMemberHandler.MY_CHAT_MEMBER,
        ),
    ]


def _own_document_handlers(
    access: AccessControl, handlers: ChatDocumentHandlers, files: filters.BaseFilter
) -> list[BaseHandler[Update, BotContext, None]]:
    """Return the handlers of documents that belong to a chat, and of the buttons below them."""
    limited = access.rate_limited
    return [
        CommandHandler("mine", limited(handlers.mine), _MESSAGE),
        CommandHandler("forget", limited(handlers.forget), _MESSAGE),
        MessageHandler(_PRIVATE & files, limited(handlers.receive)),
        MessageHandler(_GROUP & files & _DocumentForBot(), limited(handlers.receive)),
        MessageHandler(filters.StatusUpdate.MIGRATE, handlers.migrate),
        CallbackQueryHandler(limited(handlers.handle_button), is_chat_document_data),
    ]


def build_bot(settings: Settings, metrics: Metrics, waits: CancellableWaits) -> BotClient:
    """Return the Telegram client of the settings, which must have a token.

    Calls that wait for a retry or a rate limit can be cancelled through `waits`.
    """
    token = settings.telegram_token or SecretStr("")
    api = settings.telegram_api_url
    environment = "/test" if settings.telegram_test_environment else ""
    return BotClient(
        token.get_secret_value(),
        base_url=f"{api}/bot{{token}}{environment}",
        base_file_url=f"{api}/file/bot{{token}}{environment}",
        request=_http_client(_MAX_TELEGRAM_CONNECTIONS),
        get_updates_request=_http_client(2),
        defaults=Defaults(link_preview_options=LinkPreviewOptions(is_disabled=True)),
        rate_limiter=RetryingRateLimiter(settings.telegram_messages_per_second, waits, metrics),
    )


def _http_client(connections: int) -> HTTPXRequest:
    return HTTPXRequest(connections, httpx_kwargs={"verify": _tls_context()})


@cache
def _tls_context() -> ssl.SSLContext:
    """Return the certificates that are trusted, which take 60 ms to read."""
    return httpx.create_ssl_context()
