import json
from typing import Any

from telegram.request import BaseRequest

from bot.telegram.bot_client import BotClient


class OneBatch(BaseRequest):
    """Returns the same updates to every request."""

    def __init__(self, *updates: dict[str, Any]) -> None:
        self.body = json.dumps({"ok": True, "result": updates}).encode()

    @property
    def read_timeout(self) -> float:
        return 5

    async def initialize(self) -> None: ...

    async def shutdown(self) -> None: ...

    async def do_request(self, *_: Any, **__: Any) -> tuple[int, bytes]:
        return 200, self.body


async def test_an_invalid_update_is_skipped() -> None:
    """An update of an unknown form is returned without contents; the others are parsed."""
    good = {"update_id": 2, "message": {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}}}
    invalid = {"update_id": 1, "poll": {"id": 1}}
    request = OneBatch(invalid, good)
    bot = BotClient("1:x", request=request, get_updates_request=request)
    first, second = await bot.fetch_updates(offset=0, limit=100, wait=0, allowed_updates=("message",))
    assert (1, None) == (first.update_id, first.effective_chat)
    assert second.message
    assert (2, 1) == (second.update_id, second.message.message_id)
