"""Configures logging: records as text or JSON, without secrets."""

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

# Below these levels the libraries log URLs that contain the token, or messages of users.
_LIBRARY_LEVELS = {
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "telegram": logging.INFO,
    "telegram.request": logging.CRITICAL,
    "telegram.ext.ExtBot": logging.CRITICAL + 1,
    "uvicorn": logging.WARNING,
    "watchfiles": logging.WARNING,
}
# Control characters, line separators, and characters that change the direction of text.
_CONTROL_CHARS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_MIN_SECRET_HALF_CHARS = 8
_MAX_RECORDS_PER_PERIOD = 20
_PERIOD_SECONDS = 60.0


class Redactor:
    """Replaces secrets in text: as they are, percent-encoded, and the part of a token after its colon."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _secret_forms(secret)}
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, "[secret]")
        return text


def _secret_forms(secret: str) -> Iterable[str]:
    half = secret.rpartition(":")[2]
    return filter(None, (secret, quote(secret, safe=""), half if len(half) >= _MIN_SECRET_HALF_CHARS else ""))


class TextFormatter(logging.Formatter):
    """Redacts the whole formatted line, with its arguments and traceback."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the name is logging's
        """Escape line ends and control characters, so that text from users cannot imitate other records."""
        return _CONTROL_CHARS.sub(lambda match: repr(match[0])[1:-1], super().formatMessage(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, and the traceback if there is one."""

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


class RateLimitFilter:
    """Passes at most 20 warnings and errors a minute from the same line of code.

    The first record of the next minute says how many were dropped.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: dict[tuple[str, int], tuple[float, int]] = {}

    def __call__(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        location, now = (record.pathname, record.lineno), self._clock()
        started_at, count = self._counts.get(location, (now, 0))
        dropped = count - _MAX_RECORDS_PER_PERIOD
        if now - started_at >= _PERIOD_SECONDS:
            started_at, count = now, 0
            if dropped > 0:
                record.msg = f"{record.getMessage()} (and {dropped} more like this before)"
                record.args = ()
        self._counts[location] = started_at, count + 1
        return count < _MAX_RECORDS_PER_PERIOD


def configure(level: str, style: Literal["text", "json"], secrets: Iterable[str] = ()) -> None:
    """Send all log records, warnings and unhandled exceptions of the process to stderr, redacted."""
    redact = Redactor(secrets)
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(redact) if style == "json" else TextFormatter(redact))
    handler.addFilter(RateLimitFilter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, floor in _LIBRARY_LEVELS.items():
        logging.getLogger(name).setLevel(max(floor, root.level))
    logging.captureWarnings(capture=True)
    sys.excepthook = lambda kind, error, trace: root.critical(
        "Unhandled exception", exc_info=(kind, error, trace)
    )
