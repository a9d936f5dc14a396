"""Handlers for chats that the bot is not in: inline queries and guest queries."""

import contextlib

from telegram import InlineQueryResultsButton, Update
from telegram.error import BadRequest

from bot.handlers.context import BotContext
from bot.handlers.questions import answer_about_documents
from bot.i18n.texts import small_talk_reply
from bot.telegram.messaging import question_of
from bot.views import answers, inline
from bot.views.message import one_line, text_reply

_CACHE_SECONDS = 60
_MAX_TITLE_UNITS = 80


async def answer_inline_query(update: Update, context: BotContext) -> None:
    """Offer quotes for what has been typed."""
    query = update.inline_query
    if query is None:
        raise TypeError("the update has no inline query")
    texts, text = context.recipient(update).texts, query.query.strip()
    answer, results, next_offset = None, [], ""
    if text and context.library.sources:
        answer = await context.find_answer(text, top=inline.MAX_RESULTS)
    if answer is not None:
        first = inline.parse_offset(query.offset)
        results = inline.render_results(answer, first, context.recipient(update))
        next_offset = inline.next_offset(answer, first)
    hint = texts.inline_no_quote if text else texts.inline_hint
    button = InlineQueryResultsButton(hint, start_parameter=inline.HELP_LINK)
    # The query is too old, because the user has typed more since.
    with contextlib.suppress(BadRequest):
        await query.answer(
            results,
            cache_time=_CACHE_SECONDS,
            is_personal=True,
            # The library would send an empty string as an empty list.
            next_offset=next_offset or None,
            button=None if results else button,
        )


async def answer_guest_query(update: Update, context: BotContext) -> None:
    """Answer one question in a chat that the bot was called into."""
    message = update.guest_message
    if message is None or message.guest_query_id is None:
        return
    recipient = context.recipient(update)
    text = question_of(message)
    reply = text_reply(recipient.texts.ask_usage)
    if not context.library.sources:
        reply = text_reply(recipient.texts.no_documents)
    elif greeting := small_talk_reply(text, recipient.texts):
        reply = text_reply(greeting)
    elif text and (about := await answer_about_documents(text, message, context, recipient)):
        reply = about
    elif text:
        answer = await context.find_answer(text)
        reply = answers.render_answer(answer, recipient) if answer else text_reply(recipient.texts.no_answer)
        context.metrics.count_question(answer.certainty if answer else "none")
    title = one_line(text or reply.text, _MAX_TITLE_UNITS)
    # Without buttons: they need the question, and a guest cannot see it again.
    await context.bot.answer_guest_query(
        message.guest_query_id, inline.build_article(reply, name="answer", title=title)
    )
