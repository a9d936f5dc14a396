"""How much one asks: a person, a chat."""

from collections import OrderedDict
from enum import Enum

from aiolimiter import AsyncLimiter

_MINUTE = 60.0
_MOST = 4096


class Verdict(Enum):
    """`LAST_WORD` is the first refusal, which is told politely; then there is silence until it calms down."""

    ADMITTED = "admitted"
    LAST_WORD = "last word"
    REFUSED = "refused"


class _Bucket:
    def __init__(self, a_minute: int) -> None:
        self.limiter = AsyncLimiter(a_minute, _MINUTE)
        self.is_told = False


class Quotas:
    """A bucket for each key: `a_minute` at once, and refilled at that rate. 0 has no limit."""

    def __init__(self, a_minute: int) -> None:
        self._a_minute = a_minute
        self._buckets: OrderedDict[int, _Bucket] = OrderedDict()

    async def take(self, key: int) -> Verdict:
        if not self._a_minute:
            return Verdict.ADMITTED
        bucket = self._buckets.setdefault(key, _Bucket(self._a_minute))
        self._buckets.move_to_end(key)
        if len(self._buckets) > _MOST:
            self._buckets.popitem(last=False)
        if bucket.limiter.has_capacity():
            bucket.is_told = bucket.is_told and not bucket.limiter.has_capacity(self._a_minute / 2)
            await bucket.limiter.acquire()
            return Verdict.ADMITTED
        told, bucket.is_told = bucket.is_told, True
        return Verdict.REFUSED if told else Verdict.LAST_WORD
