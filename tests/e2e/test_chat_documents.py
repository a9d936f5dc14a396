"""Documents that belong to one chat: two people and a group, who may see nothing of each other's."""

import asyncio
import base64
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bot.i18n.texts import texts_for
from retrieval.model import chat_folder, make_document_id
from sandbox.control_client import ChatClient, MessageClient, Sandbox
from tests.documents.samples import make_docx, make_zip
from tests.e2e.chat_documents import FACT, LEASE, QUESTION, add_document, ask, read_message, upload_outcome
from tests.e2e.conftest import TIMEOUT_SECONDS, Process, bot_settings, free_port, run_sandbox

pytestmark = pytest.mark.e2e

TEXTS = texts_for("en")
SECRET = "Quince"
LIBRARY_QUESTION, LIBRARY_FACT = "Who built the lighthouse of Nordholm?", "Clara Brandt"


class Running:
    """A bot that takes documents from everyone, and its sandbox."""

    def __init__(self, url: str, folder: Path, documents: Path, **settings: str) -> None:
        self.url = url
        self._settings = settings
        self.folder = folder
        self._documents = documents
        self.process = self._start()

    def _start(self) -> Process:
        settings = bot_settings("polling", TELEGRAM_API_URL=self.url, SEEDS_DIR=str(self._documents))
        own = {
            "TELEGRAM_UPLOADS": "members",
            "COLLECTIONS_DIR": str(self.chats),
            "FEEDBACK_DIR": str(self.folder / "feedback"),
            "LOG_QUESTIONS": "true",
            "LOG_LEVEL": "DEBUG",
            "UPLOAD_FILES": "4",
        }
        process = Process.start(self.folder, **settings, **(own | self._settings))
        process.wait_for_output("is ready")
        return process

    @property
    def chats(self) -> Path:
        return self.folder / "chats"

    def restart(self) -> None:
        self.process.kill_if_running()
        self.process = self._start()

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


async def _greeting(group: ChatClient) -> MessageClient:
    """Return the bot's first message in a group, which may be there before the client knows the group."""
    group.seen = 0
    return await group.next_message()


async def test_a_document_is_for_its_chat_only(running: Running) -> None:
    """Ada's document answers Ada with a cited quote; Omar and the group get nothing of it, by any way."""
    async with Sandbox.at(running.url) as sandbox:
        ada, omar = await sandbox.private_chat("Ada"), await sandbox.private_chat("Omar")
        group = await sandbox.group("Flat", users=("Eve", "Ida"))
        await _greeting(group)
        assert TEXTS.document_read("lease.txt") == (await add_document(ada)).text
        answer = await ask(ada)
        assert FACT in answer.text
        assert "📎 lease.txt" in answer.text
        assert LIBRARY_FACT in (await ask(ada, LIBRARY_QUESTION)).text

        for chat in (omar, group):
            for text in (
                QUESTION,
                "/search rent",
                "/sources",
                "/mine",
                f"/overview {SECRET}",
                "/why lease rent",
            ):
                reply = await ask(chat, text if text.startswith("/") else f"/ask {text}")
                assert SECRET not in reply.text, text
                assert "lease.txt" not in reply.text
                assert FACT not in reply.text
        inline = await omar.inline(QUESTION)
        assert FACT not in str(inline)
        assert FACT in str(await ada.inline(QUESTION))


async def test_what_a_document_just_sent_is_about(running: Running) -> None:
    """A question about "this" means the file sent last, or the one that the message replies to."""
    async with Sandbox.at(running.url) as sandbox:
        ada = await sandbox.private_chat("Nora")
        await add_document(ada)
        note = b"Harbour note\n\nThe ferry to Quince Island leaves at noon on every day but Monday.\n"
        read = await add_document(ada, "note.txt", note)
        overview = await ask(ada, "what is this about?")
        assert "leaves at noon" in overview.text
        assert FACT not in overview.text
        await ada.send("what is this about?", reply_to=read.id)
        assert "leaves at noon" in (await ada.next_message(timeout=TIMEOUT_SECONDS)).text
        lease = await add_document(ada, "second.txt", LEASE.replace("Quince", "Plum").encode())
        await add_document(ada, "later.txt", note.replace(b"noon", b"dawn"))
        await ada.send("summarize this", reply_to=lease.id)
        assert FACT in (await ada.next_message(timeout=TIMEOUT_SECONDS)).text


async def test_links_and_buttons_from_another_chat_open_nothing(running: Running) -> None:
    """A deep link, and every button of Ada's chat forged in Omar's, opens nothing and says so kindly."""
    async with Sandbox.at(running.url) as sandbox:
        ada, omar = await sandbox.private_chat("Ada"), await sandbox.private_chat("Omar")
        await add_document(ada)
        answer = await ask(ada)
        (link,) = [entity["url"] for entity in answer.entities if entity["type"] == "text_link"]
        payload = link.rpartition("=")[2]
        assert FACT in (await ask(ada, f"/start {payload}")).text
        refusal = await ask(omar, f"/start {payload}")
        assert refusal.text.startswith(TEXTS.linked_document_gone)

        listed = await ask(omar, LIBRARY_QUESTION)
        own = make_document_id(f"{chat_folder(ada.id)}/lease.txt")
        forged = [f"@{view}{own}.0" for view in "hrfxyo"] + [f"%{view}{own}.0" for view in "xy"]
        for data in [*forged, f"c1:{payload}", "%m.0", "%f.0", "%r.0", "%h.0", "%p.0"]:
            pressed = await listed.press_data(data)
            assert pressed is not None, data
        for message in await omar.messages():
            assert SECRET not in message.text
            assert "lease.txt" not in str(message.raw)
        assert FACT in (await ask(ada)).text


async def test_nothing_is_logged_or_collected(running: Running) -> None:
    """No question about documents of a chat, name or text of one is in the log, feedback or metrics."""
    async with Sandbox.at(running.url) as sandbox:
        ada = await sandbox.private_chat("Ada")
        await add_document(ada, "tenancy-of-ada.txt")
        await add_document(ada, "damaged-of-ada.pdf", b"%PDF-1.7 damaged")
        answer = await ask(ada, "When is the rent for Quince Street due?")
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
        assert TEXTS.document_read("lease.txt") == (await upload_outcome(eve)).text
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
        opened = await ask(member, f"/start {payload}")
        assert FACT in opened.text
        assert [] == opened.buttons
        stranger = await ask(await sandbox.private_chat("Omar"), f"/start {payload}")
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
    """A button in /mine chooses what is searched; the choice lasts and is shown below each reply."""
    async with Sandbox.at(running.url) as sandbox:
        ada = await sandbox.private_chat("Ada")
        await add_document(ada)
        mine = await ask(ada, "/mine")
        await mine.press(TEXTS.scope_own)
        reply = await ask(ada, LIBRARY_QUESTION)
        assert LIBRARY_FACT not in reply.text
        assert TEXTS.searched_own in reply.text
        for command in ("/search lighthouse", "/search notice", "/sources"):
            assert TEXTS.searched_own in (await ask(ada, command)).text
        await mine.press(TEXTS.scope_library)
        assert FACT not in (await ask(ada)).text
        reply = await ask(ada, LIBRARY_QUESTION)
        assert LIBRARY_FACT in reply.text
        assert TEXTS.searched_library in reply.text
        await mine.press(TEXTS.scope_both)
        assert FACT in (await ask(ada)).text
        assert LIBRARY_FACT in (await ask(ada, LIBRARY_QUESTION)).text


async def test_rejections(running: Running) -> None:
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
                reply = await read_message(ada)
            assert reason in reply.text, name
        assert TEXTS.no_own_documents == (await ask(ada, "/mine")).text
        for number in range(4):
            await add_document(ada, f"lease-{number}.txt", LEASE.replace("740", str(740 + number)).encode())
        await ada.send_document("fifth.txt", LEASE.encode())
        assert TEXTS.too_many_documents(4) in (await ada.next_message()).text


async def test_quotas_of_an_album(documents: Path, tmp_path: Path) -> None:
    """Documents that have not been read yet count for the limits; a metric counts refusals."""
    with run_sandbox() as url:
        port = str(free_port())
        bot = Running(url, tmp_path, documents, UPLOAD_MB="1", PORT=port)
        try:
            async with Sandbox.at(url) as sandbox:
                ada = await sandbox.private_chat("Ada")
                await sandbox.fault("getFile", kind="delay", seconds=2, times=1)
                half = (LEASE * (600_000 // len(LEASE))).encode()
                for name in ("one.txt", "two.txt"):
                    await ada.send_document(name, half)
                first, second = await ada.next_message(), await ada.next_message()
                assert TEXTS.reading_document("one.txt") == first.text
                assert TEXTS.documents_too_large(1) in second.text
                await read_message(ada)
                async with httpx.AsyncClient(trust_env=False) as http:
                    metrics = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
                assert 'verbatim_uploads_total{outcome="quota"} 1.0' in metrics
                assert 'verbatim_uploads_total{outcome="read"} 1.0' in metrics
        finally:
            bot.process.kill_if_running()


async def test_a_caption_is_answered(running: Running) -> None:
    """A question in the caption of a document is answered when it has been read, with buttons that work."""
    async with Sandbox.at(running.url) as sandbox:
        ada = await sandbox.private_chat("Ada")
        sent = await ada.send_document("lease.txt", LEASE.encode(), caption=QUESTION)
        await upload_outcome(ada)
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
        await add_document(ada)
        await ada.send_document("lease.txt", LEASE.encode(), caption=QUESTION)
        await (await ada.next_message()).press(TEXTS.replacement_cancelled)
        assert FACT in (await ada.next_message()).text


async def test_reading_tells_what_is_searched(running: Running) -> None:
    """Where only the library is asked, the bot says so when it has read a document."""
    async with Sandbox.at(running.url) as sandbox:
        ada = await sandbox.private_chat("Ada")
        await add_document(ada)
        await (await ask(ada, "/mine")).press(TEXTS.scope_library)
        read = await add_document(ada, "other.txt")
        assert f"{TEXTS.document_read('other.txt')}\n\n{TEXTS.searched_library}" == read.text


@pytest.mark.parametrize("language", ["ar", "de", "ru"])
async def test_reasons_in_other_languages(running: Running, language: str) -> None:
    """The reason why a document cannot be read is in the person's language."""
    async with Sandbox.at(running.url) as sandbox:
        chat = await sandbox.private_chat("Ada", language_code=language)
        await chat.send_document("broken.pdf", b"%PDF-1.7 broken")
        reading = (await chat.next_message()).text
        edited = await chat.next_message(kinds=["edited_message"], timeout=TIMEOUT_SECONDS)
        while edited.text.startswith(reading):
            edited = await chat.next_message(kinds=["edited_message"], timeout=TIMEOUT_SECONDS)
        assert texts_for(language).document_is_damaged in edited.text


async def test_an_archive(running: Running) -> None:
    """The documents in an archive answer, are listed from /mine, and go with the archive."""
    async with Sandbox.at(running.url) as sandbox:
        ada = await sandbox.private_chat("Ada")
        archive = make_zip({"lease.txt": LEASE, "tool.exe": b"MZ"})
        read = await add_document(ada, "flat.zip", archive)
        assert read.text.startswith(TEXTS.document_read_files("flat.zip", 1))
        assert "• tool.exe: " in read.text
        answer = await ask(ada)
        assert FACT in answer.text
        assert "📎 flat.zip/lease.txt" in answer.text
        mine = await ask(ada, "/mine")
        await mine.press("1. flat.zip")
        listed = await ada.next_message(kinds=["edited_message"])
        assert "📎 Lease of the flat in Quince Street" in listed.text
        mine = await ask(ada, "/mine")
        await mine.press(TEXTS.remove_document)
        question = await ada.next_message(kinds=["edited_message"])
        assert TEXTS.confirm_removal("flat.zip") == question.text
        await question.press(TEXTS.removal_confirmed)
        assert TEXTS.no_own_documents == (await ask(ada, "/mine")).text
        assert FACT not in (await ask(ada)).text


async def test_replacing_after_asking(running: Running) -> None:
    """A document of the same name replaces the old one after a question; a damaged one does not."""
    async with Sandbox.at(running.url) as sandbox:
        ada = await sandbox.private_chat("Ada")
        await add_document(ada)
        newer = LEASE.replace("three months", "nine weeks").encode()
        await ada.send_document("lease.txt", newer)
        question = await ada.next_message()
        assert TEXTS.confirm_replacement("lease.txt") == question.text
        await question.press(TEXTS.replacement_cancelled)
        assert FACT in (await ask(ada)).text
        await ada.send_document("lease.txt", newer)
        await (await ada.next_message()).press(TEXTS.replacement_confirmed)
        await _finished(ada)
        assert "nine weeks" in (await ask(ada)).text
        await ada.send_document("lease.txt", b" \n")
        await (await ada.next_message()).press(TEXTS.replacement_confirmed)
        assert "was not added" in await _finished(ada)
        assert "nine weeks" in (await ask(ada)).text


async def _finished(chat: ChatClient) -> str:
    text = "Reading"
    while text.startswith(("Reading", "I’ve kept")):
        text = (await chat.next_message(kinds=["edited_message"], timeout=TIMEOUT_SECONDS)).text
    return text


async def test_forgetting_leaves_no_byte(running: Running) -> None:
    """/forget deletes everything of the chat from the disk, and nothing of other chats."""
    async with Sandbox.at(running.url) as sandbox:
        ada, omar = await sandbox.private_chat("Ada"), await sandbox.private_chat("Omar")
        await add_document(ada)
        await add_document(omar)
        await ada.send_document("guide.docx", make_docx())
        await upload_outcome(ada)
        kept = await ask(ada, "/forget")
        await kept.press(TEXTS.forgetting_confirmed)
        assert FACT not in (await ask(ada)).text
        assert not [path for path in running.files() if str(ada.id) in str(path)]
        assert FACT in (await ask(omar)).text


async def test_forgetting_while_reading(running: Running) -> None:
    """/forget ends the uploads that have not been read, and their messages say so."""
    async with Sandbox.at(running.url) as sandbox:
        ada = await sandbox.private_chat("Ada")
        await sandbox.fault("getFile", kind="delay", seconds=2, times=1)
        await ada.send_document("lease.txt", LEASE.encode())
        await ada.send_document("other.txt", LEASE.encode())
        first, second = await ada.next_message(), await ada.next_message()
        question = await ask(ada, "/forget")
        await question.press(TEXTS.forgetting_confirmed)
        await asyncio.sleep(3)
        shown = {message.id: message.text for message in await ada.messages()}
        assert [TEXTS.forgotten] * 3 == [shown[message.id] for message in (first, second, question)]
        assert not [path for path in running.files() if str(ada.id) in str(path)]


async def test_removing_one(running: Running) -> None:
    """A document is removed from /mine after a confirmation."""
    async with Sandbox.at(running.url) as sandbox:
        ada = await sandbox.private_chat("Ada")
        await add_document(ada)
        await add_document(ada, "other.txt", LEASE.replace("lease", "sublet").encode())
        mine = await ask(ada, "/mine")
        remove = next(b["callback_data"] for b in mine.buttons if b["text"] == TEXTS.remove_document)
        await mine.press_data(remove)
        await (await ada.next_message(kinds=["edited_message"])).press(TEXTS.removal_confirmed)
        listed = await ada.next_message(kinds=["edited_message"])
        assert "other.txt" in listed.text
        assert "lease.txt" not in listed.text
        assert "lease.txt" not in (await ask(ada)).text
        await listed.press(TEXTS.remove_document)
        await (await ada.next_message(kinds=["edited_message"])).press(TEXTS.removal_confirmed)
        assert not [path for path in running.files() if str(ada.id) in str(path)]


async def test_leaving_and_migrating(running: Running) -> None:
    """A group that becomes a supergroup keeps its documents; one that removes the bot loses them later."""
    async with Sandbox.at(running.url) as sandbox:
        group = await sandbox.group("Flat", users=("Eve",))
        greeting = await _greeting(group)
        await group.send("", document=_file("lease.txt"), reply_to=greeting.id)
        await upload_outcome(group)
        upgraded = await sandbox.control("migrate", chat_id=group.id, **{"from": group.user_id})
        moved = ChatClient(sandbox, upgraded["id"], group.user_id, group.seen)
        assert FACT in (await ask(moved, f"/ask {QUESTION}")).text
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
                edited = await read_message(ada)
                assert (shown.id, TEXTS.document_read("lease.txt")) == (edited.id, edited.text)
                assert FACT in (await ask(ada)).text
                assert not list(bot.chats.rglob("uploads/*"))
        finally:
            bot.process.kill_if_running()


async def test_names_are_no_links(running: Running) -> None:
    """File names that end like a domain are not links in any message of the bot, in any language."""

    async def check(ada: ChatClient, language: str) -> None:
        for name, content in (("notes.md", LEASE), ("setup.py", "x = 1"), ("empty.md", " ")):
            await ada.send_document(name, content.encode(), caption=QUESTION)
            while FACT not in (await ada.next_message(timeout=TIMEOUT_SECONDS)).text:
                pass
        await ada.send_document("notes.md", LEASE.encode(), caption=QUESTION)
        assert texts_for(language).replacement_cancelled in str((await ada.next_message()).buttons)
        await (await ask(ada, "/mine")).press(texts_for(language).remove_document)
        await ask(ada, "/sources")
        await ask(ada, "/overview")
        await ask(ada, "notes.md")
        shown = [message for message in await ada.messages() if message.raw["from"]["is_bot"]]
        assert sum("notes.md" in message.text for message in shown) >= 6
        assert [] == [(message.text, urls) for message in shown if (urls := message.entity_texts("url"))]

    async with Sandbox.at(running.url) as sandbox:
        languages = ("en", "ar", "de")
        chats = [await sandbox.private_chat("Ada", language_code=language) for language in languages]
        await asyncio.gather(*map(check, chats, languages))


async def test_the_caption_of_a_refused_document(running: Running) -> None:
    """A question that came with a document which is rejected at once is answered from what is there."""
    async with Sandbox.at(running.url) as sandbox:
        group = await sandbox.group("Flat", users=("Eve", "Ida"))
        greeting = await _greeting(group)
        ida = group.speaking_as(group.members[1])
        ada = await sandbox.private_chat("Ada")
        for chat, name, refusal in (
            (ada, "setup.exe", "cannot read files of this kind"),
            (ida, "lease.txt", TEXTS.group_admins_only),
        ):
            caption = f"/ask {LIBRARY_QUESTION}"
            ida.seen = group.seen
            sent = await chat.send(
                caption, document=_file(name), reply_to=greeting.id if chat is ida else None
            )
            assert refusal in (await chat.next_message()).text
            answer = await chat.next_message()
            assert LIBRARY_FACT in answer.text
            assert sent.id == answer.raw["reply_to_message"]["message_id"]


async def test_links_are_not_fetched(running: Running) -> None:
    """A link to a text file is not opened: the bot says to send the file itself."""
    async with Sandbox.at(running.url) as sandbox:
        ada = await sandbox.private_chat("Ada")
        reply = await ask(ada, "https://example.com/lease.txt")
        assert TEXTS.link_not_opened_but_files == reply.text


async def test_unused_documents_are_deleted(documents: Path, tmp_path: Path) -> None:
    """A process with UPLOAD_DAYS deletes the documents of chats that have not asked for so long only."""
    with run_sandbox() as url:
        bot = Running(url, tmp_path, documents, UPLOAD_DAYS="30")
        try:
            async with Sandbox.at(url) as sandbox:
                ada, omar = await sandbox.private_chat("Ada"), await sandbox.private_chat("Omar")
                for chat in (ada, omar):
                    await add_document(chat)
                    assert FACT in (await ask(chat)).text
                bot.process.stop()
                for chat, days in ((ada, 31), (omar, 29)):
                    (used,) = bot.chats.rglob(f"{chat.id}/used")
                    then = time.time() - days * 24 * 3600
                    for path in (used, used.with_name("collection.json")):
                        os.utime(path, (then, then))
                bot.restart()
                bot.process.wait_for_output("Deleted the documents of 1 chats")
                assert not [path for path in bot.files() if str(ada.id) in str(path)]
                assert FACT not in (await ask(ada)).text
                assert FACT in (await ask(omar)).text
                (used,) = bot.chats.rglob(f"{omar.id}/used")
                assert time.time() - used.stat().st_mtime < 3600
                assert TEXTS.kept_for_days(30) in (await ask(omar, "/privacy")).text
        finally:
            bot.process.kill_if_running()


async def test_status_shows_totals(documents: Path, tmp_path: Path) -> None:
    """/status shows an admin how many chats have documents, and how many, but no name of any."""
    with run_sandbox() as url:
        async with Sandbox.at(url) as sandbox:
            admin, ada = await sandbox.private_chat("Root"), await sandbox.private_chat("Ada")
            library = tmp_path / "library"
            shutil.copytree(documents, library)
            bot = Running(url, tmp_path, library, TELEGRAM_ADMINS=str(admin.id))
            try:
                for name in ("lease.txt", "second.txt"):
                    await add_document(ada, name, LEASE.replace("lease", name).encode())
                text = (await ask(admin, "/status")).text
                assert TEXTS.collections_status(1, 2, 1) in text
                assert not {"lease", "second", "Ada", str(ada.id)} & set(text.replace(".", " ").split())
                assert TEXTS.unknown_command == (await ask(ada, "/status")).text
                for command, start in (("/start", TEXTS.greeting), ("/help", TEXTS.help_uploads)):
                    shown = (await ask(admin, command)).text
                    assert start in shown
                    assert TEXTS.uploads_of_admin in shown
                    assert TEXTS.uploads_of_admin not in (await ask(ada, command)).text
                await admin.send_document("rent.md", LEASE.encode(), caption=QUESTION)
                await (await admin.next_message()).press(TEXTS.to_the_library)
                assert FACT in (await admin.next_message()).text
            finally:
                bot.process.kill_if_running()


async def test_privacy_help_and_status_tell_it(running: Running) -> None:
    """/privacy and /help mention documents, and the commands are listed."""
    async with Sandbox.at(running.url) as sandbox:
        ada = await sandbox.private_chat("Ada")
        assert TEXTS.privacy_uploads in (await ask(ada, "/privacy")).text
        assert TEXTS.help_uploads in (await ask(ada, "/help")).text
        assert f"{TEXTS.greeting}\n\n{TEXTS.uploads}" == (await ask(ada, "/start")).text
        group = await sandbox.group("Flat", users=("Eve",))
        assert TEXTS.uploads_in_group in (await _greeting(group)).text
        assert TEXTS.uploads_in_group in (await ask(group, "/start@verbatim_bot")).text
        commands = await sandbox.control("commands", chat_id=ada.id)
        assert {"mine", "forget"} <= {command["command"] for command in commands["commands"]}
        assert not await sandbox.violations()
