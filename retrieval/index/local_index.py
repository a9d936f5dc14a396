"""The index on this machine: immutable segments on disk, searched as one."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from retrieval.embeddings.encoder import Encoder, QuestionVectors, Vectors
from retrieval.embeddings.vector_store import (
    DenseIndex,
    EmbeddingStore,
    EncoderText,
    VectorIndex,
    VectorStore,
)
from retrieval.errors import DamagedError
from retrieval.index import segment_writer
from retrieval.index.candidates import Candidates, MeaningScores
from retrieval.index.forward_index import ForwardIndex
from retrieval.index.inverted_index import (
    MAX_HEADING_CANDIDATES,
    BM25Weights,
    Float32Array,
    InvertedIndex,
    Ordinals,
    RaggedArray,
    Scores,
    SegmentQuery,
    decode_passages,
    digests,
    heading_weight,
    kth_best,
    rarest_terms,
    term_frequencies,
    term_scores,
    top_passages,
)
from retrieval.index.segment import LiveSegment, Passages
from retrieval.index.spelling import find_correction
from retrieval.language import tokenize
from retrieval.loaders.chunking import table_of_contents
from retrieval.model import Passage, Section, document_id_of, make_document_id

# A search of more postings takes 5 ms or more and runs in a thread; handing it over costs 0.1 ms.
_MAX_POSTINGS_ON_EVENT_LOOP = 1_000_000
# Terms in a larger share of the passages are mostly skipped by the search.
_RARE_TERM_SHARE = 0.1
# Pages of a large index that searches have touched stay in memory until they are released.
_SEARCHES_PER_RELEASE = 256
_LARGE_INDEX_BYTES = 64 * 1024**2
# Candidates that the nearest vectors add.
_MAX_NEAREST = 32
# The dense index is rebuilt when the vector store has grown by this factor.
_REBUILD_GROWTH = 1.05
_PASSAGES_PER_READ = 1_000

# A segment's position in the index, and the passage's position in the segment.
PassagePosition = tuple[int, int]

# The posting list of each term (second axis) in each segment (first axis).
PostingLists = Sequence[Sequence[NDArray[np.uint32]]]


@dataclass(frozen=True, slots=True)
class Hits:
    """Passages found, best first: positions of their segments, positions in these, scores."""

    segments: Ordinals
    numbers: Ordinals
    scores: Scores

    def take(self, order: Ordinals) -> "Hits":
        return Hits(self.segments[order], self.numbers[order], self.scores[order])


class LocalIndex:
    """All passages of a library, in `segments`. Never changes."""

    def __init__(
        self, segments: Sequence[LiveSegment] = (), embeddings: EmbeddingStore | None = None
    ) -> None:
        self.segments = tuple(segments)
        self.embeddings = embeddings
        self._dense: DenseIndex | None = None
        self.size = sum(live.size for live in segments)
        counted = sum((live.languages for live in segments), Counter[str]())
        self.languages = tuple(sorted(counted, key=lambda language: (-counted[language], language)))
        self._weighting = BM25Weights(self.size, sum(live.length for live in segments))
        # Arrays to add scores in, reused from search to search.
        self._sums: list[Sequence[Float32Array]] = []
        self._searches = 0
        self._is_large = (
            sum(live.segment.postings.lists.values.nbytes for live in self.segments) > _LARGE_INDEX_BYTES
        )

    @classmethod
    def build(cls, passages: Sequence[Passage], max_piece_chars: int) -> Self:
        """Return an index of the passages that is kept as long as it is used."""
        if not passages:
            return cls()
        with tempfile.TemporaryDirectory() as folder:
            return cls([LiveSegment(segment_writer.write_segment(Path(folder), passages, max_piece_chars))])

    @cached_property
    def _approximate_norms(self) -> list[Float32Array]:
        return [live.approximate_norms(self._weighting) for live in self.segments]

    def passages_of(self, document_id: str) -> Passages:
        """Return the passages of the document with this id, none when there is no such document."""
        for live in self.segments:
            ordinal = live.segment.document_ordinal(document_id)
            if ordinal is not None and ordinal not in live.deleted:
                return Passages(live.segment, *live.segment.document_starts[ordinal : ordinal + 2].tolist())
        return Passages(None, 0, 0)

    def without(self, documents: Iterable[str]) -> "LocalIndex":
        """Return the index without the documents with these ids."""
        deleted = list(documents)
        segments = (live.without(live.segment.document_ordinals(deleted)) for live in self.segments)
        return LocalIndex([live for live in segments if live.size], self.embeddings)

    @property
    def encoder(self) -> Encoder | None:
        """The encoder of questions; None when vectors are not compared."""
        return None if self.embeddings is None else self.embeddings.encoder

    @property
    def vector_count(self) -> int:
        return self.embeddings.record_count if self.embeddings else 0

    def without_encoder(self) -> "LocalIndex":
        return LocalIndex(self.segments)

    async def document_passages(self, document_id: str, first: int, count: int) -> Sequence[Passage]:
        return self.passages_of(document_id)[first : first + count]

    async def ordinal(self, passage_id: str) -> int | None:
        return self.passages_of(document_id_of(passage_id)).ordinal(passage_id)

    async def sections(self, document_name: str) -> tuple[Section, ...]:
        return table_of_contents(
            passage.heading for passage in self.passages_of(make_document_id(document_name))
        )

    async def ping(self) -> None:
        """Do nothing: an index on this machine can always be searched."""

    async def document_frequencies(self, terms: Sequence[str]) -> Mapping[str, int]:
        return dict(zip(terms, self._posting_lists(terms)[1], strict=True))

    async def search(
        self, terms: Sequence[str], limit: int, question: QuestionVectors | None = None
    ) -> Candidates:
        """Return candidates; raises DamagedError when a saved segment is damaged."""
        try:
            return await self._search(terms, limit, question)
        # Damaged lengths may ask for terabytes, or for what is before the file.
        except (ValueError, LookupError, TypeError, MemoryError, OverflowError, OSError) as error:
            where = self.segments[0].segment.path.parent if self.segments else ""
            raise DamagedError(f"{where}: damaged; run `verbatim index` to rebuild it") from error

    async def _search(self, terms: Sequence[str], limit: int, question: QuestionVectors | None) -> Candidates:
        lists, frequencies = self._posting_lists(terms)
        rare = sum(count for count in frequencies if count <= self.size * _RARE_TERM_SHARE)
        if (rare or sum(frequencies)) > _MAX_POSTINGS_ON_EVENT_LOOP:
            hits = await asyncio.to_thread(self._top_hits, lists, frequencies, limit)
        else:
            hits = self._top_hits(lists, frequencies, limit)
        near = await self._find_nearest(question.vector) if question is not None else []
        hits = _append(hits, [*self._rank_by_headings(terms, lists, frequencies), *near])
        passages, forward, keys = self._read_passages(hits)
        return Candidates(
            passages,
            forward,
            dict(zip(terms, frequencies, strict=True)),
            self.size,
            self._meaning_scores(passages, keys, question),
        )

    def _rank_by_headings(
        self, terms: Sequence[str], bodies: PostingLists, frequencies: Sequence[int]
    ) -> list[PassagePosition]:
        """Return the positions of the passages that match best by heading fields and text together.

        Only passages with a term of the question in their headings, title or file name count: when a question
        names a document or section, these are its passages that match the rest of the question best. `bodies`
        and `frequencies` are those of the passages' own text.
        """
        wanted = digests(terms)
        lists = [live.heading_posting_lists(wanted) for live in self.segments]
        counts = [sum(len(of_segment[index]) for of_segment in lists) for index in range(len(terms))]
        used = rarest_terms(counts)
        idf = self._weighting.inverse_document_frequency
        weights = np.array([idf(count) if count else 0.0 for count in frequencies])[:, None]
        positions: list[tuple[float, int, int]] = []
        for ordinal, (live, posting_lists, body) in enumerate(zip(self.segments, lists, bodies, strict=True)):
            passages = [decode_passages(posting_lists[index]) for index in used]
            gains = [
                np.full(len(posting_lists[index]), heading_weight(counts[index], self.size)) for index in used
            ]
            numbers, which = np.unique(np.concatenate([*passages, np.zeros(0, np.intp)]), return_inverse=True)
            if not len(numbers):
                continue
            scores = np.bincount(which, np.concatenate(gains))
            norms = self._norms(live.segment.postings, numbers)
            scores += term_scores(term_frequencies(numbers, body), weights, norms).sum(axis=0)
            order = np.lexsort((numbers, -scores))[:MAX_HEADING_CANDIDATES]
            positions += zip(
                (-scores[order]).tolist(), [ordinal] * len(order), numbers[order].tolist(), strict=True
            )
        return [(ordinal, number) for _, ordinal, number in sorted(positions)[:MAX_HEADING_CANDIDATES]]

    async def _find_nearest(self, question: Vectors) -> list[PassagePosition]:
        if self.embeddings is None:
            return []
        store = self.embeddings.store
        dense = self._dense
        if dense is None or (dense.missing and len(store) > dense.stored * _REBUILD_GROWTH):
            dense = self._dense = await asyncio.to_thread(build_dense_index, self.segments, store)
        return await asyncio.to_thread(dense.nearest, question, store, _MAX_NEAREST)

    def _meaning_scores(
        self, passages: Sequence[Passage], keys: RaggedArray, question: QuestionVectors | None
    ) -> MeaningScores | None:
        """Compare passages by the vectors stored under `keys`; None if any vector is missing."""
        if question is None or self.embeddings is None or self._dense is None or not len(keys):
            return None
        store = self.embeddings.store
        rows = store.rows(keys.values)
        if (rows < 0).any():
            return None
        vectors = store.vectors(rows)
        is_whole = np.zeros(len(rows), np.bool_)
        is_whole[keys.offsets[:-1]] = True
        languages = [passage.language for passage in passages]
        mean_vectors = {
            language: means
            for language in set(languages)
            if (means := self.embeddings.encoder.mean_vectors(language)) is not None
        }
        mean_whole = {language: means[0] for language, means in mean_vectors.items()}
        mean_piece = {language: means[1] for language, means in mean_vectors.items()}
        whole_baselines = self._dense.wholes.baselines(question.vector, languages, mean_whole)
        piece_baselines = self._dense.pieces.baselines(question.vector, languages, mean_piece)
        return MeaningScores(
            question.vector,
            vectors[is_whole] @ question.vector - whole_baselines,
            vectors[~is_whole],
            np.repeat(piece_baselines, keys.lengths - 1),
            partial(_compare_tokens, self.embeddings, question, keys.values[keys.offsets[:-1]]),
            vectors[~is_whole] @ self.embeddings.encoder.answer_direction,
        )

    def whole_keys(self) -> NDArray[np.uint64]:
        """Return the keys (uint64) of whole passages, which are among `encoder_keys`."""
        keys = [
            live.segment.encoder_keys.values[live.segment.encoder_keys.offsets[:-1][live.alive]]
            for live in self.segments
        ]
        return np.concatenate(keys) if keys else np.zeros(0, np.uint64)

    def encoder_keys(self) -> NDArray[np.uint64]:
        """Return the keys (uint64) of all texts that the encoder reads."""
        keys = [live.segment.encoder_keys.values[_live_keys(live)] for live in self.segments]
        return np.concatenate(keys) if keys else np.zeros(0, np.uint64)

    def encoder_texts(self, keys: Iterable[int]) -> Iterator[EncoderText]:
        """Yield the texts with these keys, each once, in the order of the index.

        A text that is a whole passage in one place and a piece in another counts as a whole.
        """
        wanted = set(keys)
        wholes = wanted.intersection(self.whole_keys().tolist())
        for live in self.segments:
            segment, left = live.segment, np.array(sorted(wanted), np.uint64)
            passage_of_text = np.repeat(np.arange(len(segment)), segment.encoder_keys.lengths)
            numbers = np.unique(
                passage_of_text[np.isin(segment.encoder_keys.values, left) & _live_keys(live)]
            )
            for start in range(0, len(numbers), _PASSAGES_PER_READ):
                for text in segment.encoder_texts(numbers[start : start + _PASSAGES_PER_READ].tolist()):
                    if text.key in wanted:
                        wanted.discard(text.key)
                        yield text._replace(is_whole=text.key in wholes)

    def rank_by_bm25(self, terms: Sequence[str], limit: int) -> Hits:
        """Return the best passages by BM25; scores equal those of rank_bm25.BM25Plus bit for bit.

        `search` ranks in other ways, too: with this, benchmarks and tests compare BM25 with other engines.
        """
        return self._top_hits(*self._posting_lists(terms), limit)

    async def corrections(self, words: Sequence[str]) -> Mapping[str, str]:
        spellings = [live.segment.spelling for live in self.segments]
        corrections = {word: find_correction(word, spellings, self._has_word) for word in words}
        return {word: correction for word, correction in corrections.items() if correction}

    def _has_word(self, word: str) -> bool:
        """Return whether a passage still has a word: segments keep the words of deleted documents."""
        terms = list({token.term for language in self.languages for token in tokenize(word, language)})
        return any(self._posting_lists(terms)[1])

    def _posting_lists(self, terms: Sequence[str]) -> tuple[PostingLists, list[int]]:
        """Return the posting lists of terms, and their document frequencies."""
        wanted = digests(terms)
        by_segment = [live.posting_lists(wanted) for live in self.segments]
        lists = [[posting_list for posting_list, _ in of_segment] for of_segment in by_segment]
        return lists, [sum(of_segment[index][1] for of_segment in by_segment) for index in range(len(terms))]

    def _top_hits(self, lists: PostingLists, frequencies: Sequence[int], limit: int) -> Hits:
        if not any(frequencies):
            return Hits(np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0))
        idf = self._weighting.inverse_document_frequency
        weights = [idf(count) if count else 0.0 for count in frequencies]
        try:
            sums = self._sums.pop()
        except IndexError:
            # Other searches, in threads, are using them.
            sums = [np.zeros(len(live.segment), np.float32) for live in self.segments]
        results: list[tuple[Ordinals, Scores]] = []
        min_score = 0.0
        for live, posting_lists, approximate_norms, segment_sums in zip(
            self.segments, lists, self._approximate_norms, sums, strict=True
        ):
            query = SegmentQuery(
                posting_lists, weights, approximate_norms, partial(self._norms, live.segment.postings)
            )
            results.append(top_passages(query, limit, min_score, segment_sums))
            min_score = max(min_score, kth_best(np.concatenate([scores for _, scores in results]), limit))
        self._sums.append(sums)
        self._searches += 1
        if self._is_large and self._searches % _SEARCHES_PER_RELEASE == 0:
            for live in self.segments:
                live.segment.arrays.release_pages()
        counts = [len(numbers) for numbers, _ in results]
        hits = Hits(
            np.repeat(np.arange(len(results)), counts),
            np.concatenate([numbers for numbers, _ in results]),
            np.concatenate([scores for _, scores in results]),
        )
        return hits.take(self._score_order(hits)[:limit])

    def _norms(self, postings: InvertedIndex, passages: Ordinals) -> Scores:
        return self._weighting.norms(postings.lengths[passages])

    def _score_order(self, hits: Hits) -> Ordinals:
        """Return the order of hits by score; ties by document name, then by position."""
        order = np.argsort(-hits.scores)
        ranked = hits.scores[order]
        if (ranked[1:] < ranked[:-1]).all():
            return order
        documents = [
            (live, int(self.segments[live].segment.document_of(number)))
            for live, number in zip(hits.segments.tolist(), hits.numbers.tolist(), strict=True)
        ]
        names = {
            position: self.segments[position[0]].segment.document_name(position[1]).name
            for position in set(documents)
        }
        rank = {name: index for index, name in enumerate(sorted(names.values()))}
        of_document = np.array([rank[names[position]] for position in documents])
        return np.lexsort((hits.numbers, of_document, -hits.scores))

    def _read_passages(self, hits: Hits) -> tuple[list[Passage], ForwardIndex, RaggedArray]:
        """Return the passages of hits, their rows of the forward index, and their encoder keys."""
        present = np.unique(hits.segments).tolist()
        positions = [np.flatnonzero(hits.segments == live) for live in present]
        read = [
            self.segments[live].segment.candidates(hits.numbers[of_live].tolist())
            for live, of_live in zip(present, positions, strict=True)
        ]
        rows = [
            self.segments[live].segment.encoder_keys.take(hits.numbers[of_live])
            for live, of_live in zip(present, positions, strict=True)
        ]
        passages, forward = read[0] if read else ([], ForwardIndex.join([]))
        keys = RaggedArray.join(rows) if rows else RaggedArray.from_rows([], np.uint64)
        if len(read) < 2:  # noqa: PLR2004
            return passages, forward, keys
        order = np.argsort([position for of_live in positions for position in of_live.tolist()])
        passages = [passage for some, _ in read for passage in some]
        forward = ForwardIndex.join([of_segment for _, of_segment in read])
        return [passages[index] for index in order.tolist()], forward.take(order), keys.take(order)


def build_dense_index(segments: Sequence[LiveSegment], store: VectorStore) -> DenseIndex:
    """Index the vectors of the passages that are not deleted."""
    stored, none = len(store), np.zeros(0, np.intp)
    ordinals, passages, is_whole, keys = [none], [none], [none > 0], [np.zeros(0, np.uint64)]
    languages = [np.zeros(0, "U3")]
    for ordinal, live in enumerate(segments):
        rows = live.segment.encoder_keys
        passage = np.repeat(np.arange(len(rows)), rows.lengths)
        # The first key of a passage is of the whole.
        is_first = np.zeros(len(passage), np.bool_)
        is_first[rows.offsets[:-1]] = True
        is_alive = live.alive[passage]
        ordinals.append(np.full(int(is_alive.sum()), ordinal))
        passages.append(passage[is_alive])
        is_whole.append(is_first[is_alive])
        keys.append(rows.values[is_alive])
        languages.append(live.segment.passage_languages()[passage[is_alive]])
    whole, store_rows = np.concatenate(is_whole), store.rows(np.concatenate(keys))
    owners, numbers, language_codes = map(np.concatenate, (ordinals, passages, languages))
    return DenseIndex(
        VectorIndex.build(owners[whole], numbers[whole], store_rows[whole], language_codes[whole], store),
        VectorIndex.build(owners[~whole], numbers[~whole], store_rows[~whole], language_codes[~whole], store),
        stored,
        int((store_rows < 0).sum()),
    )


def _compare_tokens(
    embeddings: EmbeddingStore,
    question: QuestionVectors,
    keys: NDArray[np.uint64],
    ordinals: NDArray[np.intp],
) -> NDArray[np.float32] | None:
    """Return how similar the passages with these keys are to each token of a question."""
    token_codes = embeddings.tokens.find(keys[ordinals]) if embeddings.tokens else None
    if token_codes is None or not len(question.tokens):
        return None
    counts, codes = token_codes
    has_tokens = counts > 0
    if not has_tokens.any():
        return None
    similarity = embeddings.encoder.token_codec.similarity(question.tokens, codes)
    starts = (np.cumsum(counts) - counts)[has_tokens]
    best = np.maximum.reduceat(similarity, starts, axis=1)
    # A passage without tokens is as similar as the least similar one.
    result = np.repeat(best[:, [best.mean(axis=0).argmin()]], len(counts), axis=1)
    result[:, has_tokens] = best
    return result


def _live_keys(segment: LiveSegment) -> NDArray[np.bool_]:
    """Return a mask of the encoder keys of passages that are not deleted."""
    mask: NDArray[np.bool_] = np.repeat(segment.alive, segment.segment.encoder_keys.lengths)
    return mask


def _append(hits: Hits, more: Iterable[PassagePosition]) -> Hits:
    """Append the passages that are not among the hits yet, with a score of 0."""
    known = set(zip(hits.segments.tolist(), hits.numbers.tolist(), strict=True))
    new = [position for position in dict.fromkeys(more) if position not in known]
    if not new:
        return hits
    segments, numbers = np.array(new, np.intp).T
    return Hits(
        np.concatenate([hits.segments, segments]),
        np.concatenate([hits.numbers, numbers]),
        np.concatenate([hits.scores, np.zeros(len(new))]),
    )
