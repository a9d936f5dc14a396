import json
from typing import Any

from telegram.request import BaseRequest

from bot.telegram.update_parsing import Bot


class OneBatch(BaseRequest):
    """Gives the same updates to whoever asks."""

    def __init__(self, *updates: dict[str, Any]) -> None:
        self.body = json.dumps({"ok": True, "result": updates}).encode()

    @property
    def read_timeout(self) -> float:
        return 5

    async def initialize(self) -> None: ...

    async def shutdown(self) -> None: ...

    async def do_request(self, *_: Any, **__: Any) -> tuple[int, bytes]:
        return 200, self.body


async def test_an_update_nobody_can_read_is_passed_over() -> None:
    """One update of a strange shape is taken as empty; the others arrive."""
    good = {"update_id": 2, "message": {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}}}
    strange = {"update_id": 1, "poll": {"id": 1}}
    request = OneBatch(strange, good)
    bot = Bot("1:x", request=request, get_updates_request=request)
    first, second = await bot.pending(offset=0, limit=100, wait=0, kinds=("message",))
    assert (1, None) == (first.update_id, first.effective_chat)
    assert second.message
    assert (2, 1) == (second.update_id, second.message.message_id)
