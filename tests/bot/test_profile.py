from typing import Any, cast

import pytest
from telegram import Bot, BotCommand, BotDescription, BotShortDescription
from telegram.error import TelegramError

from bot.profile import introduce
from bot.texts import speaking

TEXTS = speaking("en")


class FakeBot:
    """Keeps a profile; counts what is set."""

    def __init__(self, commands: dict[str, str], description: str, short: str) -> None:
        self.profile: dict[str, Any] = {
            "commands": dict(commands),
            "description": description,
            "short": short,
        }
        self.set: list[str] = []

    async def get_my_commands(self) -> tuple[BotCommand, ...]:
        return tuple(BotCommand(*one) for one in self.profile["commands"].items())

    async def get_my_description(self) -> BotDescription:
        return BotDescription(self.profile["description"])

    async def get_my_short_description(self) -> BotShortDescription:
        return BotShortDescription(self.profile["short"])

    async def _keep(self, name: str, value: Any) -> None:
        self.set.append(name)
        self.profile[name] = value

    async def set_my_commands(self, commands: Any) -> None:
        await self._keep("commands", dict(commands))

    async def set_my_description(self, text: str) -> None:
        await self._keep("description", text)

    async def set_my_short_description(self, text: str) -> None:
        await self._keep("short", text)


async def test_the_profile_is_brought_up_to_date() -> None:
    """A new bot gets its commands and descriptions; a second start sets nothing."""
    bot = FakeBot({}, "", "")
    for _ in range(2):
        await introduce(cast("Bot", bot), TEXTS)
    assert ["commands", "description", "short"] == bot.set
    assert TEXTS.commands == bot.profile["commands"]


async def test_a_failure_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A bot whose profile cannot be set still answers."""

    class Refusing(FakeBot):
        async def get_my_commands(self) -> tuple[BotCommand, ...]:
            raise TelegramError("no")

    await introduce(cast("Bot", Refusing({}, "", "")), TEXTS)
    assert ["Telegram did not take the bot's commands and descriptions: no"] == caplog.messages
