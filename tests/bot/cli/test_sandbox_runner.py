"""What the bot in the sandbox is told of the operator's settings."""

from pathlib import Path
from typing import Any

import pytest

from bot.cli.sandbox_runner import _bot_environment
from config.settings import Settings

# Those of the real bot and of the network, and those that are for `verbatim index` alone.
LEFT_OUT = {
    "TELEGRAM_TEST_ENVIRONMENT",
    "TELEGRAM_ALLOWED_CHATS",
    "TELEGRAM_MESSAGES_PER_SECOND",
    "TELEGRAM_QUESTIONS_PER_MINUTE",
    "OPENSEARCH_SHARDS",
    "OPENSEARCH_REPLICAS",
    "WEBHOOK_URL",
    "WEBHOOK_SECRET",
    "PORT",
}


def _told(**given: Any) -> dict[str, str]:
    settings = Settings(_env_file=None, **given)
    return _bot_environment(settings, Path("docs"), "http://127.0.0.1:1/", "1:x")


def test_settings_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """All settings that are not of the real bot's Telegram go on to the one in the sandbox."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    names = {name.upper() for name in Settings.model_fields}
    assert names - LEFT_OUT == names & _told().keys()


@pytest.mark.parametrize("value", ["auto", "off"])
def test_whether_meanings_are_compared(value: str) -> None:
    """The bot in the sandbox compares meanings where the real one would."""
    assert value == _told(meaning=value)["MEANING"]
