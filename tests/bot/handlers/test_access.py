import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram import Update
from telegram.ext import ApplicationHandlerStop

from bot.handlers import access
from bot.handlers.access import AccessControl, QuestionQuota, Verdict
from bot.i18n.texts import texts_for
from bot.monitoring import Metrics
from bot.telegram.bot_client import BotClient
from config.settings import Settings
from tests.bot.virtual_clock import fast

ADA = {"id": 1, "is_bot": False, "first_name": "Ada", "language_code": "en"}
BOB = {"id": 2, "is_bot": False, "first_name": "Bob", "language_code": "en"}
ROBOT = {"id": 3, "is_bot": True, "first_name": "Robot"}
ANONYMOUS = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
PRIVATE = {"id": 1, "type": "private", "first_name": "Ada"}
GROUP = {"id": -5, "type": "supergroup", "title": "Group"}
CHANNEL = {"id": -100, "type": "channel", "title": "Channel"}


def message(chat: dict[str, Any] = PRIVATE, **fields: Any) -> dict[str, Any]:
    return {"message_id": 10, "date": 1, "chat": chat, "from": ADA, "text": "?", **fields}


def bobs(chat: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return message(chat or PRIVATE | {"id": 2}, **{"from": BOB, **fields})


def press(sender: dict[str, Any], on: dict[str, Any]) -> dict[str, Any]:
    return {"id": "5", "from": sender, "chat_instance": "1", "data": "q1", "message": on}


def query(sender: dict[str, Any]) -> dict[str, Any]:
    return {"id": "5", "from": sender, "query": "?", "offset": ""}


FORWARDED = {"type": "chat", "sender_chat": GROUP, "date": 1}
FROM_ADA = {"type": "user", "sender_user": ADA, "date": 1}


class Pipeline:
    """Passes updates to access control and then to a rate-limited handler, which counts them."""

    def __init__(self, telegram: Any, **settings: Any) -> None:
        self.telegram = telegram
        self.metrics = Metrics()
        self.handled = 0
        self.bot = BotClient("1:x", request=telegram, get_updates_request=telegram)
        self.access = AccessControl(Settings(_env_file=None, **settings))
        self.handler = self.access.rate_limited(self._handle)

    async def __call__(self, **update: Any) -> int:
        """Return the number of updates handled so far."""
        context: Any = SimpleNamespace(metrics=self.metrics)
        received = Update.de_json({"update_id": 1, **update}, self.bot)
        try:
            await self.access.check_access(received, context)
        except ApplicationHandlerStop:
            return self.handled
        await self.handler(received, context)
        return self.handled

    async def _handle(self, _update: Update, _context: Any) -> None:
        self.handled += 1

    def refused(self, why: str) -> float:
        return self.metrics.registry.get_sample_value("verbatim_refusals_total", {"why": why}) or 0


@pytest.mark.parametrize(
    ("update", "expected"),
    [
        ({"message": message()}, 1),
        ({"message": message(GROUP)}, 1),
        ({"message": bobs(GROUP)}, 1),
        ({"message": bobs()}, 0),
        ({"message": bobs(CHANNEL)}, 0),
        ({"edited_message": message()}, 1),
        ({"edited_message": bobs()}, 0),
        ({"callback_query": press(ADA, bobs())}, 1),
        ({"callback_query": press(BOB, bobs(GROUP))}, 1),
        ({"callback_query": press(BOB, bobs())}, 0),
        ({"inline_query": query(ADA)}, 1),
        ({"inline_query": query(BOB)}, 0),
        ({"channel_post": {"message_id": 1, "date": 1, "chat": CHANNEL, "text": "?"}}, 0),
        ({"channel_post": {"message_id": 1, "date": 1, "chat": GROUP | CHANNEL | {"id": -5}}}, 1),
        ({"message": bobs(forward_origin=FORWARDED)}, 0),
        ({"message": bobs(forward_origin=FROM_ADA)}, 0),
        ({"message": bobs(reply_to_message=message())}, 0),
        ({"message": bobs(reply_to_message=message(GROUP))}, 0),
        ({"message": bobs(sender_chat=GROUP)}, 0),
        ({"message": bobs(via_bot=ROBOT)}, 0),
        ({}, 0),
    ],
)
async def test_access(update: dict[str, Any], expected: int, telegram: Any) -> None:
    """Chat and sender decide, not what a message quotes, forwards or replies to."""
    pipeline = Pipeline(telegram, telegram_allowed_chats=[1, -5])
    assert expected == await pipeline(**update)
    assert 1 - expected == pipeline.refused("not allowed")
    assert "sendMessage" not in [name for name, _ in telegram.calls]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"from": ROBOT}, 0),
        ({"from": ANONYMOUS, "sender_chat": GROUP}, 1),
        ({"from": ANONYMOUS}, 0),
        ({"from": ADA}, 1),
    ],
)
async def test_bots_are_not_answered(fields: dict[str, Any], expected: int, telegram: Any) -> None:
    """Bots are ignored even where everybody is allowed; an anonymous admin of a group is not a bot."""
    assert expected == await Pipeline(telegram)(message=message(GROUP, **fields))


async def test_admins_have_no_limits(telegram: Any) -> None:
    """An admin is answered in any chat, without a rate limit."""
    pipeline = Pipeline(
        telegram, telegram_allowed_chats=[7], telegram_admins=[2], telegram_questions_per_minute=1
    )
    for update in (bobs(), bobs(GROUP), bobs(CHANNEL)) * 3:
        await pipeline(message=update)
    assert 9 == pipeline.handled


@fast
async def test_the_limit_of_a_user_covers_all_chats(telegram: Any) -> None:
    """Questions of a user count over all chats; only the first denial is announced."""
    pipeline = Pipeline(telegram, telegram_questions_per_minute=2)
    for update in (message(), message(GROUP), message(), message(), message(GROUP)):
        await pipeline(message=update)
    assert 2 == pipeline.handled
    assert [texts_for("en").too_many_questions] == telegram.texts()
    assert 3 == pipeline.refused("too many")
    assert 3 == await pipeline(message=bobs())


@fast
async def test_a_group_has_twenty_a_minute(telegram: Any) -> None:
    """The members of a group together have as many answers as Telegram allows there."""
    pipeline = Pipeline(telegram, telegram_questions_per_minute=60)
    for number in range(30):
        await pipeline(message=message(GROUP, **{"from": ADA | {"id": 100 + number}}))
    assert 20 == pipeline.handled
    assert [texts_for("en").too_many_questions] == telegram.texts()


@fast
async def test_a_group_may_have_a_lower_limit(telegram: Any) -> None:
    """A configured limit below Telegram's applies to groups, too."""
    pipeline = Pipeline(telegram, telegram_questions_per_minute=5)
    for number in range(30):
        await pipeline(message=message(GROUP, **{"from": ADA | {"id": 100 + number}}))
    assert 5 == pipeline.handled


@fast
async def test_without_pacing_groups_have_the_limit_of_users(telegram: Any) -> None:
    """Where sending has no limit, a group has the same limit as a user."""
    pipeline = Pipeline(telegram, telegram_questions_per_minute=25, telegram_messages_per_second=0)
    for number in range(30):
        await pipeline(message=message(GROUP, **{"from": ADA | {"id": 100 + number}}))
    assert 25 == pipeline.handled


@fast
async def test_rate_limited_presses_are_answered(telegram: Any) -> None:
    """A press beyond the limit is answered: with a notice once, then without a text."""
    pipeline = Pipeline(telegram, telegram_questions_per_minute=1)
    for _ in range(3):
        await pipeline(callback_query=press(ADA, message()))
    assert 1 == pipeline.handled
    assert [texts_for("en").too_many_questions, None] == [sent.get("text") for _, sent in telegram.calls]


@fast
async def test_a_notice_that_cannot_be_sent_is_no_error(telegram: Any) -> None:
    """A notice that Telegram rejects raises no error."""
    telegram.replies["sendMessage"] = (403, "Forbidden: bot was blocked by the user")
    pipeline = Pipeline(telegram, telegram_questions_per_minute=1)
    for _ in range(3):
        await pipeline(message=message())
    assert 1 == pipeline.handled


ADMITTED, NOTICE, DENIED = Verdict.ADMITTED, Verdict.DENIED_WITH_NOTICE, Verdict.DENIED


@fast
async def test_one_notice() -> None:
    """The first request beyond the limit gets a notice, the next ones nothing; others are not affected."""
    limits = QuestionQuota(3)
    verdicts = [await limits.count(1) for _ in range(6)]
    assert [ADMITTED, ADMITTED, ADMITTED, NOTICE, DENIED, DENIED] == verdicts
    assert ADMITTED == await limits.count(2)


@pytest.mark.parametrize("per_minute", [1, 2, 3, 60])
@fast
async def test_refill(per_minute: int) -> None:
    """After a minute without requests, the bucket is full again, and a notice is due again."""
    limits = QuestionQuota(per_minute)
    for _ in range(2):
        verdicts = [await limits.count(1) for _ in range(per_minute + 2)]
        assert [*[ADMITTED] * per_minute, NOTICE, DENIED] == verdicts
        await asyncio.sleep(60.1)


@fast
async def test_no_second_notice_while_requests_continue() -> None:
    """Continuous requests are admitted at the refill rate, without a second notice."""
    limits = QuestionQuota(6)
    verdicts = []
    for _ in range(100):
        verdicts.append(await limits.count(1))
        await asyncio.sleep(1)
    assert 1 == verdicts.count(NOTICE)
    assert 14 <= verdicts.count(ADMITTED) <= 16


@fast
async def test_no_limit() -> None:
    """A limit of 0 admits everything."""
    limits = QuestionQuota(0)
    assert {ADMITTED} == {await limits.count(1) for _ in range(1000)}


@given(st.integers(1, 20), st.lists(st.sampled_from([0.0, 0.5, 2.0, 10.0, 60.0]), max_size=80))
@fast
async def test_at_most_a_bucket_and_a_refill_per_minute(per_minute: int, gaps: list[float]) -> None:
    """In any minute, at most a full bucket and its refill are admitted."""
    limits, admitted, now = QuestionQuota(per_minute), [], 0.0
    for gap in gaps:
        await asyncio.sleep(gap)
        now += gap
        if await limits.count(1) is ADMITTED:
            admitted.append(now)
    for at in admitted:
        assert len([time for time in admitted if at <= time < at + 60]) <= 2 * per_minute


@fast
async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the most recently used buckets are kept."""
    monkeypatch.setattr(access, "_MAX_BUCKETS", 3)
    limits = QuestionQuota(1)
    for key in range(10):
        await limits.count(key)
    assert [7, 8, 9] == list(limits._buckets)
