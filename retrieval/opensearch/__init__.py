"""Answers from an index in an OpenSearch cluster instead of one on this machine.

`write_index` brings the cluster's index up to date with a documents folder. A `ClusterLibrary` answers from
it:

    async with ClusterClient(ConnectionSettings.from_addresses("https://user:password@host:9200")) as cluster:
        await write_index(cluster, folder, IndexPlan(shards=3))
        library = await ClusterLibrary.open(cluster, folder)
        answer = await library.answer("Who built the lighthouse?")

To search by meaning as well, pass `embeddings=cached_embeddings(encoder, index_dir, alias)` to `write_index`,
and `encoder=encoder` to `ClusterLibrary.open`.
"""

from retrieval.opensearch.client import ClusterClient, ConnectionSettings, RefusedError
from retrieval.opensearch.cluster_library import ClusterLibrary
from retrieval.opensearch.index_update import IndexingError, IndexPlan, WriteLockLostError, write_index
from retrieval.opensearch.stored_passages import cached_embeddings

__all__ = [
    "ClusterClient",
    "ClusterLibrary",
    "ConnectionSettings",
    "IndexPlan",
    "IndexingError",
    "RefusedError",
    "WriteLockLostError",
    "cached_embeddings",
    "write_index",
]
