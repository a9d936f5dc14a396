"""The index in a cluster, asked as the embedded one is.

Meanings are compared for the candidates that words have found. What shares no word with a question, in the
text or in the context, is not found by its meaning alone.
"""

import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.embeddings.encoder import Encoder, Vectors
from retrieval.index.bm25 import Scores, Weighting, term_scores
from retrieval.index.context_fields import (
    MAX_CONTEXT_CANDIDATES,
    context_tokens,
    context_weight,
    rarest_terms,
)
from retrieval.index.forward_index import ForwardIndex
from retrieval.index.protocol import Candidates, MeaningScores
from retrieval.index.spelling import is_correctable, similar_words
from retrieval.index.vocabulary import digest, digests
from retrieval.model import Passage, Section
from retrieval.opensearch import mappings
from retrieval.opensearch.client import Cluster
from retrieval.opensearch.codec import unpack
from retrieval.opensearch.documents import StoredFileRecord, record_id
from retrieval.opensearch.passage_vectors import PassageVectors, VectorSample
from retrieval.pipeline import CANDIDATES

# The cluster keeps the lengths of passages in one byte, and so takes some for better than they are. With 72
# for 64 passages, 7 of 3,560 questions missed one of the best; with 80, 1; with 96, none.
_MORE = 1.5
# About 1 MB.
_PASSAGES_PER_REQUEST = 200
_MOST_KNOWN = 100_000
# Terms that are counted in one request, each by two searches: a node lets 1,000 searches of a shard wait.
_MOST_AT_ONCE = 100
# Searches that were not asked for yet, each a megabyte.
_MOST_AHEAD = 8

Hits = list[Mapping[str, Any]]


class Held(NamedTuple):
    """How many passages hold a term in their text, and how many in their context."""

    texts: int
    contexts: int


class OpenSearchIndex:
    """One index of a cluster, which never changes: what is said of it here stays true."""

    def __init__(
        self,
        cluster: Cluster,
        name: str,
        about: mappings.IndexMetadata,
        encoder: Encoder | None = None,
        sample: VectorSample | None = None,
    ) -> None:
        self.name = name
        self.encoder = encoder
        self._sample = sample
        self._about = about
        self.size = about.size
        self.languages = about.languages
        self._cluster = cluster
        self._weighting = Weighting(about.size, about.length)
        self._known: OrderedDict[str, Held] = OrderedDict()
        self._ahead: OrderedDict[tuple[str, ...], Any] = OrderedDict()

    async def comparing(self, encoder: Encoder) -> "OpenSearchIndex":
        """Return this index with an encoder to compare meanings by, if that made the vectors in it."""
        stored = await self.stored(mappings.SAMPLE) if encoder.name == self._about.model else None
        sample = VectorSample.read(stored) if stored else None
        return OpenSearchIndex(self._cluster, self.name, self._about, encoder if sample else None, sample)

    async def frequencies(self, terms: Sequence[str]) -> Mapping[str, int]:
        return {term: held.texts for term, held in (await self._held(terms)).items()}

    async def _held(self, terms: Sequence[str]) -> dict[str, Held]:
        counts = {term: self._known[term] for term in terms if term in self._known}
        unknown = [term for term in dict.fromkeys(terms) if term not in counts]
        # What is asked of a question's terms is mostly followed by a search for them: both in one request
        # take 4 ms less of 19.
        ahead = [self._best(terms)] if unknown and len(terms) <= _MOST_AT_ONCE else []
        for at in range(0, len(unknown), _MOST_AT_ONCE):
            part = unknown[at : at + _MOST_AT_ONCE]
            spelt = _spelt(part)
            asked = [mappings.counted(field, term) for field in ("terms", "context") for term in spelt]
            told = await self._cluster.searches(self.name, [*asked, *ahead])
            found = [int(one["hits"]["total"]["value"]) for one in told[: len(asked)]]
            counts |= zip(part, map(Held, found[: len(part)], found[len(part) :]), strict=True)
            if ahead:
                self._ahead[tuple(terms)] = told[-1]
                _shorten(self._ahead, _MOST_AHEAD)
        for term, count in counts.items():
            self._known[term] = count
            self._known.move_to_end(term)
        _shorten(self._known, _MOST_KNOWN)
        return {term: counts[term] for term in terms}

    async def search(self, terms: Sequence[str], limit: int, question: Vectors | None = None) -> Candidates:
        held = await self._held(terms)
        frequencies = {term: one.texts for term, one in held.items()}
        weights = self._context_weights(held)
        texts, contexts = await self._hits(terms, frequencies, weights, limit)
        if not texts and not contexts:
            return Candidates([], ForwardIndex.join([]), frequencies, self.size)
        stored = {hit["_id"]: mappings.stored(hit) for hit in [*texts, *contexts]}
        rows = {identity: row for row, identity in enumerate(stored)}
        found = unpack(stored.values())
        passages = found.passages()
        scores = self._scores(found.forward, frequencies)
        best = _order(range(len(texts)), passages, found.ordinals, scores)[:limit]
        of_contexts = [rows[hit["_id"]] for hit in contexts]
        if of_contexts:
            scores[of_contexts] += _context_scores([passages[row] for row in of_contexts], weights)
        more = _order(of_contexts, passages, found.ordinals, scores)[:MAX_CONTEXT_CANDIDATES]
        order = np.array(list(dict.fromkeys([*best, *more])), np.intp)
        return Candidates(
            [passages[row] for row in order.tolist()],
            found.forward.take(order),
            frequencies,
            self.size,
            self._compare(found.vectors.take(order), question),
        )

    async def _hits(
        self, terms: Sequence[str], frequencies: Mapping[str, int], weights: Mapping[str, float], limit: int
    ) -> tuple[Hits, Hits]:
        """Find the best by their texts, and by contexts and texts together: some more than are wanted."""
        texts = self._ahead.pop(tuple(terms), None) if limit == CANDIDATES else None
        # What is in no passage finds none; of too many, the rarest tell passages apart.
        own = sorted((term for term in frequencies if frequencies[term]), key=frequencies.__getitem__)
        asked: list[dict[str, Any]] = []
        if texts is None and own:
            asked.append(self._best(own[: mappings.MOST_TERMS], limit))
        if weights:
            boosts = {term: self._boost(frequencies[term]) for term in own[: mappings.MOST_TERMS // 2]}
            size = int(MAX_CONTEXT_CANDIDATES * _MORE)
            asked.append(mappings.best_contexts(_spelt_all(weights), _spelt_all(boosts), size))
        told = list(await self._cluster.searches(self.name, asked)) if asked else []
        contexts = told.pop() if weights else None
        return _hits_of(told.pop() if told else texts), _hits_of(contexts)

    def _context_weights(self, held: Mapping[str, Held]) -> dict[str, float]:
        """Return the terms that contexts are searched for, and what each weighs."""
        counts = [one.contexts for one in held.values()]
        terms = list(held)
        chosen = rarest_terms(counts)[: mappings.MOST_TERMS // 2]
        return {terms[at]: context_weight(counts[at], self.size) for at in chosen}

    def _boost(self, frequency: int) -> float:
        """Return the factor that makes rank-bm25's weight of the cluster's weight of a term."""
        own = math.log(1 + (self.size - frequency + 0.5) / (frequency + 0.5))
        return self._weighting.inverse_document_frequency(frequency) / own

    def _compare(self, vectors: PassageVectors, question: Vectors | None) -> MeaningScores | None:
        if question is None or self._sample is None:
            return None
        return self._sample.compare(vectors, question)

    def _best(self, terms: Sequence[str], limit: int = CANDIDATES) -> dict[str, Any]:
        return mappings.best(_spelt(terms), int(limit * _MORE))

    def _scores(self, forward: ForwardIndex, frequencies: Mapping[str, int]) -> Scores:
        """Score passages as rank-bm25 does, in its order: what the cluster scores is only nearly that."""
        of_token = forward.vocabulary.map_terms({digest(term): at for at, term in enumerate(frequencies)})[
            forward.tokens.values
        ]
        owners = np.repeat(np.arange(len(forward.tokens)), forward.tokens.lengths)[of_token >= 0]
        shape = len(frequencies), len(forward.tokens)
        counts = np.bincount(of_token[of_token >= 0] * shape[1] + owners, minlength=shape[0] * shape[1])
        weigh = self._weighting.inverse_document_frequency
        weights = np.array([weigh(count) if count else 0.0 for count in frequencies.values()])
        norms = self._weighting.norms(forward.tokens.lengths)
        scores = np.zeros(shape[1])
        for gained in term_scores(counts.reshape(shape).astype(np.float64), weights[:, None], norms):
            scores += gained
        return scores

    async def corrections(self, words: Sequence[str]) -> Mapping[str, str]:
        asked = [word for word in dict.fromkeys(words) if is_correctable(word)]
        if not asked or not self.size:
            return {}
        told = await self._cluster.search(self.name, mappings.near(asked))
        found: dict[str, str] = {}
        for at, word in enumerate(asked):
            (one,) = told["suggest"][str(at)]
            if others := sorted(similar_words(word, [option["text"] for option in one["options"]])):
                found[word] = others[0][1]
        return found

    @property
    def vector_count(self) -> int:
        """0: the vectors of an index in a cluster do not change."""
        return 0

    def without_encoder(self) -> "OpenSearchIndex":
        return OpenSearchIndex(self._cluster, self.name, self._about)

    async def document_passages(self, document: str, first: int, count: int) -> list[Passage]:
        passages: list[Passage] = []
        for start in range(first, first + count, _PASSAGES_PER_REQUEST):
            size = min(_PASSAGES_PER_REQUEST, first + count - start)
            response = await self._cluster.search(self.name, mappings.of_document(document, start, size))
            hits = response["hits"]["hits"]
            passages += unpack(mappings.stored(hit) for hit in hits).passages()
            if len(hits) < size:
                break
        return passages

    async def sections(self, name: str) -> tuple[Section, ...]:
        stored = await self.stored(record_id(name))
        return StoredFileRecord.read(stored).sections if stored else ()

    async def ping(self) -> None:
        await self._cluster.search(self.name, {"size": 0, "terminate_after": 1, **mappings.STORED})

    async def ordinal(self, passage: str) -> int | None:
        stored = await self.stored(passage)
        return int(unpack([stored]).ordinals[0]) if stored else None

    async def stored(self, identity: str) -> str | None:
        """Return what is stored under an id, None when there is nothing."""
        hits = (await self._cluster.search(self.name, mappings.by_id(identity)))["hits"]["hits"]
        return mappings.stored(hits[0]) if hits else None


def _shorten(kept: OrderedDict[Any, Any], size: int) -> None:
    """Forget the oldest."""
    while len(kept) > size:
        kept.popitem(last=False)


def _hits_of(told: Mapping[str, Any] | None) -> Hits:
    return list(told["hits"]["hits"]) if told else []


def _spelt(terms: Iterable[str]) -> list[str]:
    return mappings.spelt(digests(terms))


def _spelt_all(numbers: Mapping[str, float]) -> dict[str, float]:
    return dict(zip(_spelt(numbers), numbers.values(), strict=True))


def _context_scores(passages: Sequence[Passage], weights: Mapping[str, float]) -> Scores:
    """Add up the weights of the terms in each passage's context."""
    forms, rows = context_tokens(passages)
    of_token = forms.map_terms({digest(term): at for at, term in enumerate(weights)})[rows.values]
    owners = np.repeat(np.arange(len(rows)), rows.lengths)
    is_there = np.zeros((len(weights), len(passages)), np.bool_)
    is_there[of_token[of_token >= 0], owners[of_token >= 0]] = True
    scores = np.zeros(len(passages))
    for weight, of_term in zip(weights.values(), is_there, strict=True):
        scores[of_term] += weight
    return scores


def _order(
    rows: Sequence[int], passages: Sequence[Passage], ordinals: NDArray[np.int64], scores: Scores
) -> list[int]:
    """Order passages by their scores, and equals by their documents' names and their places there."""
    return sorted(rows, key=lambda row: (-scores[row], passages[row].document, ordinals[row]))
