"""A snapshot of the index that the alias points to: answers come from one index only."""

import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Self

from retrieval.documents.file_records import FileRecord, list_sources
from retrieval.embeddings.encoder import Encoder
from retrieval.errors import EncoderError
from retrieval.ids import document_id, document_of
from retrieval.model import Answer, Citation, Passage, PassageContext, Problem, Section, Source, TermWeight
from retrieval.opensearch import mappings
from retrieval.opensearch.client import WRITING, Cluster, RefusedError
from retrieval.opensearch.documents import StoredFileRecord, record_id
from retrieval.opensearch.mappings import IndexMetadata
from retrieval.opensearch.search_index import OpenSearchIndex
from retrieval.pipeline import answer, explain

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


_MOST_ANSWERS = 256
# Passages that are read in one request: some megabyte.
_PASSAGES_PER_REQUEST = 200


@dataclass(frozen=True, slots=True)
class IndexSnapshot:
    """What was indexed once. Never changes, but may be deleted: then all that waits raises RefusedError."""

    cluster: Cluster
    about: IndexMetadata
    index: OpenSearchIndex
    sources: tuple[Source, ...]
    problems: tuple[Problem, ...]
    by_id: dict[str, Source]
    _answers: OrderedDict[tuple[str, int, str | None], Answer] = field(default_factory=OrderedDict)

    @classmethod
    async def open(cls, cluster: Cluster, name: str, about: IndexMetadata, encoder: Encoder | None) -> Self:
        """Open an index, whose documents are listed here from then on."""
        records = await read_file_records(cluster, name)
        unread = [Problem(one.file.name, one.problem) for one in records if one.problem]
        problems = tuple(sorted([*about.problems, *unread], key=lambda one: one.name))
        listed = list_sources(records)
        by_id = {source.id: source for source in listed}
        index = OpenSearchIndex(cluster, name, about)
        if encoder and about.size:
            index = await index.comparing(encoder)
        if encoder and about.size and index.encoder is None:
            told = "OpenSearch: %s has no vectors of the encoder %s: words alone count; run `verbatim index`"
            _log.warning(told, name, encoder.name)
        return cls(cluster, about, index, listed, problems, by_id)

    async def answer(self, question: str, top: int, earlier: str | None) -> Answer:
        key = question, top, earlier
        if (known := self._answers.get(key)) is not None:
            self._answers.move_to_end(key)
            return known
        asking = partial(answer, question, quote_chars=self.about.quote_chars, top=top, earlier=earlier)
        try:
            found = await asking(self.index)
        except EncoderError:
            # The encoder has told why.
            found = await asking(OpenSearchIndex(self.cluster, self.index.name, self.about))
        found = replace(found, citations=tuple(map(self._with_copies, found.citations)))
        self._answers[key] = found
        if len(self._answers) > _MOST_ANSWERS:
            self._answers.popitem(last=False)
        return found

    def _with_copies(self, citation: Citation) -> Citation:
        source = self.by_id[document_id(citation.document)]
        return replace(citation, copies=source.copies) if source.copies else citation

    async def explain(self, question: str) -> tuple[TermWeight, ...]:
        return await explain(question, self.index)

    async def read(self, source: Source, first: int, count: int | None) -> Sequence[Passage]:
        last = source.passages if count is None else min(first + count, source.passages)
        found: list[Passage] = []
        for at in range(first, last, _PASSAGES_PER_REQUEST):
            found += await self.index.neighbours(source.id, at, min(_PASSAGES_PER_REQUEST, last - at))
        return found

    async def sections(self, source: Source) -> tuple[Section, ...]:
        stored = await self.index.stored(record_id(source.name))
        return StoredFileRecord.read(stored).sections if stored else ()

    async def context(self, passage_id: str) -> PassageContext | None:
        at = await self.index.ordinal(passage_id)
        if at is None:
            return None
        first = max(at - 1, 0)
        found = await self.index.neighbours(document_of(passage_id), first, at + 2 - first)
        own = at - first
        before, after = found[0] if own else None, found[own + 1] if own + 1 < len(found) else None
        return PassageContext(found[own], before, after, at)

    async def look(self) -> None:
        """Search for nothing in particular."""
        await self.cluster.search(self.index.name, {"size": 0, "terminate_after": 1, **mappings.STORED})
