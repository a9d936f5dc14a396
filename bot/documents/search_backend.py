"""Opens what the settings choose to search with: a sentence encoder, and an index here or in a cluster."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from config import ConfigError
from config.settings import Settings
from retrieval.embeddings.encoder import Encoder, is_installed, load_encoder
from retrieval.errors import EncoderError

if TYPE_CHECKING:
    from retrieval.opensearch import ClusterClient, ClusterLibrary, ConnectionSettings

_log = logging.getLogger(__name__)


def encoder_for(settings: Settings) -> Encoder | None:
    """Return the encoder; None with MEANING=off or if none is installed. A failure is logged.

    Its weights are read when it is first used.
    """
    if settings.meaning == "off" or not is_installed():
        return None
    try:
        return load_encoder()
    except EncoderError as error:
        _log.warning("%s. Answers are found by words alone", error)
        return None


def loaded_encoder_for(settings: Settings) -> Encoder | None:
    """Return what `encoder_for` does, with the weights read, which takes half a second."""
    encoder = encoder_for(settings)
    try:
        if encoder:
            encoder.encode_question("")
    except EncoderError:
        # The encoder has logged why.
        return None
    return encoder


# Importing the client of a cluster takes longer than answering a question, so only these functions do.


def connection_settings(settings: Settings) -> "ConnectionSettings":
    """Return how to connect to the cluster of the settings; raises ConfigError."""
    from retrieval.opensearch import ConnectionSettings  # noqa: PLC0415  # see above

    key = settings.opensearch_api_key.get_secret_value() if settings.opensearch_api_key else None
    try:
        return ConnectionSettings.from_addresses(
            ",".join(settings.opensearch_nodes), api_key=key, ca_file=settings.opensearch_ca
        )
    except ValueError as error:
        raise ConfigError(f"OPENSEARCH_URL is not usable: {error}") from None


def open_cluster(to: "ConnectionSettings") -> "ClusterClient":
    """Return a client for one event loop, to be closed after use; raises ConfigError."""
    from retrieval.opensearch import ClusterClient  # noqa: PLC0415  # see above

    try:
        return ClusterClient(to)
    except ValueError as error:
        raise ConfigError(f"OPENSEARCH_CA={error}") from None


def cluster_library(
    settings: Settings, folder: Path, cluster: "ClusterClient", encoder: Encoder | None
) -> "ClusterLibrary":
    """Return a library over the index that the cluster's alias points to; `refresh` opens it."""
    from retrieval.opensearch import ClusterLibrary  # noqa: PLC0415  # see above

    return ClusterLibrary.without_snapshot(cluster, folder, alias=settings.opensearch_index, encoder=encoder)


async def open_cluster_library(
    settings: Settings, folder: Path, cluster: "ClusterClient", encoder: Encoder | None
) -> "ClusterLibrary":
    """Return a library over the index that the cluster's alias points to now; raises UnavailableError."""
    library = cluster_library(settings, folder, cluster, encoder)
    await library.refresh()
    return library


def no_documents_message(folder: Path | str) -> str:
    """Return the line for a folder or cluster without documents, which says what to do."""
    return (
        f"{folder} has no document that can be read: put some there (.pdf, .docx, .md, .txt ...), "
        "or name another folder"
    )
