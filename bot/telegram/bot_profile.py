"""How the bot presents itself in Telegram, in every language: set only where it differs."""

import logging
from collections.abc import Collection

from telegram import Bot, BotCommandScope, BotCommandScopeChat, BotCommandScopeDefault
from telegram.error import BadRequest, TelegramError

from bot.i18n.messages import LANGUAGES, Texts, speaking

_log = logging.getLogger(__name__)


async def introduce(bot: Bot, admins: Collection[int] = ()) -> None:
    """Bring the profile up to date; a bot without one still answers, so failures are only logged."""
    try:
        for language in LANGUAGES:
            # English is for everybody else as well.
            await _introduce(bot, speaking(language), language if language != "en" else None)
        for admin in admins:
            await _introduce_admin(bot, admin)
    except TelegramError as error:
        _log.warning("Telegram did not take the bot's commands and descriptions: %s", error.message)


async def _introduce(bot: Bot, texts: Texts, language: str | None) -> None:
    # Telegram floods out bots that set these at every start, so they are read first.
    await _command(bot, texts.commands, BotCommandScopeDefault(), language)
    described = await bot.get_my_description(language_code=language)
    if described.description != texts.description:
        await bot.set_my_description(texts.description, language_code=language)
    short = await bot.get_my_short_description(language_code=language)
    if short.short_description != texts.short_description:
        await bot.set_my_short_description(texts.short_description, language_code=language)


async def _introduce_admin(bot: Bot, admin: int) -> None:
    texts = speaking()
    try:
        await _command(bot, texts.commands | texts.admin_commands, BotCommandScopeChat(admin), None)
    except BadRequest:
        _log.info("Admin %d has not written to the bot yet", admin)


async def _command(bot: Bot, wanted: dict[str, str], scope: BotCommandScope, language: str | None) -> None:
    commands = tuple(wanted.items())
    known = await bot.get_my_commands(scope=scope, language_code=language)
    if tuple((c.command, c.description) for c in known) != commands:
        await bot.set_my_commands(commands, scope=scope, language_code=language)
