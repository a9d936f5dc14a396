import asyncio
import logging

import pytest

from bot.ops.outage_log import OutageLog
from tests.bot.virtual_clock import fast


@fast
async def test_one_line_at_each_end(caplog: pytest.LogCaptureFixture) -> None:
    """An outage is told when it begins, when its reason changes, and when it is over."""
    outage = OutageLog()
    with caplog.at_level(logging.INFO):
        for reason in ("down", "down", "odd", "odd"):
            outage.failed(reason)
            await asyncio.sleep(10)
        outage.recovered()
        outage.recovered()
    assert ["down", "odd", "Telegram answers again after 40 s"] == caplog.messages


def test_it_says_who_answers_again(caplog: pytest.LogCaptureFixture) -> None:
    """An outage of somebody else's is over in that one's name; while it goes on it is true."""
    outage = OutageLog("The cluster")
    assert not outage
    with caplog.at_level(logging.INFO):
        outage.failed("gone")
        assert outage
        outage.recovered()
    assert ["gone", "The cluster answers again after 0 s"] == caplog.messages


def test_the_waits_grow() -> None:
    """Each attempt waits longer, up to half a minute, and no less than asked; then it begins anew."""
    outage = OutageLog()
    assert [1, 2, 4, 8, 16, 30, 30] == [outage.failed("down") for _ in range(7)]
    assert 90 == outage.failed("flood", at_least=90)
    outage.recovered()
    assert 1 == outage.failed("down")
