import json
import logging
import sys
from collections.abc import Iterator
from typing import Literal

import pytest

from config.logging import RateLimitFilter, configure

TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    root, hook = logging.getLogger(), sys.excepthook
    handlers, level = root.handlers[:], root.level
    names = ("httpx", "httpcore", "telegram", "telegram.request", "telegram.ext.ExtBot", "uvicorn")
    levels = {name: logging.getLogger(name).level for name in (*names, "telegram.ext.AIORateLimiter")}
    yield
    root.handlers[:], sys.excepthook = handlers, hook
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    logging.captureWarnings(capture=False)


@pytest.mark.parametrize("style", ["text", "json"])
def test_no_secret_in_any_record(style: Literal["text", "json"], capsys: pytest.CaptureFixture[str]) -> None:
    """Messages, arguments, tracebacks and addresses are logged without secrets, at any level."""
    configure("DEBUG", style, [TOKEN, "hook-secret"])
    log = logging.getLogger("somebody.else")
    log.debug("GET https://host/bot%s/getMe", TOKEN)
    log.info("%r", {"url": f"https://host/bot{TOKEN.replace(':', '%3A')}/getMe", "secret": "hook-secret"})
    error = ValueError(f"The token `{TOKEN}` was rejected")
    log.error("The half %s alone", TOKEN.partition(":")[2], exc_info=error)
    log_text = capsys.readouterr().err
    assert "hook-secret" not in log_text
    assert TOKEN.partition(":")[2] not in log_text
    assert 4 <= log_text.count("[secret]")


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Each record is one JSON object on one line, with its traceback."""
    configure("INFO", "json")
    logging.getLogger("x").error("It said “%s”", "no\nway", exc_info=ValueError("two\nlines"))
    (line,) = capsys.readouterr().err.splitlines()
    fields = json.loads(line)
    assert ("ERROR", "x", "It said “no\nway”") == (fields["level"], fields["logger"], fields["message"])
    assert "ValueError: two\nlines" in fields["traceback"]
    assert fields["time"].endswith("+00:00")


def test_library_logs_are_limited(capsys: pytest.CaptureFixture[str]) -> None:
    """URLs with the token and messages of users are not logged even at DEBUG."""
    configure("DEBUG", "text")
    logging.getLogger("httpx").info("HTTP Request: POST ...")
    logging.getLogger("httpcore.connection").debug("connect ...")
    logging.getLogger("telegram.ext.ExtBot").critical("Received data was ...")
    logging.getLogger("telegram.ext.Application").debug("Processing update ...")
    assert "" == capsys.readouterr().err


def test_unhandled_exceptions_are_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    """An unhandled exception is logged without the token."""
    configure("INFO", "text", [TOKEN])
    sys.excepthook(ValueError, ValueError(TOKEN), None)
    log_text = capsys.readouterr().err
    assert "ValueError: [secret]" in log_text


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _log_message(
    rate_limit: RateLimitFilter, line: int, *args: object, level: int = logging.WARNING
) -> str | None:
    record = logging.LogRecord("x", level, "file.py", line, "%s is odd", args or ("it",), None)
    return record.getMessage() if rate_limit(record) else None


def test_repeated_warnings_are_limited() -> None:
    """A line of code may log twenty warnings a minute; the rest is counted in the next minute."""
    clock = Clock()
    rate_limit = RateLimitFilter(clock)
    messages = [_log_message(rate_limit, 1, number) for number in range(50)]
    assert [f"{number} is odd" for number in range(20)] == [text for text in messages if text is not None]
    clock.now = 59
    assert _log_message(rate_limit, 1) is None
    clock.now = 61
    assert "it is odd (and 31 more like this before)" == _log_message(rate_limit, 1)
    assert "it is odd" == _log_message(rate_limit, 1)


def test_other_records_are_not_limited() -> None:
    """Warnings of other lines of code are logged, and so is everything below a warning."""
    rate_limit = RateLimitFilter(Clock())
    for _ in range(50):
        _log_message(rate_limit, 1)
    assert "it is odd" == _log_message(rate_limit, 2)
    assert ["it is odd"] * 50 == [_log_message(rate_limit, 1, level=logging.INFO) for _ in range(50)]


def test_no_count_without_dropped_records() -> None:
    """Nothing is counted if no record was dropped."""
    clock = Clock()
    rate_limit = RateLimitFilter(clock)
    for _ in range(5):
        for _ in range(20):
            assert "it is odd" == _log_message(rate_limit, 1)
        clock.now += 60


@pytest.mark.parametrize("style", ["text", "json"])
def test_configure_limits_repeated_records(
    style: Literal["text", "json"], capsys: pytest.CaptureFixture[str]
) -> None:
    """`configure` sets up the rate limit."""
    configure("INFO", style)
    for _ in range(50):
        logging.getLogger("x").error("odd")
    assert 20 == len(capsys.readouterr().err.splitlines())
