"""The bot's commands and descriptions in Telegram, in every language, set only where they differ."""

import logging
from collections.abc import Collection

from telegram import Bot, BotCommandScope, BotCommandScopeChat, BotCommandScopeDefault
from telegram.error import BadRequest, TelegramError

from bot.i18n.texts import LANGUAGES, Texts, texts_for

_log = logging.getLogger(__name__)


async def update_profile(bot: Bot, admins: Collection[int] = (), *, takes_uploads: bool = False) -> None:
    """Update the profile; failures are only logged, as a bot without a profile still answers.

    `takes_uploads`: everyone may send documents, so there are commands for them.
    """
    try:
        for language in LANGUAGES:
            # English is also the default for all other languages.
            await _update_texts(
                bot, texts_for(language), language if language != "en" else None, takes_uploads=takes_uploads
            )
        for admin in admins:
            await _update_admin_commands(bot, admin, takes_uploads=takes_uploads)
    except TelegramError as error:
        _log.warning("Telegram rejected the bot's commands or descriptions: %s", error.message)


def _commands(texts: Texts, *, takes_uploads: bool) -> dict[str, str]:
    return texts.commands | (texts.upload_commands if takes_uploads else {})


async def _update_texts(bot: Bot, texts: Texts, language: str | None, *, takes_uploads: bool) -> None:
    # Telegram limits how often these may be set, so they are read first.
    commands = _commands(texts, takes_uploads=takes_uploads)
    await _update_commands(bot, commands, BotCommandScopeDefault(), language)
    current = await bot.get_my_description(language_code=language)
    if current.description != texts.description:
        await bot.set_my_description(texts.description, language_code=language)
    current_short = await bot.get_my_short_description(language_code=language)
    if current_short.short_description != texts.short_description:
        await bot.set_my_short_description(texts.short_description, language_code=language)


async def _update_admin_commands(bot: Bot, admin: int, *, takes_uploads: bool) -> None:
    texts = texts_for()
    try:
        commands = _commands(texts, takes_uploads=takes_uploads) | texts.admin_commands
        await _update_commands(bot, commands, BotCommandScopeChat(admin), None)
    except BadRequest:
        _log.info("Admin %d has not written to the bot yet", admin)


async def _update_commands(
    bot: Bot, wanted: dict[str, str], scope: BotCommandScope, language: str | None
) -> None:
    commands = tuple(wanted.items())
    current = await bot.get_my_commands(scope=scope, language_code=language)
    if tuple((c.command, c.description) for c in current) != commands:
        await bot.set_my_commands(commands, scope=scope, language_code=language)
