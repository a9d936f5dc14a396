"""Checks the settings for what the bot needs to run."""

from pathlib import Path
from urllib.parse import urlsplit

from config.settings import Settings

_WEBHOOK_PORTS = {443, 80, 88, 8443}
_SETUP_HINT = (
    "TELEGRAM_TOKEN is not set: get a token from @BotFather in Telegram, "
    "and put it in the environment or in .env (`verbatim sandbox` needs none)"
)


def missing_settings(settings: Settings) -> dict[str, str]:
    """Return the problems that keep the bot from running: topic ("token", "webhook") to a line about it."""
    problems = {}
    if settings.telegram_token is None:
        problems["token"] = _SETUP_HINT
    if settings.webhook_url is not None and settings.port is None:
        problems["webhook"] = (
            "WEBHOOK_URL is set, but PORT is not: set it to the port that the address leads to"
        )
    elif settings.webhook_url is not None and not _is_webhook_url_accepted(settings):
        problems["webhook"] = (
            f"WEBHOOK_URL={settings.webhook_url}: Telegram sends updates only to https:// "
            "addresses with port 443, 80, 88 or 8443"
        )
    return problems


def _is_webhook_url_accepted(settings: Settings) -> bool:
    """Return whether Telegram accepts the address; a self-hosted Bot API server may accept others."""
    address = urlsplit(settings.webhook_url or "")
    is_public_api = settings.telegram_api_url == Settings.model_fields["telegram_api_url"].default
    return not is_public_api or (address.scheme == "https" and (address.port or 443) in _WEBHOOK_PORTS)


def no_documents(folder: Path | str) -> str:
    """Return a line that a folder or cluster has no documents, with what to do."""
    return (
        f"{folder} holds no document that can be read: put some there (.pdf, .docx, .md, .txt ...), "
        "or name another folder"
    )
