import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.handlers import access
from bot.handlers.access import UserRateLimits, Verdict
from tests.bot.virtual_clock import fast

ADMITTED, NOTICE, REFUSED = Verdict.ADMITTED, Verdict.REFUSED_WITH_NOTICE, Verdict.REFUSED


@fast
async def test_a_share_and_one_polite_word() -> None:
    """Beyond the share comes one polite line, then silence; others are not affected."""
    shares = UserRateLimits(3)
    verdicts = [await shares.take(1) for _ in range(6)]
    assert [ADMITTED, ADMITTED, ADMITTED, NOTICE, REFUSED, REFUSED] == verdicts
    assert ADMITTED == await shares.take(2)


@pytest.mark.parametrize("a_minute", [1, 2, 3, 60])
@fast
async def test_it_is_refilled(a_minute: int) -> None:
    """After a quiet minute the whole share is there again, and so is the polite word."""
    shares = UserRateLimits(a_minute)
    for _ in range(2):
        verdicts = [await shares.take(1) for _ in range(a_minute + 2)]
        assert [*[ADMITTED] * a_minute, NOTICE, REFUSED] == verdicts
        await asyncio.sleep(60.1)


@fast
async def test_who_goes_on_is_not_told_again() -> None:
    """Who asks on and on gets one now and then, and no second polite word."""
    shares = UserRateLimits(6)
    verdicts = []
    for _ in range(100):
        verdicts.append(await shares.take(1))
        await asyncio.sleep(1)
    assert 1 == verdicts.count(NOTICE)
    assert 14 <= verdicts.count(ADMITTED) <= 16


@fast
async def test_no_limit() -> None:
    """A share of 0 is none: everything is admitted."""
    shares = UserRateLimits(0)
    assert {ADMITTED} == {await shares.take(1) for _ in range(1000)}


@given(st.integers(1, 20), st.lists(st.sampled_from([0.0, 0.5, 2.0, 10.0, 60.0]), max_size=80))
@fast
async def test_never_more_than_the_share(a_minute: int, gaps: list[float]) -> None:
    """In any minute, no more than two shares are admitted: the bucket, and what refills it."""
    shares, admitted, now = UserRateLimits(a_minute), [], 0.0
    for gap in gaps:
        await asyncio.sleep(gap)
        now += gap
        if await shares.take(1) is ADMITTED:
            admitted.append(now)
    for at in admitted:
        assert len([one for one in admitted if at <= one < at + 60]) <= 2 * a_minute


@fast
async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many keys are kept in mind, those of late."""
    monkeypatch.setattr(access, "_MAX_BUCKETS", 3)
    shares = UserRateLimits(1)
    for key in range(10):
        await shares.take(key)
    assert [7, 8, 9] == list(shares._buckets)
