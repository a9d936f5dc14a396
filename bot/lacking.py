"""What the settings lack, or ask of this version that it does not have."""

from pathlib import Path

from config.settings import Settings

_UNSET = (
    "TELEGRAM_TOKEN is not set: get a token from @BotFather in Telegram, "
    "and put it in the environment or in .env (`make sandbox` needs none)"
)


def lacking(settings: Settings) -> dict[str, str]:
    """Name each thing that keeps the bot from running, with a line for the operator."""
    found = {}
    if settings.telegram_token is None:
        found["token"] = _UNSET
    if settings.webhook_url is not None and settings.port is None:
        found["webhook"] = "WEBHOOK_URL is set, but PORT is not: set it to the port that the address leads to"
    if settings.opensearch_url is not None:
        found["backend"] = "OPENSEARCH_URL is set, but this version has only its own index: leave it unset"
    return found


def no_documents(folder: Path) -> str:
    """Say that a folder holds nothing to answer from, and what to do."""
    return f"{folder} holds no document that can be read: put .txt or .md files there, or name another folder"
