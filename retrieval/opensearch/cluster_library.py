"""A library with its index in a cluster: finds the index that the alias points to, and answers from it.

Results are those of an index on this machine, but there is no vector search: similarities are computed for
the candidates that were found by words. A passage that shares no word with the question, in its text or its
heading fields, is not found.
"""

import asyncio
import logging
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from retrieval.documents.file_records import FileRecord, list_sources
from retrieval.documents.library import Library, Snapshot
from retrieval.embeddings.encoder import Encoder, QuestionVectors
from retrieval.errors import RetrievalError, UnavailableError
from retrieval.index.candidates import Candidates, MeaningScores
from retrieval.index.forward_index import ForwardIndex, heading_tokens
from retrieval.index.inverted_index import (
    MAX_HEADING_CANDIDATES,
    BM25Weights,
    Scores,
    digest,
    digests,
    heading_weight,
    rarest_terms,
    term_scores,
)
from retrieval.index.spelling import is_correctable, similar_words
from retrieval.model import Passage, Section
from retrieval.opensearch import stored_passages
from retrieval.opensearch.client import WRITE_TIMEOUT, ClusterClient, RefusedError
from retrieval.opensearch.stored_passages import (
    IndexMetadata,
    PassageVectors,
    StoredFileRecord,
    VectorSample,
    record_id,
    unpack_passages,
)
from retrieval.pipeline import MAX_CANDIDATES

# OpenSearch rounds the lengths of passages to one byte, so its order differs. To find the best 64 passages by
# exact scores, it is asked for more: with 72, 7 of 3,560 questions missed one; with 80, 1; with 96, none.
_OVERFETCH_FACTOR = 1.5
# OpenSearch allows 1,024 clauses in a query.
_MAX_TERMS_PER_QUERY = 1_000
# About 1 MB.
_PASSAGES_PER_REQUEST = 200
_MAX_CACHED_TERMS = 100_000
# A term takes two searches, and a node queues at most 1,000 searches of a shard.
_MAX_TERMS_PER_REQUEST = 100
# Each is about a megabyte.
_MAX_PREFETCHED_SEARCHES = 8

HitRows = list[Mapping[str, Any]]


class TermFrequencies(NamedTuple):
    """The numbers of passages with a term in their text, and in their heading fields."""

    texts: int
    headings: int


class OpenSearchIndex:
    """An index in a cluster. It never changes, so term frequencies are cached."""

    def __init__(
        self,
        cluster: ClusterClient,
        name: str,
        metadata: stored_passages.IndexMetadata,
        encoder: Encoder | None = None,
        sample: VectorSample | None = None,
    ) -> None:
        self.name = name
        self.encoder = encoder
        self._sample = sample
        self._metadata = metadata
        self.size = metadata.size
        self.languages = metadata.languages
        self._cluster = cluster
        self._weighting = BM25Weights(metadata.size, metadata.length)
        self._cached_frequencies: OrderedDict[str, TermFrequencies] = OrderedDict()
        self._prefetched: OrderedDict[tuple[str, ...], Any] = OrderedDict()

    async def with_encoder(self, encoder: Encoder) -> "OpenSearchIndex":
        """Return this index with the encoder, or without one if its vectors are another encoder's."""
        stored = (
            await self.stored_field(stored_passages.SAMPLE_ID)
            if encoder.name == self._metadata.model
            else None
        )
        sample = VectorSample.unpack(stored) if stored else None
        return OpenSearchIndex(self._cluster, self.name, self._metadata, encoder if sample else None, sample)

    async def document_frequencies(self, terms: Sequence[str]) -> Mapping[str, int]:
        frequencies = await self._term_frequencies(terms)
        return {term: count.texts for term, count in frequencies.items()}

    async def _term_frequencies(self, terms: Sequence[str]) -> dict[str, TermFrequencies]:
        counts = {term: self._cached_frequencies[term] for term in terms if term in self._cached_frequencies}
        unknown = [term for term in dict.fromkeys(terms) if term not in counts]
        # A search for the same terms usually follows; sending it in this request saves 4 of 19 ms.
        prefetch = [self._overfetch_query(terms)] if unknown and len(terms) <= _MAX_TERMS_PER_REQUEST else []
        for start in range(0, len(unknown), _MAX_TERMS_PER_REQUEST):
            part = unknown[start : start + _MAX_TERMS_PER_REQUEST]
            words = _spell(part)
            queries = [_count_query(field, word) for field in ("terms", "context") for word in words]
            responses = await self._cluster.multi_search(self.name, [*queries, *prefetch])
            totals = [int(response["hits"]["total"]["value"]) for response in responses[: len(queries)]]
            counts |= zip(part, map(TermFrequencies, totals[: len(part)], totals[len(part) :]), strict=True)
            if prefetch:
                self._prefetched[tuple(terms)] = responses[-1]
                _evict_oldest(self._prefetched, _MAX_PREFETCHED_SEARCHES)
        for term, count in counts.items():
            self._cached_frequencies[term] = count
            self._cached_frequencies.move_to_end(term)
        _evict_oldest(self._cached_frequencies, _MAX_CACHED_TERMS)
        return {term: counts[term] for term in terms}

    async def search(
        self, terms: Sequence[str], limit: int, question: QuestionVectors | None = None
    ) -> Candidates:
        counts = await self._term_frequencies(terms)
        frequencies = {term: count.texts for term, count in counts.items()}
        weights = self._heading_weights(counts)
        texts, headings = await self._find_hits(terms, frequencies, weights, limit)
        if not texts and not headings:
            return Candidates([], ForwardIndex.join([]), frequencies, self.size)
        stored = {hit["_id"]: stored_passages.stored_field(hit) for hit in [*texts, *headings]}
        rows = {identity: row for row, identity in enumerate(stored)}
        decoded = unpack_passages(stored.values())
        passages = decoded.passages()
        scores = self._exact_scores(decoded.forward, frequencies)
        by_text = _sort_by_score(range(len(texts)), passages, decoded.ordinals, scores)[:limit]
        heading_rows = [rows[hit["_id"]] for hit in headings]
        if heading_rows:
            scores[heading_rows] += _heading_scores([passages[row] for row in heading_rows], weights)
        by_headings = _sort_by_score(heading_rows, passages, decoded.ordinals, scores)[
            :MAX_HEADING_CANDIDATES
        ]
        order = np.array(list(dict.fromkeys([*by_text, *by_headings])), np.intp)
        return Candidates(
            [passages[row] for row in order.tolist()],
            decoded.forward.take(order),
            frequencies,
            self.size,
            self._compare(decoded.vectors.take(order), question),
        )

    async def _find_hits(
        self, terms: Sequence[str], frequencies: Mapping[str, int], weights: Mapping[str, float], limit: int
    ) -> tuple[HitRows, HitRows]:
        """Return the best hits by text, and by heading fields and text; more than `limit` of each."""
        texts = self._prefetched.pop(tuple(terms), None) if limit == MAX_CANDIDATES else None
        # Without unknown terms; of too many, the rarest distinguish passages best.
        known = sorted((term for term in frequencies if frequencies[term]), key=frequencies.__getitem__)
        queries: list[dict[str, Any]] = []
        if texts is None and known:
            queries.append(self._overfetch_query(known[:_MAX_TERMS_PER_QUERY], limit))
        if weights:
            boosts = {term: self._boost(frequencies[term]) for term in known[: _MAX_TERMS_PER_QUERY // 2]}
            size = int(MAX_HEADING_CANDIDATES * _OVERFETCH_FACTOR)
            queries.append(_best_headings_query(_spell_keys(weights), _spell_keys(boosts), size))
        responses = await self._cluster.multi_search(self.name, queries) if queries else []
        headings = responses.pop() if weights else None
        return _read_hits(responses.pop() if responses else texts), _read_hits(headings)

    def _heading_weights(self, frequencies: Mapping[str, TermFrequencies]) -> dict[str, float]:
        """Return the terms to search heading fields for, and their weights."""
        counts = [frequency.headings for frequency in frequencies.values()]
        terms = list(frequencies)
        chosen = rarest_terms(counts)[: _MAX_TERMS_PER_QUERY // 2]
        return {terms[index]: heading_weight(counts[index], self.size) for index in chosen}

    def _boost(self, frequency: int) -> float:
        """Return the factor from OpenSearch's weight of a term to rank-bm25's."""
        opensearch_weight = math.log(1 + (self.size - frequency + 0.5) / (frequency + 0.5))
        return self._weighting.inverse_document_frequency(frequency) / opensearch_weight

    def _compare(self, vectors: PassageVectors, question: QuestionVectors | None) -> MeaningScores | None:
        if question is None or self._sample is None:
            return None
        return self._sample.compare(vectors, question)

    def _overfetch_query(self, terms: Sequence[str], limit: int = MAX_CANDIDATES) -> dict[str, Any]:
        return _best_passages_query(_spell(terms), int(limit * _OVERFETCH_FACTOR))

    def _exact_scores(self, forward: ForwardIndex, frequencies: Mapping[str, int]) -> Scores:
        """Return the scores of rank-bm25, which the cluster's scores approximate."""
        # Each token's position in `frequencies`, or -1.
        term_of_form = forward.vocabulary.map_terms({digest(term): n for n, term in enumerate(frequencies)})
        terms = term_of_form[forward.tokens.values]
        owners = np.repeat(np.arange(len(forward.tokens)), forward.tokens.lengths)[terms >= 0]
        shape = len(frequencies), len(forward.tokens)
        counts = np.bincount(terms[terms >= 0] * shape[1] + owners, minlength=shape[0] * shape[1])
        idf = self._weighting.inverse_document_frequency
        weights = np.array([idf(count) if count else 0.0 for count in frequencies.values()])
        norms = self._weighting.norms(forward.tokens.lengths)
        scores = np.zeros(shape[1])
        for part in term_scores(counts.reshape(shape).astype(np.float64), weights[:, None], norms):
            scores += part
        return scores

    async def corrections(self, words: Sequence[str]) -> Mapping[str, str]:
        correctable = [word for word in dict.fromkeys(words) if is_correctable(word)]
        if not correctable or not self.size:
            return {}
        response = await self._cluster.search(self.name, _suggest_query(correctable))
        corrections: dict[str, str] = {}
        for number, word in enumerate(correctable):
            (suggestion,) = response["suggest"][str(number)]
            options = [option["text"] for option in suggestion["options"]]
            if similar := sorted(similar_words(word, options)):
                corrections[word] = similar[0][1]
        return corrections

    @property
    def vector_count(self) -> int:
        """0: the vectors of an index in a cluster do not change."""
        return 0

    def without_encoder(self) -> "OpenSearchIndex":
        return OpenSearchIndex(self._cluster, self.name, self._metadata)

    async def document_passages(self, document_id: str, first: int, count: int) -> list[Passage]:
        passages: list[Passage] = []
        for start in range(first, first + count, _PASSAGES_PER_REQUEST):
            size = min(_PASSAGES_PER_REQUEST, first + count - start)
            response = await self._cluster.search(self.name, _document_query(document_id, start, size))
            hits = _read_hits(response)
            passages += unpack_passages(stored_passages.stored_field(hit) for hit in hits).passages()
            if len(hits) < size:
                break
        return passages

    async def sections(self, document_name: str) -> tuple[Section, ...]:
        stored = await self.stored_field(record_id(document_name))
        return StoredFileRecord.read(stored).sections if stored else ()

    async def ping(self) -> None:
        await self._cluster.search(
            self.name, {"size": 0, "terminate_after": 1, **stored_passages.STORED_FIELD_ONLY}
        )

    async def ordinal(self, passage_id: str) -> int | None:
        stored = await self.stored_field(passage_id)
        return int(unpack_passages([stored]).ordinals[0]) if stored else None

    async def stored_field(self, stored_id: str) -> str | None:
        """Return the content of the OpenSearch document with this id, in base64, or None."""
        hits = _read_hits(await self._cluster.search(self.name, id_query(stored_id)))
        return stored_passages.stored_field(hits[0]) if hits else None


def _evict_oldest(cache: OrderedDict[Any, Any], size: int) -> None:
    while len(cache) > size:
        cache.popitem(last=False)


def _read_hits(response: Mapping[str, Any] | None) -> HitRows:
    return list(response["hits"]["hits"]) if response else []


def _spell(terms: Iterable[str]) -> list[str]:
    return stored_passages.spell_terms(digests(terms))


def _spell_keys(numbers: Mapping[str, float]) -> dict[str, float]:
    return dict(zip(_spell(numbers), numbers.values(), strict=True))


def _heading_scores(passages: Sequence[Passage], weights: Mapping[str, float]) -> Scores:
    """Return for each passage the sum of the weights of the terms in its heading fields."""
    vocabulary, rows = heading_tokens(passages)
    # Each token's position in `weights`, or -1.
    terms = vocabulary.map_terms({digest(term): n for n, term in enumerate(weights)})[rows.values]
    owners = np.repeat(np.arange(len(rows)), rows.lengths)
    has_term = np.zeros((len(weights), len(passages)), np.bool_)
    has_term[terms[terms >= 0], owners[terms >= 0]] = True
    scores = np.zeros(len(passages))
    for weight, is_match in zip(weights.values(), has_term, strict=True):
        scores[is_match] += weight
    return scores


def _sort_by_score(
    rows: Sequence[int], passages: Sequence[Passage], ordinals: NDArray[np.int64], scores: Scores
) -> list[int]:
    """Sort rows by descending score, then by document name and position in the document."""
    return sorted(rows, key=lambda row: (-scores[row], passages[row].document_name, ordinals[row]))


def _best_passages_query(terms: Sequence[str], size: int) -> dict[str, Any]:
    """Return a query for the passages with the best scores that have any of the terms; ties by place."""
    return {
        "size": size,
        "track_total_hits": False,
        "query": {"bool": {"should": [{"term": {"terms": {"value": term}}} for term in terms]}},
        # Without it equal scores would be cut off in the order in which they were written.
        "sort": ["_score", "path", "n"],
        **stored_passages.STORED_FIELD_ONLY,
    }


def _best_headings_query(
    weights: Mapping[str, float], boosts: Mapping[str, float], size: int
) -> dict[str, Any]:
    """Return a query for the best passages of those whose heading fields have any of the terms of `weights`.

    A term there adds its weight to the score; one in the text adds its BM25 score times its boost.
    """
    headings = [
        {"constant_score": {"filter": {"term": {"context": term}}, "boost": weight}}
        for term, weight in weights.items()
    ]
    texts = [{"term": {"terms": {"value": term, "boost": boost}}} for term, boost in boosts.items()]
    return {
        "size": size,
        "track_total_hits": False,
        "query": {"bool": {"must": {"bool": {"should": headings}}, "should": texts}},
        "sort": ["_score", "path", "n"],
        **stored_passages.STORED_FIELD_ONLY,
    }


def _count_query(field: str, term: str) -> dict[str, Any]:
    """Return a query for the number of passages that have a term in a field."""
    return {"size": 0, "track_total_hits": True, "query": {"term": {field: {"value": term}}}}


def _document_query(document_id: str, first: int, count: int) -> dict[str, Any]:
    """Return a query for `count` passages of a document, from the ordinal `first` on."""
    within = {"range": {"n": {"gte": first, "lt": first + count}}}
    return {
        "size": count,
        "track_total_hits": False,
        "query": {"bool": {"filter": [{"term": {"document": document_id}}, within]}},
        "sort": ["n"],
        **stored_passages.STORED_FIELD_ONLY,
    }


def id_query(stored_id: str) -> dict[str, Any]:
    """Return a query for the passage, file record or sample with this id."""
    return {
        "size": 1,
        "track_total_hits": False,
        "query": {"ids": {"values": [stored_id]}},
        **stored_passages.STORED_FIELD_ONLY,
    }


def _suggest_query(words: Sequence[str]) -> dict[str, Any]:
    """Return a query for the words of documents within two edits of each of `words`."""
    rules = {
        "field": "words",
        "suggest_mode": "always",
        "prefix_length": 1,
        "min_word_length": 5,
        "max_edits": 2,
        "string_distance": "damerau_levenshtein",
        "sort": "score",
        "size": 20,
        "shard_size": 20,
        "accuracy": 0.5,
    }
    return {"size": 0, "suggest": {str(i): {"text": word, "term": rules} for i, word in enumerate(words)}}


_log = logging.getLogger(__name__)


_FILE_RECORDS_FILTER: Mapping[str, Any] = {"exists": {"field": "name"}}
# About 5 MB.
_RECORDS_PER_REQUEST = 5_000


async def find_current_index(cluster: ClusterClient, alias: str) -> tuple[str, IndexMetadata | None] | None:
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
        query = _file_records_query(after, _RECORDS_PER_REQUEST)
        response = await cluster.search(index, query, WRITE_TIMEOUT)
        hits = response["hits"]["hits"]
        records += [StoredFileRecord.read(stored_passages.stored_field(hit)).record for hit in hits]
        if len(hits) < _RECORDS_PER_REQUEST:
            return records


def _file_records_query(after: str | None, size: int) -> dict[str, Any]:
    """Return a query for the file records that follow the name `after`, ordered by name."""
    return {
        "size": size,
        "track_total_hits": False,
        "query": _FILE_RECORDS_FILTER,
        "sort": ["name"],
        **({} if after is None else {"search_after": [after]}),
        **stored_passages.STORED_FIELD_ONLY,
    }


async def open_current_snapshot(
    cluster: ClusterClient,
    alias: str,
    encoder: Encoder | None,
    known: Snapshot[OpenSearchIndex] | None = None,
) -> Snapshot[OpenSearchIndex]:
    """Return a snapshot of the index that the alias points to; `known` itself when that is still the one.

    Raises UnavailableError, also when nothing has been indexed for this version of Verbatim.
    """
    while True:
        current = await find_current_index(cluster, alias)
        name, metadata = current or ("", None)
        # This process cannot read the index of another version of Verbatim.
        if known and (known.index.name == name or (current and metadata is None)):
            return known
        if metadata is None or not metadata.done:
            raise UnavailableError(
                f"OpenSearch has no index for this version under the name {alias!r}; run `verbatim index`"
            )
        try:
            return await _open_snapshot(cluster, name, metadata, encoder)
        except RefusedError as error:
            # The index was replaced and deleted after it was found.
            if not error.is_missing:
                raise


async def _open_snapshot(
    cluster: ClusterClient, name: str, metadata: IndexMetadata, encoder: Encoder | None
) -> Snapshot[OpenSearchIndex]:
    records = await read_file_records(cluster, name)
    unread = [record.problem for record in records if record.problem]
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


T = TypeVar("T")

ClusterSnapshot = Snapshot[OpenSearchIndex]


class ClusterLibrary(Library[OpenSearchIndex]):
    """Answers from the index that an alias points to, as it was at the last `refresh`.

    When that index has been deleted, a request is repeated on the one that replaced it. Failures are raised
    as UnavailableError. `folder` has the documents' files, for users who want a whole file.
    """

    def __init__(
        self,
        open_snapshot: Callable[[ClusterSnapshot | None], Awaitable[ClusterSnapshot]],
        folder: Path,
    ) -> None:
        self.folder = folder
        self._open_snapshot = open_snapshot
        self._observe: Callable[[RetrievalError | None], None] = lambda _: None
        self._snapshot: ClusterSnapshot | None = None
        self._refreshing = asyncio.Lock()
        self._reason = "not connected to the cluster yet"

    @classmethod
    def without_snapshot(
        cls, cluster: ClusterClient, folder: Path, *, alias: str = "verbatim", encoder: Encoder | None = None
    ) -> Self:
        """Return a library that has to be refreshed before it answers.

        With the `encoder` that made the index's vectors, answers compare vectors as well.
        """
        return cls(partial(open_current_snapshot, cluster, alias, encoder), folder)

    @classmethod
    async def open(
        cls, cluster: ClusterClient, folder: Path, *, alias: str = "verbatim", encoder: Encoder | None = None
    ) -> Self:
        """Return a library that is ready. Raises UnavailableError, also when nothing has been indexed."""
        library = cls.without_snapshot(cluster, folder, alias=alias, encoder=encoder)
        await library.refresh()
        return library

    @property
    def snapshot(self) -> ClusterSnapshot:
        if self._snapshot is None:
            raise UnavailableError(self._reason)
        return self._snapshot

    def observe(self, observer: Callable[[RetrievalError | None], None]) -> None:
        """Call `observer` after each request with its error, or with None."""
        self._observe = observer

    async def refresh(self) -> bool:
        """Switch to the index that the alias points to; return whether that is another one.

        Raises RetrievalError when the cluster cannot be reached or has no index.
        """
        async with self._refreshing:
            before = self._snapshot
            try:
                self._snapshot = await self._open_snapshot(before)
            except RetrievalError as error:
                self._reason = str(error)
                raise
            return self._snapshot is not before

    async def ping(self) -> None:
        """Run the cheapest search. Raises UnavailableError."""
        await self._ask(lambda snapshot: snapshot.index.ping())

    async def _ask(self, work: Callable[[ClusterSnapshot], Awaitable[T]]) -> T:
        snapshot = self.snapshot
        try:
            result = await self._on_current(snapshot, work)
        except RetrievalError as error:
            self._observe(error)
            raise UnavailableError(str(error)) from None
        self._observe(None)
        return result

    async def _on_current(
        self, snapshot: ClusterSnapshot, work: Callable[[ClusterSnapshot], Awaitable[T]]
    ) -> T:
        try:
            return await work(snapshot)
        except RefusedError as error:
            if not error.is_missing:
                raise
        await self.refresh()
        try:
            return await work(self.snapshot)
        except RefusedError as error:
            if not error.is_missing:
                raise
            raise UnavailableError("the index is being replaced; try again") from None
