"""The way to the documents in a cluster; importing it costs more than a question does."""

from pathlib import Path

from config.errors import ConfigError
from config.settings import Settings
from retrieval.meaning.encoder import Encoder
from retrieval.opensearch import Access, Cluster, ClusterLibrary


def access(settings: Settings) -> Access:
    """Tell where the cluster of the settings is; raises ConfigError."""
    key = settings.opensearch_api_key.get_secret_value() if settings.opensearch_api_key else None
    try:
        return Access.of(",".join(settings.opensearch_nodes), api_key=key, ca_file=settings.opensearch_ca)
    except ValueError as error:
        raise ConfigError(f"OPENSEARCH_URL is not usable: {error}") from None


def connect(to: Access) -> Cluster:
    """Give what speaks to a cluster in one event loop, and is to be closed; raises ConfigError."""
    try:
        return Cluster(to)
    except ValueError as error:
        raise ConfigError(f"OPENSEARCH_CA={error}") from None


async def opened(
    settings: Settings, folder: Path, cluster: Cluster, encoder: Encoder | None
) -> ClusterLibrary:
    """Open what is searched now, with the folder its files are in; raises UnavailableError."""
    return await ClusterLibrary.open(cluster, folder, alias=settings.opensearch_index, encoder=encoder)
