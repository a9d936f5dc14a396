"""The cluster and the encoder that the settings ask for."""

import logging
from pathlib import Path
from typing import Any

import pytest

from bot.documents import search_backend
from bot.documents.search_backend import (
    connection_settings,
    encoder_for,
    loaded_encoder_for,
    open_cluster,
    open_cluster_library,
)
from config import ConfigError
from config.settings import Settings
from retrieval.embeddings.encoder import QuestionVectors
from retrieval.errors import EncoderError, UnavailableError
from tests.retrieval.fake_encoder import FakeEncoder


def _settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **given)


def test_connection_settings() -> None:
    """The nodes get the user and password of the addresses, which do not appear in the repr."""
    nodes = connection_settings(_settings(opensearch_url="https://ann:secret@one:9200, https://two")).nodes
    assert ["https://one:9200", "https://two:443"] == [node.url for node in nodes]
    assert {"Basic YW5uOnNlY3JldA=="} == {node.authorization for node in nodes}
    assert "secret" not in repr(nodes)


def test_an_api_key_takes_precedence() -> None:
    """An API key is used instead of a password."""
    (node,) = connection_settings(_settings(opensearch_url="https://a:b@one", opensearch_api_key="k3y")).nodes
    assert "ApiKey k3y" == node.authorization


def test_invalid_certificates(tmp_path: Path) -> None:
    """A CA file without certificates is a configuration error."""
    (tmp_path / "ca.pem").write_text("no certificate", encoding="utf-8")
    to = connection_settings(_settings(opensearch_url="https://one", opensearch_ca=tmp_path / "ca.pem"))
    with pytest.raises(ConfigError, match=r"^OPENSEARCH_CA=.*ca\.pem: not usable as a CA bundle"):
        open_cluster(to)


async def test_an_unreachable_cluster(tmp_path: Path) -> None:
    """Opening a cluster that does not answer raises UnavailableError."""
    settings = _settings(opensearch_url="http://127.0.0.1:1")
    async with open_cluster(connection_settings(settings)) as cluster:
        with pytest.raises(UnavailableError, match="does not answer"):
            await open_cluster_library(settings, tmp_path, cluster, None)


class Damaged(FakeEncoder):
    def encode_question(self, text: str) -> QuestionVectors:
        raise EncoderError(text)


def test_the_encoder_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` uses the encoder if one is installed; `off` uses none."""
    fake = FakeEncoder()
    monkeypatch.setattr(search_backend, "load_encoder", lambda: fake)
    monkeypatch.setattr(search_backend, "is_installed", lambda: True)
    assert fake is encoder_for(_settings(meaning="auto")) is loaded_encoder_for(_settings(meaning="auto"))
    assert encoder_for(_settings(meaning="off")) is None
    monkeypatch.setattr(search_backend, "is_installed", lambda: False)
    assert encoder_for(_settings(meaning="auto")) is None
    assert loaded_encoder_for(_settings(meaning="auto")) is None


def test_a_damaged_encoder(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """An encoder that cannot be loaded is not used, and the log says why in one line."""

    def fail() -> FakeEncoder:
        raise EncoderError("model.bin: the encoder cannot be loaded")

    monkeypatch.setattr(search_backend, "is_installed", lambda: True)
    monkeypatch.setattr(search_backend, "load_encoder", fail)
    with caplog.at_level(logging.WARNING):
        assert encoder_for(_settings(meaning="auto")) is None
    assert ["model.bin: the encoder cannot be loaded. Answers are found by words alone"] == caplog.messages
    monkeypatch.setattr(search_backend, "load_encoder", Damaged)
    assert loaded_encoder_for(_settings(meaning="auto")) is None
