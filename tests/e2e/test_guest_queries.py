"""The bot as a guest in chats that it is not a member of."""

import pytest

from sandbox.control_client import Sandbox
from tests.e2e.conftest import LIGHTHOUSE

pytestmark = pytest.mark.e2e


async def test_a_guest_answers_with_a_quote(sandbox: Sandbox) -> None:
    """A mention in a chat without the bot is answered there with a verbatim quote and its source."""
    chat = await sandbox.group("Friends", bot=False)
    question = await chat.call_in("@verbatim_bot How many steps does the keeper climb to light the lamp?")
    answer = await chat.next_message()
    [quote] = answer.entity_texts("blockquote")
    assert quote in LIGHTHOUSE
    assert "212 steps" in quote
    assert "lighthouse" in answer.text.replace(quote, "").lower()
    assert question.id == answer.raw["reply_to_message"]["message_id"]
    assert await chat.is_quiet()


async def test_a_guest_without_an_answer_says_so(sandbox: Sandbox) -> None:
    """A question without an answer is declined in one message without a quote."""
    chat = await sandbox.group("Friends", bot=False)
    await chat.call_in("@verbatim_bot Who won the chess tournament in Reykjavik?")
    answer = await chat.next_message()
    assert answer.entity_texts("blockquote") == []
    assert answer.text


async def test_a_mention_without_a_question(sandbox: Sandbox) -> None:
    """A mention without a question is answered with how to ask."""
    chat = await sandbox.group("Friends", bot=False)
    await chat.call_in("@verbatim_bot")
    answer = await chat.next_message()
    assert answer.text
    assert answer.entity_texts("blockquote") == []
