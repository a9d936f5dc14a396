"""The sandbox works with python-telegram-bot, the library of the bot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, MessageEntity, ReplyParameters, Update
from telegram.error import BadRequest, Forbidden, InvalidToken, NetworkError, RetryAfter

if TYPE_CHECKING:
    from sandbox.control_client import Sandbox

pytestmark = pytest.mark.slow

BOARD = InlineKeyboardMarkup([[InlineKeyboardButton("Next", callback_data="n")]])


def make_bot(sandbox: Sandbox, token: str = "") -> Bot:
    base = f"{sandbox.url}/bot"
    return Bot(token or sandbox.token, base_url=base, base_file_url=f"{sandbox.url}/file/bot")


async def test_a_whole_conversation(served: Sandbox) -> None:
    """A bot polls a question, answers with a quote and buttons, and edits, without any violation."""
    chat = await served.private_chat("Ada")
    async with make_bot(served) as bot:
        await chat.send("How many?")
        (update,) = await bot.get_updates(timeout=2, allowed_updates=Update.ALL_TYPES)
        assert update.message is not None
        sent = await update.message.reply_text(
            "12 of them",
            entities=[MessageEntity("blockquote", 0, 10), MessageEntity("bold", 0, 2)],
            reply_parameters=ReplyParameters(update.message.message_id, quote="many"),
            reply_markup=BOARD,
        )
        assert sent.quote is not None
        answer = await chat.next_message()
        assert answer.entity_texts("bold") == ["12"]
        await answer.press("Next", timeout=0)
        *_, update = await bot.get_updates(update.update_id + 1, timeout=2)
        assert update.callback_query is not None
        await update.callback_query.answer()
        await update.callback_query.edit_message_text("13 of them")
        assert (await chat.next_message(kinds=["edited_message"])).text == "13 of them"
        document = await bot.send_document(chat.id, b"words", filename="a.txt")
        assert document.document is not None
        assert bytes(await (await document.document.get_file()).download_as_bytearray()) == b"words"
    assert await served.violations() == []


async def test_its_errors_are_telegrams(served: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each error is raised as the same class as with the real server."""
    # Without this the library warns that retry_after will change from a number to a timedelta.
    monkeypatch.setenv("PTB_TIMEDELTA", "true")
    chat = await served.private_chat("Ada")
    async with make_bot(served) as bot:
        with pytest.raises(Forbidden, match="can't initiate conversation"):
            await bot.send_message(chat.id, "a")
        await chat.send("/start")
        board = InlineKeyboardMarkup([[InlineKeyboardButton("Next", callback_data="я" * 33)]])
        with pytest.raises(BadRequest, match="Button_data_invalid"):
            await bot.send_message(chat.id, "a", reply_markup=board)
        await served.fault("sendMessage", status=429, retry_after=7, description="Too Many Requests")
        with pytest.raises(RetryAfter):
            await bot.send_message(chat.id, "a")
        await served.fault("sendMessage", kind="garbage", status=502)
        with pytest.raises(NetworkError):
            await bot.send_message(chat.id, "a")
    stranger = make_bot(served, "1:wrong")
    with pytest.raises(InvalidToken):
        await stranger.initialize()
    await stranger.shutdown()
