"""All settings of an operator with their defaults, read from the environment and .env."""

import hmac
import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import unquote, urlsplit

import platformdirs
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class ConfigError(Exception):
    """The environment asks for something that cannot be; the message is one line for the operator."""


_LONGEST_SECRET = 256
_LONGEST_SHOWN = 60
_A_MINUTE = 60
# Beyond this a cluster holds more shards than it can look after.
_MOST_SHARDS = 1024


def _ids(value: Any) -> Any:
    # A JSON list, or ids between commas or spaces.
    if not isinstance(value, str):
        return value
    try:
        listed = json.loads(value)
    except ValueError:
        return value.replace(",", " ").split()
    return listed if isinstance(listed, list) else [listed]


def _address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or any(c.isspace() for c in value):
        raise ValueError("expected an address that begins with http:// or https://")
    return value.rstrip("/")


def _token(value: SecretStr) -> SecretStr:
    if not all(c.isascii() and (c.isalnum() or c in ":_-") for c in value.get_secret_value()):
        raise ValueError("expected a token as BotFather gives it, such as 123456:ABC-DEF")
    return value


def _secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if len(text) > _LONGEST_SECRET or not all(c.isascii() and (c.isalnum() or c in "_-") for c in text):
        raise ValueError("expected 1 to 256 of A-Z a-z 0-9 _ -")
    return value


def _secret_addresses(value: SecretStr) -> SecretStr:
    listed = value.get_secret_value().replace(",", " ").split()
    if not listed:
        raise ValueError("expected an address, or several between commas")
    return SecretStr(",".join(map(_node, listed)))


def _node(value: str) -> str:
    address, parts = _address(value), urlsplit(value)
    try:
        is_port = parts.port != 0
    except ValueError:
        is_port = False
    if not is_port:
        raise ValueError("expected a port of 1 to 65535")
    if parts.query or parts.fragment:
        raise ValueError("expected the addresses of nodes, such as https://user:password@host:9200")
    return address


def _key(value: SecretStr) -> SecretStr:
    if not all(" " < letter <= "~" for letter in value.get_secret_value()):
        raise ValueError("expected a key of ASCII letters and signs, without spaces")
    return value


def _file(value: Path) -> Path:
    if not value.is_file():
        raise ValueError("there is no such file")
    return value


def _alias(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,99}", value):
        raise ValueError("expected up to 100 of a-z 0-9 . _ -, and first a letter or a digit")
    return value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


Ids = Annotated[frozenset[int], NoDecode, BeforeValidator(_ids)]
Address = Annotated[str, AfterValidator(_address)]
Level = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)]
Format = Annotated[Literal["text", "json"], BeforeValidator(_lower)]
Meaning = Annotated[Literal["auto", "off"], BeforeValidator(_lower)]


class Settings(BaseSettings):
    """The environment first, then a file named `.env`; what is empty is as good as unset."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    telegram_token: Annotated[SecretStr, AfterValidator(_token)] | None = Field(
        default=None,
        description="The bot's token, from @BotFather. Secret. Needed to run the bot, not to ask.",
    )
    telegram_api_url: Address = Field(
        default="https://api.telegram.org", description="A self-hosted Bot API server, or the sandbox."
    )
    telegram_test_environment: bool = Field(
        default=False, description="Use Telegram's test environment, which has its own tokens."
    )
    telegram_allowed_chats: Ids = Field(
        default=frozenset(),
        description="Chat and user ids that are answered, as 1,-2 or [1, -2]. Empty: everyone.",
    )
    telegram_admins: Ids = Field(default=frozenset(), description="User ids of the admins, as 1,2 or [1, 2].")
    telegram_messages_per_second: int = Field(
        default=30,
        ge=0,
        le=1000,
        description="The most messages the bot sends, over all chats. 0: no limit of its own.",
    )
    telegram_questions_per_minute: int | None = Field(
        default=None,
        ge=0,
        le=10_000,
        description="What one person may ask, and one group (there at most 20). 0: no limit. "
        "Unset: 60, or no limit where TELEGRAM_MESSAGES_PER_SECOND is 0.",
    )
    seeds_dir: Path = Field(default=Path("seeds"), description="The folder of documents.")
    index_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_cache_dir("verbatim")),
        description="Where indexes are saved. Unset: a cache folder of the user.",
    )
    quote_chars: int = Field(
        default=300, ge=50, le=1000, description="The longest quote, in characters: 50 to 1000."
    )
    meaning: Meaning = Field(
        default="auto",
        description="auto: meanings are compared too, by a sentence encoder, where it is installed. "
        "off: answers are found by words alone, in 150 MB less.",
    )
    opensearch_url: Annotated[SecretStr, AfterValidator(_secret_addresses)] | None = Field(
        default=None,
        description="An OpenSearch cluster to search instead of the embedded index: the address of a node, "
        "or of several between commas. Secret, as it may hold a name and a password.",
    )
    opensearch_api_key: Annotated[SecretStr, AfterValidator(_key)] | None = Field(
        default=None,
        description="An API key for the cluster, instead of a name and password in its address. Secret.",
    )
    opensearch_ca: Annotated[Path, AfterValidator(_file)] | None = Field(
        default=None,
        description="PEM CA bundle of the cluster. Unset: the system's.",
    )
    opensearch_index: Annotated[str, AfterValidator(_alias)] = Field(
        default="verbatim",
        description="The name that leads to the index in the cluster: an alias, moved to each new index.",
    )
    opensearch_shards: int = Field(
        default=1,
        ge=1,
        le=_MOST_SHARDS,
        description="The number of shards of the index that `verbatim index` creates in the cluster.",
    )
    opensearch_replicas: int = Field(
        default=1,
        ge=0,
        le=20,
        description="The number of replicas of each shard: as many nodes may fail.",
    )
    webhook_url: Address | None = Field(
        default=None, description="The public address Telegram sends updates to. Unset: long polling."
    )
    webhook_secret: Annotated[SecretStr, AfterValidator(_secret)] | None = Field(
        default=None,
        description="The secret that Telegram sends along with each update in webhook mode. Secret. "
        "Unset: made from the token.",
    )
    port: int | None = Field(
        default=None, ge=1, le=65535, description="The port of the webhook and the health pages."
    )
    log_level: Level = Field(default="INFO", description="DEBUG, INFO, WARNING, ERROR or CRITICAL.")
    log_format: Format = Field(default="text", description="text for people, json for hosts.")
    feedback_dir: Path | None = Field(
        default=None,
        description="A folder to collect questions and votes in, for `verbatim report`. Unset: neither is "
        "asked for. The bot says so in /privacy.",
    )
    log_questions: bool = Field(
        default=False, description="Log what is asked, without who asks. The bot says so in /privacy."
    )

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, values: dict[str, Any]) -> dict[str, Any]:
        stripped = {name: v.strip() if isinstance(v, str) else v for name, v in values.items()}
        return {name: v for name, v in stripped.items() if v != ""}

    @classmethod
    def read(cls) -> Self:
        """Read the environment, or raise ConfigError with what the operator has to mend, in one line."""
        try:
            return cls()
        except ValidationError as error:
            raise ConfigError("; ".join(_line(e) for e in error.errors())) from None
        except UnicodeDecodeError:
            raise ConfigError(".env is not UTF-8 text: save it as UTF-8") from None
        except OSError as error:
            raise ConfigError(f".env cannot be read: {error.strerror}") from None

    @property
    def questions_per_minute(self) -> int:
        """What one person may ask; 0 is no limit."""
        if self.telegram_questions_per_minute is not None:
            return self.telegram_questions_per_minute
        return _A_MINUTE if self.telegram_messages_per_second else 0

    @property
    def webhook_key(self) -> str:
        """What Telegram sends along with each update; all processes with the same settings have the same."""
        if self.webhook_secret is not None:
            return self.webhook_secret.get_secret_value()
        token = self.telegram_token.get_secret_value() if self.telegram_token else ""
        return hmac.digest(token.encode(), b"the webhook of this bot", "sha256").hex()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What may appear in no log, message or metric."""
        held = (self.telegram_token, self.webhook_secret, self.opensearch_api_key)
        given = tuple(secret.get_secret_value() for secret in held if secret is not None)
        return (*given, *self._passwords, self.webhook_key)

    @property
    def _passwords(self) -> tuple[str, ...]:
        """How the cluster's nodes know us: as it stands in their addresses, and decoded."""
        found = [urlsplit(node).netloc.rpartition("@")[0] for node in self.opensearch_nodes]
        return tuple(
            form for one in dict.fromkeys(found) if one for form in dict.fromkeys((one, unquote(one)))
        )

    @property
    def opensearch_nodes(self) -> tuple[str, ...]:
        """The addresses of the cluster's nodes, with their passwords; none without a cluster."""
        return tuple(self.opensearch_url.get_secret_value().split(",")) if self.opensearch_url else ()


_WORDS = {
    "Input should be": "expected",
    "a valid integer": "a whole number",
    "a valid boolean": "true or false",
    "greater than or equal to": "a number of at least",
    "less than or equal to": "a number of at most",
}


def _line(error: ErrorDetails) -> str:
    name = str(error["loc"][0]) if error["loc"] else "settings"
    told = error["msg"].removeprefix("Value error, ").split(", unable to")[0]
    for theirs, ours in _WORDS.items():
        told = told.replace(theirs, ours)
    if "Secret" in str(Settings.model_fields[name].annotation):
        return f"{name.upper()} is not usable: {told}"
    return f"{name.upper()}={_given(error)}: {told}"


def _given(error: ErrorDetails) -> str:
    value = str(error["input"])
    return value if len(value) <= _LONGEST_SHOWN else value[:_LONGEST_SHOWN] + "…"
