"""The index in a cluster, asked as the embedded one is."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.answer import CANDIDATES
from retrieval.cluster import schema
from retrieval.cluster.packing import Unpacked, unpack
from retrieval.cluster.transport import Cluster
from retrieval.model import Passage
from retrieval.ranking.forms import digest, digests
from retrieval.ranking.forward import Forward
from retrieval.ranking.index import Candidates
from retrieval.ranking.postings import Scores, Weighting, gains
from retrieval.ranking.spelling import alike, can_be_misspelt

# The cluster keeps the lengths of passages in one byte, and so takes some for better than they are. With 72
# for 64 passages, 7 of 3,560 questions missed one of the best; with 80, 1; with 96, none.
_MORE = 1.5
_MOST_KNOWN = 100_000
_MOST_AT_ONCE = 200
# Searches that were not asked for yet, each a megabyte.
_MOST_AHEAD = 8


class OpenSearchIndex:
    """One index of a cluster, which never changes: what is said of it here stays true."""

    def __init__(self, cluster: Cluster, name: str, about: schema.About) -> None:
        self.name = name
        self.size = about.size
        self.languages = about.languages
        self._cluster = cluster
        self._weighting = Weighting(about.size, about.length)
        self._known: OrderedDict[str, int] = OrderedDict()
        self._ahead: OrderedDict[tuple[str, ...], Any] = OrderedDict()

    async def frequencies(self, terms: Sequence[str]) -> Mapping[str, int]:
        counts = {term: self._known[term] for term in terms if term in self._known}
        unknown = [term for term in dict.fromkeys(terms) if term not in counts]
        # What is asked of a question's terms is mostly followed by a search for them: both in one request
        # take 4 ms less of 19.
        ahead = [self._best(terms)] if unknown and len(terms) <= _MOST_AT_ONCE else []
        for at in range(0, len(unknown), _MOST_AT_ONCE):
            part = unknown[at : at + _MOST_AT_ONCE]
            asked = [schema.counted(term) for term in _spelt(part)]
            told = await self._cluster.searches(self.name, [*asked, *ahead])
            found = (int(one["hits"]["total"]["value"]) for one in told[: len(part)])
            counts |= zip(part, found, strict=True)
            if ahead:
                self._ahead[tuple(terms)] = told[-1]
                _shorten(self._ahead, _MOST_AHEAD)
        for term, count in counts.items():
            self._known[term] = count
            self._known.move_to_end(term)
        _shorten(self._known, _MOST_KNOWN)
        return {term: counts[term] for term in terms}

    async def search(self, terms: Sequence[str], limit: int) -> Candidates:
        frequencies = await self.frequencies(terms)
        if not any(frequencies.values()):
            return Candidates([], Forward.join([]), frequencies, self.size)
        told = self._ahead.pop(tuple(terms), None) if limit == CANDIDATES else None
        if told is None:
            # What is in no passage finds none; of too many, the rarest tell passages apart.
            held = sorted((term for term in frequencies if frequencies[term]), key=frequencies.__getitem__)
            best = self._best(held[: schema.MOST_TERMS], limit)
            (told,) = await self._cluster.searches(self.name, [best])
        found = unpack(schema.stored(hit) for hit in told["hits"]["hits"])
        passages = found.passages()
        order = _order(passages, found, self._scores(found.forward, frequencies))[:limit]
        return Candidates(
            [passages[at] for at in order.tolist()], found.forward.take(order), frequencies, self.size
        )

    def _best(self, terms: Sequence[str], limit: int = CANDIDATES) -> dict[str, Any]:
        return schema.best(_spelt(terms), int(limit * _MORE))

    def _scores(self, forward: Forward, frequencies: Mapping[str, int]) -> Scores:
        """Score passages as rank-bm25 does, in its order: what the cluster scores is only nearly that."""
        of_token = forward.forms.rows_of({digest(term): at for at, term in enumerate(frequencies)})[
            forward.tokens.values
        ]
        owners = np.repeat(np.arange(len(forward.tokens)), forward.tokens.lengths)[of_token >= 0]
        shape = len(frequencies), len(forward.tokens)
        counts = np.bincount(of_token[of_token >= 0] * shape[1] + owners, minlength=shape[0] * shape[1])
        weigh = self._weighting.inverse_document_frequency
        weights = np.array([weigh(count) if count else 0.0 for count in frequencies.values()])
        norms = self._weighting.norms(forward.tokens.lengths)
        scores = np.zeros(shape[1])
        for gained in gains(counts.reshape(shape).astype(np.float64), weights[:, None], norms):
            scores += gained
        return scores

    async def nearest(self, words: Sequence[str]) -> Mapping[str, str]:
        asked = [word for word in dict.fromkeys(words) if can_be_misspelt(word)]
        if not asked or not self.size:
            return {}
        told = await self._cluster.search(self.name, schema.near(asked))
        found: dict[str, str] = {}
        for at, word in enumerate(asked):
            (one,) = told["suggest"][str(at)]
            if others := sorted(alike(word, [option["text"] for option in one["options"]])):
                found[word] = others[0][1]
        return found

    async def neighbours(self, document: str, first: int, count: int) -> list[Passage]:
        """Read passages of the document with this id, from one on."""
        told = await self._cluster.search(self.name, schema.of_document(document, first, count))
        return unpack(schema.stored(hit) for hit in told["hits"]["hits"]).passages()

    async def ordinal(self, passage: str) -> int | None:
        """Tell which of its document's the passage with this id is."""
        stored = await self.stored(passage)
        return int(unpack([stored]).ordinals[0]) if stored else None

    async def stored(self, identity: str) -> str | None:
        """Give what is stored by an id."""
        hits = (await self._cluster.search(self.name, schema.by_id(identity)))["hits"]["hits"]
        return schema.stored(hits[0]) if hits else None


def _shorten(kept: OrderedDict[Any, Any], size: int) -> None:
    """Forget the oldest."""
    while len(kept) > size:
        kept.popitem(last=False)


def _spelt(terms: Iterable[str]) -> list[str]:
    return schema.spelt(digests(terms))


def _order(passages: Sequence[Passage], found: Unpacked, scores: Scores) -> NDArray[np.intp]:
    """Order passages by their scores, and equals by their documents' names and their places there."""
    names = {name: at for at, name in enumerate(sorted({passage.document for passage in passages}))}
    documents = np.array([names[passage.document] for passage in passages])
    return np.lexsort((found.ordinals, documents, -scores))
