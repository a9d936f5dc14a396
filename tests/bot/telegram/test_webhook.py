import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram import WebhookInfo
from telegram.error import InvalidToken, NetworkError, TelegramError

from bot.telegram.webhook import WebhookReceiver, WebhookRegistration
from tests.bot.virtual_clock import fast

URL = "https://bot.example.org/hook"


class FakeBot:
    """Has a webhook; calls raise the `errors` first."""

    def __init__(self) -> None:
        self.url = URL
        self.failed: tuple[int, str] | None = None
        self.errors: list[TelegramError] = []
        self.set: list[tuple[str, dict[str, Any]]] = []

    async def set_webhook(self, url: str, **fields: Any) -> bool:
        self.url = url
        self.set.append((url, fields))
        return True

    async def get_webhook_info(self) -> WebhookInfo:
        if self.errors:
            raise self.errors.pop(0)
        at, why = self.failed or (None, None)
        when = dt.datetime.fromtimestamp(at, dt.UTC) if at else None
        return WebhookInfo(self.url, False, 0, last_error_date=when, last_error_message=why)


def _webhook(bot: Any) -> WebhookRegistration:
    return WebhookRegistration(bot, URL, "secret", ("message",))


@contextlib.asynccontextmanager
async def watching(bot: FakeBot) -> AsyncIterator[list[Exception | None]]:
    checks: list[Exception | None] = []
    task = asyncio.create_task(_webhook(bot).watch(checks.append))
    await asyncio.sleep(1)
    yield checks
    task.cancel()
    await asyncio.wait([task])


async def test_it_is_set_with_secret_and_kinds() -> None:
    """Telegram gets the address, the secret and the kinds of updates to send."""
    bot = FakeBot()
    await _webhook(bot).set()
    assert [
        (URL, {"secret_token": "secret", "allowed_updates": ("message",), "max_connections": 100})
    ] == bot.set


@fast
async def test_an_unchanged_webhook_is_not_set_again(caplog: pytest.LogCaptureFixture) -> None:
    """The webhook is checked once a minute, and not set again while it is unchanged."""
    bot = FakeBot()
    async with watching(bot) as checks:
        await asyncio.sleep(300)
        assert [None] * 5 == checks
    assert [] == bot.set
    assert [] == caplog.messages


@pytest.mark.parametrize("url", ["", "https://other.example.org/"])
@fast
async def test_it_is_set_again(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """A webhook that was removed or changed is set again, with one line in the log."""
    bot = FakeBot()
    bot.url = url
    async with watching(bot):
        await asyncio.sleep(300)
    assert [
        (URL, {"secret_token": "secret", "allowed_updates": ("message",), "max_connections": 100})
    ] == bot.set
    assert ["The webhook was removed or changed; setting it again"] == caplog.messages


@fast
async def test_a_failed_delivery_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """A delivery that failed is logged once, and again when another one fails."""
    bot = FakeBot()
    async with watching(bot):
        bot.failed = 1_700_000_000, "Connection refused"
        await asyncio.sleep(300)
        bot.failed = 1_700_000_200, "Timed out"
        await asyncio.sleep(300)
    assert [
        "Telegram could not deliver an update: Connection refused",
        "Telegram could not deliver an update: Timed out",
    ] == caplog.messages


@fast
async def test_a_revoked_token_ends_watching() -> None:
    """A token that is rejected three times in a row raises InvalidToken."""
    bot = FakeBot()
    bot.errors = [InvalidToken("no"), NetworkError("a"), *[InvalidToken("no")] * 3]
    checks: list[Exception | None] = []
    with pytest.raises(InvalidToken):
        await _webhook(bot).watch(checks.append)
    assert 5 == len(checks)


@fast
async def test_an_outage_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """While Telegram is unreachable, each check reports an error, and the log has one line."""
    bot = FakeBot()
    bot.errors = [NetworkError("a"), NetworkError("b")]
    async with watching(bot) as checks:
        await asyncio.sleep(200)
        assert [NetworkError, NetworkError, type(None)] == [type(error) for error in checks]
    assert ["The webhook cannot be checked (NetworkError)"] == caplog.messages


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://bot.example.org", "/"),
        ("https://bot.example.org/a/b", "/a/b"),
        ("https://bot.example.org/a?b=c", "/a"),
    ],
)
def test_the_path_is_that_of_the_address(url: str, path: str) -> None:
    """The path of the receiver is that of the webhook address."""
    assert path == WebhookReceiver(url, "secret").path


@given(st.text())
def test_only_the_secret_is_accepted(given_secret: str) -> None:
    """No other text passes for the secret."""
    receiver = WebhookReceiver(URL, "secret")
    assert (given_secret == "secret") == receiver.is_secret(given_secret)
    assert receiver.is_secret("secret")
