"""The settings and their defaults, read from the environment and from .env."""

import hmac
import ipaddress
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import unquote, urlsplit

import platformdirs
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from config import ConfigError, logging

_MAX_SECRET_CHARS = 256
_MAX_SHOWN_CHARS = 60
_DEFAULT_QUESTIONS_PER_MINUTE = 60
# A cluster cannot manage many more.
_MAX_SHARDS = 1024


def _parse_ids(value: Any) -> Any:
    # A JSON list, or ids separated by commas or spaces.
    if not isinstance(value, str):
        return value
    try:
        ids = json.loads(value)
    except ValueError:
        return value.replace(",", " ").split()
    return ids if isinstance(ids, list) else [ids]


def _check_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or any(c.isspace() for c in value):
        raise ValueError("expected an address that begins with http:// or https://")
    return value.rstrip("/")


def _check_token(value: SecretStr) -> SecretStr:
    if not all(c.isascii() and (c.isalnum() or c in ":_-") for c in value.get_secret_value()):
        raise ValueError("expected a token as BotFather gives it, such as 123456:ABC-DEF")
    return value


def _check_secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if len(text) > _MAX_SECRET_CHARS or not all(c.isascii() and (c.isalnum() or c in "_-") for c in text):
        raise ValueError("expected 1 to 256 of A-Z a-z 0-9 _ -")
    return value


def _check_node_addresses(value: SecretStr) -> SecretStr:
    addresses = value.get_secret_value().replace(",", " ").split()
    if not addresses:
        raise ValueError("expected an address, or several between commas")
    return SecretStr(",".join(map(_check_node, addresses)))


def _check_node(value: str) -> str:
    address, parts = _check_address(value), urlsplit(value)
    try:
        is_port = parts.port != 0
    except ValueError:
        is_port = False
    if not is_port:
        raise ValueError("expected a port of 1 to 65535")
    if parts.query or parts.fragment:
        raise ValueError("expected the addresses of nodes, such as https://user:password@host:9200")
    return address


def _check_api_key(value: SecretStr) -> SecretStr:
    if not all(" " < char <= "~" for char in value.get_secret_value()):
        raise ValueError("expected a key of ASCII letters and signs, without spaces")
    return value


def _check_file(value: Path) -> Path:
    if not value.is_file():
        raise ValueError("there is no such file")
    return value


def _check_alias(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,99}", value):
        raise ValueError("expected up to 100 of a-z 0-9 . _ -, and first a letter or a digit")
    return value


def _check_host(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("expected an IP address, such as 0.0.0.0 or 127.0.0.1") from None


def _to_upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _to_lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


Ids = Annotated[frozenset[int], NoDecode, BeforeValidator(_parse_ids)]
Address = Annotated[str, AfterValidator(_check_address)]
Level = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_to_upper)]
Format = Annotated[Literal["text", "json"], BeforeValidator(_to_lower)]
Meaning = Annotated[Literal["auto", "off"], BeforeValidator(_to_lower)]
Ocr = Annotated[Literal["auto", "off"], BeforeValidator(_to_lower)]
Uploads = Annotated[Literal["off", "admins", "members"], BeforeValidator(_to_lower)]


class Settings(BaseSettings):
    """Values of the environment take precedence over those of `.env`; an empty value counts as unset."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    telegram_token: Annotated[SecretStr, AfterValidator(_check_token)] | None = Field(
        default=None,
        description="The bot's token, from @BotFather. Secret. Required to run on Telegram only.",
    )
    telegram_api_url: Address = Field(
        default="https://api.telegram.org", description="A self-hosted Bot API server, or the sandbox."
    )
    telegram_test_environment: bool = Field(
        default=False, description="Use Telegram's test environment, which has its own tokens."
    )
    telegram_allowed_chats: Ids = Field(
        default=frozenset(),
        description="Ids of the chats and users that the bot answers, as 1,-2 or [1, -2]. Empty: everyone.",
    )
    telegram_admins: Ids = Field(default=frozenset(), description="User ids of the admins, as 1,2 or [1, 2].")
    telegram_messages_per_second: int = Field(
        default=30,
        ge=0,
        le=1000,
        description="The maximum number of messages per second, over all chats. 0: no limit.",
    )
    telegram_questions_per_minute: int | None = Field(
        default=None,
        ge=0,
        le=10_000,
        description="The maximum number of questions per minute from one user, and from one group (at "
        "most 20 there). 0: no limit. Unset: 60, or no limit if TELEGRAM_MESSAGES_PER_SECOND "
        "is 0.",
    )
    telegram_uploads: Uploads = Field(
        default="admins",
        description="Who may send the bot documents. off: nobody. admins: TELEGRAM_ADMINS, into SEEDS_DIR. "
        "members: everyone the bot answers, into the chat's own collection; in a group its administrators.",
    )
    seeds_dir: Path = Field(default=Path("seeds"), description="The folder of documents.")
    index_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_cache_dir("verbatim")),
        description="The folder of saved indexes. Unset: a cache folder of the user.",
    )
    collections_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("verbatim"), "collections"),
        description="The folder of the documents that belong to one chat. Unset: a data folder of the user.",
    )
    upload_files: int = Field(
        default=50,
        ge=1,
        le=1000,
        description="The maximum number of documents of a chat, with those in archives and mails.",
    )
    upload_mb: int = Field(
        default=100, ge=1, le=10_000, description="The maximum size of a chat's collection, in megabytes."
    )
    upload_days: int = Field(
        default=0,
        ge=0,
        le=3650,
        description="The days without a question after which a chat's collection is deleted. 0: never.",
    )
    quote_chars: int = Field(
        default=300, ge=50, le=1000, description="The maximum length of a quote, in characters: 50 to 1000."
    )
    meaning: Meaning = Field(
        default="auto",
        description="auto: search by meaning too, if the sentence encoder is installed. off: search by "
        "words only, which takes 150 MB less memory.",
    )
    ocr: Ocr = Field(
        default="auto",
        description="auto: read scanned pages and pictures of pages by OCR, if Tesseract is installed. off: "
        "skip them.",
    )
    opensearch_url: Annotated[SecretStr, AfterValidator(_check_node_addresses)] | None = Field(
        default=None,
        description="An OpenSearch cluster to search instead of the local index: the addresses of its "
        "nodes, separated by commas. Secret, as they may have a user name and a password.",
    )
    opensearch_api_key: Annotated[SecretStr, AfterValidator(_check_api_key)] | None = Field(
        default=None,
        description="An API key for the cluster, instead of a user name and password in its addresses. "
        "Secret.",
    )
    opensearch_ca: Annotated[Path, AfterValidator(_check_file)] | None = Field(
        default=None,
        description="The PEM CA bundle of the cluster. Unset: the system's.",
    )
    opensearch_index: Annotated[str, AfterValidator(_check_alias)] = Field(
        default="verbatim",
        description="The alias of the index in the cluster. `verbatim index` moves it to each new index.",
    )
    opensearch_shards: int = Field(
        default=1,
        ge=1,
        le=_MAX_SHARDS,
        description="The number of shards of the index that `verbatim index` creates in the cluster.",
    )
    opensearch_replicas: int = Field(
        default=1,
        ge=0,
        le=20,
        description="The number of replicas of each shard, which is the number of nodes that may fail.",
    )
    webhook_url: Address | None = Field(
        default=None, description="The public address that Telegram sends updates to. Unset: long polling."
    )
    webhook_secret: Annotated[SecretStr, AfterValidator(_check_secret)] | None = Field(
        default=None,
        description="The secret that Telegram sends with each update in webhook mode. Secret. Unset: "
        "derived from the token.",
    )
    port: int | None = Field(
        default=None, ge=1, le=65535, description="The port of the webhook, the health pages and the metrics."
    )
    http_host: Annotated[str, AfterValidator(_check_host)] | None = Field(
        default=None,
        description="The IP address that PORT is opened on; 0.0.0.0: all. Unset: all for the webhook, the "
        "loopback address for the health pages and the metrics.",
    )
    log_level: Level = Field(default="INFO", description="DEBUG, INFO, WARNING, ERROR or CRITICAL.")
    log_format: Format = Field(default="text", description="text for people, json for log collectors.")
    feedback_dir: Path | None = Field(
        default=None,
        description="A folder for questions and votes, which `verbatim report` reads. Unset: none are "
        "collected. /privacy tells users.",
    )
    log_questions: bool = Field(
        default=False, description="Log questions, without who asked them. /privacy tells users."
    )

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, values: dict[str, Any]) -> dict[str, Any]:
        stripped = {name: v.strip() if isinstance(v, str) else v for name, v in values.items()}
        return {name: v for name, v in stripped.items() if v != ""}

    @classmethod
    def read(cls) -> Self:
        """Return the settings; raises ConfigError that lists all problems in one line."""
        try:
            return cls()
        except ValidationError as error:
            raise ConfigError("; ".join(_error_line(e) for e in error.errors())) from None
        except UnicodeDecodeError:
            raise ConfigError(".env is not UTF-8 text: save it as UTF-8") from None
        except OSError as error:
            raise ConfigError(f".env cannot be read: {error.strerror}") from None

    @property
    def questions_per_minute(self) -> int:
        """The most questions of a user in a minute; 0: no limit."""
        if self.telegram_questions_per_minute is not None:
            return self.telegram_questions_per_minute
        return _DEFAULT_QUESTIONS_PER_MINUTE if self.telegram_messages_per_second else 0

    @property
    def webhook_key(self) -> str:
        """The secret that Telegram sends with each update; the same in all processes with these settings."""
        if self.webhook_secret is not None:
            return self.webhook_secret.get_secret_value()
        token = self.telegram_token.get_secret_value() if self.telegram_token else ""
        return hmac.digest(token.encode(), b"the webhook of this bot", "sha256").hex()

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must not appear in any log, message or metric."""
        settings = (self.telegram_token, self.webhook_secret, self.opensearch_api_key)
        values = tuple(secret.get_secret_value() for secret in settings if secret is not None)
        return (*values, *self._cluster_credentials, self.webhook_key)

    @property
    def _cluster_credentials(self) -> tuple[str, ...]:
        """The user:password parts of the node addresses, as written and percent-decoded."""
        parts = [urlsplit(node).netloc.rpartition("@")[0] for node in self.opensearch_nodes]
        return tuple(
            form for part in dict.fromkeys(parts) if part for form in dict.fromkeys((part, unquote(part)))
        )

    @property
    def opensearch_nodes(self) -> tuple[str, ...]:
        """The addresses of the cluster's nodes, with their passwords; empty without a cluster."""
        return tuple(self.opensearch_url.get_secret_value().split(",")) if self.opensearch_url else ()


# Replaces phrases of pydantic's messages.
_PLAIN_WORDS = {
    "Input should be": "expected",
    "a valid integer": "a whole number",
    "a valid boolean": "true or false",
    "greater than or equal to": "a number of at least",
    "less than or equal to": "a number of at most",
}


def _error_line(error: Mapping[str, Any]) -> str:
    name = str(error["loc"][0]) if error["loc"] else "settings"
    message = error["msg"].removeprefix("Value error, ").split(", unable to")[0]
    for original, plain in _PLAIN_WORDS.items():
        message = message.replace(original, plain)
    if "Secret" in str(Settings.model_fields[name].annotation):
        return f"{name.upper()} is not usable: {message}"
    return f"{name.upper()}={_shown_value(error)}: {message}"


def _shown_value(error: Mapping[str, Any]) -> str:
    value = str(error["input"])
    return value if len(value) <= _MAX_SHOWN_CHARS else value[:_MAX_SHOWN_CHARS] + "…"


_WEBHOOK_PORTS = {443, 80, 88, 8443}
_SETUP_HINT = (
    "TELEGRAM_TOKEN is not set: get a token from @BotFather in Telegram, "
    "and put it in the environment or in .env (`verbatim sandbox` needs none)"
)


def startup_problems(settings: Settings) -> dict[str, str]:
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


def read_settings() -> Settings:
    """Read the settings, and set up logging as they say. Raises ConfigError."""
    settings = Settings.read()
    logging.configure(settings.log_level, settings.log_format, settings.secrets)
    return settings
