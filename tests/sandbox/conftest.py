from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sandbox.control_client import Sandbox
from sandbox.server import build_app
from sandbox.state import TelegramState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.applications import Starlette

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bot:
    """A minimal bot that calls methods of the Bot API and returns the whole response."""

    http: httpx.AsyncClient
    url: str

    async def __call__(self, method: str, **params: Any) -> Json:
        answer: Json = (await self.http.post(f"{self.url}/{method}", json=params)).json()
        return answer

    async def result(self, method: str, **params: Any) -> Any:
        answer = await self(method, **params)
        assert answer["ok"], answer
        return answer["result"]

    async def refusal(self, method: str, **params: Any) -> str:
        answer = await self(method, **params)
        assert not answer["ok"], answer
        return str(answer["description"])


@pytest.fixture
def telegram() -> TelegramState:
    return TelegramState()


@pytest.fixture
def app(telegram: TelegramState) -> Starlette:
    return build_app(telegram)


@pytest.fixture
async def sandbox(app: Starlette, telegram: TelegramState) -> AsyncIterator[Sandbox]:
    """Yield a sandbox in the process of the tests, without a socket."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), timeout=30) as http:
        yield Sandbox("http://sandbox", telegram.token, http)


@pytest.fixture
async def bot(sandbox: Sandbox) -> Bot:
    await sandbox.settings(holds_repeats=False)
    return Bot(sandbox.http, f"{sandbox.url}/bot{sandbox.token}")


@pytest.fixture
async def served() -> AsyncIterator[Sandbox]:
    """Yield a sandbox that runs in its own process and listens on a real socket."""
    async with Sandbox.start() as sandbox:
        yield sandbox
