import json
import logging
import sys
from collections.abc import Iterator
from typing import Literal

import pytest

from config.logging import RateLimitFilter, configure

TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
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
    """Messages, arguments, tracebacks and addresses come out without the token, at any level."""
    configure("DEBUG", style, [TOKEN, "hook-secret"])
    log = logging.getLogger("somebody.else")
    log.debug("GET https://host/bot%s/getMe", TOKEN)
    log.info("%r", {"url": f"https://host/bot{TOKEN.replace(':', '%3A')}/getMe", "secret": "hook-secret"})
    error = ValueError(f"The token `{TOKEN}` was rejected")
    log.error("The half %s alone", TOKEN.partition(":")[2], exc_info=error)
    told = capsys.readouterr().err
    assert "hook-secret" not in told
    assert TOKEN.partition(":")[2] not in told
    assert 4 <= told.count("[secret]")


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Each record is one JSON object on one line, the traceback included."""
    configure("INFO", "json")
    logging.getLogger("x").error("It said “%s”", "no\nway", exc_info=ValueError("two\nlines"))
    (line,) = capsys.readouterr().err.splitlines()
    fields = json.loads(line)
    assert ("ERROR", "x", "It said “no\nway”") == (fields["level"], fields["logger"], fields["message"])
    assert "ValueError: two\nlines" in fields["traceback"]
    assert fields["time"].endswith("+00:00")


def test_libraries_that_tell_too_much_are_kept_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """Addresses with the token and people's messages are not logged even at DEBUG."""
    configure("DEBUG", "text")
    logging.getLogger("httpx").info("HTTP Request: POST ...")
    logging.getLogger("httpcore.connection").debug("connect ...")
    logging.getLogger("telegram.ext.ExtBot").critical("Received data was ...")
    logging.getLogger("telegram.ext.Application").debug("Processing update ...")
    assert "" == capsys.readouterr().err


def test_an_error_nobody_caught_is_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    """What ends the process is logged too, without the token."""
    configure("INFO", "text", [TOKEN])
    sys.excepthook(ValueError, ValueError(TOKEN), None)
    told = capsys.readouterr().err
    assert "ValueError: [secret]" in told


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _complain(sparing: RateLimitFilter, line: int, *args: object, level: int = logging.WARNING) -> str | None:
    record = logging.LogRecord("x", level, "file.py", line, "%s is odd", args or ("it",), None)
    return record.getMessage() if sparing(record) else None


def test_one_complaint_does_not_fill_the_log() -> None:
    """One line of code gets twenty lines a minute, whatever it names; then the rest is counted."""
    clock = Clock()
    sparing = RateLimitFilter(clock)
    told = [_complain(sparing, 1, number) for number in range(50)]
    assert [f"{number} is odd" for number in range(20)] == [one for one in told if one is not None]
    clock.now = 59
    assert _complain(sparing, 1) is None
    clock.now = 61
    assert "it is odd (and 31 more like this before)" == _complain(sparing, 1)
    assert "it is odd" == _complain(sparing, 1)


def test_other_lines_are_not_affected() -> None:
    """What another line of code says comes through, and so does all that is no complaint."""
    sparing = RateLimitFilter(Clock())
    for _ in range(50):
        _complain(sparing, 1)
    assert "it is odd" == _complain(sparing, 2)
    assert ["it is odd"] * 50 == [_complain(sparing, 1, level=logging.INFO) for _ in range(50)]


def test_a_quiet_minute_is_not_mentioned() -> None:
    """Where nothing was left out, nothing is said of it."""
    clock = Clock()
    sparing = RateLimitFilter(clock)
    for _ in range(5):
        for _ in range(20):
            assert "it is odd" == _complain(sparing, 1)
        clock.now += 60


@pytest.mark.parametrize("style", ["text", "json"])
def test_the_log_is_sparing(style: Literal["text", "json"], capsys: pytest.CaptureFixture[str]) -> None:
    """What is set up for the process holds back repeated complaints."""
    configure("INFO", style)
    for _ in range(50):
        logging.getLogger("x").error("odd")
    assert 20 == len(capsys.readouterr().err.splitlines())
