import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.handlers import access
from bot.handlers.access import RateLimits, Verdict
from tests.bot.virtual_clock import fast

ADMITTED, NOTICE, REFUSED = Verdict.ADMITTED, Verdict.REFUSED_WITH_NOTICE, Verdict.REFUSED


@fast
async def test_one_notice() -> None:
    """The first request beyond the limit gets a notice, the next ones nothing; others are not affected."""
    limits = RateLimits(3)
    verdicts = [await limits.take(1) for _ in range(6)]
    assert [ADMITTED, ADMITTED, ADMITTED, NOTICE, REFUSED, REFUSED] == verdicts
    assert ADMITTED == await limits.take(2)


@pytest.mark.parametrize("per_minute", [1, 2, 3, 60])
@fast
async def test_refill(per_minute: int) -> None:
    """After a minute without requests, the bucket is full again, and a notice is due again."""
    limits = RateLimits(per_minute)
    for _ in range(2):
        verdicts = [await limits.take(1) for _ in range(per_minute + 2)]
        assert [*[ADMITTED] * per_minute, NOTICE, REFUSED] == verdicts
        await asyncio.sleep(60.1)


@fast
async def test_no_second_notice_while_requests_continue() -> None:
    """Continuous requests are admitted at the refill rate, without a second notice."""
    limits = RateLimits(6)
    verdicts = []
    for _ in range(100):
        verdicts.append(await limits.take(1))
        await asyncio.sleep(1)
    assert 1 == verdicts.count(NOTICE)
    assert 14 <= verdicts.count(ADMITTED) <= 16


@fast
async def test_no_limit() -> None:
    """A limit of 0 admits everything."""
    limits = RateLimits(0)
    assert {ADMITTED} == {await limits.take(1) for _ in range(1000)}


@given(st.integers(1, 20), st.lists(st.sampled_from([0.0, 0.5, 2.0, 10.0, 60.0]), max_size=80))
@fast
async def test_at_most_a_bucket_and_a_refill_per_minute(per_minute: int, gaps: list[float]) -> None:
    """In any minute, at most a full bucket and its refill are admitted."""
    limits, admitted, now = RateLimits(per_minute), [], 0.0
    for gap in gaps:
        await asyncio.sleep(gap)
        now += gap
        if await limits.take(1) is ADMITTED:
            admitted.append(now)
    for at in admitted:
        assert len([time for time in admitted if at <= time < at + 60]) <= 2 * per_minute


@fast
async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the most recently used buckets are kept."""
    monkeypatch.setattr(access, "_MAX_BUCKETS", 3)
    limits = RateLimits(1)
    for key in range(10):
        await limits.take(key)
    assert [7, 8, 9] == list(limits._buckets)
