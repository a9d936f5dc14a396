"""The sandbox works with aiogram, a Bot API library that the bot does not use."""

# ruff: noqa: PLC0415
# aiogram takes five seconds of processor time to import, so that only its tests import it.

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiogram import Bot
    from aiogram.types import CallbackQuery, InlineQuery, Message

    from sandbox.control_client import ChatClient, Sandbox

pytestmark = pytest.mark.slow


@asynccontextmanager
async def open_bot(sandbox: Sandbox, token: str = "") -> AsyncIterator[Bot]:
    from aiogram import Bot
    from aiogram.client.session.aiohttp import AiohttpSession
    from aiogram.client.telegram import TelegramAPIServer

    session = AiohttpSession(api=TelegramAPIServer.from_base(sandbox.url))
    async with Bot(token or sandbox.token, session=session) as bot:
        yield bot


@pytest.fixture
async def aio(served: Sandbox) -> AsyncIterator[Bot]:
    async with open_bot(served) as bot:
        yield bot


@pytest.fixture
async def ada(served: Sandbox) -> ChatClient:
    chat = await served.private_chat("Ada")
    await chat.send("/start")
    return chat


async def test_it_sends_edits_and_reads_files(aio: Bot, ada: ChatClient, served: Sandbox) -> None:
    """A bot built on aiogram can reply with a quote, edit, and upload and download a document."""
    from aiogram.types import BufferedInputFile, Message, MessageEntity, ReplyParameters

    assert (await aio.get_me()).username == "verbatim_bot"
    question = await ada.send("How many checkpoints?")
    sent = await aio.send_message(
        ada.id,
        "12 checkpoints",
        entities=[MessageEntity(type="blockquote", offset=0, length=14)],
        reply_parameters=ReplyParameters(message_id=question.id, quote="checkpoints"),
    )
    assert sent.quote is not None
    assert sent.quote.position == 9
    edited = await aio.edit_message_text("13", chat_id=ada.id, message_id=sent.message_id)
    assert isinstance(edited, Message)
    assert edited.edit_date
    uploaded = await aio.send_document(ada.id, BufferedInputFile(b"words", "a.txt"), caption="c")
    assert uploaded.document is not None
    downloaded = await aio.download(uploaded.document)
    assert downloaded is not None
    assert downloaded.read() == b"words"
    assert await served.violations() == []


async def test_it_polls_and_answers(aio: Bot, ada: ChatClient, served: Sandbox) -> None:
    """A dispatcher of aiogram polls, replies, and answers a pressed button and an inline query."""
    from aiogram import Dispatcher
    from aiogram.types import (
        InlineKeyboardButton,
        InlineKeyboardMarkup,
        InlineQueryResultArticle,
        InputTextMessageContent,
    )

    dispatcher = Dispatcher()

    @dispatcher.message()
    async def reply(message: Message) -> None:
        board = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="Next", callback_data="n")]])
        await message.reply(f"you: {message.text}", reply_markup=board)

    @dispatcher.callback_query()
    async def answer(query: CallbackQuery) -> None:
        await query.answer("there")

    @dispatcher.inline_query()
    async def offer(query: InlineQuery) -> None:
        content = InputTextMessageContent(message_text=f"found {query.query}")
        await query.answer([InlineQueryResultArticle(id="1", title="T", input_message_content=content)])

    polling = asyncio.create_task(
        dispatcher.start_polling(aio, handle_signals=False, close_bot_session=False)
    )
    await ada.next_message()
    await ada.send("hello")
    sent = await ada.next_message()
    assert sent.text == "you: hello"
    pressed = await sent.press("Next")
    assert pressed is not None
    assert pressed["text"] == "there"
    inline = await ada.inline("checkpoints")
    picked = await ada.pick(inline["query_id"], inline["answer"]["results"][0]["id"])
    assert picked.text == "found checkpoints"
    assert await served.violations() == []
    await dispatcher.stop_polling()
    await polling


async def test_its_errors_are_telegrams(aio: Bot, ada: ChatClient, served: Sandbox) -> None:
    """Each error is raised as the same class as with the real server."""
    from aiogram import exceptions

    with pytest.raises(exceptions.TelegramBadRequest, match="message is too long"):
        await aio.send_message(ada.id, "a" * 4097)
    with pytest.raises(exceptions.TelegramBadRequest, match="chat not found"):
        await aio.send_message(1, "a")
    await ada.block()
    with pytest.raises(exceptions.TelegramForbiddenError, match="blocked by the user"):
        await aio.send_message(ada.id, "a")
    await served.fault(
        "sendMessage", status=429, retry_after=7, description="Too Many Requests: retry after 7"
    )
    with pytest.raises(exceptions.TelegramRetryAfter) as caught:
        await aio.send_message(ada.id, "a")
    assert caught.value.retry_after == 7
    await served.fault("getMe", status=502, description="Bad Gateway")
    with pytest.raises(exceptions.TelegramServerError):
        await aio.get_me()
    await served.fault("getMe", kind="drop")
    with pytest.raises(exceptions.TelegramNetworkError):
        await aio.get_me()
    async with open_bot(served, "1:wrong") as stranger:
        with pytest.raises(exceptions.TelegramUnauthorizedError):
            await stranger.get_me()


async def test_a_second_poller_is_a_conflict(aio: Bot, served: Sandbox) -> None:
    """When a second poller starts, the waiting one gets a conflict."""
    from aiogram.exceptions import TelegramConflictError

    await served.settings(holds_repeats=False)
    waiting = asyncio.create_task(aio.get_updates(timeout=20))
    await asyncio.sleep(0.3)
    async with open_bot(served) as other:
        await asyncio.gather(other.get_updates(timeout=0), return_exceptions=True)
    with pytest.raises(TelegramConflictError, match="terminated by other getUpdates"):
        await waiting
