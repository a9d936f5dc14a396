"""Four webhook processes behind one address, without shared state."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.client import Sandbox
from tests.e2e.conftest import TOKEN, Process
from tests.e2e.load_generator import Row
from tests.e2e.workers import four_processes

pytestmark = pytest.mark.e2e


async def test_four_processes_behind_one_address(
    own_sandbox_url: str, documents: Path, starting: Callable[..., Process], rows: list[Row]
) -> None:
    """All four answer; when one is killed and one stopped, the webhook stays and no question is lost."""
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        await sandbox.settings(flood=False)
        count = await four_processes(sandbox, starting, SEEDS_DIR=str(documents))
    rows.append(Row("four behind one address, one killed, one stopped", "webhook", count))
