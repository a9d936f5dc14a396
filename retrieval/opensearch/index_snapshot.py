"""Finds the index that the alias points to, and opens a snapshot of it."""

import logging

from retrieval.documents.archive import Snapshot
from retrieval.documents.file_records import FileRecord, list_sources
from retrieval.embeddings.encoder import Encoder
from retrieval.errors import UnavailableError
from retrieval.model import Problem
from retrieval.opensearch import mappings
from retrieval.opensearch.client import WRITE_TIMEOUT, ClusterClient, RefusedError
from retrieval.opensearch.documents import StoredFileRecord
from retrieval.opensearch.mappings import IndexMetadata
from retrieval.opensearch.search_index import OpenSearchIndex

_log = logging.getLogger(__name__)

# About 5 MB.
_RECORDS_PER_REQUEST = 5_000


async def find_current(cluster: ClusterClient, alias: str) -> tuple[str, IndexMetadata | None] | None:
    """Return the index that the alias points to, and its metadata; no metadata if its format differs."""
    try:
        mapping_by_index = await cluster.get(f"/{alias}/_mapping")
    except RefusedError as error:
        if not error.is_missing:
            raise
        return None
    for name, mapping in mapping_by_index.items():
        return name, IndexMetadata.read(mapping["mappings"].get("_meta", {}))
    return None


async def read_file_records(cluster: ClusterClient, index: str) -> list[FileRecord]:
    """Return the records of all files, ordered by name."""
    records: list[FileRecord] = []
    while True:
        after = records[-1].file.name if records else None
        query = mappings.file_records_query(after, _RECORDS_PER_REQUEST)
        response = await cluster.search(index, query, WRITE_TIMEOUT)
        hits = response["hits"]["hits"]
        records += [StoredFileRecord.read(mappings.stored_field(hit)).record for hit in hits]
        if len(hits) < _RECORDS_PER_REQUEST:
            return records


async def open_current(
    cluster: ClusterClient,
    alias: str,
    encoder: Encoder | None,
    known: Snapshot[OpenSearchIndex] | None = None,
) -> Snapshot[OpenSearchIndex]:
    """Return a snapshot of the index that the alias points to; `known` itself when that is still the one.

    Raises UnavailableError, also when nothing has been indexed for this version of Verbatim.
    """
    while True:
        current = await find_current(cluster, alias)
        name, metadata = current or ("", None)
        # This process cannot read the index of another version of Verbatim.
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
    cluster: ClusterClient, name: str, metadata: IndexMetadata, encoder: Encoder | None
) -> Snapshot[OpenSearchIndex]:
    records = await read_file_records(cluster, name)
    unread = [Problem(record.file.name, record.problem) for record in records if record.problem]
    problems = tuple(sorted([*metadata.problems, *unread], key=lambda problem: problem.name))
    index = OpenSearchIndex(cluster, name, metadata)
    if encoder and metadata.size:
        index = await index.with_encoder(encoder)
        if index.encoder is None:
            _log.warning(
                "OpenSearch: %s has no vectors of the encoder %s; matching words only; run `verbatim index`",
                name,
                encoder.name,
            )
    return Snapshot(index, list_sources(records), problems, metadata.version, metadata.quote_chars)
