"""How the bot presents itself in Telegram: commands and descriptions, set only when they differ."""

import logging

from telegram import Bot
from telegram.error import TelegramError

from bot.texts import Texts

_log = logging.getLogger(__name__)


async def introduce(bot: Bot, texts: Texts) -> None:
    """Bring the profile up to date; a bot without one still answers, so failures are only logged."""
    try:
        await _introduce(bot, texts)
    except TelegramError as error:
        _log.warning("Telegram did not take the bot's commands and descriptions: %s", error.message)


async def _introduce(bot: Bot, texts: Texts) -> None:
    # Telegram floods out bots that set these at every start, so they are read first.
    commands = tuple(texts.commands.items())
    if tuple((c.command, c.description) for c in await bot.get_my_commands()) != commands:
        await bot.set_my_commands(commands)
    if (await bot.get_my_description()).description != texts.description:
        await bot.set_my_description(texts.description)
    if (await bot.get_my_short_description()).short_description != texts.short_description:
        await bot.set_my_short_description(texts.short_description)
