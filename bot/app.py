"""The bot put together: who handles what, in which order."""

from collections.abc import Callable, Coroutine

from pydantic import SecretStr
from telegram import LinkPreviewOptions, Message, Update
from telegram.ext import (
    Application,
    ApplicationHandlerStop,
    CallbackQueryHandler,
    CommandHandler,
    ContextTypes,
    Defaults,
    MessageHandler,
    TypeHandler,
    filters,
)
from telegram.request import HTTPXRequest

from bot import errors, handlers
from bot.asking import Archive
from bot.context import Context, Data, State
from bot.questions import mentions
from bot.receiving import Bot
from bot.sending import PatientLimiter
from config.settings import Settings

App = Application[Bot, Context, Data, Data, State, None]

KINDS = ("message", "callback_query")
_CONNECTIONS = 256


class _SpokenTo(filters.MessageFilter):
    """A reply to a message of ours, or our name in the text; commands have handlers of their own."""

    def filter(self, message: Message) -> bool:
        bot, other = message.get_bot(), message.reply_to_message
        replied = other is not None and other.from_user is not None and other.from_user.id == bot.id
        return replied or mentions(message.text or message.caption or "", bot.username)


_MESSAGE = filters.UpdateType.MESSAGE
_PRIVATE = _MESSAGE & filters.ChatType.PRIVATE
_GROUP = _MESSAGE & filters.ChatType.GROUPS
_WORDS = filters.TEXT | filters.CAPTION


def build_application(settings: Settings, archive: Archive) -> App:
    """Wire it all; the settings have to name a token."""
    application = (
        Application.builder()
        .bot(_bot(settings))
        .context_types(ContextTypes(context=Context, bot_data=State))
        .updater(None)
        .job_queue(None)
        .build()
    )
    application.bot_data.archive = archive

    # Before all else: who is not allowed in gets no further, and no reply.
    if settings.telegram_allowed_chats:
        application.add_handler(TypeHandler(Update, _gate(settings.telegram_allowed_chats)), group=-1)

    # The first that fits takes the message: our commands anywhere, then other commands, then questions,
    # then what has no words. In groups nothing is left over for the last two but what is meant for us.
    application.add_handlers(
        [
            CommandHandler("start", handlers.start, _MESSAGE),
            CommandHandler("help", handlers.help_, _MESSAGE),
            CommandHandler("ask", handlers.question, _MESSAGE),
            CommandHandler("sources", handlers.sources, _MESSAGE),
            CommandHandler("privacy", handlers.privacy, _MESSAGE),
            MessageHandler(_PRIVATE & filters.COMMAND, handlers.unknown_command),
            MessageHandler(_PRIVATE & _WORDS, handlers.question),
            MessageHandler(_GROUP & _WORDS & ~filters.COMMAND & _SpokenTo(), handlers.question),
            MessageHandler(_PRIVATE & ~filters.StatusUpdate.ALL, handlers.wordless),
            CallbackQueryHandler(handlers.press),
        ]
    )
    application.add_error_handler(errors.report)
    return application


def _bot(settings: Settings) -> Bot:
    token = settings.telegram_token or SecretStr("")
    api = settings.telegram_api_url
    environment = "/test" if settings.telegram_test_environment else ""
    return Bot(
        token.get_secret_value(),
        base_url=f"{api}/bot{{token}}{environment}",
        base_file_url=f"{api}/file/bot{{token}}{environment}",
        request=HTTPXRequest(connection_pool_size=_CONNECTIONS),
        get_updates_request=HTTPXRequest(connection_pool_size=2),
        defaults=Defaults(link_preview_options=LinkPreviewOptions(is_disabled=True)),
        rate_limiter=PatientLimiter(settings.telegram_messages_per_second),
    )


def _gate(allowed: frozenset[int]) -> Callable[[Update, Context], Coroutine[object, object, None]]:
    async def gate(update: Update, _context: Context) -> None:
        chat, user = update.effective_chat, update.effective_user
        if not {chat.id if chat else None, user.id if user else None} & allowed:
            raise ApplicationHandlerStop

    return gate
