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
    # Logging is set up for the process, which here is the one of the tests.
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
def test_settings_to_mend_are_one_line(
    given: dict[str, Any], begins: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What an operator has to set right is one line, and exit code 2."""
    code, (told,) = _run(monkeypatch, caplog, **given)
    assert 2 == code
    assert told.startswith(begins)


def test_a_missing_folder_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A documents folder that is not there is named, with exit code 2."""
    code, told = _run(monkeypatch, caplog, telegram_token="1:x", seeds_dir=tmp_path / "none")
    assert 2 == code
    # Telegram is looked for meanwhile, and may have been found missing first.
    (problem,) = [line for line in told if not line.startswith("Telegram cannot be reached")]
    assert str(tmp_path / "none") in problem


def test_presentation_costs_no_telegram() -> None:
    """The sentences can be had without importing the Telegram library, which is slow."""
    modules = "bot.i18n.messages, bot.views.callback_data, bot.telegram.message_parsing"
    program = f"import sys, {modules}; sys.exit('telegram' in sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", program], check=False).returncode
