"""The index in a cluster, asked as the embedded one is."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

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


class OpenSearchIndex:
    """One index of a cluster, which never changes: what is said of it here stays true."""

    def __init__(self, cluster: Cluster, name: str, about: schema.About) -> None:
        self.name = name
        self.size = about.size
        self.languages = about.languages
        self._cluster = cluster
        self._weighting = Weighting(about.size, about.length)
        self._known: OrderedDict[str, int] = OrderedDict()

    async def frequencies(self, terms: Sequence[str]) -> Mapping[str, int]:
        unknown = [term for term in dict.fromkeys(terms) if term not in self._known]
        told: dict[str, int] = {}
        for at in range(0, len(unknown), _MOST_AT_ONCE):
            part = unknown[at : at + _MOST_AT_ONCE]
            counts = await self._cluster.searches(self.name, [schema.counted(one) for one in _spelt(part)])
            told |= {
                term: int(count["hits"]["total"]["value"]) for term, count in zip(part, counts, strict=True)
            }
        return {term: self._recall(term, told) for term in terms}

    def _recall(self, term: str, told: Mapping[str, int]) -> int:
        """Give a term's frequency, and remember those asked for last."""
        count = told[term] if term in told else self._known[term]
        self._known[term] = count
        self._known.move_to_end(term)
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return count

    async def search(self, terms: Sequence[str], limit: int) -> Candidates:
        frequencies = await self.frequencies(terms)
        # What is in no passage finds none; of too many, the rarest tell passages apart.
        held = sorted((term for term in frequencies if frequencies[term]), key=frequencies.__getitem__)
        if not held:
            return Candidates([], Forward.join([]), frequencies, self.size)
        asked = schema.best(_spelt(held[: schema.MOST_TERMS]), int(limit * _MORE))
        (told,) = await self._cluster.searches(self.name, [asked])
        found = unpack(schema.stored(hit) for hit in told["hits"]["hits"])
        passages = found.passages()
        order = _order(passages, found, self._scores(found.forward, frequencies))[:limit]
        return Candidates(
            [passages[at] for at in order.tolist()], found.forward.take(order), frequencies, self.size
        )

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


def _spelt(terms: Iterable[str]) -> list[str]:
    return schema.spelt(digests(terms))


def _order(passages: Sequence[Passage], found: Unpacked, scores: Scores) -> NDArray[np.intp]:
    """Order passages by their scores, and equals by their documents' names and their places there."""
    names = {name: at for at, name in enumerate(sorted({passage.document for passage in passages}))}
    documents = np.array([names[passage.document] for passage in passages])
    return np.lexsort((found.ordinals, documents, -scores))
