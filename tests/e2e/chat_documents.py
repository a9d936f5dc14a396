"""What tests of documents of a chat have in common: a lease, a long document, and how to send and ask."""

from bot.i18n.texts import texts_for
from sandbox.control_client import ChatClient, MessageClient
from tests.e2e.conftest import TIMEOUT_SECONDS

TEXTS = texts_for("en")
QUESTION = "How long is the notice period of the lease?"
FACT = "notice period of three months"
LEASE = (
    "Lease of the flat in Quince Street\n\nThe monthly rent is 740 euros, due on the third of each month.\n\n"
    "Either party may end this lease with a notice period of three months. The notice must be in writing, "
    "and it counts from the day on which it arrives.\n"
)


async def ask(chat: ChatClient, question: str = QUESTION) -> MessageClient:
    await chat.send(question)
    return await chat.next_message(timeout=TIMEOUT_SECONDS)


async def add_document(
    chat: ChatClient, name: str = "lease.txt", content: bytes = LEASE.encode()
) -> MessageClient:
    """Send a document and return the bot's message after it has been read."""
    await chat.send_document(name, content)
    return await upload_outcome(chat)


async def upload_outcome(chat: ChatClient) -> MessageClient:
    """Return the message about an upload after it has been read."""
    shown = await chat.next_message(timeout=TIMEOUT_SECONDS)
    assert shown.text.startswith("Reading ")
    return await read_message(chat)


async def read_message(chat: ChatClient) -> MessageClient:
    """Return the message that shows how an upload ended, which has been edited to show that."""
    edited = await chat.next_message(kinds=["edited_message"], timeout=TIMEOUT_SECONDS)
    while edited.text.startswith("Reading "):
        edited = await chat.next_message(kinds=["edited_message"], timeout=TIMEOUT_SECONDS)
    return edited


def large_document(clauses: int) -> bytes:
    """Return a document in HTML; 6,000 clauses take a second to read."""
    text = "".join(
        f"<h2>Clause {n}</h2><p>The tenant of flat {n} pays {n * 7 % 991} euros on day {n % 28 + 1}.</p>"
        for n in range(clauses)
    )
    return f"<html><body>{text}</body></html>".encode()
