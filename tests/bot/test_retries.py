import asyncio
import logging

import pytest

from bot.retries import Outage
from tests.bot.virtual_clock import fast


@fast
async def test_outage_lines(caplog: pytest.LogCaptureFixture) -> None:
    """An outage is logged when it begins, when its reason changes, and when it is over."""
    outage = Outage()
    with caplog.at_level(logging.INFO):
        for reason in ("down", "down", "odd", "odd"):
            outage.failed(reason)
            await asyncio.sleep(10)
        outage.recovered()
        outage.recovered()
    assert ["down", "odd", "Telegram answers again after 40 s"] == caplog.messages


def test_the_service_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """The last line names the service; it is true during the outage."""
    outage = Outage("The cluster")
    assert not outage
    with caplog.at_level(logging.INFO):
        outage.failed("gone")
        assert outage
        outage.recovered()
    assert ["gone", "The cluster answers again after 0 s"] == caplog.messages


def test_delays_grow() -> None:
    """Delays double up to 30 seconds, are at least `at_least`, and start over after a recovery."""
    outage = Outage()
    assert [1, 2, 4, 8, 16, 30, 30] == [outage.next_delay_seconds("down") for _ in range(7)]
    assert 90 == outage.next_delay_seconds("flood", at_least=90)
    outage.recovered()
    assert 1 == outage.next_delay_seconds("down")
