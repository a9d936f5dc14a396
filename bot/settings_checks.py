"""What the settings lack."""

from pathlib import Path
from urllib.parse import urlsplit

from config.settings import Settings

_PORTS = {443, 80, 88, 8443}
_UNSET = (
    "TELEGRAM_TOKEN is not set: get a token from @BotFather in Telegram, "
    "and put it in the environment or in .env (`make sandbox` needs none)"
)


def missing_settings(settings: Settings) -> dict[str, str]:
    """Name each thing that keeps the bot from running, with a line for the operator."""
    found = {}
    if settings.telegram_token is None:
        found["token"] = _UNSET
    if settings.webhook_url is not None and settings.port is None:
        found["webhook"] = "WEBHOOK_URL is set, but PORT is not: set it to the port that the address leads to"
    elif settings.webhook_url is not None and not _is_for_telegram(settings):
        found["webhook"] = (
            f"WEBHOOK_URL={settings.webhook_url}: Telegram brings messages only to https://, "
            "and only to port 443, 80, 88 or 8443"
        )
    return found


def _is_for_telegram(settings: Settings) -> bool:
    """Return whether Telegram accepts the address; a self-hosted Bot API server may accept others."""
    address = urlsplit(settings.webhook_url or "")
    is_theirs = settings.telegram_api_url == Settings.model_fields["telegram_api_url"].default
    return not is_theirs or (address.scheme == "https" and (address.port or 443) in _PORTS)


def no_documents(folder: Path | str) -> str:
    """Say that a place holds nothing to answer from, and what to do."""
    return (
        f"{folder} holds no document that can be read: put some there (.pdf, .docx, .md, .txt ...), "
        "or name another folder"
    )
