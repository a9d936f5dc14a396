"""The settings that are passed on to the bot in the sandbox."""

from pathlib import Path
from typing import Any

import pytest

from bot.cli.sandbox_runner import _bot_environment, documents_folder
from config.settings import Settings

# Settings of the real bot and its network, and those that only `verbatim index` uses.
LEFT_OUT = {
    "TELEGRAM_TEST_ENVIRONMENT",
    "TELEGRAM_ALLOWED_CHATS",
    "TELEGRAM_MESSAGES_PER_SECOND",
    "TELEGRAM_QUESTIONS_PER_MINUTE",
    "OPENSEARCH_SHARDS",
    "OPENSEARCH_REPLICAS",
    "WEBHOOK_URL",
    "WEBHOOK_SECRET",
    "PORT",
    "HTTP_HOST",
}


def _passed_on(**given: Any) -> dict[str, str]:
    settings = Settings(_env_file=None, **given)
    return _bot_environment(settings, Path("docs"), "http://127.0.0.1:1/", "1:x", Path("chats"))


def test_settings_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """All settings are passed on, except those of the real bot's connection to Telegram."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    names = {name.upper() for name in Settings.model_fields}
    assert names - LEFT_OUT == names & _passed_on().keys()


@pytest.mark.parametrize("value", ["auto", "off"])
def test_whether_meanings_are_compared(value: str) -> None:
    """The bot in the sandbox uses the encoder if the real one would."""
    assert value == _passed_on(meaning=value)["MEANING"]


@pytest.mark.parametrize("value", ["auto", "off"])
def test_whether_scans_are_read(value: str) -> None:
    """The bot in the sandbox reads scans if the real one would."""
    assert value == _passed_on(ocr=value)["OCR"]


def test_the_example_replaces_a_missing_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where there is no seeds/, the documents are the example, and one line says so."""
    monkeypatch.delenv("SEEDS_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    folder = documents_folder(Settings(_env_file=None))
    assert ["000_61b1ccc5978d4202.txt"] == [path.name for path in folder.glob("000_*")]
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(
        f"There is no folder seeds/ here, so the bot answers from the example in {folder}."
    )


@pytest.mark.parametrize(
    "given", [{"seeds_dir": "seeds"}, {"opensearch_url": "http://127.0.0.1:1"}], ids=["named", "cluster"]
)
def test_the_example_replaces_no_other_folder(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A folder that is named, and a cluster, are used as they are."""
    monkeypatch.delenv("SEEDS_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    assert Path("seeds") == documents_folder(Settings(_env_file=None, **given))


def test_a_folder_of_documents_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder seeds/ is used even if it is empty: documents may be added while the bot runs."""
    monkeypatch.delenv("SEEDS_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seeds").mkdir()
    assert Path("seeds") == documents_folder(Settings(_env_file=None))
