"""The least a bot can do, as the measure of ours: python-telegram-bot, and every text said back.

It takes TELEGRAM_TOKEN and TELEGRAM_API_URL from the environment.
"""

import os
from typing import Any

from telegram import Update
from telegram.ext import Application, ContextTypes, MessageHandler, filters

CONNECTIONS = 256
"""As many as our bot has."""


async def echo(update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    if update.message and update.message.text:
        await update.message.reply_text(update.message.text)


def main() -> None:
    api = os.environ["TELEGRAM_API_URL"]
    application: Application[Any, Any, Any, Any, Any, Any] = (
        Application.builder()
        .token(os.environ["TELEGRAM_TOKEN"])
        .base_url(f"{api}/bot")
        .connection_pool_size(CONNECTIONS)
        .concurrent_updates(True)
        .build()
    )
    application.add_handler(MessageHandler(filters.TEXT, echo))
    application.run_polling()


if __name__ == "__main__":
    main()
