"""The bot put together: who handles what, in which order."""

from pydantic import SecretStr
from telegram import LinkPreviewOptions, Message, Update
from telegram.ext import (
    Application,
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
from bot.access import Access
from bot.asking import Archive
from bot.context import Context, Data, State
from bot.metrics import Metrics
from bot.pauses import Pauses
from bot.questions import mentions
from bot.receiving import Bot
from bot.sending import Limiter
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


def build_application(settings: Settings, archive: Archive, metrics: Metrics, pauses: Pauses) -> App:
    """Wire it all; the settings have to name a token. Answers that wait are given up through `pauses`."""
    application = (
        Application.builder()
        .bot(_bot(settings, metrics, pauses))
        .context_types(ContextTypes(context=Context, bot_data=State))
        .updater(None)
        .job_queue(None)
        .build()
    )
    state, access = application.bot_data, Access(settings)
    state.archive, state.metrics = archive, metrics
    state.logs_questions = settings.log_questions

    application.add_handler(TypeHandler(Update, access.gate), group=-1)
    # The first that fits takes the message: our commands anywhere, then other commands, then questions,
    # then what has no words. In groups nothing is left over for the last two but what is meant for us.
    application.add_handlers(
        [
            CommandHandler("start", access.rationed(handlers.start), _MESSAGE),
            CommandHandler("help", access.rationed(handlers.help_), _MESSAGE),
            CommandHandler("ask", access.rationed(handlers.question), _MESSAGE),
            CommandHandler("sources", access.rationed(handlers.sources), _MESSAGE),
            CommandHandler("privacy", access.rationed(handlers.privacy), _MESSAGE),
            MessageHandler(_PRIVATE & filters.COMMAND, access.rationed(handlers.unknown_command)),
            MessageHandler(_PRIVATE & _WORDS, access.rationed(handlers.question)),
            MessageHandler(
                _GROUP & _WORDS & ~filters.COMMAND & _SpokenTo(), access.rationed(handlers.question)
            ),
            MessageHandler(_PRIVATE & ~filters.StatusUpdate.ALL, access.rationed(handlers.wordless)),
            CallbackQueryHandler(access.rationed(handlers.press)),
        ]
    )
    application.add_error_handler(errors.report)
    return application


def _bot(settings: Settings, metrics: Metrics, pauses: Pauses) -> Bot:
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
        rate_limiter=Limiter(settings.telegram_messages_per_second, pauses, metrics),
    )
