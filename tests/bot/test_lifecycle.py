import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot import lifecycle
from config.settings import Settings


def _run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, **settings: Any
) -> tuple[int, list[str]]:
    # Configuring the logging would affect the process of the tests.
    monkeypatch.setattr(lifecycle, "configure", lambda *_: None)
    with caplog.at_level(logging.INFO):
        code = lifecycle.run(Settings(_env_file=None, **settings))
    return code, caplog.messages


@pytest.mark.parametrize(
    ("given", "begins"),
    [
        ({"telegram_token": None}, "TELEGRAM_TOKEN is not set: get a token from @BotFather"),
        ({"telegram_token": "1:x", "webhook_url": "https://x.org"}, "WEBHOOK_URL is set, but"),
        (
            {"telegram_token": "1:x", "opensearch_url": "https://127.0.0.1:1", "opensearch_ca": __file__},
            f"OPENSEARCH_CA={__file__}: not usable as a CA bundle",
        ),
    ],
)
def test_wrong_settings_are_one_line(
    given: dict[str, Any], begins: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong setting is logged in one line, with exit code 2."""
    code, (line,) = _run(monkeypatch, caplog, **given)
    assert 2 == code
    assert line.startswith(begins)


def test_a_missing_folder_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A missing documents folder is named, with exit code 2."""
    code, lines = _run(monkeypatch, caplog, telegram_token="1:x", seeds_dir=tmp_path / "none")
    assert 2 == code
    # The bot connects to Telegram in the meantime, which may have failed first.
    (problem,) = [line for line in lines if not line.startswith("Telegram cannot be reached")]
    assert str(tmp_path / "none") in problem


@pytest.mark.slow
def test_presentation_does_not_import_telegram() -> None:
    """Texts and presentation do not import the Telegram library, which is slow."""
    modules = "bot.i18n.texts, bot.views.message, bot.views.no_answer, bot.views.problems"
    program = f"import sys, {modules}; sys.exit('telegram' in sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", program], check=False).returncode


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "127.0.0.1"),
        ({"webhook_url": "https://x.org"}, ""),
        ({"http_host": "0.0.0.0"}, "0.0.0.0"),
        ({"http_host": "127.0.0.1", "webhook_url": "https://x.org"}, "127.0.0.1"),
    ],
)
def test_pages_are_local_and_a_webhook_is_public(given: dict[str, Any], expected: str) -> None:
    """Unless HTTP_HOST is set, polling serves on the loopback address, and a webhook on all addresses."""
    assert expected == lifecycle.http_host(Settings(_env_file=None, **given))
