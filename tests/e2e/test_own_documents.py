"""Documents that belong to one chat: two people and a group, who may see nothing of each other's."""

import asyncio
import base64
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.i18n.messages import texts_for
from retrieval.ids import document_id, own_folder
from sandbox.control_client import ChatClient, MessageClient, Sandbox
from tests.documents.samples import make_docx
from tests.e2e.conftest import TIMEOUT_SECONDS, Process, bot_settings, run_sandbox

pytestmark = pytest.mark.e2e

TEXTS = texts_for("en")
QUESTION = "How long is the notice period of the lease?"
FACT = "notice period of three months"
LEASE = (
    "Lease of the flat in Quince Street\n\nThe monthly rent is 740 euros, due on the third of each month.\n\n"
    "Either party may end this lease with a notice period of three months. The notice must be in writing, "
    "and it counts from the day on which it arrives.\n"
)
SECRET = "Quince"
LIBRARY_QUESTION, LIBRARY_FACT = "Who built the lighthouse of Nordholm?", "Clara Brandt"


class Running:
    """A bot that takes documents from everyone, and its sandbox."""

    def __init__(self, url: str, folder: Path, documents: Path) -> None:
        self.url = url
        self.folder = folder
        self._documents = documents
        self.process = self._start()

    def _start(self, **more: str) -> Process:
        settings = bot_settings("polling", TELEGRAM_API_URL=self.url, SEEDS_DIR=str(self._documents))
        own = {
            "TELEGRAM_UPLOADS": "members",
            "COLLECTIONS_DIR": str(self.chats),
            "FEEDBACK_DIR": str(self.folder / "feedback"),
            "LOG_QUESTIONS": "true",
            "LOG_LEVEL": "DEBUG",
            "UPLOAD_FILES": "4",
        }
        process = Process.start(self.folder, **settings, **own, **more)
        process.wait_for_output("is listening")
        return process

    @property
    def chats(self) -> Path:
        return self.folder / "chats"

    def restart(self, **more: str) -> None:
        self.process.kill_if_running()
        self.process = self._start(**more)

    def files(self) -> list[Path]:
        """Return all files below COLLECTIONS_DIR."""
        return [path for path in self.chats.rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def running(documents: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with run_sandbox() as url:
        bot = Running(url, tmp_path_factory.mktemp("own"), documents)
        try:
            yield bot
        finally:
            bot.process.kill_if_running()


async def _ask(chat: ChatClient, question: str = QUESTION) -> MessageClient:
    await chat.send(question)
    return await chat.next_message()


async def _add(chat: ChatClient, name: str = "lease.txt", content: bytes = LEASE.encode()) -> MessageClient:
    """Send a document and return the bot's message after it has been read."""
    await chat.send_document(name, content)
    return await _read(chat)


async def _greeting(group: ChatClient) -> MessageClient:
    """Return the bot's first message in a group, which may be there before the client knows the group."""
    group.seen = 0
    return await group.next_message()


async def _read(chat: ChatClient) -> MessageClient:
    shown = await chat.next_message()
    assert shown.text.startswith("Reading ")
    while shown.text.startswith("Reading "):
        shown = await chat.next_message(kinds=["edited_message"], timeout=TIMEOUT_SECONDS)
    return shown


async def test_a_document_is_for_its_chat_only(running: Running) -> None:
    """Ada's document answers Ada with a cited quote; Omar and the group get nothing of it, by any way."""
    async with Sandbox.at(running.url) as sandbox:
        ada, omar = await sandbox.private_chat("Ada"), await sandbox.private_chat("Omar")
        group = await sandbox.group("Flat", users=("Eve", "Ida"))
        await _greeting(group)
        assert TEXTS.document_read("lease.txt") == (await _add(ada)).text
        answer = await _ask(ada)
        assert FACT in answer.text
        assert "📎 lease.txt" in answer.text
        assert LIBRARY_FACT in (await _ask(ada, LIBRARY_QUESTION)).text

        for chat in (omar, group):
            for text in (
                QUESTION,
                "/search rent",
                "/sources",
                "/mine",
                f"/overview {SECRET}",
                "/why lease rent",
            ):
                reply = await _ask(chat, text if text.startswith("/") else f"/ask {text}")
                assert SECRET not in reply.text, text
                assert "lease.txt" not in reply.text
                assert FACT not in reply.text
        inline = await omar.inline(QUESTION)
        assert FACT not in str(inline)
        assert FACT in str(await ada.inline(QUESTION))


async def test_links_and_buttons_from_another_chat_open_nothing(running: Running) -> None:
    """A deep link, and every button of Ada's chat forged in Omar's, opens nothing and says so kindly."""
    async with Sandbox.at(running.url) as sandbox:
        ada, omar = await sandbox.private_chat("Ada"), await sandbox.private_chat("Omar")
        await _add(ada)
        answer = await _ask(ada)
        (link,) = [entity["url"] for entity in answer.entities if entity["type"] == "text_link"]
        payload = link.rpartition("=")[2]
        assert FACT in (await _ask(ada, f"/start {payload}")).text
        refusal = await _ask(omar, f"/start {payload}")
        assert refusal.text.startswith(TEXTS.linked_document_gone)

        listed = await _ask(omar, LIBRARY_QUESTION)
        own = document_id(f"{own_folder(ada.id)}/lease.txt")
        forged = [f"@{view}{own}.0" for view in "hrfxyo"] + [f"%{view}{own}.0" for view in "xy"]
        for data in [*forged, f"c1:{payload}", "%m.0", "%f.0", "%r.0", "%h.0", "%p.0"]:
            pressed = await listed.press_data(data)
            assert pressed is not None, data
        for message in await omar.messages():
            assert SECRET not in message.text
            assert "lease.txt" not in str(message.raw)
        assert FACT in (await _ask(ada)).text


async def test_nothing_is_logged_or_collected(running: Running) -> None:
    """No question about documents of a chat, name or text of one is in the log, feedback or metrics."""
    async with Sandbox.at(running.url) as sandbox:
        ada = await sandbox.private_chat("Ada")
        await _add(ada, "tenancy-of-ada.txt")
        await _add(ada, "damaged-of-ada.pdf", b"%PDF-1.7 damaged")
        answer = await _ask(ada, "When is the rent for Quince Street due?")
        assert "📎 tenancy-of-ada.txt" in answer.text
        assert not [button for button in answer.buttons if button["text"] in {"👍", "👎"}]
    collected = [path.read_text() for path in (running.folder / "feedback").glob("*")]
    for text in (running.process.output, *collected):
        assert "tenancy" not in text
        assert "damaged-of" not in text
        assert SECRET not in text


async def test_a_group_has_its_own(running: Running) -> None:
    """A group's administrator adds a document; members get answers, see who added it, and cannot change it.

    A link to a quote opens for members of the group, in their private chats.
    """
    async with Sandbox.at(running.url) as sandbox:
        group = await sandbox.group("Flat", users=("Eve", "Ida"))
        eve, ida = group, group.speaking_as(group.members[1])
        greeting = await _greeting(group)
        ida.seen = group.seen
        await ida.send("", document=_file("lease.txt"), reply_to=greeting.id)
        assert TEXTS.group_admins_only == (await ida.next_message()).text
        await eve.send("", document=_file("unaddressed.txt"))
        await eve.send("", document=_file("lease.txt"), reply_to=greeting.id)
        eve.seen = ida.seen
        assert TEXTS.document_read("lease.txt") == (await _read(eve)).text
        await ida.send(f"/ask {QUESTION}")
        ida.seen = eve.seen
        answer = await ida.next_message()
        assert FACT in answer.text

        await ida.send("/mine")
        mine = await ida.next_message()
        assert "added by Eve" in mine.text
        assert not [button for button in mine.buttons if button["text"] == TEXTS.remove_document]
        pressed = await mine.press_data("%g.0", user_id=ida.user_id)
        assert pressed is not None
        assert TEXTS.group_admins_only == pressed["text"]

        (link,) = [entity["url"] for entity in answer.entities if entity["type"] == "text_link"]
        payload = link.rpartition("=")[2]
        member = ChatClient(sandbox, ida.user_id, ida.user_id, 0)
        opened = await _ask(member, f"/start {payload}")
        assert FACT in opened.text
        assert [] == opened.buttons
        stranger = await _ask(await sandbox.private_chat("Omar"), f"/start {payload}")
        assert stranger.text.startswith(TEXTS.linked_document_gone)


def _file(name: str, text: str = LEASE) -> dict[str, str]:
    return {"name": name, "mime": "text/plain", "base64": base64.b64encode(text.encode()).decode()}


async def test_an_album_in_a_group(running: Running) -> None:
    """All documents of an album are read if one of them is addressed to the bot."""
    async with Sandbox.at(running.url) as sandbox:
        await sandbox.settings(privacy=False)
        group = await sandbox.group("Flat", users=("Eve",))
        await _greeting(group)
        await group.send("@verbatim_bot", document=_file("one.txt"), media_group_id="7")
        await group.send("", document=_file("two.txt", LEASE.replace("740", "750")), media_group_id="7")
        await group.send("", document=_file("other.txt"), media_group_id="8")
        texts: list[str] = []
        while len(texts) < 2:
            edited = await group.next_message(kinds=["edited_message"], timeout=TIMEOUT_SECONDS)
            texts += [edited.text] * (not edited.text.startswith("Reading"))
        assert [TEXTS.document_read("one.txt"), TEXTS.document_read("two.txt")] == texts
        assert await group.is_quiet()
        await sandbox.settings(privacy=True)


async def test_what_is_asked_can_be_chosen(running: Running) -> None:
    """A button in /mine chooses what is asked; the choice lasts and is told below each reply."""
    async with Sandbox.at(running.url) as sandbox:
        ada = await sandbox.private_chat("Ada")
        await _add(ada)
        mine = await _ask(ada, "/mine")
        await mine.press(TEXTS.scope_own)
        reply = await _ask(ada, LIBRARY_QUESTION)
        assert LIBRARY_FACT not in reply.text
        assert TEXTS.searched_own in reply.text
        await mine.press(TEXTS.scope_library)
        assert FACT not in (await _ask(ada)).text
        reply = await _ask(ada, LIBRARY_QUESTION)
        assert LIBRARY_FACT in reply.text
        assert TEXTS.searched_library in reply.text
        await mine.press(TEXTS.scope_both)
        assert FACT in (await _ask(ada)).text
        assert LIBRARY_FACT in (await _ask(ada, LIBRARY_QUESTION)).text


async def test_refusals(running: Running) -> None:
    """What cannot be taken gets the reason; what was there before stays."""
    async with Sandbox.at(running.url) as sandbox:
        ada = await sandbox.private_chat("Ada")
        for name, content, reason in (
            ("setup.exe", b"MZ", "cannot read files of this kind"),
            ("empty.txt", b" \n", "has no text"),
            ("broken.pdf", b"%PDF-1.7 broken", "damaged"),
            (".lease.txt", LEASE.encode(), "not allowed"),
            ("huge.txt", b"x" * (20 * 1024 * 1024 + 1), "larger than 20 MB"),
        ):
            await ada.send_document(name, content)
            reply = await ada.next_message()
            if reply.text.startswith("Reading"):
                reply = await ada.next_message(kinds=["edited_message"])
            assert reason in reply.text, name
        assert TEXTS.no_own_documents == (await _ask(ada, "/mine")).text
        for number in range(4):
            await _add(ada, f"lease-{number}.txt", LEASE.replace("740", str(740 + number)).encode())
        await ada.send_document("fifth.txt", LEASE.encode())
        assert TEXTS.too_many_documents(4) in (await ada.next_message()).text


async def test_a_caption_is_answered(running: Running) -> None:
    """A question in the caption of a document is answered when it has been read, with buttons that work."""
    async with Sandbox.at(running.url) as sandbox:
        ada = await sandbox.private_chat("Ada")
        sent = await ada.send_document("lease.txt", LEASE.encode(), caption=QUESTION)
        await _read(ada)
        ada.seen = 0
        answer = await ada.next_message()
        while FACT not in answer.text:
            answer = await ada.next_message()
        assert sent.id == answer.raw["reply_to_message"]["message_id"]
        await answer.press(TEXTS.show_context)
        assert FACT in (await ada.next_message(kinds=["edited_message"])).text


async def test_a_caption_is_answered_from_the_document_kept(running: Running) -> None:
    """A question in the caption is answered too if the document is not to replace the one that is there."""
    async with Sandbox.at(running.url) as sandbox:
        ada = await sandbox.private_chat("Ada")
        await _add(ada)
        await ada.send_document("lease.txt", LEASE.encode(), caption=QUESTION)
        await (await ada.next_message()).press(TEXTS.replacement_cancelled)
        assert FACT in (await ada.next_message()).text


async def test_reading_tells_what_is_searched(running: Running) -> None:
    """Where only the library is asked, the bot says so when it has read a document."""
    async with Sandbox.at(running.url) as sandbox:
        ada = await sandbox.private_chat("Ada")
        await _add(ada)
        await (await _ask(ada, "/mine")).press(TEXTS.scope_library)
        read = await _add(ada, "other.txt")
        assert f"{TEXTS.document_read('other.txt')}\n\n{TEXTS.searched_library}" == read.text


@pytest.mark.parametrize("language", ["ar", "de", "ru"])
async def test_reasons_in_other_languages(running: Running, language: str) -> None:
    """Why a document cannot be read is told in the person's language."""
    async with Sandbox.at(running.url) as sandbox:
        chat = await sandbox.private_chat("Ada", language_code=language)
        await chat.send_document("broken.pdf", b"%PDF-1.7 broken")
        await chat.next_message()
        edited = await chat.next_message(kinds=["edited_message"], timeout=TIMEOUT_SECONDS)
        assert texts_for(language).document_is_damaged in edited.text


async def test_replacing_after_asking(running: Running) -> None:
    """A document of the same name replaces the old one after a question; a damaged one does not."""
    async with Sandbox.at(running.url) as sandbox:
        ada = await sandbox.private_chat("Ada")
        await _add(ada)
        newer = LEASE.replace("three months", "nine weeks").encode()
        await ada.send_document("lease.txt", newer)
        question = await ada.next_message()
        assert TEXTS.confirm_replacement("lease.txt") == question.text
        await question.press(TEXTS.replacement_cancelled)
        assert FACT in (await _ask(ada)).text
        await ada.send_document("lease.txt", newer)
        await (await ada.next_message()).press(TEXTS.replacement_confirmed)
        await _finished(ada)
        assert "nine weeks" in (await _ask(ada)).text
        await ada.send_document("lease.txt", b" \n")
        await (await ada.next_message()).press(TEXTS.replacement_confirmed)
        assert "was not added" in await _finished(ada)
        assert "nine weeks" in (await _ask(ada)).text


async def _finished(chat: ChatClient) -> str:
    text = "Reading"
    while text.startswith(("Reading", "I’ve kept")):
        text = (await chat.next_message(kinds=["edited_message"], timeout=TIMEOUT_SECONDS)).text
    return text


async def test_forgetting_leaves_no_byte(running: Running) -> None:
    """/forget deletes everything of the chat from the disk, and nothing of other chats."""
    async with Sandbox.at(running.url) as sandbox:
        ada, omar = await sandbox.private_chat("Ada"), await sandbox.private_chat("Omar")
        await _add(ada)
        await _add(omar)
        await ada.send_document("guide.docx", make_docx())
        await _read(ada)
        kept = await _ask(ada, "/forget")
        await kept.press(TEXTS.forgetting_confirmed)
        assert FACT not in (await _ask(ada)).text
        assert not [path for path in running.files() if str(ada.id) in str(path)]
        assert FACT in (await _ask(omar)).text


async def test_forgetting_while_reading(running: Running) -> None:
    """/forget ends the uploads that have not been read, and their messages say so."""
    async with Sandbox.at(running.url) as sandbox:
        ada = await sandbox.private_chat("Ada")
        await sandbox.fault("getFile", kind="delay", seconds=2, times=1)
        await ada.send_document("lease.txt", LEASE.encode())
        await ada.send_document("other.txt", LEASE.encode())
        first, second = await ada.next_message(), await ada.next_message()
        question = await _ask(ada, "/forget")
        await question.press(TEXTS.forgetting_confirmed)
        await asyncio.sleep(3)
        shown = {message.id: message.text for message in await ada.messages()}
        assert [TEXTS.forgotten] * 3 == [shown[message.id] for message in (first, second, question)]
        assert not [path for path in running.files() if str(ada.id) in str(path)]


async def test_removing_one(running: Running) -> None:
    """A document is removed from /mine after a confirmation."""
    async with Sandbox.at(running.url) as sandbox:
        ada = await sandbox.private_chat("Ada")
        await _add(ada)
        await _add(ada, "other.txt", LEASE.replace("lease", "sublet").encode())
        mine = await _ask(ada, "/mine")
        remove = next(b["callback_data"] for b in mine.buttons if b["text"] == TEXTS.remove_document)
        await mine.press_data(remove)
        await (await ada.next_message(kinds=["edited_message"])).press(TEXTS.removal_confirmed)
        listed = await ada.next_message(kinds=["edited_message"])
        assert "other.txt" in listed.text
        assert "lease.txt" not in listed.text
        assert "lease.txt" not in (await _ask(ada)).text
        await listed.press(TEXTS.remove_document)
        await (await ada.next_message(kinds=["edited_message"])).press(TEXTS.removal_confirmed)
        assert not [path for path in running.files() if str(ada.id) in str(path)]


async def test_leaving_and_migrating(running: Running) -> None:
    """A group that becomes a supergroup keeps its documents; one that removes the bot loses them later."""
    async with Sandbox.at(running.url) as sandbox:
        group = await sandbox.group("Flat", users=("Eve",))
        greeting = await _greeting(group)
        await group.send("", document=_file("lease.txt"), reply_to=greeting.id)
        await _read(group)
        upgraded = await sandbox.control("migrate", chat_id=group.id, **{"from": group.user_id})
        moved = ChatClient(sandbox, upgraded["id"], group.user_id, group.seen)
        assert FACT in (await _ask(moved, f"/ask {QUESTION}")).text
        assert not [path for path in running.files() if f"/{group.id}/" in str(path)]
        await sandbox.control("bot_member", chat_id=moved.id, is_member=False, **{"from": group.user_id})
        (record,) = [path for path in running.files() if path.match(f"*/{moved.id}/collection.json")]
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while '"left_at": null' in record.read_text():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


async def test_a_kill_while_reading(documents: Path, tmp_path: Path) -> None:
    """An upload that was acknowledged is read by the next process, which completes the message."""
    with run_sandbox() as url:
        bot = Running(url, tmp_path, documents)
        try:
            async with Sandbox.at(url) as sandbox:
                ada = await sandbox.private_chat("Ada")
                await sandbox.fault("getFile", kind="delay", seconds=30)
                await ada.send_document("lease.txt", LEASE.encode())
                shown = await ada.next_message()
                await sandbox.calls("getFile", timeout=1)
                deadline = time.monotonic() + TIMEOUT_SECONDS
                while not list(bot.chats.rglob("uploads/*.json")):
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.02)
                bot.process.kill()
                await sandbox.control("faults", clear=True)
                bot.restart()
                edited = await ada.next_message(kinds=["edited_message"], timeout=TIMEOUT_SECONDS)
                assert (shown.id, TEXTS.document_read("lease.txt")) == (edited.id, edited.text)
                assert FACT in (await _ask(ada)).text
                assert not list(bot.chats.rglob("uploads/*"))
        finally:
            bot.process.kill_if_running()


async def test_privacy_help_and_status_tell_it(running: Running) -> None:
    """/privacy and /help tell about documents, and the commands are listed."""
    async with Sandbox.at(running.url) as sandbox:
        ada = await sandbox.private_chat("Ada")
        assert TEXTS.privacy_uploads in (await _ask(ada, "/privacy")).text
        assert TEXTS.help_uploads in (await _ask(ada, "/help")).text
        commands = await sandbox.control("commands", chat_id=ada.id)
        assert {"mine", "forget"} <= {command["command"] for command in commands["commands"]}
        assert not await sandbox.violations()
