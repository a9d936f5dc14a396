"""Handlers of button presses under answers: other quotes, context, pages, votes."""

from telegram import CallbackQuery, Message, Update

from bot.handlers.context import BotContext
from bot.handlers.messaging import answer_query, asked_text, edit_reply, query_of
from bot.i18n.messages import Texts
from bot.ops.concurrency import in_thread
from bot.search_service import TOP
from bot.views import answers, browse, callback_data, quotes
from bot.views.callback_data import Action, ButtonPress
from bot.views.locations import location_text
from bot.views.message import Reply
from bot.views.viewer import Viewer
from retrieval.model import Answer, Citation

# What buttons ask for under passages that are not taken for an answer.
_OF_THE_CLOSEST = {Action.CLOSEST, Action.CONTEXT, Action.VOTE_UP, Action.VOTE_DOWN}


async def button_press(update: Update, context: BotContext) -> None:
    """Do what a button says, and always answer the query, with words when nothing else is seen."""
    query = query_of(update)
    await answer_query(query, await _pressed(query, context, context.viewer(update)))


async def _pressed(query: CallbackQuery, context: BotContext, viewer: Viewer) -> str | None:
    wish = callback_data.decode(query.data)
    if wish is None:
        return viewer.texts.stale
    origin = query.message.reply_to_message if isinstance(query.message, Message) else None
    text = asked_text(origin) if origin else ""
    if not text:
        return viewer.texts.question_gone
    top = browse.MAX_PLACES if wish.action is Action.PLACES else TOP
    found = await context.find(text, wish.origin, top=top)
    if found is None or not _still_there(found, wish):
        return viewer.texts.changed
    if wish.action in {Action.VOTE_UP, Action.VOTE_DOWN}:
        return _voted(text, found, wish, context, viewer.texts)
    return await _shown(query, found, wish, context, viewer)


async def _shown(
    query: CallbackQuery, found: Answer, wish: ButtonPress, context: BotContext, viewer: Viewer
) -> str | None:
    if wish.action is Action.POSITION:
        return viewer.texts.place(wish.rank, len(found.citations))
    if wish.action is Action.PAGE_PICTURE:
        return await _send_page(query, found.citations[wish.rank - 1], context, viewer)
    view = await _view(found, wish, context, viewer)
    return await edit_reply(query, view, viewer.texts) if view else viewer.texts.changed


def _still_there(found: Answer, wish: ButtonPress) -> bool:
    if wish.action is Action.PLACES:
        return True
    if not found.answered and wish.action not in _OF_THE_CLOSEST:
        # The suggested question itself may be declined; that is an answer too.
        return wish.origin.corrected and wish == ButtonPress(Action.QUOTE, origin=wish.origin)
    if wish.rank > len(found.citations):
        return False
    passage = found.citations[wish.rank - 1].passage.id
    return wish.action is not Action.CONTEXT or passage.startswith(wish.passage or "?")


async def _send_page(
    query: CallbackQuery, citation: Citation, context: BotContext, viewer: Viewer
) -> str | None:
    """Send the page of a quote as a picture."""
    archive, message = context.archive, query.message
    drawn = await in_thread(lambda: archive.picture(citation))
    if drawn is None or not isinstance(message, Message):
        return viewer.texts.no_picture
    await message.reply_photo(drawn, caption=location_text(citation.title, citation.locator, viewer.texts))
    return None


def _voted(text: str, found: Answer, wish: ButtonPress, context: BotContext, texts: Texts) -> str:
    citation: Citation = found.citations[wish.rank - 1]
    vote = "up" if wish.action is Action.VOTE_UP else "down"
    context.state.feedback.keep(text, found, document=citation.document, quote=citation.quote, vote=vote)
    return texts.thanks if context.state.feedback.is_on else texts.stale


async def _view(found: Answer, wish: ButtonPress, context: BotContext, viewer: Viewer) -> Reply | None:
    if wish.action is Action.PLACES:
        return browse.render_places(found, wish.rank - 1, viewer)
    if wish.action is Action.QUOTE and found.answered:
        return quotes.render_quote(found, wish.rank, viewer, wish.origin)
    if wish.action is Action.CLOSEST and not found.answered:
        return answers.render_closest_passages(found, viewer, wish.origin)
    if wish.action in {Action.QUOTE, Action.CLOSEST}:
        return answers.render_answer(found, viewer, wish.origin)
    around = await context.archive.context(found.citations[wish.rank - 1].passage.id)
    return quotes.render_context(found, wish.rank, around, viewer, wish.origin) if around else None
