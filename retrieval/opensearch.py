"""Searching an OpenSearch cluster instead of an index on this machine.

`write` brings the cluster's index up to date with a documents folder; a `ClusterLibrary` answers from it:

    async with Cluster(Access.of("https://user:password@host:9200")) as cluster:
        await write(cluster, folder, Plan(shards=3))
        library = await ClusterLibrary.open(cluster, folder)
        found = await library.answer("Who built the lighthouse?")

Meanings are compared as well with `write(..., semantics=cached(encoder, index_dir, alias))` and
`ClusterLibrary.open(..., encoder=encoder)`.
"""

from retrieval.cluster.access import Access
from retrieval.cluster.draft import IndexingError
from retrieval.cluster.lease import OvertakenError
from retrieval.cluster.library import ClusterLibrary
from retrieval.cluster.transport import Cluster, RefusedError
from retrieval.cluster.vectors import cached
from retrieval.cluster.writing import Plan, write

__all__ = [
    "Access",
    "Cluster",
    "ClusterLibrary",
    "IndexingError",
    "OvertakenError",
    "Plan",
    "RefusedError",
    "cached",
    "write",
]
