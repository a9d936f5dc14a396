"""Which index is searched, and what it says of its documents."""

from retrieval.cluster import schema
from retrieval.cluster.entries import Noted
from retrieval.cluster.schema import About
from retrieval.cluster.transport import WRITING, Cluster, RefusedError
from retrieval.records import Record

# What is told of so many files is some 5 MB.
_AT_ONCE = 5_000


async def find(cluster: Cluster, alias: str) -> tuple[str, About | None] | None:
    """Find the index that is searched, and what is said of it: nothing when it is laid out in another way."""
    try:
        told = await cluster.get(f"/{alias}/_mapping")
    except RefusedError as error:
        if not error.is_missing:
            raise
        return None
    for name, mapping in told.items():
        return name, About.read(mapping["mappings"].get("_meta", {}))
    return None


async def noted(cluster: Cluster, index: str) -> list[Record]:
    """List what became of the files, in the order of their names."""
    found: list[Record] = []
    while True:
        after = found[-1].file.name if found else None
        hits = (await cluster.search(index, schema.records(after, _AT_ONCE), WRITING))["hits"]["hits"]
        found += [Noted.read(schema.stored(hit)).record for hit in hits]
        if len(hits) < _AT_ONCE:
            return found
