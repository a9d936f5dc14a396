import asyncio

from bot.http_server import Health
from tests.bot.virtual_clock import fast


@fast
async def test_silence() -> None:
    """A process is alive for three minutes after its last contact with Telegram, or its start."""
    health = Health()
    await asyncio.sleep(170)
    assert (True, 170.0) == (health.is_alive, round(health.silence_seconds, 3))
    health.note_contact()
    await asyncio.sleep(170)
    assert health.is_alive
    await asyncio.sleep(20)
    assert not health.is_alive
    health.note_contact()
    assert health.is_alive


def test_a_new_process_is_not_ready() -> None:
    """A process that has just started is alive, but not ready."""
    assert (True, False) == (Health().is_alive, Health().is_ready)
