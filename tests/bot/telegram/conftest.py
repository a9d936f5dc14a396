from typing import Any

import pytest

from retrieval.query.intent import parse_document_question
from tests.bot.virtual_clock import now


@pytest.fixture
def calls(telegram: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, str, Any]]:
    """Return the calls to Telegram with the seconds since the start, the method and what it shows."""
    timed: list[tuple[float, str, Any]] = []
    # Reads its table at the first call, in a thread that the virtual clock does not know of.
    parse_document_question("")
    request = type(telegram).do_request

    async def keep(url: str, method: str, request_data: Any = None, **more: Any) -> Any:
        name, parameters = url.rpartition("/")[2], request_data.parameters if request_data else {}
        if name != "getMe":
            timed.append((round(now(), 1), name, parameters.get("action") or parameters.get("text")))
        return await request(telegram, url, method, request_data, **more)

    monkeypatch.setattr(telegram, "do_request", keep)
    return timed
