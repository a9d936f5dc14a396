"""Log records as lines for people or JSON for hosts, without secrets in either."""

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Iterable
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
    "uvicorn": logging.WARNING,
    "watchfiles": logging.WARNING,
}
# What would begin a line of its own, or turn the one it stands in.
_UNPRINTED = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_SHORTEST_HALF = 8
_A_MINUTE = 20
_MINUTE = 60.0


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

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the name is logging's
        """Keep a message on its line: a name or a question in it may hold line ends, to look like others."""
        return _UNPRINTED.sub(lambda found: repr(found[0])[1:-1], super().formatMessage(record))


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


class RateLimitFilter:
    """Lets the same complaint through so often a minute, and then says how many there were.

    The same is what the same line of code says, whatever it names.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: dict[tuple[str, int], tuple[float, int]] = {}

    def __call__(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        place, now = (record.pathname, record.lineno), self._clock()
        since, count = self._counts.get(place, (now, 0))
        left_out = count - _A_MINUTE
        if now - since >= _MINUTE:
            since, count = now, 0
            if left_out > 0:
                record.msg = f"{record.getMessage()} (and {left_out} more like this before)"
                record.args = ()
        self._counts[place] = since, count + 1
        return count < _A_MINUTE


def configure(level: str, style: Literal["text", "json"], secrets: Iterable[str] = ()) -> None:
    """Send all records of the process to stderr, redacted; also warnings and what would end the process."""
    redact = Redactor(secrets)
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(redact) if style == "json" else TextFormatter(redact))
    handler.addFilter(RateLimitFilter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, floor in _QUIET.items():
        logging.getLogger(name).setLevel(max(floor, root.level))
    logging.captureWarnings(capture=True)
    sys.excepthook = lambda kind, error, trace: root.critical(
        "Unhandled exception", exc_info=(kind, error, trace)
    )
