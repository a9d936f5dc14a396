"""A check of several webhook processes behind one address while some of them end."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import httpx

from sandbox.control_client import Sandbox
from tests.e2e.balancer import balance
from tests.e2e.conftest import TOKEN, Process, bot_settings, free_port
from tests.e2e.load_generator import Count, SimulatedUsers, warning_lines

QUESTION = "Who built the lighthouse of Nordholm?"
WORKERS = 4


async def check_four_processes(sandbox: Sandbox, start: Callable[..., Process], **common: str) -> Count:
    """Run four processes, kill one and stop one; check that all answer and no question is lost."""
    ports, public_port = [free_port() for _ in range(WORKERS)], free_port()
    address = f"http://127.0.0.1:{public_port}/telegram"
    common |= {"TELEGRAM_API_URL": sandbox.url, "WEBHOOK_URL": address}
    async with balance(public_port, ports):
        workers = [start(**bot_settings("polling", **common, PORT=str(port))) for port in ports]
        for worker in workers:
            await asyncio.to_thread(worker.wait_for_output, "is ready")
        users = await SimulatedUsers.create(sandbox, 60)
        load = asyncio.create_task(users.ask(5, text=QUESTION, pause=1))
        await asyncio.sleep(2.5)
        assert [True] * WORKERS == [await _question_count(port) > 0 for port in ports]
        workers[0].kill()
        at_risk = await users.count_replies_in_flight()
        await asyncio.sleep(1)
        assert 0 == await asyncio.to_thread(workers[1].stop)
        assert address == (await _webhook(sandbox))["url"]
        await load
        count = await users.wait_and_count(timeout_seconds=30)
    assert (300, 0) == (count.asked, count.lost)
    assert count.doubled <= at_risk
    assert [] == [call for call in await sandbox.calls("deleteWebhook") if call["params"]]
    for worker in workers[1:]:
        assert "Traceback" not in worker.output
        assert len(warning_lines(worker.output)) <= 2, warning_lines(worker.output)
    return count


async def _get(url: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(url, timeout=10)


async def _question_count(port: int) -> int:
    """Return the number of questions received by the process at a port."""
    page = (await _get(f"http://127.0.0.1:{port}/metrics")).text
    (value,) = re.findall(r"^verbatim_questions_total (\S+)$", page, re.MULTILINE)
    return int(float(value))


async def _webhook(sandbox: Sandbox) -> Any:
    return (await _get(f"{sandbox.url}/bot{TOKEN}/getWebhookInfo")).json()["result"]
