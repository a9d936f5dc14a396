"""What those who look after the bot do from within Telegram; the folder and Telegram are fakes."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from telegram.request import RequestData

from bot.i18n.messages import speaking
from retrieval.errors import DocumentError, FolderError
from retrieval.model import Problem, Source
from tests.bot.hostile_inputs import LONG, WILD
from tests.bot.update_builders import GROUP, deliver, message, pressed

TEXTS = speaking("en")
BYTES = b"The lighthouse was built in 1874.\n"
OLD = Source("folder01", "folder/name.txt", "Title", 1, 100, "en")


@pytest.fixture
def keeper(connecting: Callable[..., Any], telegram: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the keeper of a bot whose admin is Ada; `bot` is the bot, and any file is the same bytes."""
    bot = connecting(telegram_admins=[1])
    result = type(telegram).do_request

    async def request(url: str, method: str, request_data: RequestData | None = None, **more: Any) -> Any:
        if "/file/" in url:
            return 200, BYTES
        if url.endswith("getFile"):
            return 200, b'{"ok": true, "result": {"file_id": "1", "file_unique_id": "1", "file_path": "x"}}'
        return await result(telegram, url, method, request_data, **more)

    monkeypatch.setattr(telegram, "do_request", request)
    keeper: Any = bot.bot_data.document_manager
    keeper.bot = bot
    keeper.library = bot.bot_data.archive
    return keeper


def _document(name: str | None, size: int = 10, **fields: Any) -> dict[str, Any]:
    sent = {"file_id": "1", "file_unique_id": "1", "file_name": name, "file_size": size}
    return message(document={key: value for key, value in sent.items() if value is not None}, **fields)


async def test_status(keeper: Any, telegram: Any) -> None:
    """/status tells what the bot holds and how it answers."""
    for certainty in ("sure", "none", "unsure", "none"):
        keeper.bot.bot_data.metrics.asked(certainty)
    await deliver(keeper.bot, message=message("/status"))
    (told,) = telegram.texts()
    assert ["Documents: 1", "Passages: 12", "Index: 01234567, embedded"] == told.splitlines()[:3]
    assert "Questions answered: 1, not sure: 1, declined: 2" in told.splitlines()


@given(st.lists(st.builds(Problem, WILD | LONG, WILD | LONG), max_size=30))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_problems_are_within_limits(keeper: Any, telegram: Any, problems: list[Problem]) -> None:
    """However many files were left out, whatever they are called, /status is one message that counts them."""
    telegram.calls.clear()
    keeper.library.problems = tuple(problems)
    await deliver(keeper.bot, message=message("/status"))
    (told,) = telegram.texts()
    assert len(told.encode("utf-16-le")) // 2 <= 4096
    assert (TEXTS.left_out(len(problems)) in told) is bool(problems)
    assert min(len(problems), 10) == sum(line.startswith("• ") for line in told.split("\n"))


async def test_reload(keeper: Any, telegram: Any) -> None:
    """/reload says that it reads, and then in its place what it read, or what is wrong."""
    await deliver(keeper.bot, message=message("/reload"))
    keeper.reload = _raising(FolderError("docs: no such folder of documents"))
    await deliver(keeper.bot, message=message("/reload"))
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


async def test_a_document_is_added_and_replaced(keeper: Any, telegram: Any) -> None:
    """A document that an admin sends is put in as it is; one of the same name takes its place."""
    await deliver(keeper.bot, message=_document("guide.txt"))
    await deliver(keeper.bot, message=_document("guide.txt"))
    assert {"guide.txt": BYTES} == keeper.put_in
    assert [TEXTS.added("guide.txt"), TEXTS.replaced("guide.txt")] == telegram.texts()


@pytest.mark.parametrize(
    "name",
    [
        *("../x.txt", ".hidden.txt", "x.exe", "a/b.txt", "", None, "x" * 300 + ".txt"),
        *("a\nb.txt", "a\x07.txt", "\u202etxt.exe", "\u202egpj.txt"),
    ],
)
async def test_bad_names_are_refused(keeper: Any, telegram: Any, name: str | None) -> None:
    """A file of a bad name, or of none, is not even fetched, and the admin hears why."""
    await deliver(keeper.bot, message=_document(name))
    assert {} == keeper.put_in
    (told,) = telegram.texts()
    assert told.endswith(f" was not added: {TEXTS.bad_name}")
    assert told == told.strip()
    assert len(told) < 400


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DocumentError("guide.txt", "holds no text; fill it"), "holds no text; fill it"),
        (PermissionError(13, "Permission denied"), "PermissionError"),
    ],
)
async def test_why_a_document_is_not_added(keeper: Any, telegram: Any, error: Exception, reason: str) -> None:
    """What cannot be read or written is told with its reason."""
    keeper.add = _raising(error)
    await deliver(keeper.bot, message=_document("guide.txt"))
    assert [TEXTS.not_added("guide.txt", reason)] == telegram.texts()


async def test_a_document_too_large(keeper: Any, telegram: Any) -> None:
    """What Telegram would not hand over is told to be too large."""
    await deliver(keeper.bot, message=_document("guide.txt", 20 * 1024 * 1024 + 1))
    assert [TEXTS.not_added("guide.txt", TEXTS.too_large(20))] == telegram.texts()
    assert {} == keeper.put_in


BY_BO: dict[str, Any] = {"from": {"id": 2, "is_bot": False, "first_name": "Bo", "language_code": "en"}}


@pytest.mark.parametrize("command", ["/status", "/reload"])
async def test_commands_of_admins_are_theirs(keeper: Any, telegram: Any, command: str) -> None:
    """To others they are unknown, and in a group nobody is answered."""
    await deliver(keeper.bot, message=message(command, **BY_BO))
    await deliver(keeper.bot, message=message(command, GROUP))
    await deliver(keeper.bot, edited_message=message(command))
    assert [TEXTS.unknown_command] == telegram.texts()
    assert 0 == keeper.reloads


async def test_documents_of_others_are_no_documents(keeper: Any, telegram: Any) -> None:
    """What others send, or an admin to a group, is not put in."""
    await deliver(keeper.bot, message=_document("guide.txt", **BY_BO))
    await deliver(keeper.bot, message=_document("guide.txt", chat=GROUP))
    assert ([TEXTS.wordless], {}) == (telegram.texts(), keeper.put_in)


async def test_documents_in_a_cluster_stay_as_they_are(keeper: Any, telegram: Any) -> None:
    """Where documents are in a cluster, an admin who would change them is told how that is done."""
    keeper.bot.bot_data.document_manager = None
    await deliver(keeper.bot, message=message("/reload"))
    await deliver(keeper.bot, message=_document("guide.txt"))
    for button in ("@xfolder01.0", "@yfolder01.0"):
        await deliver(keeper.bot, callback_query=pressed(button, None))
    assert [TEXTS.in_a_cluster] * 4 == [sent["text"] for _, sent in telegram.calls]
    assert ({}, [], 0) == (keeper.put_in, keeper.taken_out, keeper.reloads)
    telegram.calls.clear()
    await deliver(keeper.bot, message=message("/status"))
    assert "Index: 01234567, OpenSearch" in telegram.texts()[0].splitlines()


async def test_buttons_of_documents_in_a_cluster(keeper: Any, telegram: Any) -> None:
    """There is no button to remove a document, and none to have it where its file is not."""
    keeper.bot.bot_data.document_manager = None
    assert [TEXTS.read_from_start, TEXTS.whole_document] == (await _offered(keeper.bot, telegram))[:2]
    keeper.bot.bot_data.has_files = False
    offered = await _offered(keeper.bot, telegram)
    assert TEXTS.read_from_start in offered
    assert not {TEXTS.whole_document, TEXTS.remove} & set(offered)


async def _offered(bot: Any, telegram: Any) -> list[str]:
    """Return the buttons under a document's headings."""
    telegram.calls.clear()
    await deliver(bot, callback_query=pressed("@hfolder01.0", None))
    rows = telegram.calls[0][1]["reply_markup"]["inline_keyboard"]
    return [button["text"] for row in rows for button in row]
