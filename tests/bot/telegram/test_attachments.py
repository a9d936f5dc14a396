"""Photos of pages sent to the bot: documents where OCR is there, and pictures it cannot see elsewhere."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from telegram import Chat, Message, PhotoSize
from telegram.request import RequestData

from bot.i18n.texts import texts_for
from bot.telegram.messaging import attached_file
from tests.bot.update_builders import deliver, message

TEXTS = texts_for("en")
PHOTO: list[dict[str, Any]] = [
    {"file_id": "small", "file_unique_id": "s", "width": 90, "height": 60, "file_size": 900},
    {"file_id": "large", "file_unique_id": "l", "width": 1280, "height": 853, "file_size": 90_000},
]


@pytest.fixture
def delivering(telegram: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Telegram deliver the same bytes for every file."""
    result = type(telegram).do_request

    async def request(url: str, method: str, request_data: RequestData | None = None, **more: Any) -> Any:
        if "/file/" in url:
            return 200, b"a picture"
        if url.endswith("getFile"):
            return 200, b'{"ok": true, "result": {"file_id": "1", "file_unique_id": "1", "file_path": "x"}}'
        return await result(telegram, url, method, request_data, **more)

    monkeypatch.setattr(telegram, "do_request", request)


def test_a_photo_gets_a_name() -> None:
    """It is the largest of the sizes; two photos of a day have different names."""
    sent = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
    photo = tuple(PhotoSize(size["file_id"], "x", size["width"], size["height"]) for size in PHOTO)
    names = set()
    for number in (7, 8):
        file = attached_file(Message(number, sent, Chat(1, "private"), photo=photo))
        assert file is not None
        assert ("large", 0) == (file.id, file.bytes)
        names.add(file.name)
    assert {"photo-2026-11-26-7.jpg", "photo-2026-11-26-8.jpg"} == names
    assert attached_file(Message(7, sent, Chat(1, "private"), text="Hello")) is None


@pytest.mark.usefixtures("delivering")
async def test_an_admin_adds_a_photo(connecting: Callable[..., Any], telegram: Any) -> None:
    """The reply says how many pages wait for OCR."""
    bot = connecting(telegram_admins=[1], reads_pictures=True)
    manager = bot.bot_data.document_manager
    sent = message(photo=PHOTO)
    day = datetime.fromtimestamp(sent["date"], UTC)
    name = f"photo-{day:%Y-%m-%d}-{sent['message_id']}.jpg"
    manager.waiting[name] = 1
    await deliver(bot, message=sent)
    assert {name: b"a picture"} == manager.put_in
    assert [f"{TEXTS.document_added(name)}\n\n{TEXTS.scanned_pages_waiting(1)}"] == telegram.texts()


@pytest.mark.parametrize("admins", [[], [1]])
async def test_without_ocr_a_photo_is_no_document(
    connecting: Callable[..., Any], telegram: Any, admins: list[int]
) -> None:
    bot = connecting(telegram_admins=admins)
    await deliver(bot, message=message(photo=PHOTO))
    assert {} == bot.bot_data.document_manager.put_in
    assert [TEXTS.picture_not_seen] == telegram.texts()
