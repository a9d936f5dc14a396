"""Which encoder the settings ask for."""

import logging
from typing import Any

import pytest

from bot import search_backends
from bot.search_backends import encoder_for, loaded_encoder_for
from config.settings import Settings
from retrieval.embeddings.encoder import Vectors
from retrieval.errors import EncoderError
from tests.retrieval.fake_encoder import FakeEncoder


class Damaged(FakeEncoder):
    def encode_question(self, text: str) -> Vectors:
        raise EncoderError(text)


def _settings(value: str) -> Settings:
    given: dict[str, Any] = {"meaning": value}
    return Settings(_env_file=None, **given)


def test_the_encoder_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` uses the encoder if one is installed; `off` uses none."""
    fake = FakeEncoder()
    monkeypatch.setattr(search_backends, "load_encoder", lambda: fake)
    monkeypatch.setattr(search_backends, "is_installed", lambda: True)
    assert fake is encoder_for(_settings("auto")) is loaded_encoder_for(_settings("auto"))
    assert encoder_for(_settings("off")) is None
    monkeypatch.setattr(search_backends, "is_installed", lambda: False)
    assert encoder_for(_settings("auto")) is None
    assert loaded_encoder_for(_settings("auto")) is None


def test_a_damaged_encoder(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """An encoder that cannot be loaded is not used, and the log says why in one line."""

    def fail() -> FakeEncoder:
        raise EncoderError("model.bin: the encoder cannot be loaded")

    monkeypatch.setattr(search_backends, "is_installed", lambda: True)
    monkeypatch.setattr(search_backends, "load_encoder", fail)
    with caplog.at_level(logging.WARNING):
        assert encoder_for(_settings("auto")) is None
    assert ["model.bin: the encoder cannot be loaded. Answers are found by words alone"] == caplog.messages
    monkeypatch.setattr(search_backends, "load_encoder", Damaged)
    assert loaded_encoder_for(_settings("auto")) is None
