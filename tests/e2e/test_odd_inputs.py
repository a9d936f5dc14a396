"""What people send besides questions: names, links, greetings, recordings, stickers, dice."""

import base64
from typing import Any

import pytest

from bot.i18n.texts import LANGUAGES, texts_for
from sandbox.control_client import MessageClient, Sandbox

pytestmark = pytest.mark.e2e

TEXTS = texts_for("en")
QUESTION = "Who built the lighthouse of Nordholm?"
FACT = "Clara Brandt"
MAX_MESSAGE_CHARS = 4096
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PHOTO = {"name": "a.png", "mime": "image/png", "base64": base64.b64encode(PNG).decode()}


async def _send(sandbox: Sandbox, text: str = "", language: str = "en", **fields: Any) -> MessageClient:
    chat = await sandbox.private_chat(language_code=language)
    await chat.send(text, **fields)
    return await chat.next_message()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("🙂🙂🙂", TEXTS.no_words),
        ("?!…", TEXTS.no_words),
        ("hi", TEXTS.greeted),
        ("thank you!", TEXTS.thanked),
        ("https://example.com/lighthouse?x=1", TEXTS.link_not_opened),
    ],
)
async def test_texts_without_a_question(sandbox: Sandbox, text: str, expected: str) -> None:
    """Emoji, punctuation, greetings, thanks and links get one friendly line."""
    assert expected == (await _send(sandbox, text)).text


@pytest.mark.parametrize(
    ("attachment", "name"),
    [
        ("voice", "recording_not_heard"),
        ("video_note", "recording_not_heard"),
        ("audio", "recording_not_heard"),
        ("video", "picture_not_seen"),
        ("animation", "picture_not_seen"),
        ("poll", "unsupported_message"),
        ("contact", "unsupported_message"),
        ("location", "unsupported_message"),
        ("dice", "unsupported_message"),
    ],
)
async def test_attachments(sandbox: Sandbox, attachment: str, name: str) -> None:
    """What the bot cannot read gets one line in the asker's language that says what to send instead."""
    for language in ("en", "ar", "tr"):
        reply = await _send(sandbox, language=language, attachment=attachment)
        assert getattr(texts_for(language), name) == reply.text


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_sticker_in_every_language(sandbox: Sandbox, language: str) -> None:
    """A sticker and a photo get a line in the asker's language."""
    assert texts_for(language).unsupported_message == (await _send(sandbox, "", language, sticker="🙂")).text
    assert texts_for(language).picture_not_seen == (await _send(sandbox, "", language, photo=PHOTO)).text


@pytest.mark.parametrize("fields", [{"photo": PHOTO}, {"attachment": "voice"}])
async def test_a_caption_is_a_question(sandbox: Sandbox, fields: dict[str, Any]) -> None:
    """The caption of a photo or a voice message is a question."""
    assert FACT in (await _send(sandbox, QUESTION, **fields)).text


async def test_a_forwarded_question(sandbox: Sandbox) -> None:
    """A forwarded message is a question; a forwarded dice gets a line."""
    author = await sandbox.private_chat("Omar")
    chat = await sandbox.private_chat()
    question, dice = await author.send(QUESTION), await author.send(attachment="dice")
    await question.forward(chat)
    assert FACT in (await chat.next_message()).text
    await dice.forward(chat)
    assert TEXTS.unsupported_message == (await chat.next_message()).text


async def test_the_longest_question(sandbox: Sandbox) -> None:
    """A question as long as a message may be is answered."""
    text = (QUESTION + " Please tell me.").ljust(MAX_MESSAGE_CHARS - 1, "x") + "?"
    assert (await _send(sandbox, text)).text
    repeated = (f"{QUESTION} " * MAX_MESSAGE_CHARS)[:MAX_MESSAGE_CHARS].strip()
    assert FACT in (await _send(sandbox, repeated)).text


@pytest.mark.parametrize("text", ["lighthouse.txt", "LIGHTHOUSE.TXT?"])
async def test_the_name_of_a_document(sandbox: Sandbox, text: str) -> None:
    """The name of a document shows its headings, whose buttons open its text."""
    reply = await _send(sandbox, text)
    assert reply.text.startswith(f"{TEXTS.document_named}\n\nThe lighthouse of Nordholm\nlighthouse.txt\n")
    await reply.press(TEXTS.read_from_start)
    assert FACT in (await reply.chat.next_message(kinds=["edited_message"])).text


async def test_the_names_of_several_documents(sandbox: Sandbox) -> None:
    """The names of several documents list them with a button for each."""
    reply = await _send(sandbox, "lighthouse.txt and town/bakery.md")
    assert TEXTS.documents_named == reply.text.partition("\n")[0]
    assert ["1. The lighthouse of Nordholm", "2. The bakery"] == [button["text"] for button in reply.buttons]
    await reply.press("The bakery")
    edited = await reply.chat.next_message(kinds=["edited_message"])
    assert {"Opening hours", "Recipes"} <= {button["text"].strip() for button in edited.buttons}


async def test_unaddressed_media_in_a_group(sandbox: Sandbox) -> None:
    """In a group, media and small talk that nobody sent to the bot stay unanswered."""
    await sandbox.settings(privacy=False)
    try:
        group = await sandbox.group()
        group.seen = 0
        await group.next_message()
        for kind in ("voice", "dice", "poll"):
            await group.send(attachment=kind)
        await group.send(photo=PHOTO)
        await group.send("thanks")
        assert await group.is_quiet()
    finally:
        await sandbox.settings(privacy=True)
