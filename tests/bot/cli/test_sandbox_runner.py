"""The settings that are passed on to the bot in the sandbox."""

from pathlib import Path
from typing import Any

import pytest

from bot.cli.sandbox_runner import _bot_environment
from config.settings import Settings

# Settings of the real bot and its network, and those that only `verbatim index` uses.
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
    "HTTP_HOST",
}


def _passed_on(**given: Any) -> dict[str, str]:
    settings = Settings(_env_file=None, **given)
    return _bot_environment(settings, Path("docs"), "http://127.0.0.1:1/", "1:x")


def test_settings_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """All settings are passed on, except those of the real bot's connection to Telegram."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    names = {name.upper() for name in Settings.model_fields}
    assert names - LEFT_OUT == names & _passed_on().keys()


@pytest.mark.parametrize("value", ["auto", "off"])
def test_whether_meanings_are_compared(value: str) -> None:
    """The bot in the sandbox compares meanings if the real one would."""
    assert value == _passed_on(meaning=value)["MEANING"]
