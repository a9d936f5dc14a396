"""Asks Telegram who is a member or an administrator of a group."""

import logging

from telegram import ChatMember
from telegram.error import TelegramError

from bot.handlers.context import BotContext

_log = logging.getLogger(__name__)


async def is_group_admin(group: int, user: int, context: BotContext) -> bool:
    """Return whether a user administers a group; False if Telegram does not tell."""
    member = await _member(group, user, context)
    return member is not None and member.status in {ChatMember.OWNER, ChatMember.ADMINISTRATOR}


async def is_member(group: int, user: int, context: BotContext) -> bool:
    """Return whether a user is in a group; False if Telegram does not tell."""
    member = await _member(group, user, context)
    if member is None or member.status in {ChatMember.LEFT, ChatMember.BANNED}:
        return False
    # Restricted users may have left.
    return member.status != ChatMember.RESTRICTED or bool(getattr(member, "is_member", False))


async def _member(group: int, user: int, context: BotContext) -> ChatMember | None:
    try:
        return await context.bot.get_chat_member(group, user)
    except TelegramError as error:
        _log.info("Telegram does not tell whether a user is in a group: %s", error.message)
        return None
