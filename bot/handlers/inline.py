"""Glue for chats the bot is not in: while somebody types its name, and where it is called in as a guest."""

import contextlib

from telegram import InlineQueryResultsButton, Update
from telegram.error import BadRequest

from bot.handlers.context import BotContext
from bot.telegram.message_parsing import question_text
from bot.views import answers, inline
from bot.views.message import notice
from bot.views.truncation import label

_MINUTE = 60
_MOST_TITLE = 80


async def inline_query(update: Update, context: BotContext) -> None:
    """Offer quotes for what was typed so far."""
    query = update.inline_query
    if query is None:
        raise TypeError("This handler is for inline queries")
    texts, text = context.viewer(update).texts, query.query.strip()
    found, offered, after = None, [], ""
    if text and context.archive.sources:
        found = await context.find(text, top=inline.MAX_RESULTS)
    if found is not None:
        first = inline.parse_offset(query.offset)
        offered = inline.results(found, first, context.viewer(update))
        after = inline.offset_after(found, first)
    hint = texts.inline_none if text else texts.inline_help
    button = InlineQueryResultsButton(hint, start_parameter=inline.HELP_LINK)
    # Too old to be answered: the person types on.
    with contextlib.suppress(BadRequest):
        await query.answer(
            offered,
            cache_time=_MINUTE,
            is_personal=True,
            # The library would send an empty text as an empty list.
            next_offset=after or None,
            button=None if offered else button,
        )


async def guest_query(update: Update, context: BotContext) -> None:
    """Answer in a chat that called us in for this one question."""
    message = update.guest_message
    if message is None or message.guest_query_id is None:
        return
    viewer = context.viewer(update)
    text = question_text(message.text or message.caption or "", context.bot.username)
    reply = notice(viewer.texts.ask_how)
    if not context.archive.sources:
        reply = notice(viewer.texts.no_documents)
    elif text:
        found = await context.find(text)
        reply = answers.render_answer(found, viewer) if found else notice(viewer.texts.declined)
        context.metrics.asked(found.certainty if found else "none")
    title = label(text or reply.text, _MOST_TITLE)
    # The buttons of an answer need its question, which is not to be seen from there.
    await context.bot.answer_guest_query(
        message.guest_query_id, inline.article(reply, name="answer", title=title)
    )
