from pathlib import Path
from typing import Any

import pytest

from bot.search_backends import connection_settings, open_cluster, open_cluster_library
from config.settings import ConfigError, Settings
from retrieval.errors import UnavailableError


def _settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **given)


def test_the_way_to_a_cluster() -> None:
    """Every node of the settings is asked with the password of its address."""
    found = connection_settings(_settings(opensearch_url="https://ann:secret@one:9200, https://two")).nodes
    assert ["https://one:9200", "https://two:443"] == [node.url for node in found]
    assert {"Basic YW5uOnNlY3JldA=="} == {node.authorization for node in found}
    assert "secret" not in repr(found)


def test_a_key_goes_before_passwords() -> None:
    """With a key nodes are asked with that."""
    (node,) = connection_settings(_settings(opensearch_url="https://a:b@one", opensearch_api_key="k3y")).nodes
    assert "ApiKey k3y" == node.authorization


def test_certificates_that_cannot_be_used(tmp_path: Path) -> None:
    """A file of certificates that is none is a setting to mend."""
    (tmp_path / "ca.pem").write_text("no certificate", encoding="utf-8")
    to = connection_settings(_settings(opensearch_url="https://one", opensearch_ca=tmp_path / "ca.pem"))
    with pytest.raises(ConfigError, match=r"^OPENSEARCH_CA=.*ca\.pem: not usable as a CA bundle"):
        open_cluster(to)


async def test_a_cluster_that_is_away(tmp_path: Path) -> None:
    """A cluster that does not answer cannot be opened now."""
    settings = _settings(opensearch_url="http://127.0.0.1:1")
    async with open_cluster(connection_settings(settings)) as cluster:
        with pytest.raises(UnavailableError, match="does not answer"):
            await open_cluster_library(settings, tmp_path, cluster, None)
