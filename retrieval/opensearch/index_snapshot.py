"""Finds the index that the alias points to, and opens a snapshot of it."""

import logging

from retrieval.documents.archive import Snapshot
from retrieval.documents.file_records import FileRecord, list_sources
from retrieval.embeddings.encoder import Encoder
from retrieval.errors import UnavailableError
from retrieval.model import Problem
from retrieval.opensearch import mappings
from retrieval.opensearch.client import WRITING, Cluster, RefusedError
from retrieval.opensearch.documents import StoredFileRecord
from retrieval.opensearch.mappings import IndexMetadata
from retrieval.opensearch.search_index import OpenSearchIndex

_log = logging.getLogger(__name__)


# What is told of so many files is some 5 MB.
_RECORDS_PER_REQUEST = 5_000


async def find_current(cluster: Cluster, alias: str) -> tuple[str, IndexMetadata | None] | None:
    """Find the index that is searched, and what is said of it: nothing when it is laid out in another way."""
    try:
        told = await cluster.get(f"/{alias}/_mapping")
    except RefusedError as error:
        if not error.is_missing:
            raise
        return None
    for name, mapping in told.items():
        return name, IndexMetadata.read(mapping["mappings"].get("_meta", {}))
    return None


async def read_file_records(cluster: Cluster, index: str) -> list[FileRecord]:
    """List what became of the files, in the order of their names."""
    found: list[FileRecord] = []
    while True:
        after = found[-1].file.name if found else None
        hits = (await cluster.search(index, mappings.records(after, _RECORDS_PER_REQUEST), WRITING))["hits"][
            "hits"
        ]
        found += [StoredFileRecord.read(mappings.stored(hit)).record for hit in hits]
        if len(hits) < _RECORDS_PER_REQUEST:
            return found


async def open_current(
    cluster: Cluster, alias: str, encoder: Encoder | None, known: Snapshot[OpenSearchIndex] | None = None
) -> Snapshot[OpenSearchIndex]:
    """Return a snapshot of the index that the alias points to; `known` itself when that is still the one.

    Raises UnavailableError, also when nothing has been indexed for this version of Verbatim.
    """
    while True:
        current = await find_current(cluster, alias)
        name, metadata = current or ("", None)
        # An index that another version of Verbatim has written is of no use to this process.
        if known and (known.index.name == name or (current and metadata is None)):
            return known
        if metadata is None or not metadata.done:
            raise UnavailableError(
                f"OpenSearch has no index for this version under the name {alias!r}; run `verbatim index`"
            )
        try:
            return await _open(cluster, name, metadata, encoder)
        except RefusedError as error:
            # The index was replaced and deleted after it was found.
            if not error.is_missing:
                raise


async def _open(
    cluster: Cluster, name: str, metadata: IndexMetadata, encoder: Encoder | None
) -> Snapshot[OpenSearchIndex]:
    records = await read_file_records(cluster, name)
    unread = [Problem(record.file.name, record.problem) for record in records if record.problem]
    problems = tuple(sorted([*metadata.problems, *unread], key=lambda problem: problem.name))
    index = OpenSearchIndex(cluster, name, metadata)
    if encoder and metadata.size:
        index = await index.comparing(encoder)
        if index.encoder is None:
            _log.warning(
                "OpenSearch: %s has no vectors of the encoder %s: words alone count; run `verbatim index`",
                name,
                encoder.name,
            )
    return Snapshot(index, list_sources(records), problems, metadata.version, metadata.quote_chars)
