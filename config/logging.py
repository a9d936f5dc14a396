"""Log records as lines for people or JSON for hosts, without secrets in either."""

import json
import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

# Below these levels the libraries write addresses that hold the token, or the messages people sent.
_QUIET = {
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "telegram": logging.INFO,
    "telegram.request": logging.CRITICAL,
    "telegram.ext.ExtBot": logging.CRITICAL + 1,
    "telegram.ext.AIORateLimiter": logging.CRITICAL,
}
_SHORTEST_HALF = 8


class Redactor:
    """Takes secrets out of text: each as it is, percent-encoded, and a token's half after the colon."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, "[secret]")
        return text


def _forms(secret: str) -> Iterable[str]:
    half = secret.rpartition(":")[2]
    return filter(None, (secret, quote(secret, safe=""), half if len(half) >= _SHORTEST_HALF else ""))


class TextFormatter(logging.Formatter):
    """Redacts the finished line, so arguments and tracebacks are covered whoever logged them."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


class JsonFormatter(logging.Formatter):
    """One object a line: time (UTC), level, logger, message, and the traceback where there is one."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        redacted = {name: self._redact(text) for name, text in fields.items()}
        return json.dumps(redacted, ensure_ascii=False)


def configure(level: str, style: Literal["text", "json"], secrets: Iterable[str] = ()) -> None:
    """Send all records of the process to stderr, redacted; also warnings and what would end the process."""
    redact = Redactor(secrets)
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(redact) if style == "json" else TextFormatter(redact))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, floor in _QUIET.items():
        logging.getLogger(name).setLevel(max(floor, root.level))
    logging.captureWarnings(capture=True)
    sys.excepthook = lambda kind, error, trace: root.critical(
        "Ended by an error nobody expected", exc_info=(kind, error, trace)
    )
