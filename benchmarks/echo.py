"""A minimal bot to compare with: python-telegram-bot, echoing each text.

Reads TELEGRAM_TOKEN and TELEGRAM_API_URL from the environment.
"""

import os
from typing import Any

from telegram import Update
from telegram.ext import Application, ContextTypes, MessageHandler, filters

# As in our bot.
CONNECTIONS = 256


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
