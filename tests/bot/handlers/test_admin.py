"""Handlers for admins, with a fake folder and a fake Telegram."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from telegram.request import RequestData

from bot.i18n.texts import texts_for
from retrieval.errors import DocumentError, FolderError
from retrieval.model import Problem, Source
from tests.bot.hostile_inputs import LONG, WILD
from tests.bot.update_builders import GROUP, deliver, message, pressed

TEXTS = texts_for("en")
BYTES = b"The lighthouse was built in 1874.\n"
OLD = Source("folder01", "folder/name.txt", "Title", 1, 100, "en")


@pytest.fixture
def manager(connecting: Callable[..., Any], telegram: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the document manager of a bot whose admin is Ada, as `bot`; every file has the same bytes."""
    bot = connecting(telegram_admins=[1])
    result = type(telegram).do_request

    async def request(url: str, method: str, request_data: RequestData | None = None, **more: Any) -> Any:
        if "/file/" in url:
            return 200, BYTES
        if url.endswith("getFile"):
            return 200, b'{"ok": true, "result": {"file_id": "1", "file_unique_id": "1", "file_path": "x"}}'
        return await result(telegram, url, method, request_data, **more)

    monkeypatch.setattr(telegram, "do_request", request)
    manager: Any = bot.bot_data.document_manager
    manager.bot = bot
    manager.library = bot.bot_data.library
    return manager


def _document(name: str | None, size: int = 10, **fields: Any) -> dict[str, Any]:
    sent = {"file_id": "1", "file_unique_id": "1", "file_name": name, "file_size": size}
    return message(document={key: value for key, value in sent.items() if value is not None}, **fields)


async def test_status(manager: Any, telegram: Any) -> None:
    """/status shows the documents and the counts of answers."""
    for certainty in ("sure", "none", "unsure", "none"):
        manager.bot.bot_data.metrics.count_question(certainty)
    await deliver(manager.bot, message=message("/status"))
    (text,) = telegram.texts()
    assert ["Documents: 1", "Passages: 12", "Index: 01234567, local"] == text.splitlines()[:3]
    assert "Questions answered: 1, not sure: 1, declined: 2" in text.splitlines()


@given(st.lists(st.builds(Problem, WILD | LONG, WILD | LONG), max_size=30))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_problems_are_within_limits(manager: Any, telegram: Any, problems: list[Problem]) -> None:
    """With any number of skipped files, of any names, /status is one message that counts them."""
    telegram.calls.clear()
    manager.library.problems = tuple(problems)
    await deliver(manager.bot, message=message("/status"))
    (text,) = telegram.texts()
    assert len(text.encode("utf-16-le")) // 2 <= 4096
    assert (TEXTS.files_left_out(len(problems)) in text) is bool(problems)
    assert min(len(problems), 10) == sum(line.startswith("• ") for line in text.split("\n"))


async def test_reload(manager: Any, telegram: Any) -> None:
    """/reload sends a message and edits it to show the result or the error."""
    await deliver(manager.bot, message=message("/reload"))
    manager.reload = _raising(FolderError("docs: no such folder of documents"))
    await deliver(manager.bot, message=message("/reload"))
    assert [
        ("sendMessage", TEXTS.reloading),
        ("editMessageText", "1 document read · 12 passages"),
        ("sendMessage", TEXTS.reloading),
        ("editMessageText", "docs: no such folder of documents"),
    ] == [(name, sent["text"]) for name, sent in telegram.calls]


def _raising(error: Exception) -> Callable[..., Any]:
    async def fail(*_: object, **__: object) -> None:
        raise error

    return fail


async def test_a_document_is_added_and_replaced(manager: Any, telegram: Any) -> None:
    """A document from an admin is added unchanged; one of the same name replaces it."""
    await deliver(manager.bot, message=_document("guide.txt"))
    await deliver(manager.bot, message=_document("guide.txt"))
    assert {"guide.txt": BYTES} == manager.put_in
    assert [TEXTS.document_added("guide.txt"), TEXTS.document_replaced("guide.txt")] == telegram.texts()


@pytest.mark.parametrize(
    "name",
    [
        *("../x.txt", ".hidden.txt", "x.exe", "a/b.txt", "", None, "x" * 300 + ".txt"),
        *("a\nb.txt", "a\x07.txt", "\u202etxt.exe", "\u202egpj.txt"),
    ],
)
async def test_bad_names_are_refused(manager: Any, telegram: Any, name: str | None) -> None:
    """A file with a bad name or none is not downloaded, and the reply says why."""
    await deliver(manager.bot, message=_document(name))
    assert {} == manager.put_in
    (text,) = telegram.texts()
    assert text.endswith(f" was not added: {TEXTS.file_name_not_allowed}")
    assert text == text.strip()
    assert len(text) < 400


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DocumentError("guide.txt", "contains no text; fill it"), "contains no text; fill it"),
        (PermissionError(13, "Permission denied"), "Permission denied"),
        (
            DocumentError("guide.txt", "is a .pdf file; give it the suffix .pdf", real_suffix=".pdf"),
            TEXTS.document_is_misnamed(".pdf"),
        ),
    ],
)
async def test_refused_documents(manager: Any, telegram: Any, error: Exception, reason: str) -> None:
    """The reply to a document that cannot be read or written gives the reason."""
    manager.add = _raising(error)
    await deliver(manager.bot, message=_document("guide.txt"))
    assert [TEXTS.document_not_added("guide.txt", reason)] == telegram.texts()


async def test_a_document_too_large(manager: Any, telegram: Any) -> None:
    """A document above Telegram's download limit is rejected as too large."""
    await deliver(manager.bot, message=_document("guide.txt", 20 * 1024 * 1024 + 1))
    assert [TEXTS.document_not_added("guide.txt", TEXTS.file_too_large(20))] == telegram.texts()
    assert {} == manager.put_in


BY_BO: dict[str, Any] = {"from": {"id": 2, "is_bot": False, "first_name": "Bo", "language_code": "en"}}


@pytest.mark.parametrize("command", ["/status", "/reload"])
async def test_admin_commands_are_for_admins(manager: Any, telegram: Any, command: str) -> None:
    """For others the commands are unknown, and in groups they are ignored."""
    await deliver(manager.bot, message=message(command, **BY_BO))
    await deliver(manager.bot, message=message(command, GROUP))
    await deliver(manager.bot, edited_message=message(command))
    assert [TEXTS.unknown_command] == telegram.texts()
    assert 0 == manager.reloads


async def test_documents_from_others_are_ignored(manager: Any, telegram: Any) -> None:
    """A document from another user, or sent to a group, is not added."""
    await deliver(manager.bot, message=_document("guide.txt", **BY_BO))
    await deliver(manager.bot, message=_document("guide.txt", chat=GROUP))
    assert ([TEXTS.document_not_taken], {}) == (telegram.texts(), manager.put_in)


async def test_documents_in_a_cluster_are_read_only(manager: Any, telegram: Any) -> None:
    """With documents in a cluster, admins who try to change them are told how to."""
    manager.bot.bot_data.document_manager = None
    await deliver(manager.bot, message=message("/reload"))
    await deliver(manager.bot, message=_document("guide.txt"))
    for button in ("@xfolder01.0", "@yfolder01.0"):
        await deliver(manager.bot, callback_query=pressed(button, None))
    assert [TEXTS.documents_in_cluster] * 4 == [sent["text"] for _, sent in telegram.calls]
    assert ({}, [], 0) == (manager.put_in, manager.taken_out, manager.reloads)
    telegram.calls.clear()
    await deliver(manager.bot, message=message("/status"))
    assert "Index: 01234567, OpenSearch" in telegram.texts()[0].splitlines()


async def test_buttons_of_documents_in_a_cluster(manager: Any, telegram: Any) -> None:
    """With documents in a cluster there is no button to remove one, and none to send a missing file."""
    manager.bot.bot_data.document_manager = None
    expected = [TEXTS.read_from_start, TEXTS.overview, TEXTS.document]
    assert expected == (await _buttons(manager.bot, telegram))[:3]
    manager.bot.bot_data.has_files = False
    buttons = await _buttons(manager.bot, telegram)
    assert TEXTS.read_from_start in buttons
    assert not {TEXTS.document, TEXTS.remove_document} & set(buttons)


async def _buttons(bot: Any, telegram: Any) -> list[str]:
    """Return the texts of the buttons below a document's headings."""
    telegram.calls.clear()
    await deliver(bot, callback_query=pressed("@hfolder01.0", None))
    rows = telegram.calls[0][1]["reply_markup"]["inline_keyboard"]
    return [button["text"] for row in rows for button in row]
