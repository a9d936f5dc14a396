"""Four webhook processes behind one address, without shared state."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.control_client import Sandbox
from tests.e2e.conftest import TOKEN, Process
from tests.e2e.load_generator import FaultRow
from tests.e2e.workers import check_four_processes

pytestmark = pytest.mark.e2e


async def test_four_processes_behind_one_address(
    own_sandbox_url: str, documents: Path, start_bot: Callable[..., Process], rows: list[FaultRow]
) -> None:
    """All four answer; when one is killed and one stopped, the webhook stays and no question is lost."""
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        await sandbox.settings(flood=False)
        count = await check_four_processes(sandbox, start_bot, SEEDS_DIR=str(documents))
    rows.append(FaultRow("four behind one address, one killed, one stopped", "webhook", count))
