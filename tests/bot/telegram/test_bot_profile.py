from collections import defaultdict
from typing import Any, cast

import pytest
from telegram import Bot, BotCommand, BotCommandScope, BotDescription, BotShortDescription
from telegram.error import BadRequest, TelegramError

from bot.i18n.texts import LANGUAGES, texts_for
from bot.telegram.bot_profile import update_profile

TEXTS = texts_for("en")


class FakeBot:
    """Stores a profile by language, with commands also by chat; `set` counts the changes."""

    def __init__(self) -> None:
        self.commands: dict[tuple[str | None, int | None], dict[str, str]] = {}
        self.texts: defaultdict[tuple[str, str | None], str] = defaultdict(str)
        self.set = 0

    async def get_my_commands(
        self, *, scope: BotCommandScope, language_code: str | None
    ) -> tuple[BotCommand, ...]:
        listed = self.commands.get((language_code, getattr(scope, "chat_id", None)), {})
        return tuple(BotCommand(*entry) for entry in listed.items())

    async def get_my_description(self, *, language_code: str | None) -> BotDescription:
        return BotDescription(self.texts["long", language_code])

    async def get_my_short_description(self, *, language_code: str | None) -> BotShortDescription:
        return BotShortDescription(self.texts["short", language_code])

    async def set_my_commands(
        self, commands: Any, *, scope: BotCommandScope, language_code: str | None
    ) -> None:
        self.set += 1
        self.commands[language_code, getattr(scope, "chat_id", None)] = dict(commands)

    async def set_my_description(self, text: str, *, language_code: str | None) -> None:
        self.set += 1
        self.texts["long", language_code] = text

    async def set_my_short_description(self, text: str, *, language_code: str | None) -> None:
        self.set += 1
        self.texts["short", language_code] = text


async def test_the_profile_is_brought_up_to_date() -> None:
    """A new bot gets commands and descriptions in every language; a second start changes nothing."""
    bot = FakeBot()
    await update_profile(cast("Bot", bot))
    assert 3 * len(LANGUAGES) == bot.set
    await update_profile(cast("Bot", bot))
    assert 3 * len(LANGUAGES) == bot.set
    for language in LANGUAGES:
        code, texts = (None if language == "en" else language), texts_for(language)
        assert texts.commands == bot.commands[code, None]
        assert texts.description == bot.texts["long", code]
        assert texts.short_description == bot.texts["short", code]


async def test_admins_see_their_commands() -> None:
    """The admin commands are listed in the chats of admins only."""
    bot = FakeBot()
    await update_profile(cast("Bot", bot), [7])
    assert TEXTS.commands | TEXTS.admin_commands == bot.commands[None, 7]
    assert TEXTS.commands == bot.commands[None, None]


async def test_an_admin_who_never_wrote_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    """An admin who has never written to the bot is skipped; the other admins get their commands."""

    class Shy(FakeBot):
        async def set_my_commands(
            self, commands: Any, *, scope: BotCommandScope, language_code: str | None
        ) -> None:
            if getattr(scope, "chat_id", None) == 7:
                raise BadRequest("chat not found")
            await super().set_my_commands(commands, scope=scope, language_code=language_code)

    bot = Shy()
    with caplog.at_level("WARNING"):
        await update_profile(cast("Bot", bot), [7, 8])
    assert [] == caplog.messages
    assert TEXTS.commands | TEXTS.admin_commands == bot.commands[None, 8]


async def test_a_failure_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A failure to set the profile is logged, not raised."""

    class Refusing(FakeBot):
        async def get_my_commands(self, **_: object) -> tuple[BotCommand, ...]:
            raise TelegramError("no")

    await update_profile(cast("Bot", Refusing()))
    assert ["Telegram rejected the bot's commands or descriptions: no"] == caplog.messages
