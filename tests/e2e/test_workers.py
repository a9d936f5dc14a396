"""Four webhook processes behind one address, with no state between them."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.client import Sandbox
from tests.e2e.balancer import forwarding
from tests.e2e.conftest import TOKEN, Process, free_port, settings_of
from tests.e2e.crowd import Crowd, Row, complaints

pytestmark = pytest.mark.e2e

QUESTION = "Who built the lighthouse of Nordholm?"
WORKERS = 4


@pytest.fixture
async def sandbox(own_sandbox_url: str) -> AsyncIterator[Sandbox]:
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        await sandbox.settings(flood=False)
        yield sandbox


async def _get(url: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(url, timeout=10)


async def _asked(port: int) -> int:
    """Count the questions that the process at a port was asked."""
    page = (await _get(f"http://127.0.0.1:{port}/metrics")).text
    (found,) = re.findall(r"^verbatim_questions_total (\S+)$", page, re.MULTILINE)
    return int(float(found))


async def _webhook(sandbox: Sandbox) -> Any:
    return (await _get(f"{sandbox.url}/bot{TOKEN}/getWebhookInfo")).json()["result"]


async def test_four_processes_behind_one_address(
    sandbox: Sandbox, documents: Path, starting: Callable[..., Process], rows: list[Row]
) -> None:
    """All of them answer; one is killed and one stopped, the webhook stays, and no question is lost."""
    ports, door = [free_port() for _ in range(WORKERS)], free_port()
    address = f"http://127.0.0.1:{door}/telegram"
    common = {"TELEGRAM_API_URL": sandbox.url, "SEEDS_DIR": str(documents), "WEBHOOK_URL": address}
    async with forwarding(door, ports):
        workers = [starting(**settings_of("polling", **common, PORT=str(port))) for port in ports]
        for worker in workers:
            await asyncio.to_thread(worker.until, "is listening")
        crowd = await Crowd.of(sandbox, 60)
        asking = asyncio.create_task(crowd.ask(5, text=QUESTION, pause=1))
        await asyncio.sleep(2.5)
        assert [True] * WORKERS == [await _asked(port) > 0 for port in ports]
        workers[0].kill()
        at_risk = await crowd.unsure()
        await asyncio.sleep(1)
        assert 0 == await asyncio.to_thread(workers[1].stop)
        assert address == (await _webhook(sandbox))["url"]
        await asking
        count = await crowd.settled(within=30)
    rows.append(Row("four behind one address, one killed, one stopped", "webhook", count))
    assert (300, 0) == (count.asked, count.lost)
    assert count.doubled <= at_risk
    assert [] == [call for call in await sandbox.calls("deleteWebhook") if call["params"]]
    for worker in workers[1:]:
        assert "Traceback" not in worker.output
        assert len(complaints(worker.output)) <= 2, complaints(worker.output)
