"""Handler of the buttons below answers: other quotes, context, pages, votes; and below search results."""

from telegram import CallbackQuery, Message, Update
from telegram.constants import ChatAction

from bot.concurrency import in_thread
from bot.handlers.context import MAX_QUOTES, BotContext
from bot.i18n.texts import Texts
from bot.telegram.messaging import answer_query, edit_reply, question_of, require_query
from bot.views import answers, browse
from bot.views.message import (
    MAX_PLACES,
    AnswerAction,
    AnswerPress,
    Recipient,
    Reply,
    decode_answer_press,
    named_location,
)
from retrieval.model import Answer, Citation
from retrieval.query.intent import DocumentQuestionKind, parse_document_question

# Actions of the buttons below the closest passages, which are not an answer.
_ACTIONS_WITHOUT_ANSWER = {
    AnswerAction.CLOSEST,
    AnswerAction.SURROUNDING_TEXT,
    AnswerAction.PAGE_PICTURE,
    AnswerAction.VOTE_UP,
    AnswerAction.VOTE_DOWN,
}


async def handle_button(update: Update, context: BotContext) -> None:
    """Do what a button says, and answer the query in any case, with a text when nothing else is visible."""
    query = require_query(update)
    press = decode_answer_press(query.data)
    is_picture = press is not None and press.action is AnswerAction.PAGE_PICTURE
    with context.show_action(update, ChatAction.UPLOAD_PHOTO if is_picture else ChatAction.TYPING):
        notice = await _run_action(query, press, context, context.recipient(update))
    await answer_query(query, notice)


async def _run_action(
    query: CallbackQuery, press: AnswerPress | None, context: BotContext, recipient: Recipient
) -> str | None:
    """Return the text to answer the query with, if any."""
    if press is None:
        return recipient.texts.button_expired
    question = query.message.reply_to_message if isinstance(query.message, Message) else None
    text = question_of(question) if question else ""
    if not text:
        return recipient.texts.question_gone
    top = MAX_QUOTES
    if press.action is AnswerAction.PLACES:
        top, text = MAX_PLACES, _searched_words(text)
    answer = await context.find_answer(text, press.origin, top=top)
    if answer is None or not _is_current(answer, press):
        return recipient.texts.documents_changed
    if press.action in {AnswerAction.VOTE_UP, AnswerAction.VOTE_DOWN}:
        return _record_vote(text, answer, press, context, recipient.texts)
    return await _show_view(query, answer, press, context, recipient)


def _searched_words(text: str) -> str:
    """Return the words of a search: of /search, or of a question where they are mentioned."""
    question = parse_document_question(text)
    return question.subject if question and question.kind is DocumentQuestionKind.PLACES else text


async def _show_view(
    query: CallbackQuery, answer: Answer, press: AnswerPress, context: BotContext, recipient: Recipient
) -> str | None:
    if press.action is AnswerAction.POSITION:
        return recipient.texts.quote_position(press.rank, len(answer.citations))
    if press.action is AnswerAction.PAGE_PICTURE:
        return await _send_page(query, answer.citations[press.rank - 1], context, recipient)
    view = await _render(answer, press, context, recipient)
    return await edit_reply(query, view, recipient.texts) if view else recipient.texts.documents_changed


def _is_current(answer: Answer, press: AnswerPress) -> bool:
    """Return whether the documents still have what the button was made for."""
    if press.action is AnswerAction.PLACES:
        return True
    if not answer.answered and press.action not in _ACTIONS_WITHOUT_ANSWER:
        # The corrected question may have no answer either, which is then shown.
        return press.origin.corrected and press == AnswerPress(AnswerAction.QUOTE, origin=press.origin)
    if press.rank > len(answer.citations):
        return False
    passage = answer.citations[press.rank - 1].passage.id
    return press.action is not AnswerAction.SURROUNDING_TEXT or passage.startswith(press.passage_id or "?")


async def _send_page(
    query: CallbackQuery, citation: Citation, context: BotContext, recipient: Recipient
) -> str | None:
    """Send a picture of the page that a quote is on."""
    library, message = context.library, query.message
    picture = await in_thread(lambda: library.picture(citation))
    if picture is None or not isinstance(message, Message):
        return recipient.texts.page_not_available
    await message.reply_photo(picture, caption=named_location(citation, recipient.texts))
    return None


def _record_vote(text: str, answer: Answer, press: AnswerPress, context: BotContext, texts: Texts) -> str:
    if context.has_chat_documents:
        return texts.button_expired
    citation: Citation = answer.citations[press.rank - 1]
    vote = "up" if press.action is AnswerAction.VOTE_UP else "down"
    context.state.feedback.record(
        text, answer, document=citation.document_name, quote=citation.quote, vote=vote
    )
    return texts.thanks_for_vote if context.state.feedback.is_on else texts.button_expired


async def _render(
    answer: Answer, press: AnswerPress, context: BotContext, recipient: Recipient
) -> Reply | None:
    if press.action is AnswerAction.PLACES:
        return browse.render_places(answer, press.rank - 1, recipient)
    if press.action is AnswerAction.QUOTE and answer.answered and press.rank <= answer.parts:
        return answers.render_answer(answer, recipient, press.origin)
    if press.action is AnswerAction.QUOTE and answer.answered:
        return answers.render_quote(answer, press.rank, recipient, press.origin)
    if press.action is AnswerAction.CLOSEST and not answer.answered:
        return answers.render_closest_passages(answer, recipient, press.origin)
    if press.action in {AnswerAction.QUOTE, AnswerAction.CLOSEST}:
        return answers.render_answer(answer, recipient, press.origin)
    around = await context.library.passage_with_neighbours(answer.citations[press.rank - 1].passage.id)
    return (
        answers.render_surrounding_text(answer, press.rank, around, recipient, press.origin)
        if around
        else None
    )
